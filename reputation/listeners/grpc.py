"""gRPC on a socket: methods by their path, messages as bytes. Needs grpcio, which the extra [envoy] installs."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc
from prometheus_client.metrics_core import Metric

from reputation.listeners.sockets import UNIX, AddressError, SocketAccess

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    503: grpc.StatusCode.UNAVAILABLE,
}
"""The code for the status of an HTTP answer."""
MOST_STREAMS = 1024
OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second sidecar on the same port is a mistake, and is an error
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_concurrent_streams", MOST_STREAMS),
    ("grpc.max_metadata_size", 16 * 1024),
)
Context = grpc.aio.ServicerContext[Any, Any]


class GrpcListener(NamedTuple):
    """A running listener. end_streams ends the streams that would never end by themselves."""

    server: grpc.aio.Server
    end_streams: Callable[[], None]

    async def drain(self, within: float) -> int:
        """End endless streams, and let calls finish within so many seconds. Returns 0."""
        self.end_streams()
        await self.server.stop(within)
        return 0

    def metrics(self) -> Iterator[Metric]:
        return iter(())


async def start(
    methods: grpc.GenericRpcHandler, listen: str, access: SocketAccess, end_streams: Callable[[], None]
) -> GrpcListener:
    """Serve on HOST:PORT or unix:PATH, on the running loop. Raises AddressError where nothing can listen."""
    server = grpc.aio.server(handlers=[methods], options=OPTIONS, maximum_concurrent_rpcs=4 * MOST_STREAMS)
    try:
        server.add_insecure_port(listen)
    except RuntimeError as error:
        raise AddressError(f"cannot listen on {listen}") from error
    await server.start()
    if listen.startswith(UNIX):
        access.apply(listen.removeprefix(UNIX))
    return GrpcListener(server, end_streams)


def metadata(context: Context) -> list[tuple[bytes, bytes]]:
    """Return a call's metadata as header lines."""
    found = context.invocation_metadata() or ()
    return [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in found]
