"""What the fuzzers share: damage to bytes, pieces of them, and the search until its time is over."""

import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

Dice = random.Random
Made = TypeVar("Made")

FINDINGS = (
    AssertionError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
)
MOST_GROWTH = 64 * 1024
"""KiB of resident memory over the whole run."""

Mutation = Callable[[Dice, bytearray], None]


def _change(dice: Dice, data: bytearray) -> None:
    data[dice.randrange(len(data))] = dice.choice((0, 1, 0x7F, 0x80, 0xEF, 0xF0, 0xFF, dice.randrange(256)))


def _flip(dice: Dice, data: bytearray) -> None:
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _cut(dice: Dice, data: bytearray) -> None:
    at = dice.randrange(len(data))
    del data[at : at + dice.randint(1, 8)]


def _double(dice: Dice, data: bytearray) -> None:
    at, size = dice.randrange(len(data)), dice.randint(1, 40)
    data[at:at] = data[at : at + size] * dice.randint(1, 8)


def _put(dice: Dice, data: bytearray) -> None:
    at, size = dice.randint(0, len(data)), dice.randint(1, 12)
    data[at:at] = dice.choice((dice.randbytes(size), b"\xff" * size))


MUTATIONS: tuple[Mutation, ...] = (_change, _flip, _cut, _double, _put)


def mutated(dice: Dice, whole: bytes, times: int) -> bytearray:
    """Damage a copy of some bytes so many times."""
    data = bytearray(whole)
    for _ in range(times):
        if data:
            dice.choice(MUTATIONS)(dice, data)
    return data


def pieces(dice: Dice, data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = dice.choice((1, 2, 5, 100, 3000))
        yield data[at : at + size]
        at += size


def search(
    things: str, make: Callable[[], Made], one: Callable[[Made], None], counts: Counter[str], *, warm: int,
    seconds: float, seed: int,
) -> None:  # fmt: skip
    """Make things and try each, for so many seconds; a finding, or memory that grows, ends the program with code 1.

    one: what it raises of FINDINGS is a finding. warm: things after which memory is measured first.
    """
    runs, before, begun = 0, 0, time.monotonic()
    while time.monotonic() - begun < seconds:
        made = make()
        try:
            one(made)
        except FINDINGS as error:
            print(f"found after {runs:,} {things} (seed {seed}): {error!r}\n{made!r}")
            sys.exit(1)
        runs += 1
        before = before or (_resident() if runs == warm else 0)
    growth = _resident() - before if before else 0
    print(f"{runs:,} {things} in {seconds:g} s, seed {seed}; nothing found; memory grew by {growth:,} KiB")
    print("  ".join(f"{name}: {count:,}" for name, count in sorted(counts.items())))
    if growth > MOST_GROWTH:
        sys.exit(f"memory grew by more than {MOST_GROWTH:,} KiB")


def _resident() -> int:
    """The most memory that this process had so far, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
