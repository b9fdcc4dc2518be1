"""The book of clusters as far as links in force tell it: for a linker whose own book was lost with the shared state."""

import msgspec

from reputation.hydra.book import Book, ClusterMember, DayTogether, KeptCluster, LearntDay
from reputation.hydra.families import DAY
from reputation.hydra.links import Links
from reputation.hydra.sightings import OperatorRuling

STEP, NAMES = 40503, 65536
"""As in `clusters`, which imports numpy."""


def rebuilt(links: Links, ids: int = 0) -> bytes:
    """Return a book as `Linker.restore` takes it: clusters under their ids, members, and allow-listed clusters.

    ids: where the ids of clusters begin.

    Members count as found, and newcomer's days as moved, when the links were made. The days that taught what newcomers
    usually take together were all alike.
    Rulings to release or split are not in the links, and are lost.
    """
    book = Book(made=max([_number(name, ids) for name in links.clusters], default=0), ids=ids)
    for name, cluster in links.clusters.items():
        book.clusters[name] = KeptCluster(name, cluster.since, links.at, cluster.families)
        if cluster.standing == "blessed":
            book.rulings.append(OperatorRuling("bless", cluster=name, reason="known from the links in force"))
    for account, (name, confidence) in links.members.items():
        if name in book.clusters:
            book.clusters[name].members[account] = ClusterMember(confidence, links.at)
    for plan, units in links.newcomers.items():
        book.days[plan] = LearntDay(units, links.at, links.voters.get(plan, 0))
    if links.together is not None and links.together.usual is not None:
        usual, base, today = links.together.usual, links.together.base, int(links.at // DAY)
        book.together = [DayTogether(today - n, usual * base, base) for n in range(links.together.days, 0, -1)]
    return msgspec.msgpack.encode(book)


def _number(name: str, ids: int) -> int:
    """Which cluster of its book this was, from 1."""
    number = int(name.rpartition("-")[2], 16)
    return (number - ids) * pow(STEP, -1, NAMES) % NAMES if number < NAMES else number
