"""How far evidence from a database counts: by how sure it is and how old, and the reason says so."""

import pytest
from small_engine import NOW

from geoip.known import AddressFacts
from reputation.signals import asn, proxy_network
from reputation.signals.seen import Seen
from reputation.state.facts import NOTHING

DAY = 86_400.0


def seen(asn_odds=0.0, **facts):
    return Seen(NOTHING, AddressFacts("12.0.0.7", "public", 1, 1, **facts), asn_odds=asn_odds)


@pytest.mark.parametrize(
    ("facts", "points", "told"),
    [
        ({}, 0.3, "hosting network"),
        ({"kind_confidence": 0.9}, 0.3, "hosting network"),
        ({"kind_confidence": 1.0}, 0.3, "hosting network"),
        ({"kind_confidence": 0.6}, 0.2, "hosting network; its source is not sure, so this counts 67%"),
        ({"kind_freshness": 0.5}, 0.15, "hosting network; its database is stale, so this counts 50%"),
        (
            {"kind_confidence": 0.45, "kind_freshness": 0.25},
            0.037,
            "hosting network; its source is not sure and its database is stale, so this counts 12%",
        ),
    ],
)
def test_a_hosting_network_counts_as_far_as_its_source_is_sure_and_fresh(facts, points, told):
    (reason,) = asn.evidence(seen(kind="hosting", **facts), NOW)
    assert (reason.signal, reason.detail) == ("hosting", told)
    assert reason.points == pytest.approx(points)


@pytest.mark.parametrize("odds", [1.0, -1.0])
def test_what_became_of_others_on_an_asn_counts_less_where_the_asn_is_from_a_stale_database(odds):
    (fresh,) = asn.evidence(seen(odds, asn=64500), NOW)
    (stale,) = asn.evidence(seen(odds, asn=64500, asn_freshness=0.25), NOW)
    assert (fresh.points, stale.points) == (odds, odds / 4)
    assert stale.detail == f"{fresh.detail}; its database is stale, so this counts 25%"


@pytest.mark.parametrize(
    ("facts", "points"),
    [
        ({"kind_confidence": 0.9}, 0.6),
        ({"kind_confidence": 0.9, "anonymiser_confidence": 99}, 0.6),
        ({"kind_confidence": 0.9, "anonymiser_confidence": 30}, 0.2),
        ({"kind_confidence": 0.9, "kind_freshness": 0.25}, 0.15),
    ],
)
def test_a_proxy_counts_by_the_confidence_of_whoever_listed_it(facts, points):
    (reason,) = proxy_network.evidence(seen(kind="proxy", **facts), NOW)
    assert reason.points == pytest.approx(points)
    assert ("so this counts" in reason.detail) == (points < 0.6)


def test_kinds_that_say_nothing_say_nothing_however_sure():
    for kind in ("relay", "mobile", "education", "residential"):
        assert proxy_network.evidence(seen(kind=kind, kind_freshness=0.5), NOW) == []
