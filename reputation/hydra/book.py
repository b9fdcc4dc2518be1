"""The book of clusters: what of them outlives an epoch. Without numpy, so that any process may read it."""

from typing import Any

import msgspec

from reputation.hydra.sightings import OperatorRuling


class ClusterMember(msgspec.Struct, array_like=True, gc=False):
    confidence: float
    found: float


class KeptCluster(msgspec.Struct, array_like=True):
    """A cluster as it is remembered: members, since when, which families showed it, when it was last found."""

    id: str
    since: float
    found: float
    families: tuple[str, ...] = ()
    members: dict[str, ClusterMember] = msgspec.field(default_factory=dict)
    apart: float = 0.0


class Floor(msgspec.Struct, array_like=True, gc=False):
    """What an account had earned by use when it was first linked, in units a day, and when it was last linked."""

    units: float
    linked: float


class LearntDay(msgspec.Struct, array_like=True, gc=False):
    """A plan's newcomer's day as it was learnt, when it last moved, and how many voters there were last.

    units: 0 until there were enough voters. start: the configured day then; another one is where learning begins again;
    0 is not known.
    """

    units: float = 0.0
    moved: float = 0.0
    voters: int = 0
    start: float = 0.0


class Standing(msgspec.Struct, array_like=True):
    """When a verified organisation was last found established, and US dollars that its largest payers had settled."""

    at: float
    payers: dict[str, float]


class DayTogether(msgspec.Struct, array_like=True, gc=False):
    """What newcomers and all other accounts were let through on a day (UTC), in units.

    counts: whether the day teaches the usual share; a day under a cap does not.
    """

    day: int
    newcomers: float
    others: float
    counts: bool = True


class DaysLevel(msgspec.Struct, array_like=True, gc=False):
    """The lowest level of a day (UTC), and the amount that it shares out."""

    day: int = -1
    amount: float = 0.0
    level: float = 0.0


class Split(msgspec.Struct, array_like=True):
    """What was one cluster until an operator split it: its members then, and until when they are not linked again."""

    cluster: str
    until: float | None
    members: list[str]
    id: str = ""


class Book(msgspec.Struct, array_like=True):
    """All clusters of a tenant. Ids come from a counter, so the same input gives the same ids.

    levels: of the newcomers' reserves, found on the day (UTC) `leveled`. floors: what linked accounts
    had earned before they were linked. days: newcomer's days by plan, for which votes were counted on the
    day `voted`. established: organisations, also after the ledger forgot who paid. together: what
    newcomers took on the last days; surge: since when they take too much, 0 if they do not. _: the place
    of what version 0.1 had once. ids: where the ids of clusters begin, so that they differ between installations.
    """

    clusters: dict[str, KeptCluster] = msgspec.field(default_factory=dict)
    rulings: list[OperatorRuling] = msgspec.field(default_factory=list)
    made: int = 0
    splits: list[Split] = msgspec.field(default_factory=list)
    _: dict[str, Any] = msgspec.field(default_factory=dict)
    levels: dict[str, float] = msgspec.field(default_factory=dict)
    leveled: int = -1
    floors: dict[str, Floor] = msgspec.field(default_factory=dict)
    days: dict[str, LearntDay] = msgspec.field(default_factory=dict)
    voted: int = -1
    established: dict[str, Standing] = msgspec.field(default_factory=dict)
    together: list[DayTogether] = msgspec.field(default_factory=list)
    surge: float = 0.0
    together_level: DaysLevel = msgspec.field(default_factory=DaysLevel)
    ids: int = 0

    def home(self) -> dict[str, str]:
        """Which cluster each linked account is in."""
        return {account: kept.id for kept in self.clusters.values() for account in kept.members}
