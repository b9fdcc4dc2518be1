"""The gRPC listener: Envoy's calls without a bridge, and its stream of quotas. Needs the extra [envoy].

The unary calls go to the application of the check listener, in the form of the bridge's messages,
so there is one implementation, and the same answer on both ways.
"""

import asyncio
import inspect
import itertools
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, NamedTuple

import grpc

from plugins.envoy import rlqs
from reputation.checkapi.envoy_calls import AUTHZ, RLS, TENANT, tenant_of
from reputation.engine.limiter import Limiter
from reputation.listeners.lean import Application
from reputation.wire.errors import BadRequest, ConfigError, Problem
from reputation.wire.gateway import HttpMessage

UNARY = frozenset({AUTHZ.decode(), RLS.decode()})
CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    503: grpc.StatusCode.UNAVAILABLE,
}
MOST_STREAMS = 1024
MOST_UNSENT = 256
"""Messages that wait for a slow Envoy; one more is dropped, since its next report is answered anew."""
OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second sidecar on the same port is a mistake, and is told
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_concurrent_streams", MOST_STREAMS),
    ("grpc.max_metadata_size", 16 * 1024),
)
Clock = Callable[[], float]
Context = grpc.aio.ServicerContext[Any, Any]


async def start(application: Application, limiter: Limiter, listen: str, clock: Clock) -> "GrpcListener":
    """Serve on HOST:PORT or unix:PATH, on the running loop. Raises ConfigError where nothing can listen."""
    methods = Methods(application, limiter, clock)
    server = grpc.aio.server(handlers=[methods], options=OPTIONS, maximum_concurrent_rpcs=4 * MOST_STREAMS)
    try:
        server.add_insecure_port(listen)
    except RuntimeError:
        raise ConfigError(f"--grpc {listen}: cannot listen there; in use, or not HOST:PORT or unix:PATH?") from None
    await server.start()
    return GrpcListener(server, methods)


class GrpcListener(NamedTuple):
    """A running gRPC listener, and the way out."""

    server: grpc.aio.Server
    methods: "Methods"

    async def drain(self, within: float) -> int:
        """End the endless streams of quotas, and let calls finish within so many seconds. Returns 0."""
        self.methods.end_streams()
        await self.server.stop(within)
        return 0


class Methods(grpc.GenericRpcHandler):
    """Finds the handler of a method by its path; messages go in and out as bytes."""

    def __init__(self, application: Application, limiter: Limiter, clock: Clock) -> None:
        self._application = application
        self._limiter = limiter
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
        reply = self._application(HttpMessage(b"POST", path, _headers(context), body))
        if inspect.isawaitable(reply):
            reply = await reply
        if reply.status != 200:
            await context.abort(CODES.get(reply.status, grpc.StatusCode.UNKNOWN), reply.body.decode())
        return reply.body

    async def _stream(self, reports: AsyncIterator[bytes], context: Context) -> None:
        """One Envoy's quotas, until it goes."""
        number, unsent = next(self._numbers), asyncio.Queue[bytes](MOST_UNSENT)
        self._unsent[number] = unsent
        named = dict(_headers(context)).get(TENANT, b"").decode("latin-1")
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
            tenant = tenant_of(self._limiter, domain, named).tenant
            self._send(self._quotas.report(number, tenant.name, tenant.settings.gateway.envoy, message, self._clock()))

    def _send(self, messages: dict[int, bytes]) -> None:
        for number, body in messages.items():
            unsent = self._unsent.get(number)
            if unsent is not None and not unsent.full():
                unsent.put_nowait(body)


async def _write(unsent: asyncio.Queue[bytes], context: Context) -> None:
    while True:
        await context.write(await unsent.get())


def _headers(context: Context) -> list[tuple[bytes, bytes]]:
    metadata = context.invocation_metadata() or ()
    return [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in metadata]
