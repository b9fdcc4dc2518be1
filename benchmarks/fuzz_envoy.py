"""Look for messages that the gRPC and header adapters cannot bear: `python -m benchmarks.fuzz_envoy --seconds 600`.

Messages are made as Envoy makes them, with odd values, then damaged: bytes changed, cut, doubled, moved. Each goes the
whole way: body of a call on the check listener, adapter, engine, answer. Only answers of the contract may come back,
and what says 200 must be one of Envoy's messages, with a status for each descriptor. Reports of quotas go to one set of
streams that come and go. Header lines go to every gateway's adapter, where only ValueError may be raised. A finding is
printed and ends the run with exit code 1.
"""

from collections import Counter
from collections.abc import Callable

import click
import msgspec

from benchmarks.fuzzing import Dice, mutated, search
from plugins.envoy import rlqs
from plugins.envoy.calls import AUTHZ, RLS
from plugins.envoy.grpc_parts import unframed
from plugins.envoy.messages_pb2 import (
    CheckRequest,
    CheckResponse,
    RateLimitDescriptor,
    RateLimitQuotaResponse,
    RateLimitQuotaUsageReports,
    RateLimitRequest,
    RateLimitResponse,
)
from plugins.envoy.settings import DESCRIPTORS, EnvoySettings, Quota
from plugins.gateway import Gateway
from plugins.shipped import GATEWAYS
from reputation.checkapi.routes import CheckRoutes, over_http
from reputation.config.file import from_text
from reputation.listeners.http2.streams import framed
from reputation.sidecar.build import build, open_addresses
from reputation.sidecar.embedded import EmbeddedChecks
from reputation.stores.memory import MemoryStore
from reputation.wire.errors import BadRequest
from reputation.wire.gateway import GatewaySettings, HttpMessage, Reply
from reputation.wire.ids import Ulids

REFUSALS = frozenset({400, 413})
NAMES = (
    "authorization", "x-api-key", "x-forwarded-for", "user-agent", "x-account", "x-ja4", "x-org", ":path",
    "x-original-uri", "x-forwarded-uri", "Ünusual", "",
)  # fmt: skip
VALUES = (
    "", " ", ",", "Bearer k", "Bearer a,b", "Basic Og==", "Basic ====", "Digest a=b, c=d", "192.0.2.1", "::1",
    "[::1]:80", "192.0.2.1/32", "1.2.3.4, 5.6.7.8,", "\x00", "\r\nX: y", "é" * 200, "k" * 300, "-1", "1e999", "NaN",
    "true", "2026-01-01T00:00:00Z", "99999999999999999999",
)  # fmt: skip
SETTINGS = (
    GatewaySettings(),
    GatewaySettings(
        trusted_hops=0,
        account_header="x-account",
        ja4_header="x-ja4",
        facts={"x-org": "account.organisation.id", "x-api-key": "account.created_at", "x-account": "client.device"},
    ),
)
QUOTAS = EnvoySettings(quotas={"plan": {"*": Quota(rate=1, burst=2), "": Quota(rate=1e6, burst=1e9)}})
CONFIGURATION = """
memory: {accounts: 1000, strangers: 100}
tenants:
  default: {}
  odd:
    gateway:
      account_header: x-account
      trusted_hops: 0
      facts: {x-org: account.plan, x-api-key: account.payment.settled_usd}
      envoy:
        descriptors:
          {a: account.created_at, b: account.verified, c: account.payment.status, d: client.ja4, e: account.key}
"""


def value(dice: Dice) -> str:
    return dice.choice(VALUES) if dice.random() < 0.9 else "".join(map(chr, dice.choices(range(0xD7FF), k=8)))


def check(dice: Dice) -> bytes:
    """What ext_authz might send."""
    message = CheckRequest()
    attributes = message.attributes
    http = attributes.request.http
    http.path, http.method = value(dice), value(dice)
    attributes.source.address.socket_address.address = value(dice)
    if dice.random() < 0.3:
        attributes.context_extensions["tenant"] = dice.choice(("odd", "default", "nobody"))
    for _ in range(dice.randrange(12)):
        if dice.random() < 0.5:
            http.headers[dice.choice(NAMES)] = value(dice)
        else:
            raw = dice.choice((b"\xff\xfe", dice.randbytes(4), value(dice).encode()))
            http.header_map.headers.add(key=dice.choice(NAMES), raw_value=raw)
    return message.SerializeToString()


def limit(dice: Dice) -> bytes:
    """What the rate limit filter might send."""
    message = RateLimitRequest(
        domain=dice.choice(("odd", "default", value(dice))), hits_addend=dice.choice((0, 1, 2**32 - 1))
    )
    for _ in range(dice.choice((0, 1, 2, 5, 30))):
        keys = dice.choices((*DESCRIPTORS, *"abcdef"), k=dice.randrange(5))
        descriptor = RateLimitDescriptor(entries=[{"key": key, "value": value(dice)} for key in keys])
        if dice.random() < 0.3:
            descriptor.hits_addend.value = dice.choice((0, 1, 2**64 - 1))
        descriptor.is_negative_hits = dice.random() < 0.1
        message.descriptors.append(descriptor)
    return message.SerializeToString()


def report(dice: Dice) -> bytes:
    """What the quota filter might send."""
    message = RateLimitQuotaUsageReports(domain=value(dice))
    for _ in range(dice.choice((0, 1, 3, 20))):
        bucket = {dice.choice(("plan", "x", "")): value(dice) for _ in range(dice.randrange(3))}
        allowed, denied = dice.choice((0, 1, 2**64 - 1)), dice.choice((0, 5))
        message.bucket_quota_usages.add(
            bucket_id={"bucket": bucket}, num_requests_allowed=allowed, num_requests_denied=denied
        )
    return message.SerializeToString()


def damaged(dice: Dice, whole: bytes) -> bytes:
    data = mutated(dice, whole, dice.choice((0, 0, 1, 2, 5)))
    return bytes(data) if dice.random() < 0.98 else dice.randbytes(dice.randrange(200))


class Subject:
    """What is fuzzed: the routes over a real engine, and the streams of quotas."""

    def __init__(self) -> None:
        settings = from_text(CONFIGURATION)
        self.now = 1_790_812_800.0
        limiter = build(settings, open_addresses(settings, self.now))
        checks = EmbeddedChecks(limiter, MemoryStore(), lambda: self.now)
        self._routes = CheckRoutes(checks, lambda: self.now, Ulids(), dict, lambda *_: None)
        self._quotas = rlqs.Quotas()
        self._adapters: list[Gateway] = [*over_http(GATEWAYS).values()]
        self.counts = Counter[str]()

    def call(self, dice: Dice, path: bytes, body: bytes) -> bytes | None:
        """The answer's message, None if the body was refused. Raises AssertionError for anything else."""
        sent = framed(body) if dice.random() < 0.3 else body
        kind = dice.choice((b"application/x-protobuf", b"application/grpc"))
        reply = self._routes(HttpMessage(b"POST", path, [(b"content-type", kind)], sent))
        if not isinstance(reply, Reply) or reply.status not in {200, *REFUSALS}:
            raise AssertionError(f"answered {reply!r}")
        self.counts[f"{path.rpartition(b'/')[2].decode()} {reply.status}"] += 1
        return unframed(reply.body)[0] if reply.status == 200 else None

    def authorize(self, dice: Dice) -> None:
        answer = self.call(dice, AUTHZ, damaged(dice, check(dice)))
        if answer is not None and not CheckResponse.FromString(answer).WhichOneof("http_response"):
            raise AssertionError("neither passed nor denied")

    def limit(self, dice: Dice) -> None:
        body = damaged(dice, limit(dice))
        answer = self.call(dice, RLS, body)
        if answer is None:
            return
        found = RateLimitResponse.FromString(answer)
        if len(found.statuses) != len(RateLimitRequest.FromString(unframed(body)[0]).descriptors):
            raise AssertionError("not a status for each descriptor")
        if found.overall_code not in (RateLimitResponse.OK, RateLimitResponse.OVER_LIMIT):
            raise AssertionError("no code")

    def stream(self, dice: Dice) -> None:
        number = dice.randrange(20)
        if dice.random() < 0.02:
            sent = self._quotas.close(number)
        else:
            try:
                message = rlqs.decode(damaged(dice, report(dice)))
            except BadRequest:
                self.counts["reports refused"] += 1
                return
            sent = self._quotas.report(number, "default", QUOTAS, message, self.now)
        for body in sent.values():
            if not RateLimitQuotaResponse.FromString(body).bucket_action:
                raise AssertionError("nothing to say, and said")
        self.counts["reports taken"] += 1

    def headers(self, dice: Dice) -> None:
        lines = [
            (dice.choice(NAMES).lower().encode(), dice.choice((value(dice).encode(), dice.randbytes(6))))
            for _ in range(dice.randrange(10))
        ]
        target = dice.choice((b"/gateway/envoy/default", dice.randbytes(20), value(dice).encode()))
        message = HttpMessage(b"GET", target, lines, b"", value(dice))
        for adapter in self._adapters:
            try:
                found = adapter.read(message, "default", dice.choice(SETTINGS))
            except (ValueError, msgspec.ValidationError):
                self.counts["headers refused"] += 1
                continue
            self.counts[f"headers read as {type(found).__name__}"] += 1


def kind_of(subject: Subject, dice: Dice) -> Callable[[Dice], None]:
    """Choose what is tried next, a moment later."""
    subject.now += dice.random() * 0.1
    kinds: tuple[Callable[[Dice], None], ...] = (subject.authorize, subject.limit, subject.stream, subject.headers)
    return dice.choice(kinds)


def one(subject: Subject, dice: Dice) -> None:
    """Run one message; anything raised here is a finding."""
    kind_of(subject, dice)(dice)


@click.command()
@click.option("--seconds", default=30.0, show_default=True, help="How long to look.")
@click.option("--seed", default=1, show_default=True, help="Start of the random numbers.")
def main(seconds: float, seed: int) -> None:
    """Look for messages that the gRPC and header adapters cannot bear."""
    dice, subject = Dice(seed), Subject()
    search(
        "messages", lambda: kind_of(subject, dice), lambda kind: kind(dice), subject.counts,
        warm=100_000, seconds=seconds, seed=seed,
    )  # fmt: skip


if __name__ == "__main__":
    main()
