"""A client that sends bytes and keeps the bytes that come back, and an API that keeps what reached it."""

import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeVar

Headers = list[tuple[str, str]]

OWN_LIMIT, OWN_POLICY = '"api";r=7', '"api";q=8'
"""What the API tells of limits of its own where the path asks for it."""

# what an API should not be able to tell a client in Headcount's name
ECHOED = ("X-Headcount-Tier", "X-Headcount-Risk", "X-Headcount-Cluster", "X-Headcount-Actions")


MUCH = 100_000


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


def request_bytes(
    headers: Headers,
    *,
    method: str = "GET",
    path: str = "/",
    body: bytes = b"",
    chunked: bool = False,
    connection: str = "close",
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: api.example", f"Connection: {connection}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:3], body[3:])) + b"0\r\n\r\n"
    elif body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_all(connection: socket.socket) -> bytes:
    """What came until the answer is whole, the end, or until whoever had enough of the request's body cut it off."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while not _whole(found) and (more := connection.recv(65_536)):
            found += more
    return found


def _whole(raw: bytes) -> bool:
    """Whether a body of the length that the head names is there; without one the end of the connection tells."""
    if raw.startswith(CONTINUE):
        raw = raw.partition(b"\r\n\r\n")[2]
    head, ended, body = raw.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    return bool(ended) and length is not None and 0 < int(length[1]) <= len(body)


CONTINUE = b"HTTP/1.1 100 "


def parsed(raw: bytes) -> Answer:
    """The answer in these bytes; leave to send the body is none."""
    while raw.startswith(CONTINUE):
        raw = raw.partition(b"\r\n\r\n")[2]
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    return Answer(int(status.split()[1]), [(name, value.strip()) for name, _, value in pairs], body, raw)


def ask(port: int, headers: Headers, *, source: str = "127.0.0.1", **request: Any) -> Answer:
    """Send one request to a gateway, from any address of 127.0.0.0/8; keywords as for request_bytes."""
    with socket.create_connection(("127.0.0.1", port), 20, (source, 0)) as connection:
        _send(connection, request_bytes(headers, **request))
        return parsed(read_all(connection))


def exchange(port: int, data: bytes) -> bytes:
    """Send these bytes, and return all that comes until the end."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def _send(connection: socket.socket, data: bytes) -> None:
    """Beside the reading where it is much: a gateway may answer and close before it has read all of it."""
    if len(data) < MUCH:
        connection.sendall(data)
        return

    def send() -> None:
        with contextlib.suppress(OSError):
            connection.sendall(data)

    threading.Thread(target=send, daemon=True).start()


UPGRADE: Headers = [
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]
ACCEPTED = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # of that key (RFC 6455, 1.3)
FRAME = b"\x81\x85\0\0\0\0frame"  # a text, masked with nothing


def upgrade(port: int, headers: Headers, *, protocol: Headers = UPGRADE, connection: str = "Upgrade") -> Answer:
    """Ask to take the connection over; the body is what comes back of a frame that is sent after a 101."""
    with socket.create_connection(("127.0.0.1", port), 20) as open_:
        open_.sendall(request_bytes([*protocol, *headers], path="/socket", connection=connection))
        head = b""
        while b"\r\n\r\n" not in head and (more := open_.recv(65_536)):
            head += more
        answer = parsed(head)
        if answer.status != 101:
            return answer
        open_.sendall(FRAME)
        while b"frame" not in head and (more := open_.recv(65_536)):
            head += more
        return parsed(head)


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
        self.server.reached.append(Reached(self.command, self.path, self.headers.items(), self._body()))
        if self.headers.get("Upgrade"):
            self._upgraded()
            return
        self.send_response_only(200)
        if "own-limits" in self.path:
            self.send_header("RateLimit", OWN_LIMIT)
            self.send_header("RateLimit-Policy", OWN_POLICY)
        for name in ECHOED:
            self.send_header(name, "echoed")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(json.dumps({}).encode())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _upgraded(self) -> None:
        """Take the connection over, whatever for, and send back what comes first."""
        self.send_response_only(101)
        self.send_header("Upgrade", self.headers["Upgrade"])
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", ACCEPTED)
        self.end_headers()
        self.wfile.write(self.rfile.read(len(FRAME)))
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_HEAD = do_DELETE = do_OPTIONS = _answer  # noqa: N815 - the names are the library's

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
def served(server: Server) -> Iterator[Server]:
    """The server while it answers, in a thread of its own."""
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
    with served(Api()) as server:
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

    do_GET = do_POST = do_OPTIONS = _answer  # noqa: N815 - the names are the library's

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        pass


@contextmanager
def faulty() -> Iterator[Faulty]:
    with served(Faulty()) as server:
        yield server
        server.ended.set()
