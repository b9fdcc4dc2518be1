"""The book of clusters: what of them outlives an epoch. Without numpy, so that any process may read it."""

import msgspec

from reputation.hydra.sightings import Order


class Member(msgspec.Struct, array_like=True, gc=False):
    confidence: float
    found: float


class Kept(msgspec.Struct, array_like=True):
    """A cluster as it is remembered: members, since when, which families showed it, when it was last found."""

    id: str
    since: float
    found: float
    families: tuple[str, ...] = ()
    members: dict[str, Member] = msgspec.field(default_factory=dict)
    apart: float = 0.0


class Split(msgspec.Struct, array_like=True):
    """What was one cluster until an operator split it: its members then, and until when they are not linked again."""

    cluster: str
    until: float | None
    members: list[str]


class Book(msgspec.Struct, array_like=True):
    """All clusters of a tenant. Ids come from a counter, so the same input gives the same ids."""

    clusters: dict[str, Kept] = msgspec.field(default_factory=dict)
    orders: list[Order] = msgspec.field(default_factory=list)
    made: int = 0
    splits: list[Split] = msgspec.field(default_factory=list)

    def home(self) -> dict[str, str]:
        """Which cluster each linked account is in."""
        return {account: kept.id for kept in self.clusters.values() for account in kept.members}
