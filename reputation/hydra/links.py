"""What the linker hands back after an epoch: a frozen snapshot that a check reads with a few lookups."""

from typing import Any, Literal

import msgspec
from msgspec import Struct

ClusterStatus = Literal["shared", "restricted", "challenged", "blessed"]
Membership = tuple[str, float]
"""A cluster's id, and how sure it is that this account belongs to it, 0 to 1."""


Organisation = tuple[float, bool]
"""What its members may use together in units a day, 0 for no limit; and whether it is established."""


class LinkEvidence(Struct, frozen=True, array_like=True, gc=False):
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

    level is the max-min fair share: a member who wants less gets what it wants, none gets more, and all together
    no more than the purse. standing: "shared" and "restricted" follow from confidence; "challenged" needs evidence
    of another kind than links (labels, disputes); "blessed" is an operator's ruling. drawn: members for a picture.
    purse: units a day for all members together, see `purse`; 0 in links that an earlier version stored.
    """

    id: str
    since: float
    size: int
    confidence: float
    families: tuple[str, ...]
    standing: ClusterStatus
    evidence: tuple[LinkEvidence, ...]
    demand: float
    level: float
    drawn: tuple[str, ...] = ()
    purse: float = 0.0


class SharedValue(Struct, frozen=True, array_like=True, gc=False):
    """A value that newcomers have in common: the share of them that has it, and the share of other accounts."""

    kind: str
    value: str
    share: float
    usual: float


class Together(Struct, frozen=True, array_like=True, gc=False):
    """What newcomers take together. taken, wanted: units of the last 24 hours, let through and asked for.

    accounts: newcomers in use. usual: their usual units for each unit of other accounts, None while it is not known;
    days: days that it is learnt from; base: units of other accounts on a busy day. amount: units a day that a cap holds
    them to, level: the most that one account gets of it. since: when they began to take more; 0 if they do not.
    common: what they have in common then, the most surprising first.
    """

    taken: float
    wanted: float
    accounts: int
    usual: float | None
    days: int
    base: float
    amount: float
    level: float
    since: float = 0.0
    common: tuple[SharedValue, ...] = ()


class Links(Struct, frozen=True, gc=False):
    """The state of all links of a tenant after one epoch; at: seconds since 1970.

    invoices maps accounts that overtly share (one paid card) to the card they share: one organisation's quota;
    levels the newcomers' reserves to what one account may draw of them, in units a day;
    earned the linked accounts, and members of organisations near their quota, to what they have earned, in units a day.
    newcomers maps plans to their newcomer's day in units, as far as it was learnt, voters to the number of accounts
    that it is learnt from; active maps unproven accounts to what their days of use are worth, in units a day.
    organisations: verified ones by id, and cards in `invoices` as `card:FINGERPRINT`.
    together: what newcomers take together; None in links that an earlier version stored.
    reserves: how many times as large as configured each newcomers' reserve is.
    typical_daily_use: units a day of a typical proven account that used the service that day.
    """

    at: float
    members: dict[str, Membership]
    clusters: dict[str, Cluster]
    typical_daily_use: float
    invoices: dict[str, str] = {}
    levels: dict[str, float] = {}
    earned: dict[str, float] = {}
    newcomers: dict[str, float] = {}
    voters: dict[str, int] = {}
    active: dict[str, float] = {}
    organisations: dict[str, Organisation] = {}
    together: Together | None = None
    reserves: float = 1.0


class Delta(Struct, frozen=True, array_like=True, gc=False):
    """What changed between two snapshots; None in place of a value: gone. Maps travel as pairs, for msgpack.

    _ and __ are places of what version 0.1 had once; stored links of that time are read all the same.
    """

    at: float
    typical_daily_use: float
    members: list[tuple[str, Membership | None]]
    clusters: list[tuple[str, Cluster | None]]
    _: list[Any]
    invoices: list[tuple[str, str | None]]
    __: list[Any] = []
    levels: list[tuple[str, float | None]] = []
    earned: list[tuple[str, float | None]] = []
    newcomers: list[tuple[str, float | None]] = []
    voters: list[tuple[str, int | None]] = []
    active: list[tuple[str, float | None]] = []
    organisations: list[tuple[str, Organisation | None]] = []
    together: Together | None = None
    reserves: float = 1.0


NOTHING = Links(0.0, {}, {}, 0.0)


def organisations_of(links: Links) -> dict[str, Organisation] | None:
    """Return the organisations that the linker knows; None if it has not looked yet."""
    return None if links is NOTHING else links.organisations


_MAPS = ("members", "clusters", "invoices", "levels", "earned", "newcomers", "voters", "active", "organisations")


def difference(old: Links, new: Links) -> Delta:
    """What must be sent so that `follow(old, it)` is `new`."""
    maps = {name: _changed(getattr(old, name), getattr(new, name)) for name in _MAPS}
    return Delta(new.at, new.typical_daily_use, _=[], together=new.together, reserves=new.reserves, **maps)


def follow(old: Links, delta: Delta) -> Links:
    """Apply what changed; `old` stays as it is."""
    maps = {name: _applied(getattr(old, name), getattr(delta, name)) for name in _MAPS}
    return Links(
        delta.at, typical_daily_use=delta.typical_daily_use, together=delta.together, reserves=delta.reserves, **maps
    )


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
