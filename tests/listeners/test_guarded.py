"""An aiohttp application with bounds: a client that sends nothing, half a head or half a body is let go."""

import asyncio

import pytest
from aiohttp import web

from reputation.listeners.guarded import Bounds, Guard
from reputation.listeners.sockets import bind

BOUNDS = Bounds(connections=4, head=0.3, body=0.3, idle=5.0)
HEAD = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"


async def echo(request):
    return web.Response(body=await request.read())


def application():
    app = web.Application()
    app.router.add_post("/a", echo)
    return app


async def talked(address, sent, *, ends=True):
    """What comes back until the other side ends, or the first answer."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(sent)
    try:
        async with asyncio.timeout(10.0):
            return await (reader.read() if ends else reader.readuntil(b"\r\n\r\n"))
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.fixture(name="guarded")
async def started():
    guard, sock = Guard("tests", BOUNDS), bind("127.0.0.1:0")
    async with guard.serving(application(), sock):
        yield guard, sock.getsockname()


@pytest.mark.parametrize("sent", [b"", b"POST /a HT", HEAD[:-2]])
async def test_a_connection_without_a_whole_head_is_cut(guarded, sent):
    guard, address = guarded
    assert await talked(address, sent) == b""
    assert guard.expired == 1


async def test_a_body_that_does_not_come_is_answered_with_408(guarded):
    guard, address = guarded
    assert (await talked(address, HEAD + b"ab", ends=False)).startswith(b"HTTP/1.1 408")
    assert guard.expired == 1


async def test_a_kept_connection_is_served_and_a_second_half_head_is_cut(guarded):
    guard, address = guarded
    reader, writer = await asyncio.open_connection(*address)
    for _ in range(2):
        writer.write(HEAD + b"abc")
        answer = await reader.readuntil(b"abc")
        assert answer.startswith(b"HTTP/1.1 200")
    assert guard.expired == 0
    writer.write(b"POST")
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await asyncio.wait_for(reader.readexactly(1), 10.0)
    assert guard.expired == 1
    writer.close()


async def test_connections_above_the_cap_are_refused_and_room_comes_back(guarded):
    guard, address = guarded
    held = [await asyncio.open_connection(*address) for _ in range(BOUNDS.connections)]
    assert await talked(address, HEAD + b"abc") == b""
    assert guard.refused == 1
    for reader, _ in held:
        assert await asyncio.wait_for(_rest(reader), 10.0) == b""  # silent, so cut
    assert (await talked(address, HEAD + b"abc", ends=False)).startswith(b"HTTP/1.1 200")


async def _rest(reader):
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_no_answer_is_kept_by_a_cache_or_names_its_server(guarded):
    _, address = guarded
    head = (await talked(address, HEAD + b"abc", ends=False)).lower()
    assert b"cache-control: no-store" in head
    assert b"x-content-type-options: nosniff" in head
    assert b"server:" not in head
