"""The same application under aiohttp's low-level server (`--listener aiohttp`): the reference for the lean listener.

It is thin on purpose: docs/listener.md lists where aiohttp differs, and this file corrects none of it.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections import Counter
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from reputation.listeners.admission import Application
from reputation.listeners.draining import let_last_in
from reputation.listeners.grammar import CLOSE, REFUSALS, BadRequestError, HttpLimits
from reputation.listeners.http2.methods import Methods
from reputation.listeners.lean import BodyLimit, Log
from reputation.listeners.lifetime import FIRST_WORDS
from reputation.listeners.sockets import BACKLOG
from reputation.listeners.writer import CONTINUE, FAILED, FULL, Answers, field_lines, refuse
from reputation.wire.gateway import HttpMessage, Reply


class _Handler(web.RequestHandler):
    """aiohttp's connection, with problem documents for requests refused by its parser."""

    __slots__ = ("_refused",)

    def __init__(self, refused: Counter[str], manager: web.Server, **options: Any) -> None:
        super().__init__(manager, **options)
        self._refused = refused

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002 - the same
        message: str | None = None,  # noqa: ARG002 - the same; it quotes the request
    ) -> web.StreamResponse:
        if status == 500:
            return _response(FAILED, last=True)
        self._refused["malformed"] += 1
        return _response(refuse(REFUSALS["malformed"]), last=True)


class _Connections(web.Server):
    """aiohttp's table of connections, with a cap and a signal at the end of the last connection."""

    def __init__(self, server: "AiohttpServer", limits: HttpLimits) -> None:
        super().__init__(server.answer)
        self._server = server
        self._limits = limits
        self.empty = asyncio.Event()
        self.empty.set()

    def __call__(self) -> web.RequestHandler:
        limits = self._limits
        return _Handler(
            self._server.bad_requests,
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=limits.idle,
            lingering_time=limits.linger,
            max_line_size=limits.request_line,
            max_field_size=limits.head,
            max_headers=limits.fields,
        )

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        full = len(self.connections) >= self._limits.connections
        super().connection_made(handler, transport)
        self.empty.clear()
        if full:
            self._server.refused += 1
            transport.write(Answers().render(FULL, b"GET", CLOSE))
            handler.close()
            transport.close()
        else:
            self._server.accepted += 1

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        if not self.connections:
            self.empty.set()


class AiohttpServer:
    """The server of this listener, with the interface of LeanServer."""

    def __init__(self, application: Application, limits: HttpLimits, body_limit: BodyLimit, log: Log | None) -> None:
        self.sockets: tuple[socket.socket, ...] = ()
        self.accepted = self.refused = self.requests = self.failures = 0
        self.bad_requests: Counter[str] = Counter()
        self._application = application
        self._limits = limits
        self._body_limit = body_limit
        self._log = log
        self._draining = False
        self._working: set[web.RequestHandler] = set()
        self._connections = _Connections(self, limits)
        self._listening: asyncio.AbstractServer | None = None

    @property
    def strangers(self) -> int:
        """Requests without a certificate: none, because this listener has no TLS."""
        return 0

    @property
    def open(self) -> int:
        return len(self._connections.connections)

    async def listen(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._connections, sock=sock, backlog=BACKLOG)
        self.sockets = (sock,)

    async def drain(self, within: float) -> int:
        """As LeanServer.drain."""
        end, self._draining = time.monotonic() + within, True
        if self._listening is not None:
            await let_last_in(self.sockets[0], within)
            self._listening.close()
            self._listening = None
        await self._wait(min(FIRST_WORDS, end - time.monotonic()))
        for handler in self._connections.connections:
            if handler not in self._working:
                handler.force_close()
        await self._wait(end - time.monotonic())
        left = self.open
        await self._connections.shutdown(0)
        return left

    async def _wait(self, within: float) -> None:
        """Wait until every connection has ended, or the time is up."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connections.empty.wait(), max(within, 0.0))

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """aiohttp's handler."""
        self._working.add(request.protocol)
        try:
            return await self._answer(request)
        finally:
            self._working.discard(request.protocol)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        target = request.raw_path.encode("utf-8", "surrogateescape")
        try:
            body = await self._body(request, target)
        except BadRequestError as error:
            self.bad_requests[error.refusal.reason] += 1
            return _response(refuse(error.refusal), last=True)
        fields = [(name.lower(), value) for name, value in request.raw_headers]
        self.requests += 1
        reply = await self._reply(HttpMessage(request.method.encode(), target, fields, body, request.remote or ""))
        return _response(reply, last=self._draining)

    async def _body(self, request: web.BaseRequest, target: bytes) -> bytes:
        if request.method == "CONNECT":
            raise BadRequestError("method")
        limit = self._body_limit(target)
        if (request.content_length or 0) > limit:
            raise BadRequestError("body_size")
        if request.headers.get("Expect", "").lower() == "100-continue" and request.version.minor:
            await request.writer.write(CONTINUE)
            request.writer.output_size = 0  # the answer itself has not begun
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_time):
                async for piece in request.content.iter_any():
                    body += piece
                    if len(body) > limit:
                        raise BadRequestError("body_size")
        except TimeoutError:
            raise BadRequestError("time") from None
        except web.RequestPayloadError:
            raise BadRequestError("malformed") from None
        return bytes(body)

    async def _reply(self, message: HttpMessage) -> Reply:
        try:
            reply = self._application(message)
            if not isinstance(reply, Reply):
                reply = await reply
            field_lines(reply.headers)
        except Exception as error:  # noqa: BLE001 - the boundary: the application's bug is this request's 500
            self.failures += 1
            if self._log is not None:
                self._log("application_failed", error)
            return FAILED
        return reply


def _response(reply: Reply, *, last: bool) -> web.Response:
    headers = CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers)
    # aiohttp would name itself and its version
    headers.setdefault("Server", "headcount")
    response = web.Response(status=reply.status, body=reply.body, headers=headers)
    if last:
        response.force_close()
    return response


async def start(
    application: Application,
    sock: socket.socket,
    *,
    limits: HttpLimits | None = None,
    body_limit: BodyLimit | None = None,
    methods: Methods | None = None,  # noqa: ARG001 - aiohttp serves HTTP/1 alone
    tls: ssl.SSLContext | None = None,  # noqa: ARG001 - `headcount serve` refuses it
    log: Log | None = None,
) -> AiohttpServer:
    """As lean.start, without gRPC. aiohttp has no time-out of its own for a head."""
    limits = limits or HttpLimits()
    server = AiohttpServer(application, limits, body_limit or (lambda _target: limits.body), log)
    await server.listen(sock)
    return server
