"""Fitted weights: what they gain on a world that they were not fitted to, and what they never do."""

import numpy as np
import pytest

from benchmarks.hydra.world import Spec
from benchmarks.weights_suggest import compare
from reputation.config.tenants import TenantSettings, compile_tenant
from reputation.recordings.evidence import Evidence, prior_for, rates, weighting_of
from reputation.recordings.fit import FEWEST, suggest
from reputation.tuning.revisions import Revision, check_floor, compiled
from reputation.wire.errors import Invalid

pytestmark = pytest.mark.slow

TENANT = compile_tenant("default", TenantSettings())
FAMILIES = tuple(TENANT.families)
OWN = frozenset({"account", "payment"})


def evidence(abusers=60, good=240, seed=1, telling="velocity", payers=0):
    """Accounts of four decisions each, of whom one family tells abusers and another the other way round."""
    rng = np.random.default_rng(seed)
    count = abusers + good
    abusive = np.arange(count) < abusers
    account = np.repeat(np.arange(count), 4)
    points = np.zeros((len(account), len(FAMILIES)))
    sign = np.where(abusive[account], 1.0, -1.0)
    points[:, FAMILIES.index(telling)] = sign * 0.6 + rng.normal(0, 0.5, len(account))
    points[:, FAMILIES.index("asn")] = -sign * 0.5 + rng.normal(0, 0.5, len(account))
    payer = np.isin(account, np.arange(abusers, abusers + payers))
    return Evidence(FAMILIES, points, account, payer, np.zeros(len(account), dtype=bool), abusive, OWN)


def test_on_another_world_it_catches_more_than_the_preset_at_as_many_false_alarms():
    """Fitted to one labelled world of benchmarks/hydra, judged on another seed's."""
    found = compare(Spec(1, 200, 50, ("L3",), days=2), 2)
    assert found.suggested > found.preset + 0.05
    assert found.suggestion.after.recall > found.suggestion.before.recall


class TestFit:
    def test_counts_what_tells_and_leaves_out_what_tells_the_other_way(self):
        settings = suggest(evidence(), TENANT).settings
        assert settings["weights"]["velocity"] > 0
        assert settings["weights"]["asn"] == 0

    def test_a_family_that_says_the_same_of_everybody_keeps_its_weight(self):
        assert suggest(evidence(), TENANT).settings["weights"]["hydra"] == 1.0

    def test_is_a_draft_that_keeps_the_floor_of_payers(self):
        found = suggest(evidence(payers=100), TENANT)
        check_floor(compiled("default", Revision(2, 1, "", "", 0.0, found.settings), TenantSettings()))

    def test_is_the_same_each_time(self):
        assert suggest(evidence(), TENANT) == suggest(evidence(), TENANT)

    def test_catches_about_as_many_good_ones_as_now(self):
        one = evidence(good=600)
        settings = suggest(one, TENANT).settings
        draft = compiled("default", Revision(2, 1, "", "", 0.0, settings), TenantSettings())
        now, then = (rates(one, weighting_of(tenant, FAMILIES), tenant) for tenant in (TENANT, draft))
        assert then[1] <= now[1] + 0.01
        assert then[0] > now[0]

    @pytest.mark.parametrize(("abusers", "good"), [(FEWEST - 1, 200), (200, FEWEST - 1), (0, 0)])
    def test_too_few_labels_are_an_error_that_says_what_to_do(self, abusers, good):
        with pytest.raises(Invalid, match="headcount label"):
            suggest(evidence(abusers, good), TENANT)


class TestEvidence:
    def test_the_prior_for_a_share_of_false_alarms_is_the_highest_that_keeps_it(self):
        one, live = evidence(), weighting_of(TENANT, FAMILIES)
        for alarms in (0.0, 0.05, 0.5):
            prior = prior_for(one, live, TENANT, alarms)
            at, above = (
                rates(one, type(live)(live.weights, live.caps, prior + more), TENANT)[1] for more in (0.0, 0.02)
            )
            assert at <= alarms + 1e-9
            assert above > at or alarms == 0.5

    def test_payers_are_caught_by_evidence_of_their_own_alone(self):
        one = evidence(abusers=0, good=50, payers=50)
        points = np.zeros_like(one.points)
        points[:, FAMILIES.index("velocity")] = 10.0
        loud = Evidence(FAMILIES, points, one.account, one.payer, one.linked, one.abusive, OWN)
        assert rates(loud, weighting_of(TENANT, FAMILIES), TENANT)[1] == 0.0
        points[:, FAMILIES.index("account")] = 10.0
        assert rates(loud, weighting_of(TENANT, FAMILIES), TENANT)[1] == 1.0

    def test_every_account_weighs_the_same_however_much_it_asked(self):
        one = evidence(abusers=2, good=2)
        assert one.shares().sum() == pytest.approx(4.0)
        half = one.of(np.array([True, False, True, False]))
        assert (len(half.abusive), half.account.max(), len(half.points)) == (2, 1, 8)
