"""The gRPC listener for Envoy (`--grpc`): what the check listener answers over HTTP/2, at an address of its own."""

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from plugins.gateway import Listening
from reputation.listeners.lean import LeanServer, start
from reputation.listeners.sockets import AddressError, bind
from reputation.wire.errors import ConfigError


class GrpcListener(NamedTuple):
    """A running listener."""

    server: LeanServer

    async def drain(self, within: float) -> int:
        """End the streams of quotas and finish calls, within so many seconds; return the number of cut connections."""
        return await self.server.drain(within)

    def metrics(self) -> Iterator[Metric]:
        """Return the counters for /metrics."""
        server, name = self.server, "headcount_grpc_"
        open_ = "Connections open on the gRPC listener."
        yield GaugeMetricFamily(f"{name}connections", open_, value=server.open)
        counted = {
            "connections_accepted": ("gRPC connections accepted.", server.accepted),
            "connections_refused": ("gRPC connections refused.", server.refused),
            "requests": ("Calls on the gRPC listener; a stream is one call.", server.requests),
            "failures": ("Calls that Headcount failed to answer.", server.failures),
            "unauthenticated": ("Requests without the asked certificate.", server.strangers),
            "bad_requests": ("Requests and connections that could not be read.", sum(server.bad_requests.values())),
        }
        for what, (words, value) in counted.items():
            yield CounterMetricFamily(f"{name}{what}", words, value=value)


async def listen(asked: Listening) -> GrpcListener:
    """Serve on HOST:PORT or unix:PATH, on the running loop. Raises ConfigError where nothing can listen."""
    try:
        sock = bind(asked.address, access=asked.access)
    except AddressError as error:
        raise ConfigError(f"--grpc: {error}") from None
    return GrpcListener(await start(asked.application, sock, methods=asked.methods, tls=asked.tls, log=asked.log))
