"""A replay scores exactly what was scored then, and a draft exactly what it would have scored."""

import importlib

import pytest
from small_engine import limiter, tenant
from traffic import decisions, effects, judged, live, recorded

from reputation.config.tenants import TenantSettings, compile_tenant
from reputation.recordings.rescore import scored, tiers
from reputation.scoring.risk import TIERS, risk

pytestmark = pytest.mark.slow

# drafts that touch everything that a score or tier is made of
DRAFTS = {
    "weights": {"weights": {"account": 1.37, "velocity": 0.61, "asn": 2.9, "hydra": 0.3}},
    "caps": {"caps": {"account": 0.77, "payment": 0.5, "velocity": 0.1}},
    "silent families": {"weights": {"payment": 0, "account": 0}},
    "prior": {"prior": -0.731},
    "tiers": {"tiers": {"limited": {"from_risk": 20}, "restricted": {"from_risk": 30}}},
    "hysteresis": {"hysteresis": 2.5},
    "no hysteresis": {"hysteresis": 0},
    "standards": {"standards": {"payer_usd": 19.5, "payer_days": 4}},
    "presets": {"preset": "strict"},
}


def test_the_live_revision_replayed_differs_nowhere_over_100_000_decisions(addresses):
    """Score and tier of each, to the last bit, with outcomes, clusters and exceptions between."""
    engine = tenant(addresses, weights={"velocity": 1.3, "asn": 0}, caps={"payment": 2.2})
    recorder = recorded(engine)
    verdicts = live(engine, 100_000, 7, recorder)
    log_odds, found = judged(recorder, engine.tenant)
    assert len(log_odds) == 100_000
    assert len({verdict.tier for verdict in verdicts}) >= 4, "traffic of every kind"
    different = [
        v for v, lo, t in zip(verdicts, log_odds, found, strict=True) if (v.risk, v.tier) != (risk(lo), TIERS[t])
    ]
    assert different == []


@pytest.mark.parametrize("name", DRAFTS)
def test_a_draft_scores_what_it_would_have_scored_live(addresses, name):
    """The same traffic through an engine that ran the draft from the start."""
    settings = DRAFTS[name]
    engine, drafted = tenant(addresses), limiter(addresses, default=settings).tenant("default")
    recorder, other = recorded(engine), recorded(drafted)
    live(engine, 4000, 3, recorder)
    verdicts = live(drafted, 4000, 3, other)
    log_odds, found = judged(recorder, drafted.tenant)
    assert [risk(lo) for lo in log_odds] == [v.risk for v in verdicts]
    assert [TIERS[t] for t in found] == [v.tier for v in verdicts]


def test_a_preview_of_tiers_needs_no_walk(addresses):
    """With the recorded tier before each decision, columns alone give what the live revision gave."""
    engine = tenant(addresses, hysteresis=1.0)
    recorder = recorded(engine)
    verdicts = live(engine, 3000, 5, recorder)
    found = []
    for part in decisions(recorder):
        found += tiers(scored(part, engine.tenant), engine.tenant, part.numbers["previous"]).tolist()
    assert [TIERS[tier] for tier in found] == [v.tier for v in verdicts]


def test_a_family_that_was_not_recorded_is_refused(addresses):
    engine = tenant(addresses)
    recorder = recorded(engine)
    live(engine, 10, 5, recorder)
    draft = compile_tenant("default", TenantSettings(weights={"reputation.signals.address": 1.0}))
    with pytest.raises(Exception, match="was not recorded"):
        scored(decisions(recorder)[0], draft)


OUTSIDE = """
from reputation.wire.messages import Reason

OWN_EVIDENCE = True
HARD_EVIDENCE = {"costly_d1"}


def evidence(seen, now):
    if seen.request.cost < 2:
        return []
    return [Reason(f"costly_{seen.client.device}", 1.5, "a costly request")]
"""


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """The dotted name of a module out of the tree; it reads the request, and one of its signals is hard evidence."""
    (tmp_path / "costly_requests").mkdir()
    (tmp_path / "costly_requests" / "signal.py").write_text(OUTSIDE)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return "costly_requests.signal"


@pytest.mark.parametrize("weight", [0, 1])
def test_an_outside_signal_that_reads_the_request_is_reweighted_from_its_recorded_points(addresses, outside, weight):
    """The request is not recorded; the points that the module gave then are, also where the live weight is 0."""
    engine = tenant(addresses, weights={outside: weight})
    drafted = limiter(addresses, default={"weights": {outside: 3.0}, "caps": {outside: 4.0}}).tenant("default")
    recorder, other = recorded(engine), recorded(drafted)
    live(engine, 3000, 3, recorder)
    verdicts = live(drafted, 3000, 3, other)
    log_odds, found = judged(recorder, drafted.tenant)
    assert [risk(lo) for lo in log_odds] == [v.risk for v in verdicts]
    assert [TIERS[t] for t in found] == [v.tier for v in verdicts]
    reasons = {reason.signal for v in verdicts for reason in v.reasons}
    assert {"costly_d1", "costly_d2"} <= reasons
    moved = {
        signal for mover in effects(recorder, engine.tenant, drafted.tenant).movers for signal, *_ in mover.signals
    }
    assert moved & {"costly_d1", "costly_d2"}
