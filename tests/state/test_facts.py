"""What is known of an account: who is a payer, who is proven, and whose word counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_engine import DAY, NOW, PAYER, PROVEN, ask, check, points, push, tenant

from reputation.state.facts import PROFILE, Facts, Standards, carried, is_payer, is_proven, merged
from reputation.wire.messages import Account, Organisation, Payment, Signup

STANDARDS = Standards()
payments = st.none() | st.builds(
    Payment,
    st.sampled_from([None, "none", "ok", "failed", "disputed"]),
    st.sampled_from([None, "fp_1"]),
    st.sampled_from([None, "prepaid", "credit"]),
    st.none(),
    st.sampled_from([None, "US"]),
    st.none() | st.floats(0, 500),
    st.none() | st.integers(0, 5),
    st.none() | st.integers(0, 5),
)
known = st.builds(
    Facts,
    created_at=st.none() | st.floats(0, NOW),
    plan=st.sampled_from([None, "free", "paid"]),
    verified=st.sampled_from([None, (), ("email",), ("email", "phone")]),
    organisation=st.sampled_from([None, Organisation("corp.example", verified=True)]),
    payment=payments,
    email_domain=st.sampled_from([None, "example.org"]),
    signup=st.none()
    | st.builds(Signup, ja4=st.sampled_from([None, "t13d"]), phone_kind=st.sampled_from([None, "voip"])),
)


def paid(usd, days, **members):
    return Facts(created_at=NOW - days * DAY, payment=Payment(settled_usd=usd, **members))


class TestStanding:
    """The definitions of the contract, to the cent and the second."""

    @pytest.mark.parametrize(
        ("facts", "payer"),
        [
            (paid(20.0, 14), True),
            (paid(19.99, 14), False),
            (paid(20.0, 13.999), False),
            (paid(1e6, 400, status="disputed"), False),
            (paid(20.0, 14, status="failed"), True),
            (paid(20.0, 14, disputes=2), True),
            (Facts(payment=Payment(settled_usd=500)), False),
            (Facts(created_at=NOW - 90 * DAY, plan="paid"), False),
            (Facts(), False),
        ],
    )
    def test_a_payer_settled_enough_for_long_enough_without_an_open_dispute(self, facts, payer):
        """Whatever the plan is called; an age that nobody knows proves nothing."""
        assert is_payer(facts, STANDARDS, NOW) is payer

    @pytest.mark.parametrize(
        ("facts", "days", "proven"),
        [
            (paid(100.0, 30), 1, True),
            (paid(99.99, 30), 1, False),
            (paid(100.0, 29.999), 1, False),
            (paid(100.0, 30, status="disputed"), 1, False),
            (Facts(organisation=Organisation("corp.example", verified=True)), 0, True),
            (Facts(organisation=Organisation("corp.example")), 0, False),
            (Facts(created_at=NOW - 400 * DAY), 10, True),
            (Facts(created_at=NOW - 400 * DAY), 9, False),
            (Facts(created_at=NOW - 399.99 * DAY), 255, False),
            (Facts(), 255, False),
        ],
    )
    def test_the_proven_paid_longer_or_belong_somewhere_or_are_old_and_in_use(self, facts, days, proven):
        assert is_proven(facts, STANDARDS, NOW, days) is proven

    def test_all_these_numbers_are_settings(self, addresses):
        engine = tenant(addresses, standards={"payer_usd": 1, "payer_days": 1})
        push(engine, "acct", created_at=NOW - 2 * DAY, payment={"settled_usd": 2})
        assert ask(engine, "acct").limit.burst > 50


class TestMerging:
    """Pushed facts win, member by member; facts in a check fill the rest and are never stored."""

    @given(known, known)
    def test_member_by_member(self, pushed, brought):
        both = merged(pushed, brought)
        for name in PROFILE:
            first, second = getattr(pushed, name), getattr(brought, name)
            if isinstance(first, Payment | Signup) and second is not None:
                for member in first.__struct_fields__:
                    one, other = getattr(first, member), getattr(second, member)
                    assert getattr(getattr(both, name), member) == (other if one is None else one)
            else:
                assert getattr(both, name) == (second if first is None else first)

    def test_an_explicit_nothing_that_was_pushed_wins_too(self):
        """`verified: []` says that nothing is verified; leaving it out says that nobody knows."""
        assert merged(Facts(verified=()), Facts(verified=("identity",))).verified == ()
        assert merged(Facts(), Facts(verified=("identity",))).verified == ("identity",)

    def test_a_check_without_facts_carries_none(self):
        assert carried(Account(id="a", key="k")) is None
        assert carried(Account(id="a", plan="free")) == Facts(plan="free")

    def test_facts_in_a_check_serve_that_check_alone(self, addresses):
        engine = tenant(addresses)
        first = check(engine, account={"id": "acct", **PROVEN})
        second = ask(engine, "acct")
        assert "settled" in points(first)
        assert set(points(second)) == {"prior"}
        assert engine.state.row("acct").facts == Facts()

    def test_facts_in_a_check_do_not_change_pushed_ones(self, addresses):
        engine = tenant(addresses)
        push(engine, "acct", plan="free", **PAYER)
        before = engine.state.row("acct").facts
        check(engine, account={"id": "acct", "plan": "paid", "payment": {"status": "disputed", "disputes": 9}})
        assert engine.state.row("acct").facts == before

    def test_a_client_cannot_make_itself_a_payer_where_billing_says_otherwise(self, addresses):
        engine = tenant(addresses)
        push(engine, "acct", created_at=NOW - 60, payment={"settled_usd": 0})
        verdict = check(engine, account={"id": "acct", **PROVEN})
        assert "settled" not in points(verdict)

    def test_what_is_pushed_replaces_what_was_pushed_before(self, addresses):
        engine = tenant(addresses)
        push(engine, "acct", **PROVEN)
        push(engine, "acct", plan="free")
        assert set(points(ask(engine, "acct"))) == {"prior"}


class TestSteadyUse:
    """An old account is proven by use on ten different days, and by nothing that is cheaper."""

    def use(self, addresses, times, cost=1.0):
        engine = tenant(addresses)
        push(engine, "old", created_at=NOW - 500 * DAY)
        for at in times:
            ask(engine, "old", now=at, cost=cost)
        row = engine.state.row("old")
        return is_proven(row.facts, STANDARDS, NOW, row.days)

    def test_ten_different_days_are_steady(self, addresses):
        assert self.use(addresses, [NOW + i * DAY for i in range(10)])

    def test_nine_days_are_not_however_busy(self, addresses):
        assert not self.use(addresses, [NOW + i * DAY / 8 for i in range(9 * 8)])

    def test_requests_that_are_stopped_are_not_days(self, addresses):
        """An aged account that was bought must not become proven in a second by asking for too much."""
        assert not self.use(addresses, [NOW, *(NOW + DAY + i for i in range(50))], cost=1e6)

    def test_a_clock_that_wavers_at_midnight_is_not_days(self, addresses):
        assert not self.use(addresses, [NOW + DAY + (-1) ** i for i in range(50)])
