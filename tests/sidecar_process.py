"""A real `headcount serve` on free loopback ports: started, asked until it is ready, ended by its process id."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ports import free_ports

HEADCOUNT = str(Path(sys.executable).with_name("headcount"))
LONGEST_START = 30.0
LONGEST_END = 15.0
HASH_KEY = "a hash key of the tests alone"
JSON = {"Content-Type": "application/json"}


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Sidecar(NamedTuple):
    """Where a running sidecar answers, and its process."""

    check: int
    admin: int
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def listen(self) -> str:
        return f"127.0.0.1:{self.check}"

    @property
    def admin_listen(self) -> str:
        return f"127.0.0.1:{self.admin}"

    def ask(self, body: Any, path: str = "/v1/check", headers: Mapping[str, str] = JSON) -> Answer:
        """POST to the check listener; bytes are sent as they are."""
        return call(self.check, "POST", path, body, headers)

    def tell(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = JSON) -> Answer:
        """Call the admin listener."""
        return call(self.admin, method, path, body, headers)


def call(port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] = JSON) -> Answer:
    """One request on a connection of its own."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, data, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def wait_for(
    ready: Any, what: str, process: "subprocess.Popen[bytes]", log: Path, within: float = LONGEST_START
) -> None:
    """Poll until `ready()`; an AssertionError with the process's own words if it ends or takes too long."""
    deadline = time.monotonic() + within
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"{what}:\n{log.read_text()[-3000:]}")
        time.sleep(0.02)  # between polls


def is_ready(port: int) -> bool:
    try:
        return call(port, "GET", "/readyz").status == 200
    except (OSError, http.client.HTTPException):
        return False


def environment(extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """The tests' environment without a setting of Headcount's or a width but those given; None: not that one either."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("HEADCOUNT_", "COLUMNS"))}
    wanted = {**plain, "HEADCOUNT_HASH_KEY": HASH_KEY, "HEADCOUNT_STATE": ":memory:", **(extra or {})}
    return {name: value for name, value in wanted.items() if value is not None}


@contextmanager
def running_sidecar(
    directory: Path,
    settings: Any = None,
    *,
    listen: str | None = None,
    admin: int | None = None,
    extra: Mapping[str, str] | None = None,
    in_environment: bool = False,
) -> Iterator[Sidecar]:
    """A sidecar that answers; `settings` become its configuration file, headcount.yaml in the directory.

    listen: another check listener than a free port; admin: another port of the admin listener than a free one.
    in_environment: its options are given as HEADCOUNT_ variables.
    """
    check, free = free_ports(2)
    admin = admin or free
    given = {"listen": listen or f"127.0.0.1:{check}", "admin": f"127.0.0.1:{admin}"}
    if settings is not None:
        (directory / "headcount.yaml").write_text(json.dumps(settings))  # JSON is YAML
        given["config"] = str(directory / "headcount.yaml")
    variables = {f"HEADCOUNT_{name.upper()}": value for name, value in given.items()} if in_environment else {}
    options = [] if in_environment else [f"--{name}={value}" for name, value in given.items()]
    log = directory / "sidecar.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [HEADCOUNT, "serve", *options],
            cwd=directory,
            env=environment({**variables, **(extra or {})}),
            stdout=output,
            stderr=output,
        )
    asked = [admin] if listen else [check, admin]
    try:
        wait_for(lambda: all(map(is_ready, asked)), "the sidecar did not become ready", process, log)
        yield Sidecar(check, admin, process, log)
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process to end, and make it if it does not."""
    process.terminate()
    try:
        process.wait(LONGEST_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def headcount(*arguments: str, extra: Mapping[str, str] | None = None, given: bytes = b"") -> Any:
    """Run a command to its end; `given` is its standard input."""
    return subprocess.run(
        [HEADCOUNT, *arguments], input=given, capture_output=True, timeout=60, check=False, env=environment(extra)
    )


def commanding(sidecar: Sidecar, *before: str) -> Any:
    """Return what runs `headcount BEFORE ARGUMENTS` at a sidecar; with a code that it must fail with, its error."""

    def run(*arguments: str, code: int = 0) -> str:
        done = headcount(*before, *arguments, "--admin", sidecar.admin_listen)
        assert done.returncode == code, done.stderr
        return (done.stdout if code == 0 else done.stderr).decode()

    return run
