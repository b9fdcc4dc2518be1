"""Clusters over time: stable ids, membership with hysteresis, decay, splits, and what operators decided."""

from typing import NamedTuple

import numpy as np

from reputation.hydra.book import Book, ClusterMember, KeptCluster, Split
from reputation.hydra.families import DAY, HOUR
from reputation.hydra.sightings import OperatorRuling

JOIN = 0.95
STAY = 2 * DAY
"""A member that no epoch has found for so long, though it was active, is free again."""
SPLIT_AFTER = 6 * HOUR
KEEPING = ("bless", "pin", "restrain", "deny")
"""Rulings under which a cluster stays, whatever else explains it."""
STEP, NAMES = 40503, 65536
"""How a book makes the ids of its first clusters of its counter: an odd step, so that no two are alike."""


class Found(NamedTuple):
    """A group of this epoch by account names; confidence: 0 to 1 for each."""

    members: dict[str, float]
    families: tuple[str, ...]


def update(book: Book, groups: list[Found], active: set[str], now: float) -> None:
    """Fold the groups of a search for all links into the clusters: who is found again stays."""
    home = book.home()
    taken: set[str] = set()
    for group in sorted(groups, key=lambda found: -len(found.members)):
        cluster = _cluster_of(book, group, home, taken, now)
        taken.add(cluster.id)
        _join(book, cluster, group, home, now)
    _leave(book, active, now)
    _tidy(book, now)


def extend(book: Book, groups: list[Found], now: float) -> None:
    """Add groups found outside the clusters: their accounts join one; no member is moved, renewed or let go."""
    home = book.home()
    taken: set[str] = set()
    for group in sorted(groups, key=lambda found: -len(found.members)):
        fresh = {account: sure for account, sure in group.members.items() if account not in home}
        if fresh:
            cluster = _cluster_of(book, group, home, taken, now)
            taken.add(cluster.id)
            _join(book, cluster, Found(fresh, group.families), home, now)
    _tidy(book, now)


def dissolve(book: Book, names: list[str]) -> None:
    """Let the members of these clusters go, except those that an operator ruled to keep."""
    ruled = {ruling.cluster for ruling in book.rulings if ruling.ruling in KEEPING}
    for name in names:
        if name not in ruled:
            del book.clusters[name]


def _tidy(book: Book, now: float) -> None:
    _apply_rulings(book, now)
    for name in [name for name, kept in book.clusters.items() if len(kept.members) < 2]:
        del book.clusters[name]


def apply_ruling(book: Book, ruling: OperatorRuling, now: float) -> None:
    """Take an operator's decision; it works at once and in every epoch until it runs out."""
    if ruling.ruling == "forget" and ruling.id:
        book.rulings = [old for old in book.rulings if old.id != ruling.id]
        book.splits = [split for split in book.splits if split.id != ruling.id]
        return
    if ruling.ruling == "forget":
        book.rulings = [old for old in book.rulings if (old.account, old.cluster) != (ruling.account, ruling.cluster)]
        if ruling.account is None:
            book.splits = [split for split in book.splits if split.cluster != ruling.cluster]
        return
    if ruling.ruling == "split":
        if ruling.cluster in book.clusters:
            members = sorted(book.clusters[ruling.cluster].members)
            book.splits.append(Split(ruling.cluster, ruling.until, members, ruling.id))
    else:
        book.rulings.append(ruling)
    _apply_rulings(book, now)


def allow_listed(book: Book, now: float) -> set[str]:
    return _ruled(book, "bless", now)


def restrained(book: Book, now: float) -> set[str]:
    return _ruled(book, "restrain", now)


def _ruled(book: Book, word: str, now: float) -> set[str]:
    return {o.cluster for o in book.rulings if o.ruling == word and o.cluster and _in_force(o, now)}


def released(book: Book, now: float) -> set[str]:
    """Accounts that an operator let go, or whose cluster was split."""
    free = {o.account for o in book.rulings if o.ruling == "release" and o.account and _in_force(o, now)}
    return free.union(*(split.members for split in book.splits if _in_force(split, now)))


def _in_force(ruling: OperatorRuling | Split, now: float) -> bool:
    return ruling.until is None or ruling.until > now


def _cluster_of(book: Book, group: Found, home: dict[str, str], taken: set[str], now: float) -> KeptCluster:
    """The cluster that this group continues: the one that most of its members are in, unless another group has it."""
    votes: dict[str, int] = {}
    for account in group.members:
        if account in home:
            votes[home[account]] = votes.get(home[account], 0) + 1
    free = sorted(votes.keys() - taken, key=lambda name: (-votes[name], book.clusters[name].since, name))
    if free and votes[free[0]] >= 2:
        return book.clusters[free[0]]
    if votes and not free:
        return _split_or_stay(book, max(votes, key=lambda name: (votes[name], name)), now)
    return _new(book, now)


def _split_or_stay(book: Book, name: str, now: float) -> KeptCluster:
    """A second group inside one cluster gets a cluster of its own only once that has lasted."""
    kept = book.clusters[name]
    if kept.apart == 0.0:
        kept.apart = now
    if now - kept.apart < SPLIT_AFTER:
        return kept
    kept.apart = 0.0
    return _new(book, now)


def _new(book: Book, now: float) -> KeptCluster:
    name = _next_id(book)
    while name in book.clusters:  # of a time when ids began elsewhere
        name = _next_id(book)
    kept = KeptCluster(name, now, now)
    book.clusters[kept.id] = kept
    return kept


def _next_id(book: Book) -> str:
    book.made += 1
    return f"h-{(book.made * STEP + book.ids) % NAMES if book.made < NAMES else book.made:04x}"


def _join(book: Book, cluster: KeptCluster, group: Found, home: dict[str, str], now: float) -> None:
    cluster.found = now
    cluster.families = tuple(sorted({*cluster.families, *group.families}))
    for account, confidence in group.members.items():
        old = home.get(account)
        if old is None and confidence < JOIN:
            continue
        if old is not None and old != cluster.id:
            book.clusters[old].members.pop(account, None)
        home[account] = cluster.id
        cluster.members[account] = ClusterMember(confidence, now)


def _leave(book: Book, active: set[str], now: float) -> None:
    for kept in book.clusters.values():
        for account, member in list(kept.members.items()):
            if now - member.found > STAY and account in active:
                del kept.members[account]


def _apply_rulings(book: Book, now: float) -> None:
    book.rulings = [ruling for ruling in book.rulings if _in_force(ruling, now)]
    book.splits = [split for split in book.splits if _in_force(split, now)]
    free = released(book, now)
    for kept in book.clusters.values():
        for account in free & kept.members.keys():
            del kept.members[account]
    for ruling in book.rulings:
        home = book.clusters.get(ruling.cluster or "")
        if ruling.ruling == "pin" and home is not None and ruling.account:
            home.members[ruling.account] = ClusterMember(1.0, now)


def confidence(kept: KeptCluster) -> float:
    """The members' mean."""
    return float(np.mean([member.confidence for member in kept.members.values()]))
