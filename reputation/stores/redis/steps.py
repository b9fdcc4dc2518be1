"""An ask in steps, for buckets in two slots: the parts of its draws, what each step asks for, and the denial. Pure."""

from collections.abc import Hashable, Sequence
from typing import Final

from reputation.limits.reservations import Settlement
from reputation.limits.take import Ask, Charge, Draw, Taken, denied
from reputation.stores.redis.slot_groups import group_of, owner_of

SHARED: Final = -1
"""The number of the tenant's own slot; others are those of its groups."""
READ: Final = 1e300
"""A cost that no bucket holds: an ask for it reads its buckets and takes nothing."""
SOON: Final = 0.001
"""Seconds of the shortest wait: by the clock of another node a bucket may hold by now what it just lacked."""


class Part:
    """A draw, with its account's own charges apart from shared ones."""

    __slots__ = ("draw", "own", "shared")

    def __init__(self, draw: Draw) -> None:
        self.draw: Final = draw
        self.own: Final[Sequence[Charge]] = [charge for charge in draw if owner_of(charge.key) is not None]
        self.shared: Final[Sequence[Charge]] = [charge for charge in draw if owner_of(charge.key) is None]

    @property
    def keys(self) -> list[tuple[Hashable, ...]]:
        """The keys of its own buckets."""
        return [charge.key for charge in self.own]


def home_of(ask: Ask) -> int:
    """Return the slot of the account's own buckets; SHARED for an ask without any."""
    for draw in ask.draws:
        for charge in draw:
            owner = owner_of(charge.key)
            if owner is not None:
                return group_of(owner)
    return SHARED


def slot_of(ask: Ask) -> int | None:
    """Return the one slot that an ask needs; None if it needs two."""
    owner: str | None = None
    shared = False
    for draw in ask.draws:
        for charge in draw:
            found = owner_of(charge.key)
            if found is None:
                shared = True
            else:
                owner = found
    if owner is None:
        return SHARED
    return None if shared else group_of(owner)


def first_step(ask: Ask, parts: Sequence[Part], along: tuple[Settlement, ...] = (), *, leases: bool = False) -> Ask:
    """Return the ask for the own buckets of these draws. leases: draws without a shared bucket may lease more."""
    most = 0
    while leases and most < min(len(parts), ask.roomy) and not parts[most].shared:
        most += 1
    want = ask.want if most else 0
    reserve = ask.reserve if want or not ask.want else None
    return Ask([part.own for part in parts], ask.cost, want, ask.share, reserve, along, ask.token).sharing(-most)


def second_step(ask: Ask, parts: Sequence[Part]) -> Ask:
    """Return the ask for the shared buckets of draws with the same own buckets."""
    reserve = None if ask.want else ask.reserve
    return Ask([part.shared for part in parts], ask.cost, reserve=reserve, token=ask.token)


def run_of(parts: Sequence[Part]) -> list[Part]:
    """Return the first draw, and those after it with the same own buckets."""
    keys, found = parts[0].keys, list[Part]()
    for part in parts:
        if part.keys != keys:
            break
        found.append(part)
    return found


def reads_of(ask: Ask) -> list[tuple[int, Ask]]:
    """Return the slots of an ask's buckets, each with an ask that reads them."""
    parts = [Part(draw) for draw in ask.draws]
    sides = (home_of(ask), [part.own for part in parts]), (SHARED, [part.shared for part in parts])
    return [(slot, Ask(draws, READ)) for slot, draws in sides if any(draws)]


def denial(ask: Ask, now: float) -> Taken:
    """Return the denial of an ask by its buckets as they were read."""
    found = denied(ask.draws, ask.cost, now)
    return found if found.wait else Taken(SOON, found.binding, found.states, found.draw)
