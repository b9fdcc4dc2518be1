"""A client that sends bytes and keeps the bytes that come back, and an API that keeps what reached it."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeVar

Headers = list[tuple[str, str]]

# what an API should not be able to tell a client in Headcount's name
ECHOED = ("X-Headcount-Tier", "X-Headcount-Risk", "X-Headcount-Cluster", "X-Headcount-Actions")


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes
    raw: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value


def request_bytes(headers: Headers, *, method: str = "GET", path: str = "/", body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: api.example", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def parsed(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    return Answer(int(status.split()[1]), [(name, value.strip()) for name, _, value in pairs], body, raw)


def ask(port: int, headers: Headers, *, source: str = "127.0.0.1", **request: Any) -> Answer:
    """Send one request to a gateway, from any address of 127.0.0.0/8; keywords as for request_bytes."""
    with socket.create_connection(("127.0.0.1", port), 20, (source, 0)) as connection:
        connection.sendall(request_bytes(headers, **request))
        return parsed(read_all(connection))


class Reached(NamedTuple):
    """One request as the API saw it."""

    method: str
    path: str
    headers: Headers
    body: bytes

    def all(self, name: str) -> list[str]:
        """Values of a header, under all names that CGI and WSGI take for it."""
        wanted = name.lower().replace("-", "_")
        return [value for key, value in self.headers if key.lower().replace("-", "_") == wanted]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Api"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.reached.append(Reached(self.command, self.path, self.headers.items(), body))
        self.send_response_only(200)
        for name in ECHOED:
            self.send_header(name, "echoed")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(json.dumps({}).encode())

    do_GET = do_POST = _answer  # noqa: N815 - the names are the library's

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        pass


class Api(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = self.server_address[1]
        self.reached: list[Reached] = []


Server = TypeVar("Server", bound=ThreadingHTTPServer)


@contextmanager
def _served(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def api() -> Iterator[Api]:
    with _served(Api()) as server:
        yield server


class Faulty(ThreadingHTTPServer):
    """Where a sidecar should be: answers 503, or keeps the connection and answers nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _FaultyHandler)
        self.port = self.server_address[1]
        self.silent = False
        self.ended = threading.Event()


class _FaultyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Faulty

    def _answer(self) -> None:
        if self.server.silent:
            self.server.ended.wait(60)
            return
        self.send_response_only(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = _answer  # noqa: N815 - the names are the library's

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        pass


@contextmanager
def faulty() -> Iterator[Faulty]:
    with _served(Faulty()) as server:
        yield server
        server.ended.set()
