"""A hydra that reacts sends its wishes elsewhere, rests, replaces heads, and is scored by its wishes."""

import itertools
from collections import Counter

import msgspec
import pytest

from benchmarks.hydra import baselines, closed_loop
from benchmarks.hydra.attackers import LADDER
from benchmarks.hydra.clock import START
from benchmarks.hydra.closed_loop import REACTIONS, Reaction
from benchmarks.hydra.world import Spec, make, stream

SPEC = Spec(honest=60, heads=12, days=2, levels=("L1",))


def wishes():
    world = make(SPEC)
    heads = {account.id for account in world.hydra.accounts}
    return sum(any(f'"id":"{name}"' in line for name in heads) and '"kind"' not in line for _, line in stream(world))


def test_with_an_engine_that_allows_all_the_wishes_are_the_open_loop_s():
    report = closed_loop.run(make(SPEC), lambda line: dict(baselines.ALLOW), REACTIONS["replace"])
    assert report.leak == 1.0
    assert report.hydra_checks == wishes()


def test_with_an_engine_that_stops_all_each_wish_is_tried_as_often_as_the_reaction_says():
    stops = Reaction(tries=3, rest=0.0, replace_after=10**9, reserve=0.0)
    report = closed_loop.run(make(SPEC), lambda line: dict(baselines.THROTTLE), stops)
    assert report.leak == 0.0
    assert 2.9 * wishes() < report.hydra_checks <= 3 * wishes()


def stop_one(victim):
    def check(line):
        stopped = line.get("account", {}).get("id") == victim if "kind" not in line else False
        return dict(baselines.THROTTLE if stopped else baselines.ALLOW)

    return check


def test_what_one_head_is_denied_its_siblings_fetch():
    victim = make(SPEC).hydra.accounts[0].id
    alone = closed_loop.run(make(SPEC), stop_one(victim), REACTIONS["none"])
    moved = closed_loop.run(make(SPEC), stop_one(victim), REACTIONS["siblings"])
    assert alone.leak < 0.95 < moved.leak


def test_worn_out_heads_are_replaced_by_accounts_that_sign_up_then():
    signed_up = []

    def check(line):
        if line.get("kind") == "account" and line["at"] > START + 86400:
            signed_up.append(line)
        return dict(baselines.THROTTLE)

    reaction = Reaction(tries=1, rest=0.0, replace_after=5, reserve=0.5)
    closed_loop.run(make(SPEC), check, reaction)
    fresh = [
        line for line in signed_up if abs(line["created_at"] - line["at"]) < 1 and "fingerprint" in line["payment"]
    ]
    assert len(fresh) >= 1


def test_lines_reach_the_engine_in_time_order_and_honest_ones_are_untouched():
    times, honest = [], []
    world = make(SPEC)
    heads = {account.id for account in world.hydra.accounts}

    def check(line):
        times.append(line["at"])
        if "kind" not in line and line["account"]["id"] not in heads:
            honest.append(line)
        return dict(baselines.THROTTLE)

    closed_loop.run(world, check, Reaction(reserve=0.0))
    assert all(later >= earlier - 0.001 for earlier, later in itertools.pairwise(times))
    alone = [line for _, line in stream(make(Spec(honest=60, heads=0, days=2, levels=()))) if '"kind"' not in line]
    assert len(honest) == len(alone)


@pytest.mark.parametrize("name", REACTIONS)
def test_two_runs_of_a_reaction_give_the_same_report(name):
    first, second = (closed_loop.run(make(SPEC), baselines.per_account(5), REACTIONS[name]) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("level", LADDER)
@pytest.mark.parametrize("name", ["none", "replace"])
def test_every_level_reacts_and_never_gets_more_than_it_wished(level, name):
    world = make(msgspec.structs.replace(SPEC, levels=(level,), days=1))
    report = closed_loop.run(world, baselines.per_account(3), REACTIONS[name])
    assert 0 < report.leak <= 1


def test_colleagues_take_over_what_one_of_a_team_is_denied():
    spec = Spec(honest=300, heads=0, days=2, levels=(), populations=("relief_team",))
    world = make(spec)
    team = {account.id for account in world.accounts if account.team}
    own = [msgspec.json.decode(line) for _, line in stream(make(spec))]
    wanted = Counter(line["account"]["id"] for line in own if "kind" not in line and line["account"]["id"] in team)
    (victim, _), *_ = wanted.most_common(1)
    sent = []

    def check(line):
        if "kind" not in line and line["account"]["id"] in team:
            sent.append(line["account"]["id"])
        return stop_one(victim)(line)

    report = closed_loop.run(world, check, REACTIONS["none"])
    assert report.leak is None
    assert sent.count(victim) == wanted[victim]
    taken_over = len(sent) - wanted.total()  # nobody takes over before a colleague was seen, or after the world's end
    assert wanted[victim] / 2 < taken_over <= wanted[victim]
