"""A hydra that sees its denials and reacts: moves load to siblings, rests heads, replaces worn out ones.

Honest traffic comes as it would; the hydra's wishes are those of its open-loop world, and what changes is who
sends each and how often it is tried. Leak is then what got through of the wishes, not of the tries.
"""

import heapq
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from benchmarks.hydra import ground, heads, lines, signups
from benchmarks.hydra.attackers import attacker
from benchmarks.hydra.clock import DAY, HOUR, START
from benchmarks.hydra.model import Account, Sender
from benchmarks.hydra.relief import Relief
from benchmarks.hydra.scoring import Asked, Judged, Report, Tally
from benchmarks.hydra.truth import Fact, of
from benchmarks.hydra.world import RESUMED, World, daily_of, stream, traffic

Line = dict[str, Any]
Engine = Callable[[Line], Line | None]


class Reaction(Struct, frozen=True):
    """What the hydra does when a head is stopped.

    tries: how often one wish is tried in all, each time on a sibling that has rested, `pause` seconds later.
    rest: seconds a stopped head is left alone, doubled with each stop in a row up to `longest_rest`.
    replace_after: stops in a row after which a head is given up and, while `reserve` (a share of the heads)
    lasts, a new one signed up for it.
    """

    tries: int = 3
    pause: float = 4.0
    rest: float = 900.0
    longest_rest: float = 6 * HOUR
    replace_after: int = 12
    reserve: float = 0.5


REACTIONS: dict[str, Reaction] = {
    "none": Reaction(tries=1, rest=0.0, replace_after=10**9, reserve=0.0),
    "siblings": Reaction(tries=3, rest=0.0, replace_after=10**9, reserve=0.0),
    "shift": Reaction(pause=120.0, replace_after=10**9, reserve=0.0),
    "slow": Reaction(tries=1, replace_after=10**9, reserve=0.0),
    "replace": Reaction(),
}


class Head:
    """One head as its owner sees it: when it may be used again, and how many stops in a row it has had."""

    __slots__ = ("rested", "sender", "stops")

    def __init__(self, sender: Sender) -> None:
        self.sender, self.rested, self.stops = sender, sender.start, 0


class Wish(Struct, frozen=True, order=True):
    """A request that the hydra wants made at a time: by which head, and how often it was tried before."""

    at: float
    number: int
    tried: int
    head: int
    session: str | None
    model: str


class Hydra:
    """Turns wishes into lines and verdicts into what to do next; deterministic for a world and a reaction."""

    def __init__(self, world: World, reaction: Reaction) -> None:
        self._world, self._reaction, self._view = world, reaction, lines.VIEWS[world.spec.view]
        workers = [s for s in world.hydra.senders if s.route is None]
        self._heads = [Head(sender) for sender in workers]
        self._number = {id(sender): number for number, sender in enumerate(workers)}
        self._rng = np.random.default_rng([world.spec.seed, 5])
        self._reserve = self._spare(round(reaction.reserve * len(workers)))
        self._wishes = self._wanted()
        self._again: list[Wish] = []
        self._next = next(self._wishes, None)
        self.wanted = self.replaced = 0

    def _spare(self, count: int) -> Iterator[Sender]:
        """Accounts to sign up later, made as the hydra's first ones were."""
        spec = self._world.spec
        row = attacker(spec.levels[0], spec.variants, daily_of(spec))
        row = msgspec.structs.replace(row, ban_at=None)
        land = ground.lay(self._rng, 300, max(6000, 12 * count))
        actor = f"hydra-0-{row.level}"
        made = heads.pool(row, land, self._rng, count, actor)
        if self._view.origin:
            signups.of_heads(row, made, land, spec.seed, f"{actor}-spare")
        return iter([sender for sender in made.senders if sender.route is None])

    def _wanted(self) -> Iterator[Wish]:
        """The requests of the open-loop world in time order, hour by hour."""
        flow, renderer = traffic(self._world, self._world.hydra, 2)
        pending, number = list[Wish](), 0
        for begin in np.arange(START, renderer.until, HOUR).tolist():
            for session in flow.hour(begin):
                carrier, name, model, times = renderer.calls(session)
                head = self._number[id(carrier)]
                pending.extend(Wish(at, number + i, 0, head, name, model) for i, at in enumerate(times))
                number += len(times)
            pending.sort()
            split = next((i for i, wish in enumerate(pending) if wish.at >= begin + HOUR), len(pending))
            yield from pending[:split]
            pending = pending[split:]

    @property
    def due(self) -> float:
        """When the hydra next wants to send; infinity when it is done."""
        fresh = self._next.at if self._next else np.inf
        return min(fresh, self._again[0].at) if self._again else fresh

    def take(self) -> Wish:
        """The wish that is due, given to a head that is rested, if any is."""
        if self._again and (self._next is None or self._again[0] <= self._next):
            return heapq.heappop(self._again)
        wish = self._next
        if wish is None:
            raise IndexError("the hydra has no more wishes")
        self._next = next(self._wishes, None)
        self.wanted += 1
        if self._heads[wish.head].rested > wish.at:
            return self._moved(wish)
        return wish

    def _moved(self, wish: Wish) -> Wish:
        """The same wish on the best rested of a handful of siblings."""
        picks = self._rng.integers(0, len(self._heads), 8).tolist()
        return msgspec.structs.replace(wish, head=min(picks, key=lambda number: self._heads[number].rested))

    def line(self, wish: Wish) -> bytes:
        """The check line of a wish, as the head's own place and client make it."""
        sender = self._heads[wish.head].sender
        client = sender.clients[0]
        ja4 = client.resumed if self._rng.random() < RESUMED else client.ja4
        stem = lines.check_stem(self._view, sender.account, client, ja4, sender.account.keys[0])
        address = sender.place(wish.at, float(self._rng.random()))
        tail = lines.check_tail(self._view, wish.session, wish.model)
        return f'{{"at":{wish.at:.3f}{stem}{address}{tail}'.encode()

    def hear(self, wish: Wish, verdict: Judged) -> Account | None:
        """Learn what became of a wish; the account to sign up in the head's place, if it was given up."""
        head, reaction = self._heads[wish.head], self._reaction
        if verdict.decision == "allow":
            head.stops = 0
            return None
        head.stops += 1
        head.rested = wish.at + min(reaction.longest_rest, reaction.rest * 2.0 ** min(20, head.stops - 1))
        replacement = self._replace(head, wish.at) if head.stops >= reaction.replace_after else None
        if wish.tried + 1 < reaction.tries:
            later = msgspec.structs.replace(wish, at=wish.at + reaction.pause, tried=wish.tried + 1)
            heapq.heappush(self._again, self._moved(later))
        return replacement

    def _replace(self, head: Head, now: float) -> Account | None:
        spare = next(self._reserve, None)
        if spare is None:
            return None
        self.replaced += 1
        if spare.account.created > START:
            spare.account.created = now
        head.sender, head.stops, head.rested = spare, 0, now + HOUR / 2
        return spare.account


def run(world: World, check: Engine, reaction: Reaction) -> Report:
    """Play a world with at most one hydra through an engine, line by line in time order."""
    tally, relief = Tally(of(world)), Relief(world)
    hydra = Hydra(world, reaction) if world.spec.levels else None
    until = START + world.spec.days * DAY

    def asked(line: Line, tried: int = 0) -> Judged | None:
        answer = check(line)
        if "kind" in line or answer is None:
            return None
        verdict, name = msgspec.convert(answer, Judged), tally.owner(msgspec.convert(line["account"], Asked))
        tally.add(name, line["at"], verdict)
        relief.hear(line, name, stopped=verdict.decision != "allow", tried=tried)
        return verdict

    def ask(raw: bytes) -> Judged | None:
        return asked(msgspec.json.decode(raw))

    def take_over(before: float) -> None:
        while relief.due < before:
            asked(*relief.take())

    def attack(before: float) -> None:
        while hydra and hydra.due < before:
            take_over(hydra.due)
            wish = hydra.take()
            verdict = ask(hydra.line(wish))
            fresh = hydra.hear(wish, verdict) if verdict else None
            if fresh:
                tally.enrol(fresh.id, Fact("hydra", fresh.klass, fresh.keys, fresh.actor, created=fresh.created))
                ask(lines.account_line(wish.at, fresh, fresh.facts).encode())

    for at, line in stream(world, attack=False):
        attack(at)
        take_over(at)
        ask(line.encode())
    attack(until)
    take_over(until)
    return tally.report(hydra.wanted if hydra else None)
