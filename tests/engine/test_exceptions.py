"""Exceptions: who falls under one, what it wins over, and that it ends by itself."""

import timeit

import pytest
from msgspec import UNSET
from small_engine import CAUGHT, DAY, HOUR, NOW, ask, check, drain, report, tenant

from reputation.engine.exceptions import Allow, AllowBody, Exceptions, allow_of
from reputation.wire.errors import Invalid


def allow(kind, value, expires=NOW + DAY, **more):
    body = AllowBody(kind, value, "ticket 7", expires - NOW, **more)
    return allow_of(body, f"{kind}-{value}", "ann", NOW)


@pytest.fixture
def engine(addresses):
    return tenant(addresses)


class TestWhoFallsUnderOne:
    @pytest.mark.parametrize(
        ("value", "client"),
        [
            ("::ffff:12.0.0.0/120", "12.0.0.7"),
            ("::ffff:12.0.0.0/120", "::ffff:12.0.0.7"),
            ("64:ff9b::12.0.0.0/120", "12.0.0.7"),
            ("2002:c00::/40", "2002:c00:7::1"),
            ("2001:0:1:2:3:4:f3ff:ff00/120", "12.0.0.7"),
            ("12.0.0.0/24", "2001:0:9:9:9:9:f3ff:fff8"),
        ],
    )
    def test_a_network_in_whatever_form_is_the_one_that_clients_are_counted_in(self, engine, value, client):
        engine.exceptions = Exceptions([allow("network", value)])
        assert check(engine, account={"id": "b"}, client={"ip": client}).allow.value == "12.0.0.0/24"
        assert check(engine, account={"id": "b"}, client={"ip": "13.0.0.7"}).allow is UNSET

    @pytest.mark.parametrize("value", ["::ffff:0:0/96", "2002::/16", "64:ff9b::/96", "2001::/32", "2001::/23"])
    def test_a_network_that_could_never_match_is_refused_with_the_reason(self, value):
        with pytest.raises(Invalid, match=r"IPv4|wider than"):
            allow("network", value)

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("account", "a"),
            ("network", "12.0.0.0/24"),
            ("network", "12.0.0.7/32"),
            ("network", "12.0.0.0/8"),
            ("asn", "AS64501"),
            ("asn", "64501"),
            ("organisation", "corp.example"),
        ],
    )
    def test_the_one_that_is_named_and_nobody_else(self, engine, kind, value):
        engine.exceptions = Exceptions([allow(kind, value)])
        organisation = {"id": "corp.example", "verified": True}
        named = check(engine, account={"id": "a", "organisation": organisation}, client={"ip": "12.0.0.7"})
        assert (named.allow.kind, named.allow.reason, named.allow.expires) == (kind, "ticket 7", NOW + DAY)
        other = check(engine, account={"id": "b"}, client={"ip": "11.0.0.7"})
        assert not other.allow

    def test_an_organisation_that_nobody_verified_is_anybodys_to_claim(self, engine):
        engine.exceptions = Exceptions([allow("organisation", "corp.example")])
        assert not check(engine, account={"id": "a", "organisation": {"id": "corp.example"}}).allow

    def test_ipv6_networks_narrower_than_what_is_counted_by(self, engine):
        engine.exceptions = Exceptions([allow("network", "2a01:100::8/125")])
        assert ask(engine, "a", "2a01:100::9").allow
        assert not ask(engine, "b", "2a01:100::10").allow

    def test_an_address_in_ipv6_clothes_is_the_ipv4_address_that_it_is(self, engine):
        engine.exceptions = Exceptions([allow("network", "12.0.0.0/24")])
        assert ask(engine, "a", "::ffff:12.0.0.7").allow

    def test_the_most_particular_one_is_told(self, engine):
        engine.exceptions = Exceptions([allow("asn", "64501"), allow("network", "12.0.0.0/16"), allow("account", "a")])
        assert ask(engine, "a", "12.0.0.7").allow.kind == "account"
        assert ask(engine, "b", "12.0.0.7").allow.kind == "network"
        assert ask(engine, "c", "12.0.1.7").allow.kind == "network"


class TestWhatItWinsOver:
    def test_evidence_that_denies(self, engine):
        body = {"account": {"id": "a", **CAUGHT}}
        report(engine, "a", "chargeback")
        report(engine, "a", "abuse")
        assert check(engine, **body).decision == "deny"
        engine.exceptions = Exceptions([allow("account", "a")])
        verdict = check(engine, **body)
        assert (verdict.decision, verdict.tier, verdict.actions) == ("allow", "standard", ())
        assert verdict.risk > 98, "the score is told as it is"

    def test_limits(self, engine):
        engine.exceptions = Exceptions([allow("account", "a")])
        assert drain(engine, "a", most=30_000) == 30_000

    def test_a_lift_leaves_the_accounts_own_limits(self, engine):
        engine.exceptions = Exceptions([allow("account", "a", within_limits=True)])
        assert 10 < drain(engine, "a") < 1000

    def test_a_lift_multiplies_the_accounts_own_limits_and_gives_them_back_at_its_end(self, engine):
        check(engine, account={"id": "a"})
        before = {one.name: (one.rate, one.burst) for one in check(engine, account={"id": "a"}).limits}
        engine.exceptions = Exceptions([allow("account", "a", NOW + HOUR, within_limits=True, times=2)])
        during = {one.name: (one.rate, one.burst) for one in check(engine, account={"id": "a"}).limits}
        assert during == {name: (2 * rate, 2 * burst) for name, (rate, burst) in before.items()}
        after = ask(engine, "a", now=NOW + HOUR).limits
        assert {one.name: (one.rate, one.burst) for one in after} == before

    def test_the_widest_of_several_lifts_counts(self):
        once, twice = (allow("account", "a", within_limits=True, times=times) for times in (1, 2))
        assert Exceptions([once, twice]).of_account("a", NOW) == [twice, once]
        assert Exceptions([once]).of_account("a", NOW + 2 * DAY) == Exceptions([once]).of_account("b", NOW) == []

    def test_nothing_in_shadow_mode_but_it_is_told(self, addresses):
        engine = tenant(addresses, mode="shadow")
        report(engine, "a", "chargeback")
        report(engine, "a", "abuse")
        assert check(engine, account={"id": "a", **CAUGHT}).shadow.decision == "deny"
        engine.exceptions = Exceptions([allow("account", "a")])
        verdict = check(engine, account={"id": "a", **CAUGHT})
        assert (verdict.shadow.decision, verdict.allow.value) == ("allow", "a")


class TestItsEnd:
    def test_at_its_time_and_not_before(self, engine):
        engine.exceptions = Exceptions([allow("account", "a", NOW + HOUR)])
        assert ask(engine, "a", now=NOW + HOUR - 0.001).allow
        assert not ask(engine, "a", now=NOW + HOUR).allow

    def test_one_that_ended_hides_none_that_still_stands(self, engine):
        short = allow("account", "a", NOW + HOUR)
        long = allow("account", "a", NOW + DAY, within_limits=True)
        engine.exceptions = Exceptions([long, short])
        assert engine.exceptions.find("a", ask_facts(engine), None, NOW).within_limits is False
        assert engine.exceptions.find("a", ask_facts(engine), None, NOW + HOUR).within_limits is True


def ask_facts(engine):
    ask(engine, "a")
    return engine.state.row("a").facts


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("kind", "value", "said"),
        [
            ("network", "203.0.113.7/24", "host bits"),
            ("network", "anywhere", "203.0.113.0/24"),
            ("network", "0.0.0.0/0", "/8"),
            ("network", "::/3", "/19"),
            ("asn", "AS", "AS64500"),
            ("asn", "0", "AS64500"),
            ("asn", "99999999999", "AS64500"),
        ],
    )
    def test_with_a_word_on_how_to_write_it(self, kind, value, said):
        with pytest.raises(Invalid, match=said):
            allow(kind, value)


def test_without_any_the_check_pays_less_than_a_microsecond(engine):
    """What the request path does while a tenant has no exception, and while it has ten thousand accounts."""
    engine.exceptions = None
    count = 20_000
    without = min(timeit.repeat(lambda: None if engine.exceptions is None else 1, number=count, repeat=5)) / count
    assert without < 1e-6
    many = Exceptions([Allow(str(i), "account", f"acct-{i}", "r", "ann", NOW, NOW + DAY) for i in range(10_000)])
    facts = ask_facts(engine)
    found = min(timeit.repeat(lambda: many.find("somebody", facts, None, NOW), number=count, repeat=5)) / count
    assert found < 5e-6
