"""Counts of a sidecar's tenants over the last hour and day, sampled into rings of fixed size."""

from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import msgspec
from msgspec import Struct

from reputation.wire.messages import Decision, Scope, Tier

TIERS: tuple[Tier, ...] = ("trusted", "standard", "limited", "restricted", "blocked")
DECISIONS: tuple[Decision, ...] = ("allow", "throttle", "challenge", "deny")
SCOPES: tuple[Scope, ...] = ("account", "cluster", "organisation", "neighbourhood", "address", "newcomers")
COUNTED = (*TIERS, *DECISIONS, *SCOPES)
"""Counters, of which a point tells what was added; the rest of a sample is given as it was."""
STOOD = ("clusters", "linked", "degraded")
POINTS = 360
WINDOWS = {"hour": 10.0, "day": 240.0}
"""Seconds between two samples of a window."""
MOST_TENANTS = 100
"""The first ones by name have a timeline: 140 KB each."""

SAMPLED = ("at", *COUNTED, *STOOD)
"""What a sample has, in its order."""

Sample = Mapping[str, float]


class _Packed(Struct, array_like=True):
    """A ring's samples, one after the other: names of their members, and values as doubles of this machine."""

    names: tuple[str, ...]
    values: bytes


_read = msgspec.msgpack.Decoder(_Packed)


class Ring:
    """The newest samples of one tenant in one window; cumulative, so a sample needs no sums."""

    def __init__(self, step: float) -> None:
        self.step = step
        self._samples: deque[array[float]] = deque(maxlen=POINTS + 1)

    def add(self, sample: Sample, now: float) -> None:
        """Keep a sample if the last one is a step old."""
        if self._samples and 0.0 <= now - self._samples[-1][0] < self.step * 0.9:
            return
        while self._samples and self._samples[-1][0] > now:  # taken before the clock was set back
            self._samples.pop()
        self._samples.append(array("d", (now, *(sample[name] for name in (*COUNTED, *STOOD)))))

    def pack(self) -> bytes:
        """The samples as bytes, to be kept."""
        values = array("d")
        for sample in self._samples:
            values.extend(sample)
        return msgspec.msgpack.encode(_Packed(SAMPLED, values.tobytes()))

    def unpack(self, kept: bytes) -> None:
        """Take kept samples, also those of a release that counted other things. Raises ValueError."""
        packed = _read.decode(kept)
        values = array("d")
        values.frombytes(packed.values)
        width = len(packed.names)
        if not width or len(values) % width or "at" not in packed.names:
            raise ValueError("samples of another width")
        for first in range(0, len(values), width):
            one = dict(zip(packed.names, values[first : first + width], strict=True))
            self._samples.append(array("d", (one.get(name, 0.0) for name in SAMPLED)))

    def columns(self) -> dict[str, list[float]]:
        """`at`, a column for each counter with its increase since the previous sample, and the state at that time."""
        rows = list(self._points())
        names = ("at", "seconds", *COUNTED, *STOOD)
        return {name: [row[i] for row in rows] for i, name in enumerate(names)}

    def _points(self) -> Iterator[list[float]]:
        counted = len(COUNTED) + 1
        for one, other in pairwise(self._samples):
            # a counter that fell began again, as after a reload
            added = [b - a if b >= a else b for a, b in zip(one[1:counted], other[1:counted], strict=True)]
            yield [other[0], max(other[0] - one[0], 1e-9), *added, *other[counted:]]


class Timeline:
    """Rings of every tenant. `read` gives the tenants' present samples by name."""

    def __init__(self, read: Callable[[], Mapping[str, Sample]]) -> None:
        self._read = read
        self._rings: dict[str, dict[str, Ring]] = {}

    def sample(self, now: float) -> None:
        """Take a sample of each tenant; drop deleted tenants."""
        found = dict(sorted(self._read().items())[:MOST_TENANTS])
        for gone in self._rings.keys() - found.keys():
            del self._rings[gone]
        for name, sample in found.items():
            for ring in self._of(name).values():
                ring.add(sample, now)

    def columns(self, tenant: str, window: str) -> dict[str, list[float]]:
        """One tenant's points, the oldest first; empty columns for a tenant without a timeline."""
        return self._rings.get(tenant, {}).get(window, Ring(0)).columns()

    def tenants(self) -> list[str]:
        """The tenants that have a timeline."""
        return list(self._rings)

    def pack(self, tenant: str, window: str) -> bytes:
        """A tenant's samples of a window as bytes, to be kept."""
        return self._rings[tenant][window].pack()

    def unpack(self, tenant: str, window: str, kept: bytes) -> bool:
        """Take kept samples; False, and none of them, if the bytes cannot be read."""
        ring = Ring(WINDOWS[window])
        try:
            ring.unpack(kept)
        except ValueError:  # which msgspec's errors are too
            return False
        self._of(tenant)[window] = ring
        return True

    def _of(self, tenant: str) -> dict[str, Ring]:
        if tenant not in self._rings:
            self._rings[tenant] = {window: Ring(step) for window, step in WINDOWS.items()}
        return self._rings[tenant]


def sample_of(verdicts: Mapping[tuple[str, str, str], int], stops: Mapping[str, int], **stood: float) -> dict[str, Any]:
    """One tenant's sample of its counts by mode, tier and decision, and of its present clusters."""
    found: dict[str, float] = dict.fromkeys(COUNTED, 0.0) | stood
    for (_, tier, decision), n in verdicts.items():
        found[tier] += n
        found[decision] += n
    for scope, n in stops.items():
        found[scope] += n
    return found
