"""Requests as a well-behaved client writes them, against both listeners on real sockets."""

import asyncio
import socket
from pathlib import Path
from typing import Any, NamedTuple

import h11
import pytest
from http_exchange import BRIEF, LISTENERS, Answer, answers, echo, outcome, talk

from reputation.listeners.grammar import HttpLimits
from reputation.listeners.sockets import bind
from reputation.wire.gateway import HttpMessage, Reply


class Sent(NamedTuple):
    """One request for h11 to write; a body in several parts is chunked."""

    method: str = "GET"
    target: str = "/a"
    fields: tuple[tuple[str, str], ...] = ()
    body: tuple[bytes, ...] = ()


SUITES = {
    "one": [Sent()],
    "several": [Sent(), Sent("POST", "/b", (("Content-Length", "3"),), (b"abc",)), Sent("DELETE", "/c?d=e")],
    "chunked": [Sent("POST", "/a", (("Transfer-Encoding", "chunked"),), (b"abc", b"de" * 50, b"f")), Sent()],
    "empty body": [Sent("PUT", "/a", (("Content-Length", "0"),)), Sent()],
    "no chunks": [Sent("PUT", "/a", (("Transfer-Encoding", "chunked"),)), Sent()],
    "head": [Sent("HEAD"), Sent("HEAD", "/b"), Sent()],
    "options": [Sent("OPTIONS"), Sent("PATCH", "/b", (("Content-Length", "1"),), (b"x",))],
    "binary": [Sent("POST", "/a", (("Content-Length", "256"),), (bytes(range(256)),)), Sent()],
    "at the limit": [Sent("POST", "/a", (("Content-Length", "65536"),), (b"x" * 65536,)), Sent()],
    "many fields": [Sent(fields=tuple((f"X-{number}", "y" * 100) for number in range(90))), Sent()],
    "the same field twice": [Sent(fields=(("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.2")))],
    "a long target": [Sent(target="/" + "a" * 8000), Sent()],
}


def written(suite: list[Sent]) -> bytes:
    """Write the requests as h11 does, the last with Connection: close."""
    stream = b""
    for number, sent in enumerate(suite):
        client = h11.Connection(h11.CLIENT)
        fields = [("Host", "a.example"), *sent.fields]
        if number == len(suite) - 1:
            fields.append(("Connection", "close"))
        stream += client.send(h11.Request(method=sent.method, target=sent.target, headers=fields)) or b""
        for part in sent.body:
            stream += client.send(h11.Data(part)) or b""
        stream += client.send(h11.EndOfMessage()) or b""
    return stream


def expected(suite: list[Sent]) -> list[bytes]:
    return [b"" if sent.method == "HEAD" else echo(_message(sent)).body for sent in suite]


def _message(sent: Sent) -> HttpMessage:
    return HttpMessage(sent.method.encode(), sent.target.encode(), [], b"".join(sent.body))


async def _asked(server: Any, suite: list[Sent], size: int) -> list[Answer]:
    stream = written(suite)
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    received = await talk(server.sockets[0].getsockname(), pieces)
    return answers(received, [sent.method.encode() for sent in suite])


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("size", [1_000_000, 1000, 7])
async def test_suite(suite: str, size: int, served: tuple[str, Any]) -> None:
    """Each request is answered, in order, with what the application saw; the last answer closes."""
    _, server = served
    found = await _asked(server, SUITES[suite], size)
    assert [answer.status for answer in found] == [200] * len(SUITES[suite])
    assert [answer.body for answer in found] == expected(SUITES[suite])
    assert [b"connection" in answer.headers for answer in found] == [False] * (len(found) - 1) + [True]
    assert server.requests == len(SUITES[suite])


async def test_suite_byte_by_byte(served: tuple[str, Any]) -> None:
    """The same where every byte is sent alone."""
    _, server = served
    for suite in ("several", "chunked", "head"):
        found = await _asked(server, SUITES[suite], 1)
        assert [answer.body for answer in found] == expected(SUITES[suite])


async def test_continue(served: tuple[str, Any]) -> None:
    """A client that waits for 100 Continue gets it, and then its answer."""
    _, server = served
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(
        b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
    )
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"abc")
    assert outcome(await asyncio.wait_for(reader.read(), 5)) == "POST /a abc"
    writer.close()


async def test_large_body_is_refused(served: tuple[str, Any]) -> None:
    """A client that goes on sending an oversized body still reads why it was refused."""
    _, server = served
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n"
    stream = await talk(server.sockets[0].getsockname(), [head, *[b"x" * 100_000] * 20])
    assert outcome(stream) == "413"
    assert server.bad_requests == {"body_size": 1}


@pytest.mark.parametrize("name", LISTENERS)
async def test_body_limit_of_the_route(name: str) -> None:
    """The body's limit may differ from route to route."""
    start = LISTENERS[name]
    server = await start(echo, bind("127.0.0.1:0"), limits=BRIEF, body_limit=lambda target: 3 * (target == b"/b"))
    request = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
    found = [outcome(await talk(server.sockets[0].getsockname(), [request % target])) for target in (b"/a", b"/b")]
    assert found == ["413", "POST /b abc"]
    await server.drain(0)


@pytest.mark.parametrize("name", LISTENERS)
async def test_unix_socket(name: str, tmp_path: Path) -> None:
    """Both serve a Unix socket, where there is no peer's address."""
    path = str(tmp_path / "s")
    peers: list[str] = []

    def application(message: HttpMessage) -> Reply:
        peers.append(message.peer)
        return echo(message)

    server = await LISTENERS[name](application, bind(f"unix:{path}"), limits=BRIEF)
    assert outcome(await talk(path, [written([Sent()])])) == "GET /a"
    assert peers == [""]
    await server.drain(0)


@pytest.mark.parametrize("name", LISTENERS)
async def test_awaited_and_failing_applications(name: str) -> None:
    """An awaited reply is served as a plain one is; a bug is a 500 that tells nothing, logged once."""
    errors: list[str] = []

    async def application(message: HttpMessage) -> Reply:
        await asyncio.sleep(0)
        if message.target == b"/bug":
            raise RuntimeError("secret")
        return echo(message)

    server = await LISTENERS[name](
        application, bind("127.0.0.1:0"), limits=BRIEF, log=lambda event, error: errors.append(f"{event} {error}")
    )
    stream = await talk(server.sockets[0].getsockname(), [written([Sent(), Sent(target="/bug"), Sent()])])
    assert outcome(stream) == "GET /a; 500; GET /a"
    assert b"secret" not in stream
    assert b"Traceback" not in stream
    assert errors == ["application_failed secret"]
    assert server.failures == 1
    await server.drain(0)


@pytest.mark.parametrize("name", LISTENERS)
async def test_reply_cannot_be_split(name: str) -> None:
    """A line end in a reply's header does not reach the client, whatever the application was made to say."""
    reply = Reply(200, b"", ((b"X", b"a\r\nSet-Cookie: b"),))
    server = await LISTENERS[name](lambda message: reply, bind("127.0.0.1:0"), limits=BRIEF)
    stream = await talk(server.sockets[0].getsockname(), [written([Sent()])])
    assert outcome(stream) == "500"
    assert b"Set-Cookie" not in stream
    await server.drain(0)


@pytest.mark.parametrize("name", LISTENERS)
async def test_cap_on_sockets(name: str) -> None:
    """A connection over the cap reads 503, and those within it are served."""
    server = await LISTENERS[name](echo, bind("127.0.0.1:0"), limits=HttpLimits(connections=8, linger=0.2))
    address = server.sockets[0].getsockname()
    inside = [await asyncio.open_connection(*address) for _ in range(8)]
    for reader, writer in inside:
        writer.write(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"GET /a"), 5)
    assert outcome(await talk(address, [])) == "503"
    assert (server.open, server.accepted, server.refused) == (8, 8, 1)
    for _, writer in inside:
        writer.close()
    await server.drain(1)


@pytest.mark.parametrize("name", LISTENERS)
async def test_drain_on_sockets(name: str) -> None:
    """The last answers are read in full, then nothing listens any more."""
    asked, release = asyncio.Event(), asyncio.Event()

    async def application(message: HttpMessage) -> Reply:
        asked.set()
        await release.wait()
        return echo(message)

    server = await LISTENERS[name](application, bind("127.0.0.1:0"), limits=BRIEF)
    address = server.sockets[0].getsockname()
    idle_reader, idle_writer = await asyncio.open_connection(*address)
    asking = asyncio.create_task(talk(address, [b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"]))
    await asyncio.wait_for(asked.wait(), 5)
    draining = asyncio.create_task(server.drain(5))
    assert await asyncio.wait_for(idle_reader.read(), 5) == b""
    release.set()
    (answer,) = answers(await asking)
    assert answer.headers[b"connection"] == b"close"
    idle_writer.close()
    assert await draining == 0
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)


async def test_half_closed_client_on_a_socket() -> None:
    """A client that stops sending at once still reads all its answers from the lean listener."""

    async def application(message: HttpMessage) -> Reply:
        await asyncio.sleep(0)
        return echo(message)

    server = await LISTENERS["lean"](application, bind("127.0.0.1:0"), limits=BRIEF)
    request = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    stream = await talk(server.sockets[0].getsockname(), [request * 3], half_close=True)
    assert outcome(stream) == "GET /a; GET /a; GET /a"
    await server.drain(0)


async def test_sweep_runs_by_itself() -> None:
    """The lean listener's own timer ends what takes too long."""
    limits = HttpLimits(idle=0.2, head_time=0.1, linger=0.1)
    server = await LISTENERS["lean"](echo, bind("127.0.0.1:0"), limits=limits)
    address = server.sockets[0].getsockname()
    assert await talk(address, []) == b""
    assert outcome(await talk(address, [b"GET /a"])) == "408"
    await server.drain(0)


async def test_many_clients_at_once(served: tuple[str, Any]) -> None:
    """Connections do not mix up their answers."""
    _, server = served
    address = server.sockets[0].getsockname()
    suites = [[Sent(target=f"/{number}/{again}") for again in range(5)] for number in range(50)]
    found = await asyncio.gather(*(talk(address, [written(suite)]) for suite in suites))
    for suite, stream in zip(suites, found, strict=True):
        assert outcome(stream) == "; ".join(f"GET {sent.target}" for sent in suite)


async def test_accepted_sockets_do_not_delay(served: tuple[str, Any]) -> None:
    """TCP_NODELAY is set, so that an answer does not wait for the client's acknowledgement."""
    _, server = served
    assert server.sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
