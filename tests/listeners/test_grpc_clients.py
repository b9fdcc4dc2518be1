"""The gRPC listener with gRPC's own client, on a real socket: many calls, metadata, cancellation, deadlines, health."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from http2_peer import ECHO, MOST, STREAM
from http_exchange import echo

from reputation.listeners import lean
from reputation.listeners.http2.health import CHECK, NOT_SERVING, SERVING, WATCH, Health
from reputation.listeners.http2.methods import Metadata, Sender, Streaming, Unary
from reputation.listeners.sockets import bind

LATER = b"/test.Echo/Later"
BUSY = (
    ("grpc.keepalive_time_ms", 20),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)


class Server:
    """A listener with the methods of these tests."""

    def __init__(self) -> None:
        self.ready = True
        self.seen: list[Metadata] = []
        self.asked = asyncio.Event()
        self.released = asyncio.Event()
        self.closed = asyncio.Event()

    def once(self, message: bytes, metadata: Metadata) -> bytes:
        self.seen.append(metadata)
        return message

    async def later(self, message: bytes, metadata: Metadata) -> bytes:
        if message == b"b":
            self.asked.set()
        await self.released.wait()
        return message

    def many(self, metadata: Metadata, sender: Sender) -> "Stream":
        return Stream(self, sender)

    async def start(self) -> lean.LeanServer:
        methods = {
            ECHO: Unary(self.once, MOST),
            LATER: Unary(self.later, MOST),
            STREAM: Streaming(self.many, MOST),
            **Health([b"test.Echo"], lambda: self.ready).methods(),
        }
        return await lean.start(echo, bind("127.0.0.1:0"), methods=methods)


class Stream:
    def __init__(self, server: Server, sender: Sender) -> None:
        self._server = server
        self._sender = sender

    def take(self, message: bytes) -> None:
        self._sender.send(message)

    def end(self) -> None:
        self._sender.finish(0, "")

    def drain(self) -> None:
        self._sender.finish(0, "")

    def close(self) -> None:
        self._server.closed.set()


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def listener(server: Server) -> AsyncIterator[lean.LeanServer]:
    started = await server.start()
    yield started
    await started.drain(0)


@pytest.fixture
async def channel(listener: lean.LeanServer) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(address(listener), options=BUSY) as opened:
        yield opened


def address(listener: lean.LeanServer) -> str:
    return f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"


async def test_a_thousand_calls_at_once_on_one_connection(channel: grpc.aio.Channel, listener: lean.LeanServer) -> None:
    call = channel.unary_unary(ECHO.decode())
    found = await asyncio.gather(*[call(b"%d" % n) for n in range(1000)])
    assert list(found) == [b"%d" % n for n in range(1000)]
    assert (listener.accepted, listener.requests) == (1, 1000)


async def test_large_messages_both_ways(channel: grpc.aio.Channel) -> None:
    """Larger than a frame, and together larger than the windows."""
    call = channel.unary_unary(ECHO.decode())
    bodies = [bytes((n,)) * (MOST - n) for n in range(40)]
    assert await asyncio.gather(*[call(body) for body in bodies]) == bodies


async def test_metadata_arrives_and_more_than_the_limit_is_refused(channel: grpc.aio.Channel, server: Server) -> None:
    call = channel.unary_unary(ECHO.decode())
    sent = [(f"x-{n}", "v" * 200) for n in range(40)]
    await call(b"a", metadata=sent)
    await call(b"a", metadata=sent)
    for seen in server.seen:
        assert {(name.decode(), value.decode()) for name, value in seen} >= set(sent)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call(b"a", metadata=[("x-large", "v" * 20_000)])
    assert error.value.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
    assert await call(b"b") == b"b"


async def test_a_deadline_and_a_cancellation(channel: grpc.aio.Channel, server: Server) -> None:
    call = channel.unary_unary(LATER.decode())
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call(b"a", timeout=0.05)
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    given_up = call(b"b")
    await asyncio.wait_for(server.asked.wait(), 10)
    given_up.cancel()
    kept = asyncio.ensure_future(call(b"c", timeout=30))
    assert await channel.unary_unary(ECHO.decode())(b"d") == b"d"
    server.released.set()
    assert await kept == b"c"


async def test_a_stream_that_is_cancelled_is_closed(channel: grpc.aio.Channel, server: Server) -> None:
    stream = channel.stream_stream(STREAM.decode())()
    for body in (b"a", b"b"):
        await stream.write(body)
        assert await stream.read() == body
    stream.cancel()
    await asyncio.wait_for(server.closed.wait(), 10)


async def test_a_stream_ends_when_its_client_has_sent_all(channel: grpc.aio.Channel, server: Server) -> None:
    stream = channel.stream_stream(STREAM.decode())()
    await stream.write(b"a")
    await stream.done_writing()
    assert [await stream.read(), await stream.read()] == [b"a", grpc.aio.EOF]
    assert await stream.code() == grpc.StatusCode.OK
    assert server.closed.is_set()


async def test_the_health_of_services(channel: grpc.aio.Channel, server: Server) -> None:
    """Of all by the empty name, of one by its own; an unknown name is NOT_FOUND."""
    check = channel.unary_unary(CHECK.decode())
    assert [await check(b""), await check(b"\x0a\x09test.Echo")] == [SERVING, SERVING]
    server.ready = False
    assert await check(b"") == NOT_SERVING
    for message, code in (
        (b"\x0a\x03abc", grpc.StatusCode.NOT_FOUND),
        (b"\x08\x01", grpc.StatusCode.INVALID_ARGUMENT),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await check(message)
        assert error.value.code() == code


async def test_a_watch_learns_that_the_listener_ends(channel: grpc.aio.Channel, listener: lean.LeanServer) -> None:
    watch = channel.unary_stream(WATCH.decode())(b"")
    unknown = channel.unary_stream(WATCH.decode())(b"\x0a\x03abc")
    assert await watch.read() == SERVING
    assert await unknown.read() == b"\x08\x03"
    drained = asyncio.create_task(listener.drain(10))
    assert await watch.read() == NOT_SERVING
    assert await watch.read() == grpc.aio.EOF
    await channel.close()
    assert await drained == 0


async def test_calls_during_a_drain_are_answered_and_none_fails(
    channel: grpc.aio.Channel, server: Server, listener: lean.LeanServer
) -> None:
    """Those that the listener had before it ended."""
    call = channel.unary_unary(LATER.decode())
    waiting = [asyncio.ensure_future(call(b"%d" % n, timeout=30)) for n in range(50)]
    await channel.unary_unary(ECHO.decode())(b"x")
    drained = asyncio.create_task(listener.drain(10))
    server.released.set()
    assert await asyncio.gather(*waiting) == [b"%d" % n for n in range(50)]
    assert await drained == 0
