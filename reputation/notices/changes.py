"""What is new about a tenant's clusters, compared with what was announced of them. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from reputation.config.file import Event
from reputation.hydra.links import Cluster, Together

TENFOLD = 10
SURGE = "surge"
"""What stands for a surge among the announced; no cluster is called so."""


class Announced(Struct, frozen=True):
    """What was announced last of a cluster, or of a surge: since when it lasts."""

    size: int = 0
    standing: str = ""
    since: float = 0.0


class Change(NamedTuple):
    """An event about a subject: a cluster's id, or SURGE. announced: what is announced after it."""

    event: Event
    subject: str
    announced: Announced
    data: dict[str, Any]


def changes(announced: Mapping[str, Announced], clusters: Mapping[str, Cluster]) -> Iterator[Change]:
    """Tell which clusters are new, have grown tenfold since the last notice, or have another standing."""
    for id_, cluster in clusters.items():
        before = announced.get(id_)
        event = _event(before, cluster)
        if event is None:
            continue
        size = before.size if before is not None and event == "cluster.status" else cluster.size
        yield Change(event, id_, Announced(size, cluster.standing), _data(before, cluster))


def _event(before: Announced | None, cluster: Cluster) -> Event | None:
    if before is None:
        return "cluster.found"
    if cluster.standing != before.standing:
        return "cluster.status"
    return "cluster.grown" if cluster.size >= TENFOLD * before.size else None


def _data(before: Announced | None, cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = {
        "cluster": cluster.id,
        "size": cluster.size,
        "standing": cluster.standing,
        "confidence": cluster.confidence,
        "families": cluster.families,
        "since": cluster.since,
        "purse": cluster.purse,
    }
    return found if before is None else found | {"before": {"size": before.size, "standing": before.standing}}


def surge(announced: Announced | None, found: Together | None, setting: str) -> Change | None:
    """Tell whether a surge of newcomers has begun that was not announced."""
    if found is None or not found.since or (announced is not None and announced.since == found.since):
        return None
    data = {
        "together": setting,
        "units": found.taken,
        "wanted": found.wanted,
        "amount": found.amount,
        "accounts": found.accounts,
        "since": found.since,
        "common": [{"kind": one.kind, "value": one.value, "share": one.share} for one in found.common],
    }
    return Change("newcomers.surge", SURGE, Announced(since=found.since), data)
