"""HAProxy as this repository ships it, old and new, with free ports in the place of its own."""

import asyncio
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from gateway_processes import listening, running
from gateway_shipped import PLUGINS, Shipped
from ports import free_port

from plugins.haproxy import listener as spoe_listener
from plugins.haproxy.listener import SpoeServer
from reputation.listeners.sockets import bind
from reputation.wire.gateway import HttpMessage

CLOSED = ("# http-request return status 503", "http-request return status 503")
NEWER = Path(sys.prefix) / "haproxy" / "haproxy"
"""Where `requirements/newer-haproxy` lays one of 3.1 or later."""


def _command(program: str, file: str) -> Callable[[Path], list[str]]:
    return lambda directory: [program, "-f", str(directory / file)]


OLD = Shipped("haproxy", ("haproxy.cfg", "spoe.cfg"), _command("haproxy", "haproxy.cfg"), CLOSED, 503)
NEW = Shipped("haproxy", ("haproxy-3.1.cfg", "spoe.cfg"), _command(str(NEWER), "haproxy-3.1.cfg"), CLOSED, 503)
BOTH = (OLD, NEW)
NAMES = {OLD: "2.6", NEW: "3.1 on"}


@contextmanager
def haproxy(shipped: Shipped, directory: Path, agent: int, api: int, *changes: tuple[str, str]) -> Iterator[int]:
    """The port of HAProxy while it runs; agent is the port that it asks on, changes are those a page tells of."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    ports = {"8080": port, "8473": agent, "8000": api}
    for name in shipped.files:
        text = (PLUGINS / shipped.name / name).read_text()
        for old, new in changes:
            text = text.replace(old, new)
        text = re.sub(r"\b(?:8080|8473|8000)\b", lambda found: str(ports[found[0]]), text)
        (directory / name).write_text(text)
    with running(shipped.command(directory), directory, lambda: listening(port)):
        yield port


class Agent:
    """The SPOE listener in a thread of its own, before an application that a test wrote."""

    def __init__(self, application: Callable[[HttpMessage], Any], port: int = 0) -> None:
        self._application = application
        self._sock = bind(f"127.0.0.1:{port}")
        self.port: int = self._sock.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.server: SpoeServer

    def __enter__(self) -> Self:
        self._thread.start()
        self.server = self._run(spoe_listener.start(self._application, self._sock))
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self.server.drain(0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)
