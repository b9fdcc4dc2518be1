"""What the linker hands back after an epoch: a frozen snapshot that a check reads with a few lookups."""

from typing import Any, Literal

import msgspec
from msgspec import Struct

Standing = Literal["shared", "restricted", "challenged", "blessed"]
Membership = tuple[str, float]
"""A cluster's id, and how sure it is that this account belongs to it, 0 to 1."""
Neighbourhood = tuple[str, ...]
"""What unproven accounts share: ("net", "203.0.113.0/24"), ("iin", "411111"), ("ja4", ...), ("signup", asn, hour)."""


class Evidence(Struct, frozen=True, array_like=True, gc=False):
    """One value that links members. share: of accounts outside who have it too; nats: surprise at meeting so many.

    holders: which of the cluster's `drawn` members have it, by their places there.
    """

    kind: str
    value: str
    family: str
    members: int
    share: float
    nats: float
    holders: tuple[int, ...] = ()


class Cluster(Struct, frozen=True, array_like=True, gc=False):
    """Accounts that evidently belong to one actor. since: seconds since 1970; demand, level: units a day.

    level is the max-min fair share: a member who wants less gets what it wants, nobody gets more, and all together
    no more than the purse. standing: "shared" and "restricted" follow from confidence; "challenged" needs evidence
    of another kind beside links (labels, disputes); "blessed" is an operator's word. drawn: members for a picture.
    """

    id: str
    since: float
    size: int
    confidence: float
    families: tuple[str, ...]
    standing: Standing
    evidence: tuple[Evidence, ...]
    demand: float
    level: float
    drawn: tuple[str, ...] = ()


class Budget(Struct, frozen=True, array_like=True, gc=False):
    """What the unproven accounts of one neighbourhood may use together, apart from each one's own floor.

    daily: units a day; members: unproven accounts active there in the last 24 hours; level: units a day one of them may
    draw when all are served max-min from it (infinite while there is enough for all).
    """

    daily: float
    members: int
    level: float


class Links(Struct, frozen=True, gc=False):
    """The state of all links of a tenant after one epoch; at: seconds since 1970.

    invoices maps accounts that overtly share (one paid card) to the card they share: one organisation's quota;
    residents accounts to the crowded neighbourhood whose budget they draw on wherever they are.
    typical_daily_use: units a day of a typical proven account that used the service that day.
    """

    at: float
    members: dict[str, Membership]
    clusters: dict[str, Cluster]
    neighbourhoods: dict[Neighbourhood, Budget]
    typical_daily_use: float
    invoices: dict[str, str] = {}
    residents: dict[str, Neighbourhood] = {}


class Delta(Struct, frozen=True, array_like=True, gc=False):
    """What changed between two snapshots; None in place of a value: gone. Maps travel as pairs, for msgpack."""

    at: float
    typical_daily_use: float
    members: list[tuple[str, Membership | None]]
    clusters: list[tuple[str, Cluster | None]]
    neighbourhoods: list[tuple[Neighbourhood, Budget | None]]
    invoices: list[tuple[str, str | None]]
    residents: list[tuple[str, Neighbourhood | None]] = []


NOTHING = Links(0.0, {}, {}, {}, 0.0)
_MAPS = ("members", "clusters", "neighbourhoods", "invoices", "residents")


def difference(old: Links, new: Links) -> Delta:
    """What must be sent so that `follow(old, it)` is `new`."""
    return Delta(new.at, new.typical_daily_use, *(_changed(getattr(old, name), getattr(new, name)) for name in _MAPS))


def follow(old: Links, delta: Delta) -> Links:
    """Apply what changed; `old` stays as it is."""
    maps = [_applied(getattr(old, name), getattr(delta, name)) for name in _MAPS]
    return Links(delta.at, maps[0], maps[1], maps[2], delta.typical_daily_use, maps[3], maps[4])


def encode(delta: Delta) -> bytes:
    return msgspec.msgpack.encode(delta)


def decode(data: bytes) -> Delta:
    return msgspec.msgpack.decode(data, type=Delta)


def _changed(old: dict[Any, Any], new: dict[Any, Any]) -> list[tuple[Any, Any]]:
    gone: list[tuple[Any, Any]] = [(key, None) for key in old if key not in new]
    return gone + [(key, value) for key, value in new.items() if old.get(key) != value]


def _applied(old: dict[Any, Any], changes: list[tuple[Any, Any]]) -> dict[Any, Any]:
    merged = dict(old)
    for key, value in changes:
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged
