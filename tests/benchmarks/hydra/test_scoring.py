"""Scores are counted by hand on a world small enough to count."""

import math

import msgspec
import pytest

from benchmarks.hydra import baselines, costs, scoring
from benchmarks.hydra.attackers import LADDER
from benchmarks.hydra.clock import DAY, START
from benchmarks.hydra.scoring import Asked, Judged, Named, Tally
from benchmarks.hydra.truth import Fact, Truth
from benchmarks.hydra.world import Spec

STOP, PASS = Judged("throttle"), Judged("allow")
LINKED = Judged("allow", Named("h-1"))


@pytest.fixture
def truth():
    return Truth(
        Spec(levels=("L0",)),
        {
            "payer": Fact("honest", "home", ("k1",), payer=True),
            "phone": Fact("honest", "carrier_nat", ("k2",)),
            "h1": Fact("hydra", "L0", ("k3",), "hydra-0-L0"),
            "h2": Fact("hydra", "L0", ("k4",), "hydra-0-L0"),
        },
    )


def tallied(truth, *judged):
    tally = Tally(truth)
    for number, (name, verdict) in enumerate(judged):
        tally.add(name, START + number, verdict)
    return tally


def test_leak_is_what_heads_got_of_what_they_asked(truth):
    report = tallied(truth, ("h1", PASS), ("h1", STOP), ("h2", STOP), ("h2", STOP)).report()
    assert report.leak == 0.25
    assert report.hydra_checks == 4


def test_retries_of_a_closed_loop_do_not_make_the_leak_smaller(truth):
    assert tallied(truth, ("h1", PASS), ("h1", STOP), ("h1", STOP)).report(wanted=1).leak == 1.0


def test_first_stop_is_the_median_of_requests_before_it(truth):
    report = tallied(truth, ("h1", PASS), ("h1", PASS), ("h1", STOP), ("h1", STOP), ("h2", STOP)).report()
    assert report.first_stop == 1.0


def test_first_stop_is_none_when_most_heads_are_never_stopped(truth):
    assert tallied(truth, ("h1", PASS), ("h2", PASS)).report().first_stop is None


def test_honest_stops_are_counted_for_all_payers_and_each_class(truth):
    report = tallied(truth, ("payer", PASS), ("phone", STOP), ("phone", PASS), ("phone", PASS)).report()
    assert report.honest_stopped == 0.25
    assert report.payers_stopped == 0.0
    assert report.stopped_by_class == {"home": 0.0, "carrier_nat": pytest.approx(1 / 3)}
    assert report.nat_against_homes == math.inf


def test_an_honest_account_counts_as_linked_for_good_and_a_head_only_while_it_is(truth):
    report = tallied(truth, ("payer", LINKED), ("payer", PASS), ("h1", LINKED), ("h1", PASS), ("h2", LINKED)).report()
    assert report.honest_linked == 0.5
    assert report.honest_linked_by_class == {"home": 1.0, "carrier_nat": 0.0}
    assert report.heads_linked == 0.5
    assert report.clusters == 1


def test_leak_is_told_day_by_day(truth):
    tally = Tally(truth)
    tally.add("h1", START, PASS)
    tally.add("h1", START + DAY, STOP)
    assert tally.report().leak_by_day == [1.0, 0.0]


def test_a_world_without_hydra_has_no_leak_to_speak_of(truth):
    honest = Truth(Spec(levels=()), {"payer": truth.accounts["payer"]})
    report = tallied(honest, ("payer", PASS)).report()
    assert (report.leak, report.heads_linked, report.dollars_per_million) == (None, None, None)


def test_a_check_by_key_is_its_owner_s(truth):
    assert Tally(truth).owner(Asked(key="k3")) == "h1"


def test_files_are_scored_by_pairing_each_check_with_a_verdict_line(truth):
    lines = [
        b'{"kind":"account","at":1,"id":"h1"}',
        b'{"kind":"outcome","at":1,"account":"h1","outcome":"abuse"}',
        b'{"at":%d,"account":{"key":"k3"},"client":{"ip":"192.0.2.1"}}' % START,
        b'{"at":%d,"account":{"id":"payer"},"client":{"ip":"192.0.2.1"}}' % START,
    ]
    verdicts = [b'{"decision":"deny","cluster":{"id":"h-1","size":9}}', b'{"decision":"allow","risk":3}']
    report = scoring.score(truth, lines, verdicts)
    assert (report.leak, report.honest_stopped, report.heads_linked) == (0.0, 0.0, 0.5)


@pytest.mark.parametrize("verdicts", [[], [b'{"decision":"allow"}'] * 2])
def test_a_verdict_too_few_or_too_many_is_an_error(truth, verdicts):
    with pytest.raises(ValueError, match="zip"):
        scoring.score(truth, [b'{"at":1,"account":{"id":"h1"},"client":{}}'], verdicts)


def test_an_error_line_instead_of_a_verdict_is_not_taken_for_one(truth):
    with pytest.raises(msgspec.ValidationError):
        scoring.score(truth, [b'{"at":1,"account":{"id":"h1"},"client":{}}'], [b'{"error":"bad"}'])


def test_cost_is_the_bill_spread_over_what_got_through():
    row = LADDER["L6"]
    alone = costs.per_million(row, heads=10, sent=1000, passed=1000)
    expected = 10 * (0.02 + 0.1 * 0.26 + 15.0 + 7.5) / 1000 * 1e6
    assert alone == pytest.approx(expected)
    assert costs.per_million(row, heads=10, sent=1000, passed=250) == pytest.approx(4 * expected)
    assert costs.per_million(row, heads=10, sent=1000, passed=0) is None


def test_each_step_of_the_ladder_that_adds_cards_and_addresses_costs_more():
    dollars = [costs.per_million(LADDER[f"L{n}"], 600, 92_400, 92_400) for n in range(5)]
    assert dollars == sorted(dollars)


def check(account, ip, at=START):
    return {"at": at, "account": {"id": account}, "client": {"ip": ip}}


def decisions(engine, *lines):
    return [verdict["decision"] for verdict in map(engine, lines) if verdict]


def test_a_daily_limit_starts_anew_each_day_and_ignores_facts():
    engine = baselines.per_account(1)
    lines = [{"kind": "account", "at": START}, check("a", "1"), check("a", "2"), check("a", "1", START + DAY)]
    assert decisions(engine, *lines) == ["allow", "throttle", "allow"]


def test_an_address_limit_counts_everybody_on_the_address():
    assert decisions(baselines.per_address(1), check("a", "1"), check("b", "1")) == ["allow", "throttle"]


def test_accounts_that_share_most_addresses_become_one_cluster():
    used = {"a": frozenset("12345678"), "b": frozenset("12345679"), "c": frozenset("1"), "d": frozenset("1")}
    found = baselines.components(used, 0.7)
    assert found["a"] == found["b"] != found["c"] == found["d"]


def test_a_cluster_of_shared_addresses_has_one_purse_from_the_next_day_on():
    engine = baselines.SharedAddresses(2, least=3)
    first = [check(account, "1") for account in "abc"]
    second = [check(account, "1", START + DAY) for account in "abc"]
    alone = check("z", "9", START + DAY)
    assert decisions(engine, *first, *second, alone) == ["allow"] * 5 + ["throttle", "allow"]
    assert engine(check("a", "1", START + DAY))["cluster"]["size"] == 3
