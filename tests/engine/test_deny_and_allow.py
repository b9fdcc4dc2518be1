"""Denials: who falls under one, which entry of the two lists counts, what a verdict says, and that it ends."""

from itertools import starmap
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, structs
from small_engine import CAUGHT, DAY, HOUR, NOW, ask, check, drain, points, tenant

from reputation.engine.denials import DENIED, Denials, DenyBody, deny_of
from reputation.engine.entries import denial_decides, rank_of
from reputation.engine.exceptions import AllowBody, Exceptions, allow_of
from reputation.hydra.links import NOTHING, Cluster
from reputation.wire.errors import Invalid

FACTS = {
    "payment": {"status": "ok", "fingerprint": "fp_1"},
    "organisation": {"id": "corp.example", "verified": True},
}
ALLOWS = [
    ("account", "a"), ("organisation", "corp.example"), ("network", "12.0.0.7/32"), ("network", "12.0.0.0/24"),
    ("network", "12.0.0.0/16"), ("asn", "64501"),
]  # fmt: skip
DENIALS = [
    ("account", "a"), ("card", "fp_1"), ("cluster", "h-1"), ("network", "12.0.0.7/32"), ("network", "12.0.0.0/24"),
    ("network", "12.0.0.0/16"), ("asn", "64501"),
]  # fmt: skip
ORDER = [
    {("account", "a")},
    {("organisation", "corp.example"), ("card", "fp_1"), ("cluster", "h-1")},
    {("network", "12.0.0.7/32")},
    {("network", "12.0.0.0/24")},
    {("network", "12.0.0.0/16")},
    {("asn", "64501")},
]
"""What the documentation says, the most specific first."""


def deny(kind, value, expires=NOW + DAY):
    return deny_of(DenyBody(kind, value, "resold keys", expires - NOW), f"{kind}-{value}", "ann", NOW)


def allow(kind, value):
    return allow_of(AllowBody(kind, value, "ticket 7", DAY), f"{kind}-{value}", "ann", NOW)


def place(entry):
    return next(i for i, step in enumerate(ORDER) if (entry[0], entry[1]) in step)


@pytest.fixture(scope="module")
def shared_engine(addresses):
    return linked(tenant(addresses))


@pytest.fixture
def engine(addresses):
    return linked(tenant(addresses))


def linked(engine):
    cluster = Cluster("h-1", NOW, 2, 0.97, (), "shared", (), 0.0, float("inf"), purse=1e9)
    engine.links = structs.replace(NOTHING, at=NOW, members={"a": ("h-1", 0.97)}, clusters={"h-1": cluster})
    return engine


def named(engine, account="a", ip="12.0.0.7", now=NOW):
    return check(engine, now, account={"id": account, **FACTS}, client={"ip": ip})


class TestWhichEntryCounts:
    @given(st.sets(st.sampled_from(ALLOWS)), st.sets(st.sampled_from(DENIALS)))
    def test_the_most_specific_one_and_of_two_alike_the_exception(self, shared_engine, allows, denials):
        engine = shared_engine
        engine.exceptions = Exceptions([allow(*one) for one in allows]) if allows else None
        engine.denials = Denials([deny(*one) for one in denials]) if denials else None
        verdict = named(engine)
        best_allow = min(map(place, allows), default=len(ORDER))
        best_deny = min(map(place, denials), default=len(ORDER))
        denied = best_deny < best_allow
        assert (verdict.decision == "deny") == denied
        assert (verdict.deny is not UNSET) == denied
        assert (verdict.allow is not UNSET) == (bool(allows) and not denied)
        assert (verdict.overruled is not UNSET) == (bool(allows) and bool(denials))
        if denied:
            assert place((verdict.deny.kind, verdict.deny.value)) == best_deny

    @pytest.mark.parametrize("one", ALLOWS)
    @pytest.mark.parametrize("other", DENIALS)
    def test_each_pair_by_the_one_function(self, one, other):
        assert denial_decides(allow(*one), deny(*other)) == (place(other) < place(one))

    @pytest.mark.parametrize("entry", [*starmap(allow, ALLOWS), *starmap(deny, DENIALS)])
    def test_one_alone_decides(self, entry):
        assert rank_of(entry) <= rank_of(deny("asn", "1"))
        assert not denial_decides(entry, None)
        assert denial_decides(None, entry)


class TestWhoIsStopped:
    @pytest.mark.parametrize(("kind", "value"), DENIALS)
    def test_the_one_that_is_named_and_no_neighbour(self, engine, kind, value):
        engine.denials = Denials([deny(kind, value)])
        verdict = named(engine)
        assert (verdict.decision, verdict.deny.kind, verdict.deny.reason) == ("deny", kind, "resold keys")
        assert ask(engine, "b", "11.0.0.7").decision == "allow"
        assert named(engine, "a", "11.0.0.7").decision == ("allow" if kind in ("network", "asn") else "deny")

    @pytest.mark.parametrize(("kind", "value"), [("network", "1.2.3.4/24"), ("network", "0.0.0.0/0"), ("asn", "AS0")])
    def test_a_value_that_cannot_be_is_refused(self, kind, value):
        with pytest.raises(Invalid):
            deny(kind, value)

    def test_every_request_until_its_time_and_none_after(self, engine):
        engine.denials = Denials([deny("account", "a", NOW + HOUR), deny("account", "a", NOW + 60)])
        assert drain(engine, "a") == 0
        assert named(engine, now=NOW + HOUR - 0.001).decision == "deny"
        assert named(engine, now=NOW + HOUR).decision == "allow"

    def test_one_that_ended_hides_none_that_still_stands(self, engine):
        engine.denials = Denials([deny("account", "a", NOW + 60), deny("asn", "64501")])
        assert named(engine, now=NOW + 60).deny.kind == "asn"


class TestWhatTheVerdictSays:
    def test_its_reason_has_no_points_so_the_sum_is_still_the_risk(self, engine):
        before = named(engine)
        engine.denials = Denials([deny("card", "fp_1")])
        verdict = named(engine)
        assert verdict.reasons[-1].detail == "card fp_1 is on the deny list: resold keys"
        assert points(verdict) == points(before) | {DENIED: 0.0}
        assert sum(points(verdict).values()) == pytest.approx(log(verdict.risk / (100 - verdict.risk)))
        assert (verdict.tier, verdict.risk) == (before.tier, before.risk)

    def test_a_lease_is_refused(self, engine):
        engine.denials = Denials([deny("account", "a")])
        assert check(engine, account={"id": "a"}, lease=True).lease is None

    def test_in_shadow_mode_it_stops_nothing_and_is_named(self, addresses):
        engine = linked(tenant(addresses, mode="shadow"))
        engine.denials = Denials([deny("account", "a")])
        verdict = named(engine)
        assert (verdict.decision, verdict.shadow.decision, verdict.deny.value) == ("allow", "deny", "a")

    def test_an_exception_for_the_account_also_outdoes_evidence_below_a_denied_network(self, engine):
        engine.exceptions, engine.denials = Exceptions([allow("account", "a")]), Denials([deny("asn", "64501")])
        verdict = check(engine, account={"id": "a", **CAUGHT}, client={"ip": "12.0.0.7"})
        assert (verdict.decision, verdict.allow.kind, verdict.overruled.kind) == ("allow", "account", "asn")


def test_without_entries_a_check_has_no_member_of_the_lists(engine):
    verdict = named(engine)
    assert (verdict.allow, verdict.deny, verdict.overruled) == (UNSET, UNSET, UNSET)
