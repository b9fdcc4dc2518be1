"""Use that begins and pauses when others' does: evidence of the family `synchrony`.

A dispatcher hands out work in jobs, and all of its heads begin, pause and stop together. Among accounts that signed up
together, jobs are spans of the last day in which far more of them are busy than their countries' hours explain, with
real pauses between. An account is in step if it is busy in these jobs and idle between them. Lessons, shifts,
breaks and outages make three spans a day at most, and a schedule begins at the same minutes of an hour: no jobs.
"""

from typing import NamedTuple

import numpy as np

from reputation.hydra.bins import BINS, BINS_AN_HOUR
from reputation.hydra.columns import Floats, Ints, Mask, Rows, run_lengths, run_starts, spans, stable_order
from reputation.hydra.counting import FEWEST
from reputation.hydra.divergence import divergence
from reputation.hydra.ledger import PAYER, PROVEN, Ledger
from reputation.hydra.linker_settings import LIFT, NATS
from reputation.hydra.overt import hired, most_seen
from reputation.hydra.rhythm import NIGHT, PEOPLE

BUSY = 6
"""Bins with requests in the last day from which on an account shows when it works."""
VISITS = 3
"""Times that an account comes back after a pause in the last day, from which on it shows when it works."""
JOBS = 4
"""Spans of a crowd's work in a day. A working day has three where two breaks part it."""
MOST_JOBS = 0.5
"""Share of a crowd's jobs in which an account takes part."""
PHASES = 3
"""Different parts of an hour in which they begin. A schedule starts programs at the same minutes of every hour."""
PAUSE = 3
"""Bins without a request that part two visits, and two jobs: half an hour."""
SURE = 12.0
"""Nats of a bin in which a crowd is too busy: ln(144 bins of some hundred crowds) + 1."""
CHANCE = 2.0
"""Standard deviations above what is expected up to which a crowd pauses."""
ODD = 1 / 50
"""Share of the accounts above suspicion that are as much in step as an account that is in step."""
LEAN = 10.0
"""Accounts' worth of the general hours mixed into those of one country."""
MOST = 8
"""Patterns that are kept, the strongest ones; one that shares half of its bins with a stronger one is the same."""
SHARED = 0.5


class Hours(NamedTuple):
    """Which hours of use are usual. klass: of each account, by its country; 0 is that of accounts on networks for hire.

    expected: (classes, BINS), the share of an account's busy bins in each bin; night: (classes, BINS), which
    bins are in the quietest hours of a class.
    """

    klass: Ints
    expected: Floats
    night: Mask


class Use(NamedTuple):
    """Accounts that are busy enough. bins: (accounts, BINS); busy: how many; visits: after a pause each; klass:
    as in `Hours`; people: which are above suspicion."""

    accounts: Ints
    bins: Mask
    busy: Ints
    visits: Ints
    klass: Ints
    people: Mask


class Groups(NamedTuple):
    """Accounts by group, by place in `Use`: all members, where each group's begin, and how many it has."""

    members: Ints
    begin: Ints
    size: Ints


class Crowd(NamedTuple):
    """Accounts that signed up together, by place in `Use`, and their jobs. jobs: the number of the job that each bin is
    in, or -1; nats: how sure they are."""

    members: Ints
    jobs: Ints
    nats: float


def steps(ledger: Ledger, among: Mask, times: list[Rows]) -> list[Rows]:
    """Return which accounts are in step with a crowd of sign-ups, by its pattern, and which with none.

    times: who signed up when, in the bins of each span. Nothing if few accounts above suspicion are busy.
    """
    established = ledger.flagged(PROVEN | PAYER)
    busy = among & (ledger.bins.count(ledger.size) >= BUSY)
    if (busy & established).sum() < PEOPLE:
        return []
    hours = usual_hours(ledger)
    use = used(ledger, np.flatnonzero(busy), hours)
    if use.people.sum() < PEOPLE:
        return []
    expected = _as_busy_as_people(use, hours)
    crowds = _crowds(use, expected, times, ledger.bins.slots() % BINS_AN_HOUR)
    marks = [marked for crowd in crowds if (marked := _in_step(crowd, use, expected)) is not None]
    if not marks:
        return []
    who, value = np.nonzero(np.stack(marks, axis=1))
    none = use.accounts[~np.any(marks, axis=0)]
    return [Rows("in_step", use.accounts[who], value), Rows("out_of_step", none, np.zeros(len(none), np.int64))]


def used(ledger: Ledger, accounts: Ints, hours: Hours) -> Use:
    """Return when these accounts were busy, without those of few visits."""
    bins = ledger.bins.of(accounts)
    lately = np.zeros_like(bins)
    for ago in range(1, PAUSE + 1):
        lately[:, ago:] |= bins[:, :-ago]
    visits = (bins & ~lately).sum(axis=1)
    often = visits >= VISITS
    who, bins = accounts[often], bins[often]
    people = ledger.flagged(PROVEN | PAYER)[who]
    return Use(who, bins, bins.sum(axis=1), visits[often], hours.klass[who], people)


def usual_hours(ledger: Ledger) -> Hours:
    """Learn the hours of use of each country from proven accounts and payers."""
    rented = hired(ledger)
    klass = np.where(rented, 0, most_seen(ledger, "country") + 1)
    total = ledger.by_hour[: ledger.size].sum(axis=1)
    people = np.flatnonzero(ledger.flagged(PROVEN | PAYER) & (total > 0))
    shares = ledger.by_hour[people] / total[people, None]
    of_class = np.zeros((int(klass.max(initial=0)) + 1, 24))
    np.add.at(of_class, klass[people], shares)
    general = (of_class[1:].sum(axis=0) + LEAN / 24) / (len(people) - rented[people].sum() + LEAN)
    hourly = of_class + LEAN * np.where(np.arange(len(of_class))[:, None] > 0, general, 1 / 24)
    hourly /= hourly.sum(axis=1, keepdims=True)
    hour = ledger.bins.slots() // BINS_AN_HOUR
    return Hours(klass, hourly[:, hour] / BINS_AN_HOUR, _quietest(hourly)[:, hour])


def _quietest(hourly: Floats) -> Mask:
    """Return which hours are in the quietest NIGHT hours on end."""
    ring = np.concatenate([hourly, hourly[:, :NIGHT]], axis=1).cumsum(axis=1)
    begins = (ring[:, NIGHT:] - ring[:, :-NIGHT]).argmin(axis=1) + 1
    night: Mask = (np.arange(24) - begins[:, None]) % 24 < NIGHT
    return night


def _as_busy_as_people(use: Use, hours: Hours) -> Floats:
    """Return what to expect in each bin, more where accounts above suspicion were busier than usual just then."""
    usual = _expected(use.busy[use.people], use.klass[use.people], hours.expected)
    rise = (use.bins[use.people].sum(axis=0) + LEAN) / (usual + LEAN)
    raised: Floats = hours.expected * np.maximum(rise, 1.0)
    return raised


def _expected(count: Ints, klass: Ints, shares: Floats) -> Floats:
    total: Floats = np.einsum("k,kb->b", np.bincount(klass, count, len(shares)).astype(np.float64), shares)
    return total


def _crowds(use: Use, expected: Floats, times: list[Rows], phase: Ints) -> list[Crowd]:
    """Return the crowds of sign-ups with jobs, the surest first, each pattern once. phase: of bins within an hour."""
    parts = [use.accounts, *(rows.accounts for rows in times)]
    spot = np.full(1 + max(int(part.max(initial=-1)) for part in parts), -1)
    spot[use.accounts[~use.people]] = np.flatnonzero(~use.people)
    found = [crowd for rows in times for crowd in _of_span(use, expected, _together(spot, rows), phase)]
    kept: list[Crowd] = []
    for crowd in sorted(found, key=lambda one: -one.nats):
        if len(kept) < MOST and not any(_alike(crowd.jobs, other.jobs) for other in kept):
            kept.append(crowd)
    return kept


def _together(spot: Ints, rows: Rows) -> Groups:
    """Return the groups of busy suspects of the same sign-up time."""
    there = spot[rows.accounts] >= 0
    who, when = spot[rows.accounts[there]], rows.values[there]
    order = stable_order(when)
    begin = run_starts(when[order])
    size = run_lengths(begin, len(when))
    enough = size >= FEWEST
    begin, size = begin[enough], size[enough]
    return Groups(who[order[spans(begin, size)]], np.cumsum(size) - size, size)


def _of_span(use: Use, expected: Floats, groups: Groups, phase: Ints) -> list[Crowd]:
    """Return the groups that are crowds: those that have jobs that no schedule explains."""
    members, begin, size = groups
    if not len(begin):
        return []
    seen: Ints = np.add.reduceat(use.bins[members], begin, axis=0, dtype=np.int64)
    busy = _by_class(np.repeat(np.arange(len(begin)), size), use.klass[members], use.busy[members], len(expected))
    usual = np.einsum("gk,kb->gb", busy, expected)
    nats = np.where(seen > usual, seen * np.log(np.maximum(seen, 1) / usual) - (seen - usual), 0.0)
    excess = (seen >= LIFT * usual) & (nats >= SURE)
    found = []
    for group in np.flatnonzero(excess.sum(axis=1) >= JOBS).tolist():
        spans_now = spans_of(excess[group], seen[group], usual[group])
        jobs = _numbered(spans_now)
        if jobs.max() < JOBS - 1 or len({int(phase[first]) for first, _ in spans_now}) < PHASES:
            continue
        mine = members[begin[group] : begin[group] + size[group]]
        found.append(Crowd(mine, jobs, float(nats[group][jobs >= 0].sum())))
    return found


def _by_class(group: Ints, klass: Ints, busy: Ints, classes: int) -> Floats:
    """Return the busy bins of each group's accounts, by class: (groups, classes)."""
    total = np.bincount(group * classes + klass, busy, (int(group[-1]) + 1) * classes)
    return total.reshape(-1, classes).astype(np.float64)


def spans_of(excess: Mask, seen: Ints, usual: Floats) -> list[tuple[int, int]]:
    """Return the spans of bins with an excess, with a pause between each two: no more is seen in it than is usual."""
    spans: list[tuple[int, int]] = []
    for place in np.flatnonzero(excess).tolist():
        if spans and not _pauses(seen[spans[-1][1] : place], usual[spans[-1][1] : place]):
            spans[-1] = (spans[-1][0], place + 1)
        else:
            spans.append((place, place + 1))
    return spans


def _numbered(spans: list[tuple[int, int]]) -> Ints:
    """Return the number of the job of each bin, or -1. What a day cuts in two is one span of a daily routine."""
    jobs = np.full(BINS, -1)
    for number, (begin, end) in enumerate(spans):
        jobs[begin:end] = number
    if len(spans) > 1 and spans[0][0] + BINS - spans[-1][1] < PAUSE:
        jobs[jobs == len(spans) - 1] = 0
    return jobs


def _pauses(seen: Ints, usual: Floats) -> bool:
    most = float(usual.sum())
    return len(seen) >= PAUSE and float(seen.sum()) <= most + CHANCE * most**0.5


def _alike(one: Ints, other: Ints) -> bool:
    both, either = (one >= 0) & (other >= 0), (one >= 0) | (other >= 0)
    return int(both.sum()) >= SHARED * int(either.sum())


def _in_step(crowd: Crowd, use: Use, expected: Floats) -> Mask | None:
    """Return which accounts are in step with a crowd; None if it has no more of them than people have.

    They take part in as many jobs as a day of work never has: a crowd may be of several shifts.
    """
    inside, count = crowd.jobs >= 0, int(crowd.jobs.max()) + 1
    during = use.bins[:, inside].sum(axis=1) / use.busy
    usual = np.minimum(expected[:, inside].sum(axis=1), 1.0)[use.klass]
    took = sum(use.bins[:, crowd.jobs == job].any(axis=1).astype(np.int64) for job in range(count))
    nats = np.where(took >= max(JOBS, MOST_JOBS * count), use.visits * divergence(during, usual), 0.0)
    marked: Mask = nats > max(float(np.quantile(nats[use.people], 1.0 - ODD)), -np.log(ODD))
    share = np.array([marked[crowd.members].mean()])
    sure = (share >= LIFT * ODD) & (len(crowd.members) * divergence(share, np.array([ODD])) >= NATS)
    return marked if sure.all() else None
