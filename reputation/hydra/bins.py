"""When accounts made requests: one bit for each ten minutes of the last day, 18 bytes an account."""

import numpy as np

from reputation.hydra.columns import Floats, Ints, Mask

BIN = 600.0
BINS = 144
"""Bins in a day."""
BINS_AN_HOUR = 6


class Bins:
    """A ring of bits for each account; `bin` is the number of the bin that runs, counted from 1970."""

    def __init__(self) -> None:
        self.bin = -1
        self.kept = np.zeros((1024, BINS // 8), np.uint8)

    def grow(self) -> None:
        """Double the room."""
        self.kept = np.concatenate([self.kept, np.zeros_like(self.kept)])

    def add(self, accounts: Ints, at: Floats) -> None:
        """Note requests; those that are a day old by now are left out."""
        bins = (at // BIN).astype(np.int64)
        self.turn(int(bins.max()))
        fresh = bins > self.bin - BINS
        slots = bins[fresh] % BINS
        np.bitwise_or.at(self.kept, (accounts[fresh], slots >> 3), _bit(slots & 7))

    def turn(self, now: int) -> None:
        """Let a bin begin; what is a day old by then is forgotten."""
        for passed in range(max(self.bin + 1, now - BINS + 1), now + 1):
            slot = passed % BINS
            self.kept[:, slot >> 3] &= ~_bit(slot & 7)
        self.bin = max(self.bin, now)

    def release(self, numbers: Ints) -> None:
        """Forget accounts."""
        self.kept[numbers] = 0

    def count(self, size: int) -> Ints:
        """Return in how many bins each of the first so many accounts made requests."""
        count: Ints = np.bitwise_count(self.kept[:size]).sum(axis=1, dtype=np.int64)
        return count

    def of(self, accounts: Ints) -> Mask:
        """Return in which bins accounts made requests: (accounts, BINS), the oldest bin first."""
        bits = np.unpackbits(self.kept[accounts], axis=1, bitorder="little")
        return np.roll(bits, -((self.bin + 1) % BINS), axis=1).astype(bool)

    def slots(self) -> Ints:
        """Return the place in a day (UTC) of each bin that `of` returns."""
        return (self.bin + 1 + np.arange(BINS)) % BINS


def _bit(place: int | Ints) -> np.ndarray:
    return np.left_shift(1, place).astype(np.uint8)
