"""Risk and plan to tier, tier to limits: no flapping, no broken floor, no stop without evidence of its own."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from populations import facts, hosts, pasts, weights
from small_engine import CAUGHT, DAY, NOW, PAYER, ask, check, live_through, points, push, report, tenant

from reputation.config.presets import PRESETS
from reputation.hydra.links import Cluster, Links
from reputation.scoring.risk import STANDARD, TIERS, compile_policy, plan_of, tier_of
from reputation.scoring.tiers import TierRule
from reputation.wire.messages import Tier

BALANCED = PRESETS["balanced"]
POLICY = compile_policy(BALANCED.tiers, BALANCED.amounts["requests"].plans, 0.3, "paid")
HARD = {"outcomes_against", "disputes", "declines"}


def linked(engine, *accounts, standing="shared"):
    """Put accounts into one cluster, as the linker would."""
    cluster = Cluster("h-1", NOW, 400, 1.0, ("payment",), standing, (), 1e6, 5.0)
    engine.links = Links(NOW, dict.fromkeys(accounts, ("h-1", 1.0)), {"h-1": cluster}, 100.0)


class TestTiers:
    @given(st.floats(-20, 20))
    def test_an_account_not_seen_before_gets_the_tier_of_its_risk(self, odds):
        tier = tier_of(POLICY, odds, -1)
        assert POLICY.bounds[tier] <= odds
        assert tier == 4 or odds < POLICY.bounds[tier + 1]

    @given(st.integers(1, 4), st.lists(st.floats(-0.149, 0.149), min_size=2, max_size=30))
    def test_no_flapping_within_the_margin(self, bound, wobble):
        """Whatever a borderline account's risk does within the margin, its tier changes at most once."""
        tier, changes = -1, -1
        for offset in wobble:
            after = tier_of(POLICY, POLICY.bounds[bound] + offset, tier)
            changes += after != tier
            tier = after
        assert changes <= 1

    @given(st.floats(-20, 20), st.integers(-1, 4))
    def test_hysteresis_only_ever_holds_back_and_by_no_more_than_the_margin(self, odds, previous):
        fresh, held = tier_of(POLICY, odds, -1), tier_of(POLICY, odds, previous)
        assert fresh <= held <= max(fresh, previous)
        assert held == tier_of(POLICY, odds + POLICY.margin, -1) or held <= tier_of(POLICY, odds + POLICY.margin, -1)

    @given(st.floats(-20, 20), st.integers(0, 4))
    def test_stricter_at_once(self, odds, previous):
        """Hysteresis never delays a stricter tier."""
        assert tier_of(POLICY, odds, previous) >= tier_of(POLICY, odds, -1)


class TestPlans:
    @pytest.mark.parametrize(
        ("plan", "payer", "row"),
        [
            (None, False, "free"),
            (None, True, "paid"),
            ("free", True, "free"),
            ("paid", False, "paid"),
            ("gold", False, "free"),
            ("gold", True, "paid"),
        ],
    )
    def test_the_row_of_limits(self, plan, payer, row):
        """A known plan's own; else whether money settled decides, whatever the plan is called."""
        assert plan_of(POLICY, plan, payer=payer) == row

    @pytest.mark.parametrize("preset", PRESETS)
    def test_a_stricter_tier_never_has_more(self, preset):
        for rows in PRESETS[preset].amounts["requests"].plans.values():
            for milder, stricter in itertools.pairwise(TIERS):
                for name in ("rate", "burst", "daily"):
                    assert getattr(rows[stricter], name) <= getattr(rows[milder], name)


class TestFloor:
    """Payers have a floor that evidence from address, network and linking together cannot break."""

    @settings(max_examples=60)
    @given(pasts, weights, hosts, st.booleans(), st.integers(2, 40))
    def test_no_external_evidence_moves_a_payer_below_standard(self, addresses, past, weight, ip, in_cluster, others):
        """Address, ASN, proxy network, velocity and hydra in any combination, at any weight."""
        engine = tenant(addresses, weights=weight, caps=dict.fromkeys(("velocity", "hydra", "asn", "address"), 3.5))
        now = live_through(engine, [step for step in past if step[1][0] in ("crowd", "push") and step[1][1] != "payer"])
        push(engine, "payer", now, created_at=now - 20 * DAY, payment={"settled_usd": 40, "fingerprint": "fp"})
        for i in range(others):
            check(
                engine,
                now,
                account={"id": f"o{i}", "payment": {"fingerprint": "fp"}},
                client={"ip": ip, "device": "d"},
            )
            report_bad(engine, f"o{i}", now)
        if in_cluster:
            linked(engine, "payer", standing="challenged")
        for host in ("12.0.0.1", "13.0.1.1", "14.0.2.1", "15.0.3.1", "16.0.4.1", "2a01:100:7::1", ip):
            verdict = check(engine, now, account={"id": "payer"}, client={"ip": host, "device": "d"})
            assert verdict.tier in ("trusted", "standard")
            assert verdict.decision == "allow"

    @settings(max_examples=60)
    @given(pasts, hosts)
    def test_a_payers_tier_is_at_most_what_its_own_evidence_asks_for(self, addresses, past, ip):
        """Beside the twin that nothing external is known of, and never below standard because of others."""
        engine = tenant(addresses)
        live_through(engine, past)
        known = {**PAYER, "verified": ["email"]}
        twin = check(engine, account={"id": "twin", **known})
        verdict = check(engine, account={"id": "new-payer", **known}, client={"ip": ip, "device": "d"})
        assert TIERS.index(verdict.tier) <= max(STANDARD, TIERS.index(twin.tier))

    def test_a_payer_with_evidence_of_its_own_is_not_protected(self, addresses):
        engine = tenant(addresses)
        push(engine, "payer", **PAYER)
        for _ in range(3):
            report(engine, "payer", "chargeback")
        assert TIERS.index(ask(engine, "payer").tier) > STANDARD

    def test_in_a_cluster_a_payer_spends_its_floor_before_the_purse(self, addresses):
        engine = tenant(addresses, linking={"payer_floor_units": 0.03})
        push(engine, "payer", **PAYER)
        linked(engine, "payer", "head")
        scopes = [{limit.name for limit in ask(engine, "payer").limits} for _ in range(4)]
        assert [("earned" in names, "purse" in names) for names in scopes] == [(True, False)] * 3 + [(False, True)]


def report_bad(engine, account, now):
    report(engine, account, "chargeback", now)


class TestStops:
    """Nobody is challenged or denied without evidence that nobody else can cause."""

    @settings(max_examples=80)
    @given(pasts, weights, facts, hosts, st.sampled_from([None, "shared", "restricted", "blessed"]))
    def test_no_denial_without_hard_evidence(self, addresses, past, weight, known, ip, standing):
        engine = tenant(addresses, preset="strict", weights=weight)
        now = live_through(engine, past)
        if standing:
            linked(engine, "a", standing=standing)
        verdict = check(engine, now, account={"id": "a", **known}, client={"ip": ip, "device": "d"})
        if verdict.decision in ("deny", "challenge"):
            row = engine.state.row("a")
            statuses = {known.get("payment", {}).get("status"), getattr(row.facts.payment, "status", None)}
            assert HARD & set(points(verdict)) or {"failed", "disputed"} & statuses

    @settings(max_examples=60)
    @given(st.tuples(*[st.sampled_from(["allow", "challenge", "deny"])] * 4), st.floats(-4, 2))
    def test_whatever_the_tiers_decide(self, addresses, decisions, prior):
        """Also where a configuration lets a stricter tier pass and stops a milder one."""
        tiers = {
            name: {"from_risk": risk, "decision": decision}
            for name, risk, decision in zip(TIERS[1:], (10, 20, 40, 60), decisions, strict=True)
        }
        engine = tenant(addresses, tiers=tiers, prior=prior)
        assert check(engine, account={"id": "a"}, client={"ip": "16.0.0.1"}).decision == "allow"

    def test_linking_alone_limits_and_does_not_deny(self, addresses):
        engine = tenant(addresses, preset="strict", weights={"hydra": 5}, caps={"hydra": 8})
        push(engine, "head", created_at=NOW - 60)
        linked(engine, "head", standing="restricted")
        verdict = ask(engine, "head", "16.0.0.1")
        assert (verdict.decision, verdict.tier) == ("allow", "restricted")
        assert verdict.cluster.size == 400

    def test_a_cluster_with_evidence_beside_its_links_is_challenged_and_its_payers_are_not(self, addresses):
        """The linker says `challenged` only with labels or disputes among the members."""
        engine = tenant(addresses)
        push(engine, "head", created_at=NOW - 60)
        push(engine, "payer", **PAYER)
        linked(engine, "head", "payer", standing="challenged")
        assert (ask(engine, "head").decision, ask(engine, "payer").decision) == ("challenge", "allow")

    def test_a_blessed_cluster_has_its_members_own_limits(self, addresses):
        engine = tenant(addresses)
        linked(engine, "a", standing="blessed")
        assert {limit.scope for limit in ask(engine, "a").limits} == {"account"}

    def test_with_evidence_of_its_own_it_is_denied(self, addresses):
        engine = tenant(addresses)
        push(engine, "caught", created_at=NOW - 60, **CAUGHT)
        report(engine, "caught", "chargeback")
        report(engine, "caught", "abuse")
        verdict = ask(engine, "caught")
        assert (verdict.decision, verdict.tier) == ("deny", "blocked")


def rule(tier: Tier) -> TierRule:
    return BALANCED.tiers[tier]


def test_the_shipped_tiers_rise_and_stop_only_at_the_end():
    assert [rule(tier).decision for tier in TIERS] == ["allow"] * 4 + ["deny"]
    assert [rule(tier).from_risk for tier in TIERS] == sorted(rule(tier).from_risk for tier in TIERS)
