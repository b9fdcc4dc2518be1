"""Request ids: remembered for a minute, bounded, and no two different requests taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.engine.repeats import Print, Repeats
from reputation.wire.errors import Conflict
from reputation.wire.messages import BindingLimit, Call, Verdict

NOW = 1_790_812_800.0
CALL = Call()
texts = st.text(max_size=4)
prints = st.builds(
    Print,
    texts,
    st.builds(Call, cost=st.sampled_from([1.0, 2.0, 0.1]), hold=st.booleans(), route=st.none() | texts),
)


def verdict(decision="allow", retry_after=0.0):
    limit = BindingLimit("requests", 1.0, 1.0, 0.0, "account")
    return Verdict("v", "default", 1, "enforce", decision, 10.0, "standard", limit, (), retry_after, ())


@given(prints, prints)
def test_two_prints_are_written_alike_only_if_they_are_the_same_request(one, other):
    assert (one.text() == other.text()) == one.same(other)


def test_above_its_bound_the_oldest_go_and_are_counted():
    repeats = Repeats(most=10)
    for number in range(25):
        repeats.put(f"r{number}", Print("a", CALL), verdict(), NOW)
    assert (len(repeats), repeats.lost) == (10, 15)
    assert repeats.get("r24", Print("a", CALL), NOW) is not None
    assert repeats.get("r0", Print("a", CALL), NOW) is None


def test_what_is_over_makes_room_and_is_not_counted_as_lost():
    repeats = Repeats(most=10)
    for number in range(25):
        repeats.put(f"r{number}", Print("a", CALL), verdict(), NOW + 61 * number)
    assert (len(repeats), repeats.lost) == (1, 0)


@pytest.mark.parametrize("step", [-365 * 86_400.0, -3600.0, 3600.0])
def test_a_clock_that_steps_leaves_no_id_behind(step):
    repeats = Repeats(most=10)
    repeats.put("r", Print("a", CALL), verdict(), NOW)
    assert repeats.get("r", Print("b", CALL), NOW + step) is None
    repeats.put("r", Print("b", CALL), verdict(), NOW + step)
    with pytest.raises(Conflict):
        repeats.get("r", Print("a", CALL), NOW + step)


@pytest.mark.parametrize("decision", ["throttle", "challenge", "deny"])
def test_a_stop_without_a_wait_is_not_remembered(decision):
    repeats = Repeats()
    repeats.put("r", Print("a", CALL), verdict(decision), NOW)
    assert repeats.get("r", Print("a", CALL), NOW) is None
