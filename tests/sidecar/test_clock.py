"""The machine's clock: steps of it are seen, and change what accounts have no more than if nobody had set it."""

import math
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_engine import DAY, HOUR, NOW, PAYER, new_id, push, request, tenant

from reputation.engine.verdicts import ExpiringMap
from reputation.sidecar.clock import STEP, Clock
from reputation.sidecar.clock_steps import follow_step
from reputation.state.history import visit
from reputation.state.windows import FanIn, name_of

YEAR = 365 * DAY
STEPS = (-HOUR, -YEAR, DAY, -DAY, 10 * YEAR, -10 * YEAR, -0.01, 0.01)


class Machine:
    """A machine with a clock that somebody sets, and one that nobody can."""

    def __init__(self):
        self.seconds, self.set_by, self.steady_reads = 0.0, 0.0, 0
        self.held_up = 0.0  # for which the process stands still after it has read the clock

    def wall(self):
        now = NOW + self.seconds + self.set_by
        self.seconds, self.held_up = self.seconds + self.held_up, 0.0
        return now

    def steady(self):
        self.steady_reads += 1
        return self.seconds


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_told_once_before_anybody_has_the_time_after_it(step):
    machine, told = Machine(), []
    clock = Clock(machine.wall, machine.steady)
    clock.moved.append(told.append)
    machine.seconds += 5.0
    assert clock() == NOW + 5
    machine.set_by += step
    assert clock() == clock() == pytest.approx(NOW + 5 + step)
    assert told == ([pytest.approx(step)] if abs(step) >= STEP else [])
    assert clock.steps == len(told)


def test_a_process_that_stands_still_between_its_two_readings_sees_no_step():
    """A stopped process, or a machine with other things to do."""
    machine, told = Machine(), []
    clock = Clock(machine.wall, machine.steady)
    clock.moved.append(told.append)
    machine.held_up = 3600.0
    clock()
    assert told == []
    machine.held_up = 3600.0
    assert clock() == NOW + 7200
    assert told == []


def test_another_thread_reads_the_time_and_leaves_the_step_to_the_one_that_keeps_buckets():
    machine, told = Machine(), []
    clock = Clock(machine.wall, machine.steady)
    clock.moved.append(told.append)
    machine.set_by = HOUR
    reader = threading.Thread(target=clock)
    reader.start()
    reader.join()
    assert told == []
    clock()
    assert told == [HOUR]


COSTS = st.sampled_from([1, 3, 25])
stories = st.lists(
    st.tuples(st.floats(0, 30), st.sampled_from([0.0, 0.0, *STEPS[:6]]), st.integers(0, 2), COSTS), max_size=40
)


@settings(max_examples=60)
@given(stories)
def test_checks_answer_as_if_nobody_had_set_the_clock(addresses, story):
    """Random steps at random times between takes and holds of three accounts."""
    machine = Machine()
    clock = Clock(machine.wall, machine.steady)
    stepped, quiet = tenant(addresses), tenant(addresses)
    clock.moved.append(lambda seconds: follow_step(stepped.state, stepped.leases.reserved, seconds))
    held = None
    for later, step, account, cost in story:
        machine.seconds += later
        machine.set_by += step
        call = {"cost": cost, "hold": cost == 3}
        body = request({"account": {"id": f"a{account}"}, "request": call})
        verdicts = []
        for engine, now in ((stepped, clock()), (quiet, NOW + machine.seconds)):
            verdicts.append(engine.check(body, now, new_id))
            if held is not None and call["hold"]:
                engine.leases.reserved.holds.settle(held[len(verdicts) - 1], 1.0, now, debt=True)
        one, other = verdicts
        assert one.decision == other.decision
        assert one.retry_after == pytest.approx(other.retry_after, abs=1e-5)
        assert [limit.remaining for limit in one.limits] == pytest.approx([limit.remaining for limit in other.limits])
        held = (one.id, other.id) if call["hold"] and one.decision == other.decision == "allow" else None


@settings(max_examples=60)
@given(stories)
def test_where_no_step_can_be_seen_nobody_waits_longer_than_for_his_bucket_and_a_step_gives_one_burst(addresses, story):
    """A step across a restart, or of a server whose clock others read."""
    engine, now, steps, elapsed, admitted = tenant(addresses), NOW, 0, 0.0, 0.0
    for later, step, _, cost in story:
        now, elapsed, steps = now + later + step, elapsed + later, steps + (step > 0)
        verdict = engine.check(request({"account": {"id": "a"}, "request": {"cost": cost}}), now, new_id)
        burst = verdict.limits[0]
        admitted += cost * (verdict.decision == "allow")
        assert admitted <= burst.burst * (1 + steps) + burst.rate * elapsed + 1e-6
        if cost <= burst.burst:
            assert verdict.retry_after <= cost / burst.rate + 1e-6


@pytest.mark.parametrize("ahead", [HOUR, DAY, YEAR])
class TestWhatIsRememberedOfATimeToCome:
    """The clock was ahead and is right now: nothing stays until that time comes."""

    def test_a_request_that_is_asked_again_is_a_new_one(self, ahead):
        recent = ExpiringMap(60.0, 100)
        recent.put("a", "b", NOW + ahead)
        assert recent.get("a", NOW) is None
        recent.put("c", "d", NOW)
        assert recent.get("c", NOW + 59) == "d"
        for second in range(300):
            recent.put(("later", second), "e", NOW + second)
        assert len(recent) <= 122

    def test_a_small_step_leaves_a_repeat_a_repeat(self, ahead):
        recent = ExpiringMap(60.0, 100)
        recent.put("a", "b", NOW + 0.02)
        assert recent.get("a", NOW) == "b"

    def test_the_accounts_of_an_address_are_counted_from_now_on(self, ahead):
        met = FanIn(DAY, 1000)
        for i in range(20):
            met.see(7, name_of(f"then {i}"), NOW + ahead)
        assert met.see(7, name_of("now"), NOW) <= 21
        assert met.see(7, name_of("now"), NOW + 2 * DAY) == 1

    def test_the_addresses_of_an_account_are_forgotten_after_a_day(self, ahead):
        recent = b""
        for host in range(5):
            recent = visit(recent, host, 64500 + host, "US", NOW + ahead)
        recent = visit(recent, 9, 64509, "US", NOW)
        recent = visit(recent, 9, 64509, "US", NOW + DAY + HOUR)
        assert tuple(visit(recent, 10, 64509, "US", NOW + DAY + HOUR)[:3]) == (2, 1, 1)

    def test_days_of_use_are_counted_again(self, addresses, ahead):
        engine = tenant(addresses)
        push(engine, "a", **PAYER)
        for now in (NOW + ahead, NOW, *(NOW + day * DAY for day in range(1, 6))):
            engine.check(request({"account": {"id": "a"}}), now, new_id)
        assert engine.state.registered["a"].days >= 5

    def test_what_was_learnt_of_a_network_fades_from_now_on(self, addresses, ahead):
        engine = tenant(addresses)
        networks = engine.state.networks
        for _ in range(20):
            networks.learn_all([7], bad=True, now=NOW + ahead)
        told = networks.odds(7, NOW)
        assert told > 0
        faded = networks.odds(7, NOW + 90 * DAY)
        assert faded < told - math.log(2)
