"""Accounts and who sends on them: what a world is made of before any request is drawn."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.hydra.clock import START, WEEK, offset
from benchmarks.hydra.fingerprints import Client, hexes
from benchmarks.hydra.places import Place

Facts = dict[str, Any]


class Load(Struct, frozen=True):
    """How much and when.

    daily: requests on a day. hours: a row of `arrivals.HOURS`. offset: local time, seconds. weekend: factor
    on Saturday and Sunday. weekdays: those on which anything is sent, Monday is 0. shape: of the gamma draw that
    makes days differ (large: they do not). size: mean requests in a session. gap: mean seconds between
    them. clockwork: evenly spaced, as a scheduler sends. fixed: not scaled to the world's mean.
    phase: of clockwork, as a part of its period; None: each sender has one of its own.
    """

    daily: float
    hours: str = "human"
    offset: float = 0.0
    weekend: float = 0.7
    shape: float = 2.0
    size: float = 4.0
    gap: float = 70.0
    clockwork: bool = False
    fixed: bool = False
    weekdays: tuple[int, ...] = tuple(range(7))
    phase: float | None = None


HUMAN = Load(1.0)
SERVICE = Load(1.0, "flat", weekend=0.9, shape=4.0, size=1.5, gap=20.0)


def local(base: Load, daily: float, where: str) -> Load:
    """That load, so many requests a day, by the clocks of that country."""
    return replace(base, daily=daily, offset=offset(where))


@dataclass(slots=True, eq=False)
class Account:
    """One account with its facts as billing knows them, and the truth about it."""

    id: str
    keys: tuple[str, ...]
    label: str
    klass: str
    created: float
    facts: Facts
    actor: str | None = None
    banned_at: float | None = None
    wish: float = 0.0  # heads: requests a day that its owner wants from it
    billed: bool = True  # who has paid goes on to pay each month
    victim_of: str | None = None  # honest: whose aim it is
    team: str | None = None  # honest: whose work it takes over when they are stopped, and they its
    domain: str | None = None  # of the mail addresses of its company or school, where it has one

    @property
    def settled(self) -> float:
        return float(self.facts.get("payment", {}).get("settled_usd", 0.0))


class Pooled(Struct, frozen=True):
    """Conversations that a group goes on with by turns, so many a day; share: of a member's sessions."""

    group: int
    share: float
    a_day: float


@dataclass(slots=True, eq=False)
class Sender:
    """One person or program that sends on an account, from some place with some clients.

    route: who carries a session that begins at a time (relays hand their users from head to head); None means
    the account itself. shapes: prompt templates, of which `templated` of the requests are made.
    keeps_session: one session id for hours, whatever account it lands on; renames: with another name on each.
    shows: the one session id that it sends.
    Of its prompts' shapes: queue: each request is a prompt of its own, handed out once; verbatim: templates are used as
    they are; primed: an example dialogue comes first; feed: all who read it send one prompt for an event; pooled:
    conversations that it has in common with others.
    """

    account: Account
    place: Place
    clients: tuple[Client, ...]
    load: Load
    start: float = START
    end: float = START + WEEK
    model: str = "orca-1"
    adopts: float = START + 52 * WEEK
    shapes: tuple[int, ...] = ()
    templated: float = 0.3
    keeps_session: bool = False
    renames: bool = False
    shows: str | None = None
    queue: bool = False
    verbatim: bool = False
    primed: bool = False
    feed: int = 0
    pooled: Pooled | None = None
    route: "Callable[[float], Sender] | None" = None
    serial: int = 0


Made = Iterator[tuple[Account, list[Sender]]]


@dataclass(slots=True)
class Population:
    accounts: list[Account] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)

    def add(self, account: Account, *senders: Sender) -> None:
        self.accounts.append(account)
        self.senders.extend(senders)


def new_account(rng: np.random.Generator, label: str, klass: str, created: float, facts: Facts) -> Account:
    return Account(f"acct_{hexes(rng, 14)}", (f"sk-{hexes(rng, 32)}",), label, klass, created, facts)


def is_payer(account: Account, now: float) -> bool:
    """The contract's payer: settled at least 20 USD over at least 14 days, no open dispute."""
    disputed = account.facts.get("payment", {}).get("disputes", 0)
    return account.settled >= 20 and now - account.created >= 14 * 86400 and not disputed


def is_proven(account: Account, now: float) -> bool:
    """The contract's proven account, as far as facts alone tell (steady use is not among them)."""
    organisation = account.facts.get("organisation", {}).get("verified", False)
    long_payer = is_payer(account, now) and account.settled >= 100 and now - account.created >= 30 * 86400
    return bool(long_payer or organisation or now - account.created >= 400 * 86400)
