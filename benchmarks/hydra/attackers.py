"""The ladder of attackers, one row each, as the field describes them; and the variants, as changes to a row.

Written down before any detector was run against them, and not to be tuned to one.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from benchmarks.hydra.clock import DAY, HOUR

Egress = Literal["one", "few", "hosting", "rotating", "sticky", "dedicated", "home"]
Cards = Literal["none", "prepaid", "virtual", "ordinary"]
Clients = Literal["script", "sdk", "browsers", "rare", "replayed", "human"]


class Attacker(Struct, frozen=True):
    """One hydra.

    egress, clients: rows of `heads.EGRESS` and `heads.CLIENTS`. heads_a_card, issuers: how far cards and
    issuer numbers go round. signup_begins, signup_takes: seconds from the world's beginning. aged: share of
    heads bought with an age of months. hours: of `arrivals.HOURS`; clockwork: evenly spaced. normal: share of
    requests that are not distillation but somebody's ordinary use; relayed: those are users of a relay, who
    keep a session an hour on one head. pivot: days after a new model's release in which half of the heads
    move to it. ban_at: seconds until the first pool is banned and a second one takes over.
    """

    level: str
    summary: str
    egress: Egress
    clients: Clients
    cards: Cards = "none"
    heads_a_card: int = 1
    issuers: int = 1
    signup_begins: float = 2 * HOUR
    signup_takes: float = 2 * HOUR
    aged: float = 0.0
    daily: float = 22.0
    hours: str = "flat"
    clockwork: bool = False
    normal: float = 0.0
    relayed: bool = False
    pivot: float = 12.0
    shared_domain: bool = False
    ban_at: float | None = None


LADDER: dict[str, Attacker] = {
    row.level: row
    for row in (
        Attacker(
            "L0", "one data-centre address, new free accounts, one script", "one", "script", clockwork=True
        ),
        Attacker(
            "L1", "a few data-centre addresses, a card for 50, sign-ups in a day", "few", "script",
            "ordinary", 50, signup_takes=DAY, clockwork=True,
        ),
        Attacker(
            "L2", "tens of hosting and VPN addresses, a prepaid card for 10, one issuer, one SDK", "hosting",
            "sdk", "prepaid", 10, signup_takes=1.5 * DAY, clockwork=True,
        ),
        Attacker(
            "L3", "rotating residential pool, a virtual card for 2, common browsers", "rotating", "browsers",
            "virtual", 2, issuers=4, signup_takes=2 * DAY,
        ),
        Attacker(
            "L4", "sticky residential addresses, a virtual card each, sign-ups over days", "sticky", "rare",
            "virtual", issuers=3, signup_takes=4 * DAY, hours="operator",
        ),
        Attacker(
            "L5", "bought accounts, ordinary cards, relayed users, 80% normal", "sticky", "replayed",
            "ordinary", aged=1.0, signup_takes=2 * DAY, normal=0.8, relayed=True,
        ),
        Attacker(
            "L6", "a clean home address and card each, human timing", "home", "human",
            "ordinary", signup_begins=-21 * DAY, signup_takes=25 * DAY, hours="human", normal=0.3,
        ),
    )
}  # fmt: skip


VARIANTS = {
    "slow": lambda a: replace(a, daily=5.6),
    "fast": lambda a: replace(a, daily=200.0),
    "relay": lambda a: replace(a, normal=1.0, relayed=True, clockwork=False, hours="human"),
    "fake-domain": lambda a: replace(a, shared_domain=True),
    "second-pool": lambda a: replace(a, ban_at=3.25 * DAY),
    "pivot": lambda a: replace(a, pivot=1.0),
    "mixed": lambda a: replace(a, normal=0.9, relayed=True),
    "half-aged": lambda a: replace(a, aged=0.5),
    "dedicated": lambda a: replace(a, egress="dedicated"),
    "random-issuers": lambda a: replace(a, cards="ordinary"),
}


def attacker(level: str, variants: tuple[str, ...] = (), daily: float | None = None) -> Attacker:
    """The row of that level after the variants, in order. KeyError: no such level or variant."""
    row = LADDER[level] if daily is None else replace(LADDER[level], daily=daily)
    for name in variants:
        row = VARIANTS[name](row)
    return row
