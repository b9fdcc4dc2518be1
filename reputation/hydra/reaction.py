"""Reaction evidence: accounts that carry more whenever the heads of a hydra are held back.

Correlation alone could be made up, or be the time of day, so it is a trial with a control group. Time is cut into
blocks of three hours. A share of the blocks, drawn with a key that no client knows, is a trial: in one of its hours,
drawn too, clusters are let go as if no account was linked, and in the two others they are held as always. People do not
know which hour that is, so of their requests in trials a third falls into the free hour, whatever their habits. A
sibling that takes over what was stopped is busier in the two others.

A trial costs what the clusters draw in its free hour, which is why it is off unless a share is set.
"""

from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from reputation.hydra.columns import Floats, Ints, Mask
from reputation.hydra.divergence import divergence
from reputation.hydra.families import HOUR

BLOCK = 3 * HOUR
HELD = 2 / 3
"""Share of a trial's hours in which clusters are held."""
NATS = 12.0
"""As for any other family besides a ring: ln(10^4 accounts looked at) + 3."""
FEWEST = 12
"""Requests in trials before an account says anything."""
KEPT_AN_HOUR = float(np.exp(-1 / 72))
"""What is left of a sitting's weight after an hour: three days' memory."""
SITTING = 600.0
"""Requests within ten minutes count as one: people come in sessions, and it is sessions that are independent."""


class Trials(NamedTuple):
    """Which blocks are trials, and which hour of each is free. key: secret; share: of blocks that are, 0 to 1."""

    key: bytes
    share: float

    def free_hour(self, block: int) -> int | None:
        """The hour (0, 1, 2) of a block in which clusters are let go; None where the block is no trial."""
        drawn = int.from_bytes(blake2b(block.to_bytes(8, "big"), key=self.key[:64], digest_size=8).digest(), "big")
        return drawn % 3 if drawn // 3 < self.share * (2**64 // 3) else None

    def is_free(self, at: float) -> bool:
        """Whether clusters are let go at a time."""
        block, into = divmod(at, BLOCK)
        return self.free_hour(int(block)) == int(into // HOUR)

    def sort_out(self, at: Floats) -> tuple[Mask, Mask]:
        """(in a trial's held hours, in its free hour) of each time."""
        blocks, where = np.unique((at // BLOCK).astype(np.int64), return_inverse=True)
        drawn = [self.free_hour(block) for block in blocks.tolist()]
        hour = np.array([-1 if free is None else free for free in drawn], np.int64)[where]
        free = hour == ((at % BLOCK) // HOUR).astype(np.int64)
        return (hour >= 0) & ~free, free


NONE = Trials(b"", 0.0)


def reacting(held: Floats, free: Floats) -> Ints:
    """Accounts, by number, with too many of their sittings in held hours. held, free: sittings of each account."""
    total = held + free
    firm = np.flatnonzero(total >= FEWEST)
    nats = total[firm] * divergence(held[firm] / total[firm], np.full(len(firm), HELD))
    found: Ints = firm[nats >= NATS]
    return found
