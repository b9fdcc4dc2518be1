"""Points to risk: every point is told, families are capped, tenants weigh them differently."""

import importlib
import math
import os
import subprocess
import sys
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from populations import facts, hosts, pasts, weights
from small_engine import DAY, NOW, PROVEN, ask, check, limiter, live_through, points, push, tenant

from reputation.config.families import load_signal
from reputation.scoring.risk import Family, add_up, counterfactual, log_odds, risk, weigh
from reputation.signals.signal import BUILT_IN
from reputation.wire.messages import Reason

found = st.lists(st.builds(Reason, st.sampled_from("abcdef"), st.floats(-20, 20)), max_size=6)
families = st.builds(
    Family, st.floats(0, 5), st.floats(0, 10), own=st.booleans(), hard=st.sampled_from([frozenset(), frozenset("ab")])
)
scored = st.lists(st.tuples(families, found), max_size=7)
HARD = [(family, signal) for family in BUILT_IN for signal in sorted(load_signal("t", family).declared.hard)]


@settings(max_examples=60)
@given(pasts, weights, st.sampled_from(["lenient", "balanced", "strict"]), facts, hosts)
def test_the_points_add_up_to_the_log_odds_of_the_risk(addresses, past, weight, preset, known, ip):
    """For any facts, address, past and weights: the reasons, the prior among them, are the whole of the risk."""
    engine = tenant(addresses, preset=preset, weights=weight)
    now = live_through(engine, past)
    verdict = check(engine, now, account={"id": "a", **known}, client={"ip": ip, "device": "d"})
    total = sum(reason.points for reason in verdict.reasons)
    assert verdict.reasons[0].signal == "prior"
    assert math.log(verdict.risk / (100 - verdict.risk)) == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize("caps", [{"hydra": 8.0, "velocity": 3.0}, {"account": 10.0, "payment": 6.0, "hydra": 0.5}])
def test_the_points_add_up_where_caps_are_at_their_largest(addresses, caps):
    """Everything that can be held against an account at once, at weight 5."""
    engine = tenant(addresses, prior=2.0, weights=dict.fromkeys(BUILT_IN, 5.0), caps=caps)
    caught = {
        "created_at": NOW,
        "payment": {"status": "disputed", "disputes": 9, "declines_30d": 9, "fingerprint": "fp"},
    }
    for i in range(60):
        verdict = check(engine, account={"id": f"a{i}", **caught}, client={"ip": "16.0.0.1", "device": "d"})
    total = sum(reason.points for reason in verdict.reasons)
    assert total > 12
    assert math.log(verdict.risk / (100 - verdict.risk)) == pytest.approx(total, abs=1e-4)


@given(st.floats(-8, 4), scored)
def test_a_score_is_the_sum_of_its_reasons(prior, evidence):
    score = add_up(prior, evidence)
    assert score.log_odds == pytest.approx(sum(reason.points for reason in score.reasons), abs=1e-9)
    own = prior + sum(r.points for family, raw in evidence if family.own for r in weigh(family, raw))
    assert score.own == pytest.approx(own, abs=1e-9)
    assert score.hard == any(r.signal in family.hard for family, raw in evidence if family.own for r in raw)


@given(families, found)
def test_no_family_counts_for_more_than_its_cap(family, raw):
    """Scaled as a whole, so that the order of importance within the family stays."""
    weighed = weigh(family, raw)
    assert abs(sum(reason.points for reason in weighed)) <= family.cap + 1e-9
    assert [reason.signal for reason in weighed] == [reason.signal for reason in raw]
    assert all(abs(w.points) <= abs(r.points) * family.weight + 1e-9 for w, r in zip(weighed, raw, strict=True))


@given(st.floats(-30, 30))
def test_risk_and_log_odds_are_each_others_inverse(value):
    assert log_odds(risk(value)) == pytest.approx(value, abs=1e-2)
    assert 0 < risk(value) < 100


@settings(max_examples=60)
@given(pasts, facts, hosts)
def test_caps_hold_for_whatever_the_signals_find(addresses, past, known, ip):
    """Through the real engine, with the weight at its largest."""
    engine = tenant(addresses, weights=dict.fromkeys(BUILT_IN, 5.0))
    now = live_through(engine, past)
    verdict = check(engine, now, account={"id": "a", **known}, client={"ip": ip, "device": "d"})
    most = sum(load_signal("t", family).declared.cap for family in BUILT_IN)
    assert abs(sum(reason.points for reason in verdict.reasons[1:])) <= most + 1e-6


def test_two_tenants_with_different_weights_give_different_risk_for_one_request(addresses):
    both = limiter(addresses, plain={}, heavy={"weights": {"payment": 3.0}})
    body = {
        "account": {"id": "a", "created_at": NOW - DAY, "payment": {"funding": "prepaid"}},
        "client": {"ip": "12.0.0.1"},
    }
    plain, heavy = check(both, tenant="plain", **body), check(both, tenant="heavy", **body)
    assert heavy.risk > plain.risk
    assert points(heavy)["payment"] == pytest.approx(3 * points(plain)["payment"])
    assert {k: v for k, v in points(heavy).items() if k != "payment"} == {
        k: v for k, v in points(plain).items() if k != "payment"
    }


def test_a_family_of_weight_zero_is_silent(addresses):
    engine = tenant(addresses, weights={"asn": 0, "proxy_network": 0})
    assert set(points(ask(engine, "a", "16.0.0.1"))) == {"prior"}


def test_nothing_known_is_neutral(addresses):
    """An account without facts has the prior's risk, which the preset sets."""
    risks = [ask(tenant(addresses, preset=preset), "a").risk for preset in ("lenient", "balanced", "strict")]
    assert risks == sorted(risks)
    assert [round(math.log(r / (100 - r)), 6) for r in risks] == [-3.0, -2.2, -1.7]


def test_counterfactual_names_the_signals_that_alone_would_make_it_milder():
    reasons = [Reason("prior", -2.0), Reason("a", 2.0), Reason("b", 0.5), Reason("c", -0.1)]
    assert counterfactual(reasons, 0.3) == [("a", -1.6), ("b", pytest.approx(-0.1))]
    assert counterfactual(reasons, 0.0) == [("a", -1.6), ("b", pytest.approx(-0.1))]
    assert counterfactual(reasons, 0.6) == []


@given(st.floats(-5, 5), st.lists(st.builds(Reason, st.sampled_from("abcdef"), st.floats(-3, 3)), max_size=6))
def test_a_counterfactual_is_true(bound, raw):
    """Each named signal, taken out, brings the sum below the bound, and nothing else does."""
    reasons = [Reason("prior", -2.0), *raw]
    for _, without in counterfactual(reasons, bound):
        assert without < bound <= sum(reason.points for reason in reasons)


@pytest.mark.parametrize("family", BUILT_IN)
def test_every_family_is_a_module_with_its_name(family):
    assert load_signal("t", family).evidence.__module__ == f"reputation.signals.{family}"


def test_a_family_of_somebody_elses_is_loaded_by_its_dotted_name(addresses, tmp_path, monkeypatch):
    (tmp_path / "their_signal.py").write_text(
        "from reputation.wire.messages import Reason\n\n\n"
        "def evidence(seen, now):\n    return [Reason('theirs', 0.25)]\n"
    )
    (tmp_path / "theirs").mkdir()
    (tmp_path / "their_signal.py").rename(tmp_path / "theirs" / "signal.py")
    monkeypatch.syspath_prepend(tmp_path)
    engine = tenant(addresses, weights={"theirs.signal": 2.0})
    push(engine, "a", plan="free")
    assert points(ask(engine, "a"))["theirs"] == 0.5


THEIRS = """
from reputation.wire.messages import Reason


def evidence(seen, now):
    return [Reason({name!r}, 9.0)]
"""


@pytest.fixture
def theirs(addresses, tmp_path, monkeypatch):
    """A tenant that a module of somebody else's judges harshly; `more` is what the module says beside its function."""
    monkeypatch.syspath_prepend(tmp_path)
    numbers = count()

    def made(more="", name="bad_asn"):
        package = f"theirs{tmp_path.name}{next(numbers)}"
        (tmp_path / package).mkdir()
        (tmp_path / package / "signal.py").write_text(more + THEIRS.format(name=name))
        importlib.invalidate_caches()
        return tenant(addresses, weights={f"{package}.signal": 1.0}, caps={f"{package}.signal": 9.0})

    return made


@pytest.mark.parametrize(
    ("more", "tier"),
    [
        ("", "standard"),
        ("OWN_EVIDENCE = False\n", "standard"),
        ("OWN_EVIDENCE = True\n", "restricted"),
    ],
)
def test_somebody_elses_family_breaks_a_payer_s_floor_only_if_it_says_that_its_evidence_is_the_account_s_own(
    theirs, more, tier
):
    """Else a word about an ASN alone would restrict whoever pays and comes from there."""
    engine = theirs(more)
    push(engine, "payer", **PROVEN)
    assert ask(engine, "payer").tier == tier
    assert ask(engine, "free").tier == "restricted"


@pytest.mark.parametrize("name", ["bad_asn", *(signal for _, signal in HARD)])
def test_a_stop_rests_only_on_what_a_module_declares_as_hard_evidence(theirs, name):
    """The name of a signal alone makes nothing hard, not even one that is hard in a built-in family."""
    own = "OWN_EVIDENCE = True\n"
    assert ask(theirs("", name), "a").decision == "allow"
    assert ask(theirs(own, name), "a").decision == "allow"
    assert ask(theirs(f"{own}HARD_EVIDENCE = {{'another'}}\n", name), "a").decision == "allow"
    assert ask(theirs(f"{own}HARD_EVIDENCE = {{{name!r}}}\n", name), "a").decision == "deny"


def test_points_do_not_depend_on_how_a_process_spreads_its_hashes():
    """Two replays give the same bytes, and each process has its own order of a set of words."""
    ask = "from reputation.signals.account import _verification as v; print(v(('email', 'phone', 'identity')).points)"
    seeds = [{**os.environ, "PYTHONHASHSEED": seed} for seed in "1256"]
    said = {
        subprocess.run([sys.executable, "-c", ask], env=env, capture_output=True, check=True).stdout for env in seeds
    }
    assert said == {b"-1.7\n"}
