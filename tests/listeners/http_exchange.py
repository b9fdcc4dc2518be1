"""What the listener tests share: an application that echoes, a client that reads with h11, a transport in memory."""

import asyncio
import socket
from collections.abc import Iterable
from typing import NamedTuple

import h11

from reputation.listeners import aiohttp_listener
from reputation.listeners import lean as listener
from reputation.listeners.grammar import HttpLimits
from reputation.wire.gateway import HttpMessage, Reply

LISTENERS = {"lean": listener.start, "aiohttp": aiohttp_listener.start}
# short enough that a test which waits for a time-out is quick
BRIEF = HttpLimits(idle=1.0, body_time=1.0, linger=0.2)
TEXT = ((b"Content-Type", b"text/plain"),)
END = b"GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class Answer(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    body: bytes


def echo(message: HttpMessage) -> Reply:
    """Answer with the message as the application saw it, on one line."""
    line = b" ".join(part for part in (message.method, message.target, message.body) if part)
    return Reply(200, line, TEXT)


def answers(stream: bytes, methods: Iterable[bytes] = ()) -> list[Answer]:
    """Read a connection's whole output with h11; methods: those of the requests, GET where none is left."""
    found = []
    left = iter(methods)
    while stream:
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method=next(left, b"GET"), target="/", headers=[("Host", "a")]))
        client.send(h11.EndOfMessage())
        client.receive_data(stream)
        found.append(_answer(client))
        stream = client.trailing_data[0]
    return found


def _answer(client: h11.Connection) -> Answer:
    status, headers, body = 0, {}, b""
    while True:
        event = client.next_event()
        assert event is not h11.NEED_DATA, "an answer is cut short"
        if isinstance(event, h11.Response):
            status, headers = event.status_code, dict(event.headers)
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return Answer(status, headers, body)


def outcome(stream: bytes, methods: Iterable[bytes] = ()) -> str:
    """Put what came back in a line: what the application saw, or the status that was answered for it."""
    return "; ".join(
        answer.body.decode("latin-1") if answer.status == 200 else str(answer.status)
        for answer in answers(stream, methods)
    )


async def talk(address: str | tuple[str, int], pieces: Iterable[bytes], *, half_close: bool = False) -> bytes:
    """Send the pieces one by one and return all that comes back until the server closes."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as sock:
        sock.setblocking(False)
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, address)
        received = asyncio.create_task(_receive(sock))
        try:
            await _send(sock, pieces)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
            return await asyncio.wait_for(received, 10)
        finally:
            received.cancel()


async def _send(sock: socket.socket, pieces: Iterable[bytes]) -> None:
    loop = asyncio.get_running_loop()
    for piece in pieces:
        try:
            await loop.sock_sendall(sock, piece)
        except (ConnectionResetError, BrokenPipeError):
            return  # the server has answered and closed; what it said is still to be read
        await asyncio.sleep(0)


async def _receive(sock: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    stream = b""
    while True:
        try:
            piece = await loop.sock_recv(sock, 65536)
        except ConnectionResetError:
            return stream
        if not piece:
            return stream
        stream += piece


class MemoryTransport(asyncio.Transport):
    """A transport that keeps what is written, for tests of one connection without a socket."""

    def __init__(self, protocol: asyncio.Protocol, peer: tuple[str, int] = ("192.0.2.1", 4711)) -> None:
        super().__init__({"peername": peer})
        self.protocol = protocol
        self.writes: list[bytes] = []
        self.reading = True
        self.ended = False  # the writing side is closed
        self.closed = False
        self.aborted = False
        self.unsent = 0
        protocol.connection_made(self)

    @property
    def output(self) -> bytes:
        return b"".join(self.writes)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: bytes) -> None:
        assert not self.ended, "written after the end"
        assert not self.closed, "written after the close"
        self.writes.append(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.protocol.connection_lost(None)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return self.unsent
