"""Indicators of others: which check shows their values, how many points they give, and when they end."""

import pytest

from geoip.facts import AddressFacts
from reputation.engine.indicators import Bundle, Indicators, indicator_of
from reputation.state.facts import NOTHING, Facts
from reputation.wire.errors import Invalid
from reputation.wire.messages import Client, Payment

NOW = 1_790_812_800.0
NOBODY = Client()


def bundle(*indicators, weight=0.5, expires=NOW + 60, source="acme"):
    return Bundle(source, source, "campaign", "ann", NOW, expires, weight, indicators)


def found(table, facts=NOTHING, address=None, client=NOBODY, now=NOW):
    return [(reason.signal, reason.points) for reason in table.find(facts, address, client, now)]


@pytest.mark.parametrize(
    ("kind", "value", "shown", "not_shown"),
    [
        ("network", "203.0.113.0/24", {"address": AddressFacts("203.0.113.7", "global", host=0xCB007107)},
         {"address": AddressFacts("203.0.114.7", "global", host=0xCB007207)}),
        ("asn", "AS64500", {"address": AddressFacts("203.0.113.7", "global", asn=64500)},
         {"address": AddressFacts("203.0.113.7", "global", asn=64501)}),
        ("ja4", "t13d", {"client": Client(ja4="t13d")}, {"client": Client(ja4="t13i")}),
        ("issuer", "411111", {"facts": Facts(payment=Payment(iin="411111"))}, {"facts": Facts(payment=Payment())}),
        ("mail", "Mail.Example", {"facts": Facts(email_domain="mail.example")},
         {"facts": Facts(email_domain="a.mail.example")}),
    ],
)  # fmt: skip
def test_a_check_with_the_value_gets_points_by_weight_and_confidence(kind, value, shown, not_shown):
    table = Indicators([bundle(indicator_of(kind, value, 80))])
    assert found(table, **shown) == [(f"indicator_{kind}", pytest.approx(0.4))]
    assert found(table, **not_shown) == found(table) == []


def test_the_strongest_active_indicator_of_a_value_counts():
    weak, strong = indicator_of("ja4", "t13d", 40), indicator_of("ja4", "t13d", 100)
    table = Indicators([bundle(weak, expires=NOW + 100), bundle(strong, expires=NOW + 50)])
    shown = Client(ja4="t13d")
    assert [found(table, client=shown, now=NOW + wait) for wait in (0, 60, 100)] == [
        [("indicator_ja4", 0.5)], [("indicator_ja4", pytest.approx(0.2))], []
    ]  # fmt: skip


def test_an_indicator_may_end_before_its_bundle():
    table = Indicators([bundle(indicator_of("ja4", "t13d", 100, until=NOW + 10))])
    assert found(table, client=Client(ja4="t13d"), now=NOW + 9)
    assert not found(table, client=Client(ja4="t13d"), now=NOW + 10)


def test_a_reason_names_the_source_and_how_sure_it_is():
    table = Indicators([bundle(indicator_of("asn", "64500", 80))])
    (reason,) = table.find(NOTHING, AddressFacts("203.0.113.7", "global", asn=64500), NOBODY, NOW)
    assert reason.detail == "AS64500 is an indicator of acme, 80% sure"


@pytest.mark.parametrize(("kind", "value"), [("network", "203.0.113.7/33"), ("network", "0.0.0.0/0"), ("asn", "x")])
def test_what_names_nothing_or_everything_is_refused(kind, value):
    with pytest.raises(Invalid):
        indicator_of(kind, value, 80)
