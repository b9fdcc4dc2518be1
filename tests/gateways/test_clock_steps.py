"""A real sidecar whose clock is set, at a start and while it runs, embedded and over a Redis whose clock is set too.

Whatever the step: an account that is under its limit passes, one that is over it waits for its own bucket alone, and
nobody gets more than one burst out of a step (of the sidecar's own clock, nothing at all).
"""

import time
from contextlib import ExitStack

import pytest
from redis_process import running_redis, until
from sidecar_process import running_sidecar

from benchmarks.stepped_clock import SteppedClock

pytestmark = pytest.mark.gateway
HOUR, DAY, YEAR = 3600.0, 86_400.0, 365 * 86_400.0
RATE, BURST = 0.5, 16
LIMITS = {"rate": RATE, "burst": BURST, "daily": 100_000}
TIERS = ("trusted", "standard", "limited", "restricted")
SETTINGS = {
    "tenants": {"default": {"plans": {"free": dict.fromkeys(TIERS, LIMITS)}, "linking": {"enabled": False}}},
    "state": {"timeout": 5},  # a busy machine is not an absent Redis
}

STEPS = {
    "an hour back": (-HOUR,),
    "a year back": (-YEAR,),
    "a day ahead and back": (DAY, 0.0),
    "ten years ahead and back": (10 * YEAR, 0.0),
    "to and fro": (HOUR, 0.0, HOUR, 0.0, HOUR, 0.0),
}
SAMPLE = ("an hour back", "a day ahead and back")
long = pytest.mark.long


def steps(sample=SAMPLE):
    return [pytest.param(STEPS[name], id=name, marks=() if name in sample else long) for name in STEPS]


def passed(sidecar, account, times):
    """How many of so many requests pass, and the last verdict."""
    verdicts = [sidecar.ask({"account": {"id": account}}).json for _ in range(times)]
    return sum(verdict["decision"] == "allow" for verdict in verdicts), verdicts[-1]


class Watched:
    """Two accounts of a sidecar: one that has used up its burst, one that asks less often than it may."""

    def __init__(self, sidecar):
        self.began, self.allowed = time.monotonic(), 0
        self.hold(sidecar, bursts=1)
        assert self.allowed >= BURST

    def hold(self, sidecar, bursts=0):
        """Assert what holds after a step; `bursts`: how many the greedy one may have got out of steps until now."""
        assert passed(sidecar, "honest", 1)[0] == 1
        more, stop = passed(sidecar, "greedy", 2 * BURST)
        while stop["decision"] == "allow":  # on a busy machine some tokens are earned meanwhile
            another, stop = passed(sidecar, "greedy", 1)
            more += another
        self.allowed += more
        earned = RATE * (time.monotonic() - self.began)
        assert self.allowed <= BURST * (1 + bursts) + earned + 1
        assert more <= BURST * bool(bursts) + earned + 1
        assert stop["retry_after"] <= 1 / RATE

    def pays_off(self, sidecar):
        """Assert that a request passes once its bucket holds it again, however long the clock would have it wait."""
        until(lambda: passed(sidecar, "greedy", 1)[0], "the bucket never held another request")


@pytest.mark.parametrize("sequence", steps())
def test_a_clock_that_is_set_while_an_embedded_sidecar_runs_changes_nobodys_limit(tmp_path, sequence):
    """What was earned is told by a clock that nobody can set, so a step gives nothing and takes nothing."""
    clock = SteppedClock(tmp_path)
    with running_sidecar(tmp_path, SETTINGS, extra=clock.environment) as sidecar:
        watched = Watched(sidecar)
        for ahead in sequence:
            clock.set(ahead)
            watched.hold(sidecar)
        watched.pays_off(sidecar)
        assert "clock_moved" in sidecar.log.read_text()


@pytest.mark.parametrize("kill", [pytest.param(False, id="stopped", marks=long), pytest.param(True, id="killed")])
@pytest.mark.parametrize("sequence", steps(("ten years ahead and back",)))
def test_a_clock_that_was_wrong_at_one_start_and_is_right_at_the_next_makes_nobody_wait(tmp_path, sequence, kill):
    """The state says times to come: of buckets, days, visits, of gaps after a kill."""
    clock = SteppedClock(tmp_path, -sequence[0])
    extra = {**clock.environment, "HEADCOUNT_STATE": str(tmp_path / "state.sqlite3")}
    watched = None
    starts = (-sequence[0], *sequence)
    for restarts, ahead in enumerate(starts):
        clock.set(ahead)
        with running_sidecar(tmp_path, SETTINGS, extra=extra) as sidecar:
            if watched is None:
                watched = Watched(sidecar)
            else:
                watched.hold(sidecar, bursts=restarts)
            if restarts == len(starts) - 1:
                watched.pays_off(sidecar)
            written(sidecar)
            if kill:
                sidecar.process.kill()
                sidecar.process.wait()


def written(sidecar):
    """Wait until everything is in the file."""
    until(lambda: b"headcount_state_waiting 0.0" in sidecar.tell("GET", "/metrics").body, "not all was written")


@pytest.mark.parametrize("whose", ["redis", pytest.param("sidecar", marks=long), pytest.param("both", marks=long)])
@pytest.mark.parametrize("sequence", steps(("an hour back", "ten years ahead and back")))
def test_a_clock_that_is_set_over_shared_state_makes_nobody_wait_and_gives_one_burst_at_most(tmp_path, sequence, whose):
    """Redis's clock rules, and it forgets keys by it: so a step forward of it fills a bucket, once."""
    (tmp_path / "redis").mkdir()
    ours, theirs = SteppedClock(tmp_path), SteppedClock(tmp_path / "redis")
    with ExitStack() as stack:
        server = stack.enter_context(running_redis(tmp_path, kind="valkey", extra=theirs.environment))
        extra = {**ours.environment, "HEADCOUNT_STATE": server.url}
        sidecar = stack.enter_context(running_sidecar(tmp_path, SETTINGS, extra=extra))
        watched = Watched(sidecar)
        bursts, before = 0, 0.0
        for ahead in sequence:
            for clock in {"redis": [theirs], "sidecar": [ours], "both": [ours, theirs]}[whose]:
                clock.set(ahead)
            bursts += whose != "sidecar" and ahead > before
            before = ahead
            watched.hold(sidecar, bursts)
        watched.pays_off(sidecar)


@pytest.mark.parametrize("sequence", [(YEAR, -HOUR)])
def test_replicas_whose_clocks_differ_share_one_limit(tmp_path, sequence):
    """One is a year ahead and one an hour behind; both take from what Redis's clock earned."""
    with ExitStack() as stack:
        server = stack.enter_context(running_redis(tmp_path, kind="valkey"))
        replicas = []
        for i, ahead in enumerate(sequence):
            place = tmp_path / str(i)
            place.mkdir()
            extra = {**SteppedClock(place, ahead).environment, "HEADCOUNT_STATE": server.url}
            replicas.append(stack.enter_context(running_sidecar(place, SETTINGS, extra=extra)))
        watched = Watched(replicas[0])
        for replica in (*replicas[::-1], *replicas):
            watched.hold(replica)
        watched.pays_off(replicas[1])
