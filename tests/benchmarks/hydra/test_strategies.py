"""Strategies beside the ladder are what their rows say, and those that harm somebody name whom."""

from collections import Counter, defaultdict
from functools import cache

import msgspec
import pytest

from benchmarks.hydra import costs, truth, worlds
from benchmarks.hydra.attackers import LADDER, STRATEGIES, attacker
from benchmarks.hydra.clock import DAY, HOUR, START
from benchmarks.hydra.lines import account_events
from benchmarks.hydra.model import is_payer, is_proven
from benchmarks.hydra.scoring import Judged, Named, Tally
from benchmarks.hydra.world import Spec, make, stream

AIMED = [name for name, row in STRATEGIES.items() if row.aims]
SMALL = Spec(honest=300, heads=16, days=3, daily=40.0)


def spec_of(level, **changes):
    return msgspec.structs.replace(SMALL, levels=(level,), **changes)


@cache
def played(spec):
    """(world, account id -> its checks) of the hydra's heads and of their victims."""
    world, found = make(spec), defaultdict(list)
    wanted = {a.id for a in world.accounts if a.label == "hydra" or a.victim_of}
    for _, line in stream(world):
        check = msgspec.json.decode(line)
        if "kind" not in check and check["account"]["id"] in wanted:
            found[check["account"]["id"]].append(check)
    return world, found


def heads(level, **changes):
    world, found = played(spec_of(level, **changes))
    return [(account, found[account.id]) for account in world.hydra.accounts]


def victims(level, **changes):
    world, found = played(spec_of(level, **changes))
    return [(account, found[account.id]) for account in world.accounts if account.victim_of]


def shown(checks, what):
    return {check["client"].get(what) for check in checks}


@pytest.mark.parametrize("level", ["throw_away", "framing_session", "drain_ja4"])
def test_a_strategy_gives_the_same_bytes_again(level):
    first, again = ("".join(line for _, line in stream(make(spec_of(level, days=1)))) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("level", [name for name, row in STRATEGIES.items() if row.every == 1])
def test_heads_that_have_signed_up_send(level):
    there = [checks for account, checks in heads(level) if account.created < START + 2 * DAY]
    assert sum(map(bool, there)) > 0.8 * len(there) > 0


@pytest.mark.parametrize("level", ["cardless_home", "rooms_of_30", "throw_away", "throw_away_rented"])
def test_heads_of_free_accounts_have_no_card(level):
    assert {a.facts["plan"] for a, _ in heads(level)} == {"free"}
    assert {a.facts["payment"]["status"] for a, _ in heads(level)} == {"none"}
    assert all(a.created >= START for a, _ in heads(level))


@pytest.mark.parametrize(
    ("level", "count", "addresses"),
    [("cardless_home", 16, 16), ("rooms_of_30", 60, 2), ("throw_away_rented", 15, 5), ("throw_away", 15, 15)],
)
def test_heads_keep_their_exit_and_share_it_with_as_many_as_their_row_says(level, count, addresses):
    found = [shown(checks, "ip") for _, checks in heads(level, heads=count, days=6, honest=50) if checks]
    assert all(len(used) == 1 for used in found)
    assert addresses - 2 <= len(set.union(*found)) <= addresses


def test_heads_of_a_dispatcher_begin_and_pause_together_and_want_as_much_as_without():
    busy = {}
    for level in ("dispatched", "cardless_home"):
        found = [check["at"] for _, checks in heads(level, heads=60, daily=22.0) for check in checks]
        busy[level] = len({int(at // 600) for at in found}), len(found)
    assert busy["dispatched"][0] < 0.6 * busy["cardless_home"][0]
    assert busy["dispatched"][1] == pytest.approx(busy["cardless_home"][1], rel=0.4)


def test_heads_of_one_sdk_have_one_handshake():
    spec = spec_of("cardless_home", variants=("one-sdk",))
    ways = {check["client"]["ja4"] for checks in played(spec)[1].values() for check in checks}
    assert len(ways) == 1


@pytest.mark.parametrize("level", ["throw_away", "throw_away_rented"])
def test_a_head_that_is_thrown_away_is_used_for_a_day_and_new_ones_come_all_the_time(level):
    used = [checks for _, checks in heads(level) if checks]
    # a session that began within the day may run on
    assert all(checks[-1]["at"] - checks[0]["at"] < DAY + HOUR for checks in used)
    days = Counter(int((a.created - START) // DAY) for a, _ in heads(level, days=7, daily=22.5))
    assert len(days) >= 4


def test_heads_on_the_paid_plan_may_have_settled_nothing():
    assert {(a.facts["plan"], a.settled) for a, _ in heads("paid_unsettled")} == {("paid", 0.0)}


def test_members_of_a_verified_domain_share_it():
    organisations = {msgspec.json.encode(a.facts["organisation"]) for a, _ in heads("verified_domain")}
    assert len(organisations) == 1
    assert all(is_proven(a, START) for a, _ in heads("verified_domain"))


def test_four_heads_in_five_are_payers_of_20():
    found = [a for a, _ in heads("payers_of_20", heads=100)]
    assert 0.7 < sum(is_payer(a, START) for a in found) / 100 < 0.9
    assert {a.settled for a in found} == {0.0, 20.0}
    assert all(len(list(account_events(a, START + 45 * DAY))) == 1 for a in found)


def test_idle_heads_are_fifteen_days_old_at_their_first_request():
    for account, checks in heads("idle_then_active"):
        assert checks[0]["at"] - account.created >= 15 * DAY


def test_a_relay_that_renames_sessions_shows_none_on_two_heads_and_one_that_sends_none_has_none():
    def owners(spec):
        found = defaultdict(set)
        for name, checks in played(spec)[1].items():
            for check in checks:
                found[check["client"].get("session")].add(name)
        return found

    assert max(map(len, owners(spec_of("L5")).values())) > 1
    assert max(map(len, owners(spec_of("renamed_sessions")).values())) == 1
    assert set(owners(spec_of("L5", variants=("no-sessions",)))) == {None}


def test_groups_of_eight_share_a_card_a_client_and_an_hour_and_nothing_with_another_group():
    found = [a for a, _ in heads("groups_of_eight", heads=32)]
    groups = [found[first : first + 8] for first in range(0, 32, 8)]
    cards = [{a.facts["payment"]["fingerprint"] for a in group} for group in groups]
    assert all(len(card) == 1 for card in cards)
    assert len(set.union(*cards)) == 4
    assert all(max(a.created for a in g) - min(a.created for a in g) < HOUR for g in groups)
    checks = played(spec_of("groups_of_eight", heads=32))[1]
    agents = [{c["client"]["user_agent"] for a in group for c in checks[a.id]} for group in groups]
    assert all(len(agent) <= 1 for agent in agents)


def test_farmed_heads_are_active_a_little_before_they_take_all():
    turn = START + 0.6 * 3 * DAY
    for _, checks in heads("farm_active_days", daily=200.0):
        days = Counter(int((c["at"] - turn) // DAY) for c in checks)
        assert 0 < sum(n for day, n in days.items() if day < 0) < 60
        assert days[0] > 100


@pytest.mark.parametrize("level", AIMED)
def test_victims_are_honest_and_the_truth_names_them(level):
    world, _ = played(spec_of(level))
    facts = truth.of(world).accounts
    named = {name: fact for name, fact in facts.items() if fact.victim}
    assert named
    assert {(f.label, f.victim) for f in named.values()} == {("honest", f"hydra-0-{level}")}
    assert not any(f.victim for f in truth.of(make(spec_of("L3"))).accounts.values())


def test_victims_send_what_they_would_send_without_the_hydra():
    framed = [checks for _, checks in victims("framing_device")]
    names = {account.id for account, _ in victims("framing_device")}
    alone = defaultdict(list)
    for _, line in stream(make(msgspec.structs.replace(SMALL, levels=()))):
        check = msgspec.json.decode(line)
        if "kind" not in check and check["account"]["id"] in names:
            alone[check["account"]["id"]].append(check)
    assert framed == [alone[account.id] for account, _ in victims("framing_device")]


def test_a_framed_device_is_a_proven_payer_s_and_four_free_accounts_show_it_in_its_browser():
    owners = {d: a for a, checks in victims("framing_device") for d in shown(checks, "device")}
    assert 2 <= len(victims("framing_device")) <= 4
    assert all(is_proven(a, START) and is_payer(a, START) for a in owners.values())
    borrowed = Counter(d for _, checks in heads("framing_device") for d in shown(checks, "device"))
    assert set(owners) & set(borrowed)
    assert set(borrowed.values()) == {4}


def test_a_framed_session_is_shown_by_each_head_once_after_its_owner_has_begun_it():
    begun = {}
    for _, checks in victims("framing_session"):
        for check in reversed(checks):
            begun[check["client"].get("session")] = check["at"]
    for account, checks in heads("framing_session"):
        times = [c["at"] for c in checks if c["client"].get("session") in begun]
        assert len(times) == 1
        name = next(c["client"]["session"] for c in checks if c["at"] == times[0])
        assert begun[name] < times[0] < begun[name] + 2 * HOUR
        assert account.created < times[0]


def test_lookalikes_sign_up_within_the_hour_with_the_newcomer_s_client():
    found = heads("framing_lookalikes", heads=60)
    newcomers = [account for account, _ in victims("framing_lookalikes", heads=60)]
    assert 2 <= len(newcomers) <= 4
    assert all(not is_payer(a, START) and a.settled > 0 for a in newcomers)
    for account, _ in found:
        assert any(0 < account.created - a.created <= HOUR for a in newcomers)


@pytest.mark.parametrize(("level", "what"), [("drain_ja4", "ja4"), ("drain_nat", "ip")])
def test_a_drain_is_on_a_value_that_its_victims_share(level, what):
    drained = [used for _, checks in heads(level) if (used := shown(checks, what))]
    hit = [used for _, checks in victims(level) if (used := shown(checks, what))]
    assert all(is_payer(account, START) for account, _ in victims(level))
    assert all(used & set.union(*drained) for used in hit)
    assert set.union(*hit) & set.union(*drained)


def test_a_drained_vpn_is_one_network():
    nets = {c["client"]["ip"].rpartition(".")[0] for _, checks in heads("drain_vpn") for c in checks}
    assert len(nets) == 1


def test_a_drained_reserve_is_that_of_free_newcomers():
    assert all(a.created >= START and a.facts["plan"] == "free" for a, _ in victims("drain_reserve"))


def test_a_world_without_anybody_to_aim_at_says_so(tmp_path):
    with pytest.raises(SystemExit, match="hydra-0-framing_device has no honest account to aim at"):
        worlds.main(["--level", "framing_device", "--honest", "1", "--heads", "4", "--out", str(tmp_path / "w.jsonl")])


def test_what_victims_and_newcomers_lose_is_scored_and_what_the_hydra_paid():
    world = truth.Truth(
        Spec(levels=("framing_device",), days=14),
        {
            "v": truth.Fact("honest", "home", ("k1",), victim="hydra-0-framing_device"),
            "n": truth.Fact("honest", "home", ("k2",), created=START + 1),
            "h": truth.Fact("hydra", "framing_device", ("k3",), "hydra-0-framing_device"),
        },
    )
    tally = Tally(world)
    for name, verdict in (("v", "throttle"), ("v", "allow"), ("n", "allow"), ("h", "allow")):
        tally.add(name, START, Judged(verdict, Named("h-1") if name == "v" else None))
    report = tally.report()
    assert (report.victims_stopped, report.victims_linked, report.newcomers_stopped) == (0.5, 1.0, 0.0)
    assert report.dollars == pytest.approx(0.02 + 0.026 + 3 * 40 / 1e6)


def test_money_that_was_settled_and_weeks_of_addresses_are_on_the_bill():
    assert costs.bill(attacker("payers_of_20"), 10, 0)["settled_dollar"] == 160.0
    assert costs.bill(attacker("throw_away_rented"), 30, 0)["rented_address"] == 10
    assert costs.bill(LADDER["L6"], 10, 0, weeks=2)["home_line"] == 20
