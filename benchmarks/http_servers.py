"""The servers that the check listener is compared with, and the listener itself, each with the same small JSON."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httptools
import msgspec
import uvloop
from aiohttp import web

from reputation.listeners import lean as listener
from reputation.listeners.sockets import bind
from reputation.wire.gateway import HttpMessage, Reply

YARDSTICK = "aiohttp"
NEW_HEADS = "listener, new heads"
JSON = ((b"Content-Type", b"application/json"),)
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


async def _aiohttp(listen: str) -> None:
    """Serve the yardstick: aiohttp's low-level server, the same JSON by the same library."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(body=_encode(_decode(await request.read())), content_type="application/json")

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.SockSite(runner, bind(listen)).start()


class _Echo(asyncio.Protocol):
    """The least that httptools can do: no headers are looked at, nothing is refused, nothing times out."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        out = _encode(_decode(self._body))
        self._body = b""
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(out), out)
        )


class _EchoFields(_Echo):
    """The same, gathering the header fields as every application needs them."""

    def on_message_begin(self) -> None:
        self._fields: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value))


def _protocol(protocol: type[asyncio.Protocol]) -> Callable[[str], Coroutine[Any, Any, None]]:
    async def serve(listen: str) -> None:
        await asyncio.get_running_loop().create_server(protocol, sock=bind(listen))

    return serve


def _trivial(message: HttpMessage) -> Reply:
    return Reply(200, _encode(_decode(message.body)), JSON)


async def _listener(listen: str) -> None:
    await listener.start(_trivial, bind(listen))


SERVERS = {
    YARDSTICK: _aiohttp,
    "httptools": _protocol(_Echo),
    "httptools+fields": _protocol(_EchoFields),
    "listener": _listener,
}
LABELS = {
    YARDSTICK: "aiohttp low-level server",
    "httptools": "httptools under a bare protocol",
    "httptools+fields": "the same, gathering headers",
    "listener": "check listener, trivial application",
    NEW_HEADS: "the same, every head new",
    "sidecar": "the sidecar",
}


def serve(name: str, listen: str) -> None:
    async def forever() -> None:
        await SERVERS[name](listen)
        await asyncio.Event().wait()

    uvloop.run(forever())
