"""A flood of made-up keys is the flood's problem: who was here before, and who comes from elsewhere, passes."""

import pytest
from floods import FLOODS, PLACES, Flood, established, flooded, newcomers, of_48s, settle_in, share
from small_engine import DAY, NOW, SECRET, check

from reputation.config.file import from_text
from reputation.limits.bucket import settled
from reputation.sidecar.build import build

pytestmark = pytest.mark.slow

SAMPLE = 0.02
KEYS_OF_500_NETWORKS = FLOODS[0]


def engine_for(addresses, scale=SAMPLE):
    """A tenant with as many fewer places as the flood has fewer names."""
    places = max(1000, round(PLACES * scale))
    settings = from_text(f"memory: {{accounts: {places}, strangers: {places}}}")
    return build(settings, addresses, SECRET).tenant("default")


def one_of(flood):
    return pytest.mark.parametrize("flood", flood, ids=lambda one: one.name)


def check_who_passes(engine, flood, days, scale):
    plan = "free" if flood.name == "accounts with facts" else None
    before, since = established(plan=plan), newcomers(plan)
    settle_in(engine, before, days)
    passed = flooded(engine, flood, before + since, scale)
    assert share(passed, before) >= 0.99
    assert share(passed, since) >= 0.8
    state = engine.state
    assert state.unconfirmed.crowded + state.traffic.crowded > 0
    assert max(len(state.unconfirmed), len(state.traffic)) <= max(1000, round(PLACES * scale))


@one_of(FLOODS)
def test_who_was_here_and_who_comes_from_elsewhere_passes_in_a_flood(addresses, flood):
    check_who_passes(engine_for(addresses), flood, 0, SAMPLE)


@pytest.mark.long
@one_of(FLOODS)
def test_who_was_here_and_who_comes_from_elsewhere_passes_in_a_whole_flood(addresses, flood):
    check_who_passes(engine_for(addresses, 1.0), flood, 3 if flood is KEYS_OF_500_NETWORKS else 0, 1.0)


def test_who_was_here_on_other_days_passes_although_the_flood_is_of_its_own_network(addresses):
    """They have rows of their own, and a part of their address's budget that newcomers cannot empty."""
    engine = engine_for(addresses)
    before = [one._replace(pause=19.0) for one in established(60, "2a0e:b0:0:7::")]
    settle_in(engine, before, days=3)
    passed = flooded(engine, Flood("the same /64", lambda n, _, __: of_neighbour(n), 1), before, SAMPLE)
    assert share(passed, before) >= 0.99


def of_neighbour(n):
    return {"account": {"key": f"made-up-{n}"}, "client": {"ip": f"2a0e:b0:0:7::{n:x}"}}


def test_a_flood_gains_nothing_by_keys_of_its_own_that_are_days_old(addresses):
    """Its keys of days hold places, but whoever has been here longer keeps his, and all others share by network."""
    engine, before, since = engine_for(addresses), established(), newcomers()
    settle_in(engine, before, days=5)
    for day in (3, 2, 1):
        for n in range(1310):
            check(engine, NOW - day * DAY + n / 100, **of_48s(n, NO_CHANCE, 10))
    settle_in(engine, before, days=0)
    passed = flooded(
        engine, Flood("old keys", lambda n, _, __: of_48s(n % 1310, NO_CHANCE, 10), 10), before + since, SAMPLE
    )
    assert share(passed, before) >= 0.99
    assert share(passed, since) >= 0.8


class NO_CHANCE:  # noqa: N801 - stands for a source of chance
    """Every address the same."""

    @staticmethod
    def randrange(_):
        return 1


def test_a_flood_of_one_network_is_one_account_once_places_are_full(addresses):
    engine, passed = engine_for(addresses), 0
    for n in range(3000):
        verdict = check(engine, NOW, account={"key": f"made-up-{n}"}, client={"ip": f"11.0.0.{n % 250}"})
        passed += verdict.decision == "allow"
    assert passed == len(engine.state.unconfirmed) + engine.tenant.policy.limits["free"][1].burst.burst
    assert check(engine, NOW, account={"key": "late"}, client={"ip": "11.0.0.251"}).decision == "throttle"
    assert check(engine, NOW, account={"key": "late"}, client={"ip": "11.0.1.251"}).decision == "allow"


def test_a_newcomer_that_shares_is_told_of_no_visits_that_are_not_its_own(addresses):
    """Else everybody of a network would have been at every address of it."""
    engine = engine_for(addresses)
    for i in range(3000):
        check(engine, NOW, account={"id": f"made-up-{i}", "plan": "free"}, client={"ip": f"11.0.0.{i % 250}"})
    verdict = check(engine, NOW, account={"id": "late", "plan": "free"}, client={"ip": "11.0.0.3"})
    assert engine.state.traffic.crowded > 0
    assert {reason.signal for reason in verdict.reasons} == {"prior"}


def test_what_a_network_spent_together_is_not_forgotten_while_it_is_owed(addresses):
    engine = engine_for(addresses)
    for i in range(1310):
        check(engine, NOW, account={"key": f"made-up-{i}"}, client={"ip": f"{60 + i // 250}.0.{i % 250}.1"})
    for i in range(30):
        check(engine, NOW, account={"key": f"late-{i}"}, client={"ip": "11.0.0.1"})
    row = engine.state.unconfirmed.meet("anybody", NOW, None, 0x0B000000)
    assert row.shared
    assert settled(row.burst, NOW) == 0.0
