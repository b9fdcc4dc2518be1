"""The SPOE listener over real sockets: it greets, acknowledges, bounds what it keeps, and drains."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import spop_peer as peer
from plugins.haproxy import listener as spoe_listener
from plugins.haproxy.listener import SpoeLimits, SpoeServer
from plugins.haproxy.spop import ACK, AGENT_DISCONNECT, AGENT_HELLO, put_variables
from plugins.haproxy.spop_data import INVALID, NORMAL, RESOURCES, TIMED_OUT, TOO_BIG, put_typed, put_uint32
from reputation.listeners.sockets import bind
from reputation.wire.gateway import HttpMessage, Reply

GREETED = put_variables([(b"verdict", "v")])
TIME = 5.0


class Talk(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def frame(self) -> peer.Answer:
        async with asyncio.timeout(TIME):
            size = await self.reader.readexactly(4)
            (answer,) = peer.answers(size + await self.reader.readexactly(int.from_bytes(size)))
        return answer

    async def rest(self) -> list[peer.Answer]:
        """Everything until the listener closes."""
        async with asyncio.timeout(TIME):
            return peer.answers(await self.reader.read())

    async def greet(self) -> peer.Answer:
        self.writer.write(peer.HELLO_26)
        return await self.frame()


class Served(NamedTuple):
    server: SpoeServer
    address: tuple[str, int]
    asked: list[HttpMessage]
    errors: list[BaseException]

    @asynccontextmanager
    async def talk(self) -> AsyncIterator[Talk]:
        reader, writer = await asyncio.open_connection(*self.address)
        try:
            yield Talk(reader, writer)
        finally:
            writer.close()


Answer = Callable[[HttpMessage], Any]


@asynccontextmanager
async def served(answer: Answer | None = None, **limits: Any) -> AsyncIterator[Served]:
    """A listener whose application notes what it was asked, and whose clock stands at 0."""
    asked: list[HttpMessage] = []
    errors: list[BaseException] = []

    def application(message: HttpMessage) -> Any:
        asked.append(message)
        return answer(message) if answer else Reply(200, GREETED)

    sock = bind("127.0.0.1:0")
    server = await spoe_listener.start(
        application, sock, limits=SpoeLimits(**limits), log=lambda _, error: errors.append(error), clock=lambda: 0.0
    )
    try:
        yield Served(server, sock.getsockname(), asked, errors)
    finally:
        await server.drain(0)


async def test_a_message_is_asked_about_and_acknowledged_with_its_ids() -> None:
    async with served() as found, found.talk() as talk:
        hello = await talk.greet()
        assert hello.pairs == {b"version": b"2.0", b"max-frame-size": 16_380, b"capabilities": b"pipelining"}
        talk.writer.write(peer.put_notify(7, 3, [("tenant", "acme"), ("method", "PUT"), ("x-api-key", "k")]))
        ack = await talk.frame()
    assert (ack.kind, ack.stream, ack.frame, ack.variables) == (ACK, 7, 3, {b"verdict": b"v"})
    (asked,) = found.asked
    assert (asked.method, asked.target, asked.peer) == (b"PUT", b"/gateway/haproxy/acme", "127.0.0.1")
    assert (b"x-api-key", b"k") in asked.headers


async def test_the_hello_comes_in_one_piece() -> None:
    """HAProxy reads it as one; a socket shows how it was written as long as nothing follows."""
    async with served() as found:
        with socket.create_connection(found.address, TIME) as connection:
            connection.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(connection, peer.HELLO_26)
            (hello,) = peer.answers(await loop.sock_recv(connection, 65_536))
    assert hello.kind == AGENT_HELLO


async def test_pipelining_is_announced_to_those_who_know_it_alone() -> None:
    async with served() as found, found.talk() as talk:
        talk.writer.write(peer.put_hello(capabilities=put_typed("async")))
        assert (await talk.frame()).pairs[b"capabilities"] == b""


async def test_a_health_check_is_greeted_and_closed() -> None:
    async with served() as found, found.talk() as talk:
        talk.writer.write(peer.CHECK_26)
        assert [answer.kind for answer in await talk.rest()] == [AGENT_HELLO]


async def test_many_messages_at_once_are_all_answered() -> None:
    async with served() as found, found.talk() as talk:
        await talk.greet()
        talk.writer.write(b"".join(peer.put_notify(n, 1, []) for n in range(500)))
        assert [(await talk.frame()).stream for _ in range(500)] == list(range(500))


async def test_a_disconnect_is_returned_and_the_connection_closed() -> None:
    async with served() as found, found.talk() as talk:
        talk.writer.write(peer.HELLO_26 + peer.put_disconnect(2, "late"))
        _, last = await talk.rest()
    assert (last.kind, last.pairs[b"status-code"]) == (AGENT_DISCONNECT, NORMAL)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", TOO_BIG),
        (peer.NOTIFY_26, INVALID),
        (peer.HELLO_26 + peer.put_frame(3, b"", 1, 1), INVALID),
        (peer.HELLO_26 + peer.put_frame(3, peer.put_message("a", []) * 2, 1, 1), INVALID),
    ],
)
async def test_what_it_cannot_read_ends_the_connection_with_a_reason(sent: bytes, code: int) -> None:
    async with served() as found, found.talk() as talk:
        talk.writer.write(sent)
        *_, last = await talk.rest()
    assert (last.kind, last.pairs[b"status-code"]) == (AGENT_DISCONNECT, code)
    assert (found.server.bad_frames, found.asked) == (1, [])


async def test_a_bug_fails_one_message_and_is_logged() -> None:
    def answer(message: HttpMessage) -> Reply:
        if (b"bad", b"1") in message.headers:
            raise RuntimeError("a bug")
        return Reply(200, GREETED)

    async with served(answer) as found, found.talk() as talk:
        await talk.greet()
        talk.writer.write(peer.put_notify(1, 1, [("bad", 1)]) + peer.put_notify(2, 1, []))
        bad, good = await talk.frame(), await talk.frame()
    assert (bad.variables, good.variables) == ({}, {b"verdict": b"v"})
    assert (found.server.failures, [str(error) for error in found.errors]) == (1, ["a bug"])


async def test_an_ack_that_haproxy_would_not_take_is_sent_empty_and_logged() -> None:
    async with served(lambda _: Reply(200, GREETED * 100)) as found, found.talk() as talk:
        talk.writer.write(peer.put_hello(max_frame_size=put_uint32(256)) + peer.put_notify(1, 1, []))
        hello, ack = await talk.frame(), await talk.frame()
    assert (hello.pairs[b"max-frame-size"], ack.variables) == (256, {})
    assert found.server.failures == 1


class Slow:
    """An application that answers when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[Reply]] = []
        self.changed = asyncio.Condition()

    def __call__(self, _: HttpMessage) -> "asyncio.Future[Reply]":
        self.waiting.append(asyncio.get_running_loop().create_future())
        return self.waiting[-1]


async def echo(found: Served) -> None:
    """Let the listener read all that was written to it so far: another connection's greeting is answered after it."""
    async with found.talk() as talk:
        await talk.greet()


async def test_answers_that_take_time_do_not_hold_each_other_up() -> None:
    slow = Slow()
    async with served(slow) as found, found.talk() as talk:
        await talk.greet()
        talk.writer.write(peer.put_notify(1, 1, []) + peer.put_notify(2, 1, []))
        await echo(found)
        slow.waiting[1].set_result(Reply(200, GREETED))
        assert (await talk.frame()).stream == 2
        slow.waiting[0].set_exception(OSError("the store is gone"))
        first = await talk.frame()
        assert (first.stream, first.variables) == (1, {})
        assert found.server.failures == 1


async def test_no_more_messages_wait_than_may() -> None:
    slow = Slow()
    async with served(slow, waiting=3) as found, found.talk() as talk:
        await talk.greet()
        talk.writer.write(b"".join(peer.put_notify(n, 1, []) for n in range(8)))
        await echo(found)
        assert len(slow.waiting) == 3
        for n in range(8):
            slow.waiting[n].set_result(Reply(200, GREETED))
            assert (await talk.frame()).stream == n
        assert len(slow.waiting) == 8


async def test_connections_are_bounded() -> None:
    async with served(connections=1) as found, found.talk() as first:
        await first.greet()
        async with found.talk() as second:
            (refused,) = await second.rest()
        assert refused.pairs[b"status-code"] == RESOURCES
        assert (found.server.open, found.server.refused) == (1, 1)
        first.writer.write(peer.put_notify(1, 1, []))
        assert (await first.frame()).kind == ACK


async def test_who_never_greets_and_who_asks_nothing_for_too_long_is_sent_away() -> None:
    async with served(hello=5, idle=60) as found, found.talk() as greeted, found.talk() as silent:
        await greeted.greet()
        silent.writer.write(peer.HELLO_26[:50])
        await echo(found)
        found.server.sweep(4.0)
        silent.writer.write(peer.HELLO_26[50:60])
        await echo(found)
        found.server.sweep(5.1)
        (late,) = await silent.rest()
        assert late.pairs[b"status-code"] == TIMED_OUT
        greeted.writer.write(peer.put_notify(1, 1, []))
        assert (await greeted.frame()).kind == ACK
        found.server.sweep(65.0)
        greeted.writer.write(peer.put_notify(2, 1, []))
        assert (await greeted.frame()).kind == ACK
        found.server.sweep(126.0)
        (idle,) = await greeted.rest()
        assert idle.pairs[b"status-code"] == TIMED_OUT


async def test_a_slow_answer_is_not_idleness() -> None:
    slow = Slow()
    async with served(slow, idle=60) as found, found.talk() as talk:
        await talk.greet()
        talk.writer.write(peer.put_notify(1, 1, []))
        await echo(found)
        found.server.sweep(1000.0)
        slow.waiting[0].set_result(Reply(200, GREETED))
        assert (await talk.frame()).kind == ACK


async def test_who_does_not_read_its_answers_is_not_read_either_and_then_cut_off() -> None:
    """Memory stays bounded: far less is asked than was sent."""
    sent = 20_000
    async with served(lambda _: Reply(200, GREETED * 300), write=20) as found, found.talk() as talk:
        await talk.greet()
        talk.writer.write(b"".join(peer.put_notify(n, 1, []) for n in range(sent)))
        for _ in range(50):
            await echo(found)
        assert len(found.asked) < sent
        found.server.sweep(21.0)
        await echo(found)
        assert found.server.open <= 1
        async with asyncio.timeout(TIME):
            while not talk.reader.at_eof() and talk.reader.exception() is None:
                with contextlib.suppress(OSError):
                    await talk.reader.read(1 << 20)


async def test_draining_says_goodbye_to_the_idle_and_waits_for_the_busy() -> None:
    slow = Slow()
    async with served(slow) as found, found.talk() as idle, found.talk() as busy:
        await idle.greet()
        await busy.greet()
        busy.writer.write(peer.put_notify(1, 1, []))
        await echo(found)
        drained = asyncio.create_task(found.server.drain(TIME))
        (goodbye,) = await idle.rest()
        assert goodbye.pairs == {b"status-code": NORMAL, b"message": b"shutting down"}
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*found.address)
        slow.waiting[0].set_result(Reply(200, GREETED))
        ack, last = await busy.rest()
        assert (ack.kind, last.kind) == (ACK, AGENT_DISCONNECT)
        assert await drained == 0


async def test_draining_ends_in_time_and_tells_how_many_were_cut_off() -> None:
    slow = Slow()
    async with served(slow) as found, found.talk() as talk:
        await talk.greet()
        talk.writer.write(peer.put_notify(1, 1, []))
        await echo(found)
        assert await found.server.drain(0.01) == 1
        slow.waiting[0].cancel()


@given(st.lists(st.binary(max_size=64), max_size=10))
def test_noise_ends_its_own_connection_alone(noise: list[bytes]) -> None:
    async def run() -> None:
        async with served() as found, found.talk() as good, found.talk() as bad:
            await good.greet()
            bad.writer.write(peer.HELLO_26 + b"".join(noise))
            bad.writer.write_eof()
            await bad.rest()
            good.writer.write(peer.put_notify(1, 1, []))
            assert (await good.frame()).kind == ACK
            assert not found.errors

    asyncio.run(run())
