"""When requests come: how many sessions each sender begins in an hour, vectorised over all senders.

Counts are Poisson around the sender's daily load times a gamma draw for the day (days differ more than
a Poisson process allows: ServeGen's clients have a median coefficient of variation of 1.5), times the
hour's share.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from benchmarks.hydra.clock import DAY, HOUR, START, WEEK
from benchmarks.hydra.model import Load, Sender

CLIENTS_FILE = "llm_clients.csv"
MEAN_A_DAY = 10.0
# The heaviest measured client has 26 times the mean; heavy users are on a paid plan.
MOST_A_DAY, MOST_FREE_A_DAY = 300.0, 60.0
SESSION_LIMIT = 200

HOURS = {
    "human": (
        2, 1.2, 0.8, 0.5, 0.4, 0.6, 1.2, 2.5, 4.5, 6.2, 7, 7,
        5.8, 6, 6.5, 6.5, 6.2, 5.6, 5, 5, 5.2, 5, 4.4, 3.2,
    ),
    "office": (
        0.2, 0.1, 0.1, 0.1, 0.1, 0.2, 0.6, 2, 6, 10, 11.5, 11,
        7.5, 9, 10.5, 10.5, 9, 6.5, 3, 1.5, 1, 0.8, 0.6, 0.4,
    ),
    "flat": (1,) * 24,
    "afternoon": (0,) * 13 + (1,) * 3 + (0,) * 8,
    "seminar": (0,) * 10 + (1, 1, 0, 1, 1, 1) + (0,) * 8,
    "shift": (0,) * 9 + (1, 1, 1, 0, 1, 1, 1, 1) + (0,) * 7,
    "night shift": (1, 0, 1, 1, 0, 1, 1) + (0,) * 14 + (1, 1, 1),
    "operator": (0, 0, 0, 0, 0, 0, 0, 0, 2, 8, 9, 9, 6, 8, 9, 9, 9, 8, 7, 6, 5, 4, 1, 0),
}  # fmt: skip


class Observed(Struct, frozen=True):
    """Clients as measured: daily loads (any unit) and each client's share of the day by hour, UTC+8."""

    loads: np.ndarray
    hours: np.ndarray


def observed(data: Path) -> Observed | None:
    """The measured clients of `llm_clients.csv`, or None where there is no such file."""
    path = data / CLIENTS_FILE
    if not path.exists():
        return None
    with path.open(encoding="utf-8") as rows:
        found = list(csv.DictReader(rows))
    hours = np.array([[float(row[f"h{hour:02d}"]) for hour in range(24)] for row in found])
    return Observed(np.array([float(row["mean_per_s"]) for row in found]), hours)


def scale(
    senders: Sequence[Sender],
    measured: Observed | None = None,
    mean: float = MEAN_A_DAY,
    *,
    capped: bool = True,
    span: float = WEEK,
) -> None:
    """Bring the mean daily load of accounts to `mean`; `capped`: with a most for each account, less for free ones.

    span: seconds that the world lasts. In one of more than a week an account counts for the time that it is there.

    Measured loads replace the built-in ones quantile by quantile, so that heavy classes stay heavy.
    """
    scaled = [s for s in senders if not s.load.fixed]
    accounts = {id(s.account): s.account.created for s in senders}
    there = sum(1.0 if span == WEEK else 1.0 - max(0.0, created - START) / span for created in accounts.values())
    daily = np.array([s.load.daily for s in scaled])
    most = (MOST_FREE_A_DAY, MOST_A_DAY) if capped else (np.inf, np.inf)
    caps = np.array([most[s.account.facts["plan"] != "free"] for s in scaled])
    presence = np.array([(s.end - s.start) / span * (5 + 2 * s.load.weekend) / 7 for s in scaled])
    if measured:
        ranks = np.argsort(np.argsort(daily)) / max(1, len(daily) - 1)
        daily = np.exp(np.quantile(np.log(measured.loads), ranks))
    for _ in range(6):
        daily = np.minimum(caps, daily * (mean * there / max(1e-9, (daily * presence).sum())))
    for sender, value in zip(scaled, daily.tolist(), strict=True):
        sender.load = msgspec.structs.replace(sender.load, daily=value)


class Session(Struct, frozen=True, gc=False):
    """One sender's run of requests. draw: uniform, for whoever places it; times: sorted, in seconds."""

    sender: int
    draw: float
    times: tuple[float, ...]


class Arrivals:
    """Draws sessions hour by hour; the same seed and senders give the same sessions, in the same order."""

    def __init__(self, senders: Sequence[Sender], seed: Sequence[int], measured: Observed | None = None) -> None:
        self._seed = list(seed)
        loads = [s.load for s in senders]
        self._daily = np.array([load.daily for load in loads])
        self._weekend = np.array([load.weekend for load in loads])
        self._shape = np.array([load.shape for load in loads])
        self._size = np.array([load.size for load in loads])
        self._gap = np.array([load.gap for load in loads])
        self._offset = np.array([load.offset for load in loads])
        self._works = np.array([[day in load.weekdays for day in range(7)] for load in loads]).reshape(-1, 7)
        self._clockwork = np.array([load.clockwork for load in loads], dtype=bool)
        self._start = np.array([s.start for s in senders])
        self._end = np.array([s.end for s in senders])
        rng = np.random.default_rng([*self._seed, 0])
        phases = np.array([np.nan if load.phase is None else load.phase for load in loads])
        drawn = rng.random(len(loads))
        self._phase = np.where(np.isnan(phases), drawn, phases)
        self._shares = _hour_shares(loads, rng, measured)
        self._day: tuple[int, np.ndarray] = (-1, np.empty(0))

    def _of_day(self, begin: float) -> np.ndarray:
        day = int(begin // DAY)
        if self._day[0] != day:
            rng = np.random.default_rng([*self._seed, 1, day])
            self._day = day, rng.gamma(self._shape, 1 / self._shape)
        return self._day[1]

    def _expected(self, begin: float) -> np.ndarray:
        """Requests that each sender is expected to make in the hour that begins then."""
        local = begin + self._offset
        hour = ((local % DAY) // HOUR).astype(int)
        days = ((local - 4 * DAY) // DAY).astype(int) % 7
        factor = np.where(days >= 5, self._weekend, 1.0)
        active = np.clip((np.minimum(self._end, begin + HOUR) - np.maximum(self._start, begin)) / HOUR, 0.0, 1.0)
        rows = np.arange(len(hour))
        active = active * self._works[rows, days]
        expected: np.ndarray = self._daily * self._of_day(begin) * self._shares[rows, hour] * factor * active
        return expected

    def hour(self, begin: float) -> Iterator[Session]:
        """Sessions that begin in the hour from `begin` on, by sender."""
        rng = np.random.default_rng([*self._seed, 2, int(begin // HOUR)])
        expected = self._expected(begin)
        counts = np.where(self._clockwork, 0, rng.poisson(expected / self._size))
        owners = np.repeat(np.arange(len(counts)), counts)
        sizes = np.minimum(rng.geometric(1 / self._size[owners]), SESSION_LIMIT)
        low = np.maximum(self._start[owners], begin)
        high = np.minimum(self._end[owners], begin + HOUR)
        starts = low + (high - low) * rng.random(len(owners))
        draws = rng.random(len(owners))
        gaps = rng.exponential(np.repeat(self._gap[owners], sizes))
        ends = np.cumsum(sizes)
        for owner, start, draw, end, size in zip(
            owners.tolist(), starts.tolist(), draws.tolist(), ends.tolist(), sizes.tolist(), strict=True
        ):
            yield Session(owner, draw, _times(start, gaps[end - size + 1 : end]))
        yield from self._ticks(begin, rng)

    def _ticks(self, begin: float, rng: np.random.Generator) -> Iterator[Session]:
        """Evenly spaced requests of the senders that work by the clock, with half a second's jitter."""
        for owner in np.flatnonzero(self._clockwork & (self._start < begin + HOUR) & (self._end > begin)).tolist():
            period = DAY / self._daily[owner]
            first = np.ceil(begin / period - self._phase[owner])
            last = np.ceil((begin + HOUR) / period - self._phase[owner])
            times = (np.arange(first, last) + self._phase[owner]) * period
            for time, jitter, draw in zip(times, rng.random(len(times)), rng.random(len(times)), strict=True):
                if self._start[owner] <= time < self._end[owner]:
                    yield Session(owner, float(draw), (float(time + jitter / 2),))


def _times(start: float, gaps: np.ndarray) -> tuple[float, ...]:
    if not len(gaps):
        return (start,)
    return (start, *(start + np.cumsum(gaps)).tolist())


def _hour_shares(loads: Sequence[Load], rng: np.random.Generator, measured: Observed | None) -> np.ndarray:
    """Each sender's day by local hour: its pattern's, shifted a little, or a measured client's."""
    tables = {name: np.array(row, dtype=float) / sum(row) for name, row in HOURS.items()}
    shifts = np.round(rng.normal(0, 1.5, len(loads))).astype(int)
    picks = rng.integers(0, len(measured.hours) if measured else 1, len(loads))
    rows = np.empty((len(loads), 24))
    for number, load in enumerate(loads):
        if measured and load.hours in ("human", "flat") and not load.fixed:
            rows[number] = measured.hours[picks[number]] / max(1e-9, measured.hours[picks[number]].sum())
        elif load.hours in ("human", "office"):
            rows[number] = np.roll(tables[load.hours], shifts[number])
        else:
            rows[number] = tables[load.hours]
    return rows
