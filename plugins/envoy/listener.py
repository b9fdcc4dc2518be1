"""Envoy's calls over gRPC without a bridge, and its stream of quotas. Needs the extra [envoy].

The unary calls go to the application of the check listener, in the form of the bridge's messages,
so there is one implementation, and the same answer on both ways.
"""

import asyncio
import inspect
import itertools
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import grpc

from plugins.gateway import Application, Listening, Tenants
from reputation.listeners.grpc import CODES, Context, GrpcListener, metadata, start
from reputation.listeners.sockets import AddressError
from reputation.wire.errors import BadRequest, ConfigError, Problem
from reputation.wire.gateway import HttpMessage

from . import rlqs
from .calls import AUTHZ, RLS, TENANT, tenant_of
from .settings import settings_of

UNARY = frozenset({AUTHZ.decode(), RLS.decode()})
MOST_UNSENT = 256
"""Messages that wait for a slow Envoy; one more is dropped, since its next report is answered in full."""


async def listen(asked: Listening) -> GrpcListener:
    """Serve on HOST:PORT or unix:PATH, on the running loop. Raises ConfigError where nothing can listen."""
    methods = Methods(asked.application, asked.tenants, asked.clock)
    try:
        return await start(methods, asked.address, asked.access, methods.end_streams)
    except AddressError:
        problem = "cannot listen there; in use, or not HOST:PORT or unix:PATH?"
        raise ConfigError(f"--grpc {asked.address}: {problem}") from None


class Methods(grpc.GenericRpcHandler):
    """Finds the handler of a method by its path; messages go in and out as bytes."""

    def __init__(self, application: Application, tenants: Tenants, clock: Callable[[], float]) -> None:
        self._application = application
        self._tenants = tenants
        self._clock = clock
        self._quotas = rlqs.Quotas()
        self._numbers = itertools.count()
        self._unsent: dict[int, asyncio.Queue[bytes]] = {}
        self._reading: set[asyncio.Task[None]] = set()

    def end_streams(self) -> None:
        """End every stream; Envoy keeps its quotas until they expire, and then asks again."""
        for reading in self._reading:
            reading.cancel()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        method = handler_call_details.method
        if method in UNARY:
            return grpc.unary_unary_rpc_method_handler(partial(self._call, method.encode()))
        if method == rlqs.METHOD.decode():
            return grpc.stream_stream_rpc_method_handler(self._stream)
        return None

    async def _call(self, path: bytes, body: bytes, context: Context) -> bytes:
        reply = self._application(HttpMessage(b"POST", path, metadata(context), body))
        if inspect.isawaitable(reply):
            reply = await reply
        if reply.status != 200:
            await context.abort(CODES.get(reply.status, grpc.StatusCode.UNKNOWN), reply.body.decode())
        return reply.body

    async def _stream(self, reports: AsyncIterator[bytes], context: Context) -> None:
        """One Envoy's quotas, until it goes."""
        number, unsent = next(self._numbers), asyncio.Queue[bytes](MOST_UNSENT)
        self._unsent[number] = unsent
        named = dict(metadata(context)).get(TENANT, b"").decode("latin-1")
        reading = asyncio.create_task(self._read(number, reports, named))
        self._reading.add(reading)
        writing = asyncio.create_task(_write(unsent, context))
        try:
            await asyncio.wait([reading])
            if not reading.cancelled():
                reading.result()
        except Problem as problem:
            await context.abort(CODES.get(problem.status, grpc.StatusCode.UNKNOWN), problem.detail)
        finally:
            reading.cancel()
            writing.cancel()
            self._reading.discard(reading)
            del self._unsent[number]
            self._send(self._quotas.close(number))

    async def _read(self, number: int, reports: AsyncIterator[bytes], named: str) -> None:
        domain = ""
        async for body in reports:
            message = rlqs.decode(body)
            domain = domain or message.domain  # that of a stream's first report holds for all
            if not domain and not named:
                raise BadRequest("the first report of a stream must name its domain", "/domain")
            tenant = tenant_of(self._tenants, domain, named)
            own = settings_of(tenant.settings)
            self._send(self._quotas.report(number, tenant.name, own, message, self._clock()))

    def _send(self, messages: dict[int, bytes]) -> None:
        for number, body in messages.items():
            unsent = self._unsent.get(number)
            if unsent is not None and not unsent.full():
                unsent.put_nowait(body)


async def _write(unsent: asyncio.Queue[bytes], context: Context) -> None:
    while True:
        await context.write(await unsent.get())
