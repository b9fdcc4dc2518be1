"""What accounts hold: values seen with them, facts, and what follows from both, put into one table."""

from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np

from reputation.hydra import reaction
from reputation.hydra.columns import LOW, Ints, Mask, Rows, distinct
from reputation.hydra.conversations import relayed
from reputation.hydra.families import DAY, FAMILIES, FAMILY, HOUR, INDEX, KINDS, SEEN, TALKS
from reputation.hydra.ledger import PAYER, PROVEN, Ledger
from reputation.hydra.origin import origins
from reputation.hydra.rhythm import OCTAVE, rhythms
from reputation.hydra.software import is_browser, software
from reputation.hydra.synchrony import steps
from reputation.hydra.table import Items, table_of

RUNGS = (1, 2, 3)
"""Network operators in 24 hours, as powers of two, that an account of a rotating pool passes one after the other. Many
people have two (home and a phone), few have four; what a rung says is how much rarer it is among everybody else."""
CROSSING, ROAMING = 2, 3
"""Countries in 24 hours, and in three days: a journey has two, a day seldom. The exits of a proxy pool are in many, so
a head shows it with its second or third session, even one of a session a day."""
HANDED_TO = 64
"""A session id on more accounts is a constant that some client sends, not a session."""
UNHEARD_OF = 1 / 50
"""Share of the established accounts that show a TLS fingerprint, by the rule of succession, below which one is none of
theirs (of a browser's users: it is not that browser's). Fewer than 48 cannot say so of any."""
FIRM = 12
"""Requests before the hours of an account say anything."""


class Unbound(NamedTuple):
    """Kinds of value that a client can copy, and the accounts for which they are no evidence: the proven."""

    kinds: Collection[str]
    proven: Mask


def collect(
    ledger: Ledger, among: Mask, now: float, without: Collection[str] = (), unbound: Unbound | None = None,
    established: Mask | None = None,
) -> Items:  # fmt: skip
    """All values of the accounts `among` at the time `now`, of no family in `without`; each at most once.

    established: members of established organisations, whose sign-ups say nothing.
    """
    known = np.zeros((len(FAMILIES), len(among)), bool)
    parts, width = [], 0
    signups = [] if "origin" in without else origins(ledger, among, established)
    times = _times(ledger, now)
    joint = [] if "synchrony" in without else steps(ledger, among, times)
    for rows in [
        *_seen(ledger, now),
        *_facts(ledger),
        *times,
        *_derived(ledger, now),
        *signups,
        *joint,
        relayed(ledger),
    ]:
        if KINDS[INDEX[rows.kind]].family in without:
            continue
        inside = among[rows.accounts]
        if unbound is not None and KINDS[INDEX[rows.kind]].family in unbound.kinds:
            inside &= ~unbound.proven[rows.accounts]
        accounts, values = rows.accounts[inside], rows.values[inside]
        known[FAMILY[INDEX[rows.kind]], accounts] = True
        parts.append(_shared(rows.kind, accounts, values, width))
        width += len(parts[-1].value)
    accounts, items, kind, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    return table_of(accounts, items, kind, value, known)


class _Part(NamedTuple):
    accounts: Ints
    items: Ints
    kind: Ints
    value: Ints


def _shared(kind: str, accounts: Ints, values: Ints, begin: int) -> _Part:
    """Rows of values that two accounts or more have, numbered from `begin` on. Values lie close together."""
    if not len(values):
        return _Part(values, values, values, values)
    least = int(values.min())
    shared = np.bincount(values - least) >= 2
    kept = shared[values - least]
    number = np.cumsum(shared) - 1 + begin
    value = np.flatnonzero(shared) + least
    return _Part(accounts[kept], number[values[kept] - least], np.full(len(value), INDEX[kind]), value)


def describe(ledger: Ledger, kind: str, value: int) -> str:
    """An item's value in words."""
    if kind in ledger.names:
        return ledger.name_of(kind, value)
    return _SAID[kind](ledger, value)


def _seen(ledger: Ledger, now: float) -> list[Rows]:
    """What accounts were seen with lately."""
    parts = []
    for kind in SEEN:
        if kind.name in TALKS:  # alone it says nothing, see `conversations`
            continue
        table = ledger.pairs[kind.name]
        fresh = table.last >= now - kind.window
        parts.append(Rows(kind.name, table.accounts[fresh], table.values[fresh]))
    return parts


def _facts(ledger: Ledger) -> list[Rows]:
    return [_held(name, ledger.number_column(name)) for name in ("card", "iin", "funding", "issuer", "organisation")]


def _held(kind: str, column: Ints) -> Rows:
    accounts = np.flatnonzero(column >= 0)
    return Rows(kind, accounts, column[accounts])


def _times(ledger: Ledger, now: float) -> list[Rows]:
    """When accounts were made, by their facts: a first sighting may be an old customer's, and says nothing.

    Bins overlap by half, so that a wave is never cut in two.
    """
    made = ledger.column("created")
    there = np.flatnonzero(np.isfinite(made))
    age = now - made[there]
    parts = []
    for kind, span, oldest in (
        ("signup_hour", HOUR, 3 * DAY),
        ("signup_day", DAY, 45 * DAY),
        ("signup_week", 7 * DAY, np.inf),
    ):
        young = there[(age <= oldest) & (age > -DAY)]
        half = (made[young] // (span / 2)).astype(np.int64)
        parts.append(Rows(kind, np.concatenate([young, young]), np.concatenate([half, half - 1]).clip(0)))
    return parts


def _derived(ledger: Ledger, now: float) -> list[Rows]:
    return [
        *_rotation(ledger, now),
        _active(ledger),
        _pivot(ledger, now),
        *_foreign(ledger),
        *_client(ledger),
        _handoff(ledger, now),
        _reaction(ledger),
        *rhythms(ledger),
    ]


def _active(ledger: Ledger) -> Rows:
    """The eight hours, on a grid of two, that hold nine tenths of an account's requests."""
    hours = ledger.by_hour[: ledger.size].astype(np.float64)
    total = hours.sum(axis=1)
    firm = np.flatnonzero(total >= FIRM)
    ring = np.concatenate([hours[firm], hours[firm]], axis=1)
    sums = np.cumsum(np.concatenate([np.zeros((len(firm), 1)), ring], axis=1), axis=1)
    within = sums[:, 8:32:2] - sums[:, 0:24:2]
    best = within.argmax(axis=1)
    narrow = within[np.arange(len(firm)), best] >= 0.9 * total[firm]
    return Rows("active", firm[narrow], 2 * best[narrow])


def _rotation(ledger: Ledger, now: float) -> list[Rows]:
    """How many network operators an account used in 24 hours, each rung that it passed; who was in many countries; and
    who evidently stays at home."""
    operators = _held_since(ledger, "asn", now - DAY)
    nomads = [np.flatnonzero(operators >= 2**rung) for rung in RUNGS]
    today = _held_since(ledger, "country", now - DAY)
    crossing = np.flatnonzero(today >= CROSSING)
    countries = _held_since(ledger, "country", now - 3 * DAY)
    roaming = np.flatnonzero(countries >= ROAMING)
    settled = (operators == 1) & (today < CROSSING) & (countries < ROAMING)
    staying = np.flatnonzero(settled & (ledger.demand() >= FIRM))
    return [
        Rows("rotation", np.concatenate(nomads), np.repeat(RUNGS, [len(who) for who in nomads])),
        Rows("crossing", crossing, np.zeros(len(crossing), np.int64)),
        Rows("roaming", roaming, np.zeros(len(roaming), np.int64)),
        Rows("stays", staying, np.zeros(len(staying), np.int64)),
    ]


def _held_since(ledger: Ledger, kind: str, since: float) -> Ints:
    """How many values of a kind each account was seen with from a time on."""
    table = ledger.pairs[kind]
    return np.bincount(table.accounts[table.last >= since], minlength=ledger.size)


def _pivot(ledger: Ledger, now: float) -> Rows:
    """Models that an account took up lately, a day or more after it was first seen."""
    table = ledger.pairs["model"]
    since = ledger.column("first")[table.accounts]
    moved = (table.first >= since + DAY) & (table.first >= now - 3 * DAY)
    return Rows("pivot", table.accounts[moved], table.values[moved])


def _foreign(ledger: Ledger) -> list[Rows]:
    """Accounts with a card of one country and addresses in others only."""
    table = ledger.pairs["country"]
    issuer = ledger.number_column("issuer")
    issuers, countries = ledger.names["issuer"].names, ledger.names["country"].names
    same = {number: ledger.names["issuer"].ids.get(name, -2) for number, name in enumerate(countries)}
    at_home = np.zeros(ledger.size, bool)
    if len(table):
        translated = np.array([same[number] for number in range(len(countries))])[table.values]
        at_home[table.accounts[translated == issuer[table.accounts]]] = True
    abroad = np.zeros(ledger.size, bool)
    abroad[table.accounts] = True
    abroad &= ~at_home & (issuer >= 0)
    accounts = np.flatnonzero(abroad)
    return [
        Rows("foreign", accounts, issuer[accounts] if len(issuers) else accounts),
        Rows("abroad", accounts, np.zeros(len(accounts), np.int64)),
    ]


def _client(ledger: Ledger) -> list[Rows]:
    """TLS fingerprints with the product that is claimed. Each may be common and the pair rare: a relay's handshake
    under replayed headers. A disguise is one that hardly any established user of that browser has."""
    table = ledger.worn
    if not len(table):
        return [Rows("client", table.keys, table.keys), Rows("disguise", table.keys, table.keys)]
    pairs = [(ja4, software(agent)) for ja4, agent in map(_both, ledger.clients.names)]
    first: dict[tuple[str, str], int] = {}
    same = np.array([first.setdefault(pair, number) for number, pair in enumerate(pairs)], np.int64)
    worn = _once("client", table.accounts, same[table.values])
    disguised = _disguises(ledger, worn, [product for _, product in pairs])[worn.values]
    return [worn, Rows("disguise", worn.accounts[disguised], worn.values[disguised])]


def _disguises(ledger: Ledger, worn: Rows, products: list[str]) -> Mask:
    """Which pairs claim a browser whose established users have that fingerprint less than once in fifty."""
    numbers: dict[str, int] = {}
    product = np.array([numbers.setdefault(name, len(numbers)) for name in products], np.int64)
    browser = np.array([is_browser(name) for name in products], bool)
    established = ledger.flagged(PROVEN | PAYER)[worn.accounts]
    users = distinct(worn.accounts[established] << LOW | product[worn.values[established]])
    of_product = np.bincount(users & ((1 << LOW) - 1), minlength=len(numbers))[product]
    of_pair = np.bincount(worn.values[established], minlength=len(products))
    return browser & ((of_pair + 1) <= UNHEARD_OF * (of_product + 2))


def _both(name: object) -> tuple[str, str]:
    return name if isinstance(name, tuple) else ("", "")


def _handoff(ledger: Ledger, now: float) -> Rows:
    """Accounts with a session that others have too."""
    table = ledger.pairs["session"]
    fresh = table.last >= now - 3 * DAY
    accounts, sessions = table.accounts[fresh], table.values[fresh]
    holders = np.bincount(sessions)[sessions] if len(sessions) else sessions
    handed = accounts[(holders >= 2) & (holders <= HANDED_TO)]
    return _once("handoff", handed, np.zeros(len(handed), np.int64))


def _reaction(ledger: Ledger) -> Rows:
    """Accounts that are busier while clusters are held than while they are let go."""
    held, free = ledger.sittings[:, : ledger.size].astype(np.float64)
    found = reaction.reacting(held, free)
    return Rows("reaction", found, np.zeros(len(found), np.int64))


def _once(kind: str, accounts: Ints, values: Ints) -> Rows:
    pairs = distinct(accounts << LOW | values)
    return Rows(kind, pairs >> LOW, pairs & ((1 << LOW) - 1))


def _day(value: int, span: float) -> str:
    return str(np.datetime64(int(value * span / 2), "s"))


def _paired(ledger: Ledger, value: int) -> str:
    ja4, agent = _both(ledger.clients.names[value])
    return f"{ja4} with {software(agent)}"


_SAID: dict[str, Callable[[Ledger, int], str]] = {
    "signup_hour": lambda _, value: _day(value, HOUR),
    "signup_day": lambda _, value: _day(value, DAY),
    "signup_week": lambda _, value: _day(value, 7 * DAY)[:10],
    "active": lambda _, value: f"{value:02d}",
    "rotation": lambda _, value: str(value),
    "pivot": lambda ledger, value: ledger.name_of("model", value),
    "foreign": lambda ledger, value: ledger.name_of("issuer", value),
    "client": _paired,
    "disguise": _paired,
    "handoff": lambda *_: "",
    "abroad": lambda *_: "",
    "crossing": lambda *_: "",
    "roaming": lambda *_: "",
    "stays": lambda *_: "",
    "reaction": lambda *_: "",
    "as_signed_up": lambda *_: "",
    "elsewhere": lambda *_: "",
    "native": lambda *_: "",
    "sleepless": lambda *_: "",
    "sleeps": lambda *_: "",
    "relayed": lambda *_: "",
    "in_step": lambda *_: "",
    "out_of_step": lambda *_: "",
    "load": lambda _, value: f"{2 ** (value / OCTAVE):.0f} to {2 ** (value / OCTAVE + 1):.0f}",
}
