"""Attackers, one row each: the ladder as the field describes it, and strategies; and variants, as changes to a row.

Written down before any detector was run against them, and not to be tuned to one.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from benchmarks.hydra.clock import DAY, HOUR

Egress = Literal[
    "one", "few", "hosting", "rotating", "sticky", "dedicated", "home", "exit", "rooms", "threes", "infected"
]
Cards = Literal["none", "prepaid", "virtual", "ordinary"]
Clients = Literal["script", "sdk", "browsers", "rare", "replayed", "human", "grouped", "owners"]
SignUps = Literal["script", "farm", "pool", "person"]
Aim = Literal["", "device", "session", "newcomer", "ja4", "nat", "vpn", "reserve", "campus"]


class Attacker(Struct, frozen=True):
    """One hydra.

    egress, clients: rows of `heads.EGRESS` and `heads.CLIENTS`. heads_a_card, issuers: how far cards and
    issuer numbers go round. signup_begins, signup_takes: seconds from the world's beginning. aged: share of
    heads bought with an age of months. hours: of `arrivals.HOURS`; clockwork: evenly spaced. normal: share of
    requests that are not distillation but somebody's ordinary use; relayed: those are users of a relay, who
    keep a session an hour on one head. pivot: days after a new model's release in which half of the heads
    move to it. ban_at: seconds until the first pool is banned and a second one takes over. plan: of all heads,
    whatever they pay. domain_verified: the domain that all share. paying, paid_usd: share of heads that settled
    so many dollars once. idle: seconds between a sign-up and its use. lives: seconds that a head is used before
    it is thrown away. farms: share of the world in which a head only makes a few requests a day, to have been
    active. group: heads that have a client, a card and an hour of sign-up in common, and nothing with the others.
    sessions, renames: whether session ids are sent, and whether the relay gives its users' new names on each
    head. aims: whom of the honest it wants to harm (a row of `targets.AIMS`). signs_up: how heads that are not bought
    were signed up (a row of `signups.WAYS`). jobs: jobs a day of a dispatcher, in which all heads
    begin and pause together; 0: each works for itself. spread: standard deviation of the logarithm of what each head
    is used for, as people's use has one; 0: all the same. at_home: hours are those of the country that a head leaves
    from. every: a head works on one day of so many, and takes all that it wants of them then.
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
    plan: str = ""
    domain_verified: bool = False
    paying: float = 0.0
    paid_usd: float = 0.0
    idle: float = 0.0
    lives: float | None = None
    farms: float = 0.0
    group: int = 0
    sessions: bool = True
    renames: bool = False
    aims: Aim = ""
    signs_up: SignUps = "pool"
    jobs: float = 0.0
    spread: float = 0.0
    at_home: bool = False
    every: int = 1


LADDER: dict[str, Attacker] = {
    row.level: row
    for row in (
        Attacker(
            "L0", "one data-centre address, new free accounts, one script", "one", "script", clockwork=True,
            signs_up="script",
        ),
        Attacker(
            "L1", "a few data-centre addresses, a card for 50, sign-ups in a day", "few", "script",
            "ordinary", 50, signup_takes=DAY, clockwork=True, signs_up="script",
        ),
        Attacker(
            "L2", "tens of hosting and VPN addresses, a prepaid card for 10, one issuer, one SDK", "hosting",
            "sdk", "prepaid", 10, signup_takes=1.5 * DAY, clockwork=True, signs_up="script",
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
            "ordinary", signup_begins=-21 * DAY, signup_takes=25 * DAY, hours="human", normal=0.3, signs_up="person",
        ),
    )
}  # fmt: skip

WHOLE_WEEK = 6 * DAY
STRATEGIES: dict[str, Attacker] = {
    row.level: row
    for row in (
        Attacker(
            "cardless_home", "free heads without a card, each on a clean home exit, common browsers", "exit",
            "browsers", signup_takes=4 * DAY,
        ),
        Attacker(
            "dispatched", "cardless_home whose dispatcher hands work out in jobs and pauses all heads between", "exit",
            "browsers", signup_takes=4 * DAY, jobs=4.0,
        ),
        Attacker(
            "rooms_of_30", "30 scripts without a card behind each clean home exit", "rooms", "script",
            signup_takes=2 * DAY, signs_up="farm",
        ),
        Attacker(
            "throw_away", "takes all it can in its first day, then is left for a new one", "exit", "browsers",
            signup_takes=WHOLE_WEEK, daily=1000.0, lives=DAY,
        ),
        Attacker(
            "throw_away_rented", "the same with one script, three heads to a rented address", "threes", "script",
            signup_takes=WHOLE_WEEK, daily=1000.0, lives=DAY, signs_up="script",
        ),
        Attacker(
            "paid_unsettled", "on the paid plan with nothing settled", "exit", "browsers", signup_takes=2 * DAY,
            daily=1000.0, plan="paid", signs_up="farm",
        ),
        Attacker(
            "verified_domain", "all members of one verified organisation", "exit", "browsers",
            signup_takes=2 * DAY, shared_domain=True, domain_verified=True, signs_up="farm",
        ),
        Attacker(
            "payers_of_20", "four in five settled 20 USD once, weeks ago", "exit", "browsers", "virtual", issuers=8,
            signup_begins=-30 * DAY, signup_takes=15 * DAY, paying=0.8, paid_usd=20.0,
        ),
        Attacker(
            "idle_then_active", "signed up without a card, idle for 15 days, then active", "sticky", "rare",
            signup_begins=-15 * DAY, signup_takes=DAY, hours="operator", idle=15 * DAY,
        ),
        replace(
            LADDER["L5"], level="renamed_sessions", summary="L5 whose relay renames its users' sessions", renames=True
        ),
        Attacker(
            "groups_of_eight", "groups of eight heads that are disjoint in everything", "exit", "grouped", "virtual",
            8, issuers=8, signup_takes=5 * DAY, group=8, signs_up="farm",
        ),
        Attacker(
            "farm_active_days", "a few requests a day for most of the time, then all at once", "exit", "browsers",
            signup_takes=DAY, daily=200.0, farms=0.6,
        ),
        Attacker(
            "framing_device", "four free accounts show a proven payer's device in its browser", "exit", "browsers",
            aims="device",
        ),
        Attacker(
            "framing_session", "four free accounts show one session of a proven payer, once", "exit", "browsers",
            aims="session",
        ),
        Attacker(
            "framing_lookalikes", "15 to 40 free look-alikes of a paying newcomer", "exit", "browsers",
            aims="newcomer", signs_up="script",
        ),
        Attacker(
            "drain_ja4", "fresh free accounts on a rare handshake that payers have", "exit", "browsers",
            daily=100.0, aims="ja4", signs_up="farm",
        ),
        Attacker(
            "drain_nat", "fresh free accounts on a carrier's NAT", "exit", "human", daily=100.0, aims="nat",
            signs_up="script",
        ),
        Attacker(
            "drain_vpn", "fresh free accounts on a commercial VPN's /24", "exit", "browsers", daily=100.0, aims="vpn",
            signs_up="script",
        ),
        Attacker(
            "drain_reserve", "fresh free accounts that use up what newcomers share", "exit", "browsers",
            daily=500.0, aims="reserve", signs_up="farm",
        ),
        Attacker(
            "heavy_tail", "cardless_home whose heads sleep and are used as unevenly as people are", "exit", "browsers",
            signup_takes=4 * DAY, hours="human", spread=1.6, at_home=True,
        ),
        Attacker(
            "one_a_day", "heads that were signed up a few a day for a month, each used from its first day on", "exit",
            "browsers", signup_begins=-28 * DAY, signup_takes=31 * DAY,
        ),
        Attacker(
            "mixed_purchase", "four in ten heads bought months old, the others fresh, none with a card of its own",
            "sticky", "browsers", aged=0.4, signup_takes=3 * DAY,
        ),
        Attacker(
            "infected_devices", "heads on people's own computers, each with its browser, its home and its hours",
            "infected", "owners", signup_takes=3 * DAY, hours="human", at_home=True, signs_up="script",
        ),
        Attacker(
            "in_a_campus", "heads on the campus network that most students use, on common browsers", "exit",
            "browsers", signup_takes=2 * DAY, daily=60.0, aims="campus", signs_up="script",
        ),
        Attacker(
            "like_a_school", "one script behind one rented address, used by day and as unevenly as a school is", "one",
            "script", signup_takes=DAY, hours="office", spread=1.0, signs_up="script",
        ),
        Attacker(
            "days_off", "each head works on one day of ten and takes ten days' worth then", "exit", "browsers",
            signup_begins=-3 * DAY, signup_takes=4 * DAY, every=10,
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
    "one-sdk": lambda a: replace(a, clients="sdk"),
    "no-sessions": lambda a: replace(a, sessions=False),
    "jobs": lambda a: replace(a, jobs=4.0),
    "random-issuers": lambda a: replace(a, cards="ordinary"),
}


def attacker(level: str, variants: tuple[str, ...] = (), daily: float | None = None) -> Attacker:
    """The row of that level or strategy after the variants, in order. KeyError: there is none such."""
    found = LADDER[level] if level in LADDER else STRATEGIES[level]
    row = found if daily is None else replace(found, daily=daily)
    for name in variants:
        row = VARIANTS[name](row)
    return row
