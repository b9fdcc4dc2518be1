"""Revisions: read strictly, laid over what stays with the file, and refused where a payer's floor would break."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.config.file import from_text
from reputation.config.tenants import TenantSettings, compile_tenant
from reputation.scoring.risk import STANDARD, TIERS, deserved_tier
from reputation.tuning.revisions import Revision, check_floor, compiled, differences, settings_of, sparse, start
from reputation.wire.errors import Invalid

FILE = from_text("tenants: {a: {owner: api, gateway: {trusted_hops: 3}, weights: {asn: 0.5}}}").tenants["a"]
OF_OTHERS = [n for n, family in compile_tenant("a", TenantSettings()).families.items() if not family.own]
"""Families that other accounts can cause."""


def revision(**settings):
    return compiled("a", Revision(7, 1, "ann", "r", 0.0, settings), FILE)


class TestSettings:
    def test_are_a_preset_and_overrides_over_what_stays_with_the_file(self):
        tenant = revision(preset="strict", weights={"velocity": 2})
        assert (tenant.revision, tenant.prior, tenant.families["velocity"].weight) == (7, -1.7, 2)
        assert tenant.families["asn"].weight == 1, "the file's own weights are revision 1's, not everybody's"
        assert tenant.settings.gateway.trusted_hops == 3

    def test_revision_1_is_what_the_file_says_without_what_belongs_to_it(self):
        assert start(FILE).settings == {"weights": {"asn": 0.5}}
        assert settings_of(start(FILE).settings, FILE) == FILE

    @pytest.mark.parametrize(
        "text", ["{}", "{prior: -3, linking: {floor: 5}}", "{plans: {free: {blocked: {rate: 1, burst: 2, daily: 3}}}}"]
    )
    def test_sparse_settings_read_back_are_the_same(self, text):
        settings = from_text(f"tenants: {{a: {text}}}").tenants["a"]
        assert settings_of(sparse(settings), settings) == settings

    @pytest.mark.parametrize(
        ("settings", "pointer", "said"),
        [
            ({"weigths": {}}, "/settings/weigths", "weights"),
            ({"weights": {"asn": 9}}, "/settings/weights/asn", "5"),
            ({"weights": {"ans": 1}}, "/settings/weights/ans", "asn"),
            ({"caps": {"nothing": 1}}, "/settings/caps", "known"),
            ({"tiers": {"limited": {"from_risk": 1}}}, "/settings/tiers", "rise"),
            ({"gateway": {}}, "/settings/gateway", "file"),
            ({"owner": "api"}, "/settings/owner", "file"),
        ],
    )
    def test_what_cannot_be_is_refused_with_a_pointer_and_the_mend(self, settings, pointer, said):
        with pytest.raises(Invalid, match=said) as caught:
            revision(**settings)
        assert caught.value.pointer == pointer


class TestTheFloorOfPayers:
    @pytest.mark.parametrize(
        ("settings", "pointer"),
        [
            ({"prior": 1.0}, "/settings/prior"),
            ({"tiers": {"standard": {"from_risk": 5, "decision": "challenge"}}}, "/settings/tiers/standard/decision"),
            (
                {"plans": {"paid": {"standard": {"rate": 1, "burst": 10, "daily": 100}}}},
                "/settings/plans/paid/standard",
            ),
            ({"linking": {"payer_floor_units": 0}}, "/settings/linking/payer_floor_units"),
        ],
    )
    def test_settings_that_break_it_are_refused(self, settings, pointer):
        with pytest.raises(Invalid) as caught:
            check_floor(revision(**settings))
        assert caught.value.pointer == pointer

    def test_a_floor_of_nothing_in_clusters_is_refused_with_what_the_preset_has(self):
        with pytest.raises(Invalid, match=r"the preset has 0\.25"):
            check_floor(revision(linking={"payer_floor_units": 0}))
        assert TenantSettings().linking.payer_floor_units == 0.25

    @pytest.mark.parametrize("preset", ["lenient", "balanced", "strict"])
    def test_presets_keep_it(self, preset):
        check_floor(revision(preset=preset))

    @given(
        st.floats(-8, 4),
        st.dictionaries(st.sampled_from(OF_OTHERS), st.floats(0, 5)),
        st.dictionaries(st.sampled_from(OF_OTHERS), st.floats(0, 3)),
        st.integers(-1, 4),
        st.integers(0, 4),
    )
    def test_whatever_passes_no_evidence_of_others_brings_a_payer_below_standard(
        self, prior, weights, caps, previous, least
    ):
        """Families that others can cause at their caps, any tier before, any standing of a cluster."""
        tenant = revision(prior=prior, weights=weights, caps=caps)
        try:
            check_floor(tenant)
        except Invalid:
            return
        worst = tenant.prior + sum(tenant.families[name].cap for name in OF_OTHERS)
        tier = deserved_tier(tenant.policy, worst, tenant.prior, previous, least=least, payer=True)
        assert tier <= STANDARD, TIERS[tier]


def test_differences_are_of_what_is_in_force_presets_laid_out():
    found = {d.path: (d.before, d.after) for d in differences(revision(), revision(weights={"asn": 0.5}, prior=-3.0))}
    assert found == {"weights.asn": (1.0, 0.5), "prior": (-2.2, -3.0)}
    assert differences(revision(weights={"asn": 1.0}), revision()) == []
    assert "tiers.limited.from_risk" in {d.path for d in differences(revision(), revision(preset="strict"))}


def test_without_a_file_a_tenant_is_tuned_by_the_api():
    assert TenantSettings().owner == "file"
