"""A revision on trial: what it would change is counted, a canary judges its share, and ends itself if it hurts."""

from prometheus_client import CollectorRegistry, generate_latest
from small_engine import NOW, PAYER, ask, check, push, report, tenant

from reputation.config.tenants import TenantSettings, compile_tenant
from reputation.engine.exceptions import Allow, Exceptions
from reputation.state.facts import Standards
from reputation.tuning.rollout import Rollout, is_in_canary
from reputation.tuning.trial import Trial, trial_metrics

HARSH = {"prior": 0.5, "weights": {"account": 3, "payment": 0}}


def on_trial(addresses, draft, stage="shadow", percent=0.0, most=0, **settings):
    """An engine, the trial of a draft on it, and the reasons for which the trial was stopped."""
    engine, stops = tenant(addresses, **settings), []
    candidate = compile_tenant("default", TenantSettings(**draft), 2)
    rollout = Rollout(candidate=2, stage=stage, percent=percent, most_payers_tightened=most)
    trial = Trial(engine.tenant, candidate, rollout, stops.append)
    engine.verdict_hooks = (trial.watch,)
    if stage == "canary":
        engine.revision_of = trial.revision_of
    return engine, trial, stops


class TestShadow:
    def test_verdicts_are_those_of_the_live_revision(self, addresses):
        engine, trial, _ = on_trial(addresses, HARSH)
        plain = tenant(addresses)
        for i in range(50):
            one, other = ask(engine, f"a{i}", "12.0.0.7"), ask(plain, f"a{i}", "12.0.0.7")
            assert (one.risk, one.tier, one.decision, one.revision) == (other.risk, other.tier, other.decision, 1)
        assert trial.scored == 50

    def test_a_draft_alike_moves_nobody(self, addresses):
        engine, trial, _ = on_trial(addresses, {})
        for i in range(60):
            report(engine, f"a{i % 7}", ("good", "abuse", "declined")[i % 3])
            ask(engine, f"a{i % 7}", "13.0.0.7", now=NOW + i)
        assert (trial.scored, trial.moved) == (60, {})

    def test_payers_that_it_would_tighten_are_named(self, addresses):
        engine, trial, stops = on_trial(addresses, HARSH)
        push(engine, "payer", **PAYER)
        push(engine, "young", created_at=NOW)
        ask(engine, "payer")
        ask(engine, "young")
        view = trial.view()
        assert view["payers_tightened"] == 1
        assert view["payers"] == [{"account": "payer", "before": "standard", "after": "limited"}]
        assert {(m["before"], m["payer"]) for m in view["moved"]} == {("standard", True), ("standard", False)}
        assert stops == []

    def test_hysteresis_follows_the_drafts_own_tiers(self, addresses):
        """A draft alike but for a margin that keeps what became strict so, however mild the live one is again."""
        engine, trial, _ = on_trial(addresses, {"hysteresis": 3.0}, hysteresis=0.0)
        for _ in range(2):
            report(engine, "a", "abuse")
        ask(engine, "a")
        for _ in range(3):
            report(engine, "a", "good")
        verdict = ask(engine, "a")
        assert trial.moved, verdict.tier

    def test_an_exception_wins_over_both(self, addresses):
        engine, trial, _ = on_trial(addresses, HARSH)
        engine.exceptions = Exceptions([Allow("1", "account", "a", "r", "ann", NOW, NOW + 60)])
        assert check(engine, account={"id": "a"}).allow
        assert trial.scored == 0


class TestCanary:
    def test_judges_its_share_and_says_its_revision(self, addresses):
        engine, trial, _ = on_trial(addresses, {"prior": -4.0}, "canary", 30)
        names = [f"a{i}" for i in range(400)]
        for name in names:
            judged = is_in_canary(name, 2, 30)
            assert ask(engine, name).revision == (2 if judged else 1)
        assert trial.scored == sum(is_in_canary(name, 2, 30) for name in names)

    def test_ends_itself_when_it_is_stricter_with_more_payers_than_allowed(self, addresses):
        engine, _, stops = on_trial(addresses, HARSH, "canary", 100, most=2)
        for i in range(4):
            push(engine, f"payer{i}", **PAYER)
            ask(engine, f"payer{i}")
            ask(engine, f"payer{i}")
        assert stops == ["payers tightened: 3, the limit was 2"]
        assert ask(engine, "payer3").revision == 1

    def test_other_standards_are_the_canarys_own(self, addresses):
        """Who is a payer is the revision's to say."""
        engine, _, _ = on_trial(addresses, {"standards": Standards(payer_usd=1000.0)}, "canary", 100)
        push(engine, "payer", **PAYER)
        assert ask(engine, "payer").limits[0].rate < 20, "the row of the free plan"


def test_its_series_are_its_own(addresses):
    engine, trial, _ = on_trial(addresses, HARSH)
    push(engine, "payer", **PAYER)
    ask(engine, "payer")

    class Collector:
        def collect(self):
            return trial_metrics([("default", trial)])

    registry = CollectorRegistry()
    registry.register(Collector())
    text = generate_latest(registry).decode()
    labels = 'revision="2",stage="shadow",tenant="default"'
    assert f"headcount_candidate_payers_tightened{{{labels}}} 1.0" in text
    assert 'before="standard"' in text
