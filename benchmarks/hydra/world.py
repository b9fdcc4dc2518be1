"""Put a world together and stream its lines in time order, with memory for its accounts and one hour."""

import math
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from benchmarks.hydra import arrivals, ground, heads, honest, lines, populations, sessions, signups, spans, targets
from benchmarks.hydra.arrivals import Arrivals, Session
from benchmarks.hydra.attackers import attacker
from benchmarks.hydra.clock import DAY, HOUR, START, WEEK
from benchmarks.hydra.model import Account, Population, Sender
from benchmarks.hydra.prompts import Prompts

NEXT_MODEL = "orca-2"
RESUMED = 0.25  # share of sessions on a resumed TLS connection
Entry = tuple[float, str]


class Spec(Struct, frozen=True, omit_defaults=True):
    """Everything that a world follows from. levels: hydras that share `heads`; none: honest traffic alone.

    gatherings: with the honest groups that look most like hydras. populations: those of `populations.LOOKALIKES` that
    come beside the other honest accounts. uncapped: the load of those others is not cut off either.
    """

    seed: int = 1
    honest: int = 3000
    heads: int = 600
    levels: tuple[str, ...] = ("L3",)
    variants: tuple[str, ...] = ()
    daily: float = 22.0
    days: int = 7
    view: str = "full"
    content: bool = False
    data: str | None = None
    gatherings: bool = False
    populations: tuple[str, ...] = ()
    uncapped: bool = False


class World(Struct, frozen=True):
    spec: Spec
    honest: Population
    hydra: Population
    measured: arrivals.Observed | None = None
    beside: Population = msgspec.field(default_factory=Population)

    @property
    def accounts(self) -> list[Account]:
        return [*self.honest.accounts, *self.beside.accounts, *self.hydra.accounts]


def make(spec: Spec) -> World:
    """Draw all accounts and senders of a world.

    The honest part does not depend on the hydra, nor the other classes on the populations beside them.
    """
    data = Path(spec.data) if spec.data else None
    measured = arrivals.observed(data) if data else None
    land = ground.lay(np.random.default_rng([spec.seed, 0]), spec.honest, max(6000, 12 * spec.heads), data)
    people = honest.populate(land, spec.seed, spec.honest, gathered=spec.gatherings)
    for week in range(1, math.ceil(spec.days / 7)):
        until = START + spec.days * DAY
        joining = honest.newcomers(land, spec.seed, spec.honest, gathered=spec.gatherings, week=week, until=until)
        people.accounts.extend(joining.accounts)
        people.senders.extend(joining.senders)
    _go_on(people, spec)
    arrivals.scale(people.senders, measured, capped=not spec.uncapped, span=max(WEEK, spec.days * DAY))
    beside = populations.beside(land, spec.seed, spec.honest, spec.populations)
    _go_on(beside, spec)
    origin = lines.VIEWS[spec.view].origin
    for part, population in ((1, people), (3, beside)) if origin else ():
        signups.of_people(population, spec.seed, part)
    hydra = Population()
    for number, level in enumerate(spec.levels):
        share = (spec.heads + number) // len(spec.levels)
        row = attacker(level, spec.variants, daily_of(spec))
        actor = f"hydra-{number}-{level}"
        made = heads.population(row, land, spec.seed, share, actor, spec.days)
        if row.aims:
            everybody = Population(people.accounts + beside.accounts, people.senders + beside.senders)
            scene = targets.Scene(everybody, len(people.senders), land, spec.seed, spec.days, measured)
            targets.aim(row.aims, made, scene, actor)
        if origin:
            signups.of_heads(row, made, land, spec.seed, actor)
        if row.jobs:
            made = spans.dispatched(made, row.jobs, spec.seed, spec.days)
        hydra.accounts.extend(made.accounts)
        hydra.senders.extend(made.senders)
    _go_on(hydra, spec)
    return World(spec, people, hydra, measured, beside)


def _go_on(population: Population, spec: Spec) -> None:
    """In a world of more than a week, who would send until the week's end sends until the world's."""
    if spec.days > 7:
        for sender in population.senders:
            if sender.end == START + WEEK:
                sender.end = START + spec.days * DAY


def daily_of(spec: Spec) -> float | None:
    """The daily wish that a spec sets, None where it leaves the row's."""
    return spec.daily if spec.daily != Spec().daily else None


class Renderer:
    """Turns one population's sessions into entries of (time, line)."""

    def __init__(self, spec: Spec, senders: Sequence[Sender], salt: int) -> None:
        self._view, self._content = lines.VIEWS[spec.view], spec.content
        self._senders, self._salt = senders, sessions.salt(spec.seed, salt)
        self._prompts = Prompts(senders, self._salt)
        self.until = START + spec.days * DAY

    def calls(self, session: Session) -> tuple[Sender, str | None, str, list[float]]:
        """(who carries it, session id, model, times) of a session, cut where its sender or the world ends."""
        sender, begins = self._senders[session.sender], session.times[0]
        carrier = sender.route(begins) if sender.route else sender
        name = self._session(session.sender, sender, carrier, begins) if carrier.clients[0].sessions else None
        model = NEXT_MODEL if begins >= sender.adopts else sender.model
        until = min(self.until, sender.end)
        return carrier, name, model, [at for at in session.times if at < until]

    def _session(self, number: int, sender: Sender, carrier: Sender, begins: float) -> str:
        if sender.shows:
            return sender.shows
        where = (carrier.serial,) if sender.renames else ()
        return sessions.name(self._salt, number, begins, *where, kept=sender.keeps_session)

    def entries(self, session: Session) -> Iterator[Entry]:
        carrier, name, model, times = self.calls(session)
        client = carrier.clients[0]
        ja4 = client.resumed if session.draw * 37.0 % 1.0 < RESUMED else client.ja4
        stem = lines.check_stem(self._view, carrier.account, client, ja4, carrier.account.keys[0])
        stem += carrier.place(session.times[0], session.draw)
        tail = lines.check_tail(self._view, name, model)
        if not self._content:
            yield from ((at, f'{{"at":{at:.3f}{stem}{tail}') for at in times)
            return
        for at, shapes in zip(times, self._prompts.of(session, times), strict=True):
            yield at, f'{{"at":{at:.3f}{stem}{lines.check_tail(self._view, name, model, shapes)}'


def _first(session: Session) -> float:
    return session.times[0]


def _events(accounts: Sequence[Account], until: float, *, recent: bool) -> list[Entry]:
    found = [event for account in accounts for event in lines.account_events(account, until, recent=recent)]
    return sorted(found, key=itemgetter(0, 1))


def traffic(world: World, population: Population, salt: int) -> tuple[Arrivals, Renderer]:
    """A population's sessions and what turns them into lines.

    salt: 1 for the honest, 2 for the hydra, 3 for the populations beside.
    """
    for number, sender in enumerate(population.senders):
        sender.serial = number
    measured = world.measured if salt == 1 else None
    flow = Arrivals(population.senders, [world.spec.seed, 3, salt], measured)
    return flow, Renderer(world.spec, population.senders, salt)


def stream(world: World, *, attack: bool = True) -> Iterator[Entry]:
    """(time, line) in time order; `attack=False` leaves the hydra's checks for another sender."""
    spec = world.spec
    until = START + spec.days * DAY
    parts = [traffic(world, world.honest, 1)]
    if world.beside.senders:
        parts.append(traffic(world, world.beside, 3))
    if attack and world.hydra.senders:
        parts.append(traffic(world, world.hydra, 2))
    view = lines.VIEWS[spec.view]
    pushed = _events(world.accounts, until, recent=view.origin) if view.facts else []
    cursor, pending = 0, list[Entry]()
    for begin in np.arange(START, until, HOUR).tolist():
        end = begin + HOUR
        for flow, renderer in parts:
            for session in sorted(flow.hour(begin), key=_first):
                pending.extend(renderer.entries(session))
        reached = cursor
        while reached < len(pushed) and pushed[reached][0] < end:
            reached += 1
        due = pushed[cursor:reached] + sorted((e for e in pending if e[0] < end), key=itemgetter(0, 1))
        yield from sorted(due, key=itemgetter(0))
        pending, cursor = [e for e in pending if e[0] >= end], reached
