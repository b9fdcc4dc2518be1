"""Envoy's streams of quotas: each report is answered with assignments, for its own stream and for others."""

import itertools
from collections.abc import Callable

from plugins.gateway import Tenants
from reputation.listeners.http2.methods import Metadata, Sender
from reputation.wire.errors import BadRequest

from . import rlqs
from .calls import TENANT, tenant_of
from .messages_pb2 import RateLimitQuotaUsageReports
from .settings import settings_of


class QuotaStreams:
    """All streams of a sidecar, numbered; they share its quotas."""

    def __init__(self, tenants: Tenants, clock: Callable[[], float]) -> None:
        self._tenants = tenants
        self._clock = clock
        self._quotas = rlqs.Quotas()
        self._numbers = itertools.count()
        self._senders: dict[int, Sender] = {}

    def open(self, metadata: Metadata, sender: Sender) -> "QuotaStream":
        number = next(self._numbers)
        self._senders[number] = sender
        named = dict(metadata).get(TENANT, b"").decode("latin-1")
        return QuotaStream(self, number, named)

    def finish(self, number: int) -> None:
        self._senders[number].finish(0, "")

    def report(self, number: int, domain: str, named: str, message: RateLimitQuotaUsageReports) -> None:
        """Take a report. Raises NotFound for a domain without a tenant."""
        tenant = tenant_of(self._tenants, domain, named)
        own = settings_of(tenant.settings)
        self._send(self._quotas.report(number, tenant.name, own, message, self._clock()))

    def close(self, number: int) -> None:
        """Forget a stream; others get its part."""
        del self._senders[number]
        self._send(self._quotas.close(number))

    def _send(self, messages: dict[int, bytes]) -> None:
        for number, body in messages.items():
            sender = self._senders.get(number)
            if sender is not None:
                sender.send(body)


class QuotaStream:
    """One Envoy's quotas, until it goes. named: the tenant in the metadata, by Envoy's operator."""

    def __init__(self, streams: QuotaStreams, number: int, named: str) -> None:
        self._streams = streams
        self._number = number
        self._named = named
        self._domain = ""

    def take(self, message: bytes) -> None:
        reports = rlqs.decode(message)
        self._domain = self._domain or reports.domain  # that of a stream's first report holds for all
        if not self._domain and not self._named:
            raise BadRequest("the first report of a stream must name its domain", "/domain")
        self._streams.report(self._number, self._domain, self._named, reports)

    def end(self) -> None:
        self._streams.finish(self._number)

    def drain(self) -> None:
        """End the stream; Envoy keeps its quotas until they expire, and then asks again."""
        self._streams.finish(self._number)

    def close(self) -> None:
        self._streams.close(self._number)
