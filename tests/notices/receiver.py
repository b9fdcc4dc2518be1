"""A real HTTP server that receives notices, and can fail as often as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from redis_process import until


class Came(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """What came, in its order. `statuses` are answered one after another, then 204."""

    def __init__(self, statuses: tuple[int, ...] = ()) -> None:
        self.came: list[Came] = []
        self.left = list(statuses)
        self.url = ""

    def taken(self) -> list[Came]:
        """Those that were answered with success."""
        return [one for one in self.came if 200 <= one.status < 300]

    def wait(self, count: int) -> list[Came]:
        """Wait for so many successes."""
        until(lambda: len(self.taken()) >= count, f"{count} notices")
        return self.taken()


@contextmanager
def receiving(*statuses: int, port: int = 0) -> Iterator[Receiver]:
    """Run a receiver on loopback."""
    receiver = Receiver(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.left.pop(0) if receiver.left else 204
            receiver.came.append(Came(status, dict(self.headers), body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/notices"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
