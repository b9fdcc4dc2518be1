"""Starting real servers on free ports, waiting until they answer, and ending them by their process id."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LONGEST_START = 90.0
BETWEEN_POLLS = 0.02


def binary(name: str) -> str:
    """A server that a test dependency brought along stands beside the interpreter."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


def wait_until(ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + LONGEST_START
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"{process.args} did not become ready:\n{log.read_text()[-2000:]}")
        time.sleep(BETWEEN_POLLS)


def listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running(command: Sequence[str], directory: Path, ready: Callable[[], bool]) -> Iterator["subprocess.Popen[bytes]"]:
    """The process while it answers; its output goes to a file beside it; it ends with the block."""
    log = directory / f"{Path(command[0]).name}.log"
    settings = {**os.environ, "HOME": str(directory), "XDG_DATA_HOME": str(directory)}
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=directory, env=settings, stdout=output, stderr=output)
    try:
        wait_until(ready, process, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(reached: Callable[[], bool]) -> None:
    """Ask again until it is so; what a server does after it has answered takes a moment."""
    deadline = time.monotonic() + LONGEST_START
    while not reached():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(BETWEEN_POLLS)
