"""A real engine for the tests: bodies as gateways send them in, verdicts out, a small address database behind."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from geoip import mmdb
from geoip.book import AddressBook
from geoip.ranges import Range
from reputation.config.file import from_text
from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.sidecar.build import build
from reputation.wire.messages import AccountFacts, Outcome, Request, Verdict, wire_type

NOW = 1_790_812_800.0
HOUR, DAY = 3600.0, 86_400.0
SECRET = b"a hash key of the tests alone"

# network: what the tests' database knows of it
PLACES: Mapping[str, dict[str, Any]] = {
    "11.0.0.0/16": {"asn": 64500, "country": "US", "kind": "residential", "confidence": 0.9},
    "12.0.0.0/16": {"asn": 64501, "country": "DE", "kind": "hosting", "confidence": 0.9},
    "13.0.0.0/16": {"asn": 64502, "country": "FR", "kind": "vpn", "confidence": 0.9},
    "14.0.0.0/16": {"asn": 64503, "country": "BR", "kind": "mobile", "confidence": 0.9},
    "15.0.0.0/16": {"asn": 64504, "country": "IN", "kind": "proxy", "confidence": 0.9},
    "16.0.0.0/16": {"asn": 64505, "country": "JP", "kind": "tor", "confidence": 0.9},
    "2a01:100::/32": {"asn": 64506, "country": "NL", "kind": "residential", "confidence": 0.9},
}
PAYER = {"created_at": NOW - 20 * DAY, "payment": {"status": "ok", "settled_usd": 40.0}}
PROVEN = {"created_at": NOW - 60 * DAY, "payment": {"status": "ok", "settled_usd": 400.0}}
CAUGHT = {"payment": {"status": "disputed", "disputes": 3, "declines_30d": 9, "funding": "prepaid"}}
"""Facts whose own evidence is enough for a denial."""

_requests = msgspec.json.Decoder(Request, dec_hook=wire_type)
_facts = msgspec.json.Decoder(AccountFacts, dec_hook=wire_type)
_ids = count()


def address_book(directory: Path) -> AddressBook:
    """An AddressBook over PLACES alone."""
    spaces: dict[int, list[Range]] = {4: [], 6: []}
    for text, record in PLACES.items():
        network = ip_network(text)
        first, last = int(network.network_address), int(network.broadcast_address)
        spaces[network.version].append(Range(first, last, record))
    path = directory / "places.mmdb"
    mmdb.write(path, spaces, "places of the tests", NOW)
    return AddressBook.open([path], NOW, embedded=None)


def limiter(addresses: AddressBook, **tenants: Any) -> Limiter:
    """Every tenant's limiter, from settings as a configuration file has them; none named: `default`."""
    text = msgspec.json.encode({"tenants": tenants} if tenants else {}).decode()
    return build(from_text(text), addresses, SECRET)


def tenant(addresses: AddressBook, **settings: Any) -> TenantLimiter:
    """One tenant with these settings."""
    return limiter(addresses, default=settings).tenant("default")


def request(body: Mapping[str, Any]) -> Request:
    return _requests.decode(msgspec.json.encode(body))


def new_id(_: float) -> str:
    return f"v{next(_ids)}"


def check(engine: TenantLimiter | Limiter, now: float = NOW, **body: Any) -> Verdict:
    """One check; members of the body by name."""
    return engine.check(request(body), now, new_id)


def ask(engine: TenantLimiter | Limiter, account: str, ip: str | None = None, now: float = NOW, **call: Any) -> Verdict:
    """A check of an account by its id, perhaps from an address; `call` is the member `request`."""
    client = {} if ip is None else {"client": {"ip": ip}}
    return check(engine, now, account={"id": account}, request=call, **client)


def push(engine: TenantLimiter, account: str, now: float = NOW, **facts: Any) -> None:
    engine.push(account, _facts.decode(msgspec.json.encode(facts)), now)


def report(engine: TenantLimiter, account: str, outcome: Any, now: float = NOW) -> None:
    engine.report(Outcome(account, outcome), now)


def points(verdict: Verdict) -> dict[str, float]:
    """Points by signal."""
    return {reason.signal: reason.points for reason in verdict.reasons}


def drain(engine: TenantLimiter, account: str, ip: str | None = None, now: float = NOW, most: int = 10_000) -> int:
    """How many requests of cost 1 pass at one instant."""
    for passed in range(most):
        if ask(engine, account, ip, now).decision != "allow":
            return passed
    return most


def live_through(engine: TenantLimiter, past: Sequence[tuple[float, tuple[Any, ...]]], now: float = NOW) -> float:
    """Play one of `populations.pasts`; returns the time at its end."""
    for later, (kind, *details) in past:
        now += later
        if kind == "check":
            account, ip, facts = details
            check(engine, now, account={"id": account, **facts}, client={"ip": ip, "device": "d"})
        elif kind == "push":
            push(engine, details[0], now, **details[1])
        elif kind == "outcome":
            report(engine, details[0], details[1], now)
        else:
            for i in range(details[1]):
                check(engine, now, account={"id": f"crowd-{i}", "plan": "free"}, client={"ip": details[0]})
    return now
