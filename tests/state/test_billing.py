"""Billing's events of one account: the money is what was paid and not given back, in whatever order events come."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_engine import NOW

from reputation.state.billing import KEPT, MOST_PAYMENTS, PUSH_SLACK, TWINS, News, after_news, after_push
from reputation.state.facts import Facts
from reputation.state.history import DAY
from reputation.wire.messages import Payment


def facts_after(*news, facts=None, now=NOW):
    facts = Facts() if facts is None else facts
    for one in news:
        facts = after_news(facts, one, now).facts
    return facts


def paid(*names, cents=1000, at=NOW, **more):
    return News(at, "ok", names=names, paid=cents, **more)


def refunded(name, back, at=NOW, cents=1000, **more):
    return News(at, names=(name,), paid=cents, back=(name, back), **more)


def disputed(name, dispute_status="open", at=NOW, cents=1000, id_="dp_1"):
    return News(at, names=(name,), dispute=id_, dispute_status=dispute_status, disputed=cents, outcome="chargeback")


def settled(*news, **more):
    return facts_after(*news, **more).payment.settled_usd


class TestMoney:
    def test_one_payment_counts_once_under_all_its_names(self):
        events = [paid("in_1"), paid("ch_1", "pi_1"), paid("pi_1", "ch_1"), paid("cs_1", "pi_1")]
        assert settled(*events) == 20.0
        assert settled(*events, paid("in_1", "pi_1", cents=0)) == 10.0
        assert settled(*events, paid("in_1", "ch_1")) == 10.0

    def test_two_payments_of_one_amount_count_twice(self):
        assert settled(paid("ch_1", "pi_1"), paid("ch_2", "pi_2"), paid("in_1"), paid("in_2")) == 40.0

    def test_an_invoice_and_a_charge_that_name_nothing_are_one_if_amount_and_time_fit(self):
        invoice, charge = paid("in_1", half="invoice"), paid("ch_1", "pi_1", half="charge", at=NOW - TWINS)
        for order in ([invoice, charge], [charge, invoice]):
            assert settled(*order) == 10.0
        assert settled(invoice, paid("ch_1", half="charge", at=NOW - TWINS - 1)) == 20.0
        assert settled(invoice, paid("ch_1", half="charge", cents=1001)) == 20.01
        assert settled(invoice, paid("in_2", half="invoice")) == 20.0
        assert settled(invoice, paid("ch_1")) == 20.0

    def test_each_invoice_has_one_charge(self):
        halves = [
            paid(f"{kind}_{n}", half=half) for n in (1, 2) for kind, half in (("in", "invoice"), ("ch", "charge"))
        ]
        for _ in range(20):
            random.Random(3).shuffle(halves)
            assert settled(*halves) == 20.0

    def test_what_is_refunded_is_all_until_then_and_an_older_word_changes_nothing(self):
        first, second = refunded("ch_1", 300, at=NOW - 20), refunded("ch_1", 1000, at=NOW - 10)
        assert settled(paid("ch_1"), first) == 7.0
        assert settled(paid("ch_1"), first, second) == settled(paid("ch_1"), second, first) == 0.0
        assert settled(paid("ch_1"), first, first, first) == 7.0
        assert settled(second, paid("ch_1"), paid("ch_2")) == 10.0

    def test_a_refund_that_failed_comes_back_once(self):
        failed = News(NOW, names=("ch_1",), back=("re_1", -300))
        events = [paid("ch_1"), refunded("ch_1", 300, at=NOW - 10)]
        assert settled(*events, failed) == settled(*events, failed, failed) == 10.0
        assert settled(*events, failed, refunded("ch_1", 400, at=NOW + 1)) == 6.0

    def test_a_credit_note_and_its_refund_are_one(self):
        note = News(NOW, names=("in_1",), back=("cn_1", 400), note=True)
        invoice = paid("in_1", "ch_1")
        assert settled(invoice, note) == 6.0
        assert settled(invoice, note, refunded("ch_1", 400)) == settled(invoice, refunded("ch_1", 400), note) == 6.0
        assert settled(invoice, note, News(NOW + 1, names=("in_1",), back=("cn_1", 0), note=True)) == 10.0

    def test_a_dispute_takes_money_and_one_that_is_won_gives_it_back(self):
        lost, won = disputed("ch_1", "lost", NOW + 1), disputed("ch_1", "won", NOW + 1)
        events = [paid("ch_1"), paid("ch_2"), disputed("ch_1")]
        assert settled(*events) == settled(*events, lost) == 10.0
        assert settled(*events, won) == settled(won, *events) == 20.0
        assert settled(*events, disputed("ch_1", cents=300, id_="dp_2")) == 10.0

    def test_nobody_owes_money_for_what_was_never_counted(self):
        assert settled(refunded("ch_9", 1000), paid("ch_1")) == 10.0
        assert settled(disputed("ch_9"), paid("ch_1")) == 10.0

    @given(st.permutations(range(9)), st.lists(st.integers(0, 8), max_size=9))
    def test_the_order_of_events_and_their_repetition_change_nothing(self, order, again):
        events = [
            paid("in_1", at=1), paid("ch_1", "pi_1", at=2), paid("in_1", "pi_1", cents=0, at=3),
            refunded("ch_1", 300, at=4), refunded("ch_1", 500, at=5), disputed("ch_1", at=6, cents=200),
            disputed("ch_1", "won", at=7, cents=200), News(8, "failed", {"funding": "debit"}), paid("ch_2", at=9),
        ]  # fmt: skip
        found = facts_after(*[events[i] for i in [*order, *again]]).payment
        assert (found.settled_usd, found.status, found.disputes) == (15.0, "ok", 0)


class TestBounds:
    def test_old_payments_are_one_sum_and_what_is_kept_does_not_grow(self):
        facts = facts_after(*[paid(f"ch_{n}", f"pi_{n}", cents=100) for n in range(1000)])
        assert facts.payment.settled_usd == 1000.0
        assert len(facts.billing) < 60 * MOST_PAYMENTS

    def test_a_refund_of_an_old_payment_takes_money_from_the_sum_once(self):
        facts = facts_after(paid("ch_1", at=NOW), paid("ch_2", at=NOW))
        later = NOW + KEPT + 1
        facts = facts_after(paid("ch_3", at=later), facts=facts, now=later)
        back = refunded("ch_1", 400, at=later, made=NOW)
        assert settled(back, back, facts=facts, now=later) == 26.0
        new = refunded("ch_4", 400, at=later, made=later)
        assert settled(new, facts=facts, now=later) == 36.0

    def test_an_open_dispute_is_remembered_longer_than_its_payment(self):
        facts = facts_after(paid("ch_1"), disputed("ch_1"))
        later = NOW + 2 * KEPT
        facts = facts_after(*[paid(f"ch_{n}", at=later) for n in range(2, 60)], facts=facts, now=later)
        assert facts.payment.status == "disputed"
        won = facts_after(disputed("ch_1", "won", later), facts=facts, now=later).payment
        assert (won.status, won.disputes, won.settled_usd) == ("ok", 0, 590.0)

    def test_a_dispute_that_was_lost_long_ago_still_counts(self):
        facts = facts_after(paid("ch_1"), disputed("ch_1"), disputed("ch_1", "lost", NOW + 1))
        later = NOW + 2 * KEPT
        found = facts_after(paid("ch_2", at=later), facts=facts, now=later).payment
        assert (found.status, found.disputes, found.settled_usd) == ("disputed", 1, 10.0)


class TestStatus:
    def test_the_newest_word_counts_and_in_one_second_the_success(self):
        old, new = News(NOW - 1, "failed", {"fingerprint": "old"}), News(NOW, "ok", {"fingerprint": "new"})
        for order in ([old, new], [new, old]):
            found = facts_after(*order).payment
            assert (found.status, found.fingerprint) == ("ok", "new")
        assert facts_after(News(NOW, "ok"), News(NOW, "failed")).payment.status == "ok"
        assert facts_after(News(NOW, "ok"), News(NOW + 1, "failed")).payment.status == "failed"

    def test_a_word_that_an_event_leaves_out_stays(self):
        card = News(NOW, "ok", {"fingerprint": "fp", "funding": "debit", "issuer_country": "DE"})
        found = facts_after(card, paid("in_1", at=NOW + 1), News(NOW + 2, "failed", {"funding": "prepaid"})).payment
        assert (found.fingerprint, found.funding, found.issuer_country) == ("fp", "prepaid", "DE")

    def test_a_dispute_stands_whatever_is_paid_after_it_until_it_is_won(self):
        facts = facts_after(paid("ch_1"), disputed("ch_1"), paid("ch_2", at=NOW + 5))
        assert (facts.payment.status, facts.payment.disputes) == ("disputed", 1)
        assert facts_after(disputed("ch_1", "lost", NOW + 6), facts=facts).payment.status == "disputed"
        won = facts_after(disputed("ch_1", "won", NOW + 6), facts=facts).payment
        assert (won.status, won.disputes) == ("ok", 0)

    def test_a_pushed_dispute_stands_whatever_is_paid_after_it(self):
        facts = Facts(payment=Payment(status="disputed", disputes=1), payment_at=NOW)
        found = facts_after(paid("in_1", at=NOW + 1), facts=facts).payment
        assert (found.status, found.disputes) == ("disputed", 1)

    def test_a_dispute_is_one_outcome_and_is_taken_back_when_it_is_won(self):
        events = [disputed("ch_1"), disputed("ch_1", at=NOW + 1), disputed("ch_1", "lost", NOW + 2),
                  disputed("ch_1", "won", NOW + 3), disputed("ch_1", "won", NOW + 3)]  # fmt: skip
        facts, found = Facts(), []
        for one in events:
            facts, *rest = after_news(facts, one, NOW)
            found.append(tuple(rest))
        nothing = [(None, NOW + n, False) for n in (1, 2)]
        assert found[:3] == [("chargeback", NOW, False), *nothing]
        assert found[3:] == [("chargeback", NOW, True), (None, NOW + 3, False)]
        assert after_news(Facts(), disputed("ch_1", "won"), NOW).outcome is None


class TestPush:
    def test_a_push_leaves_what_it_does_not_say(self):
        facts = facts_after(paid("ch_1", card={"funding": "debit"}), disputed("ch_1", cents=400))
        pushed = after_push(facts, Facts(plan="paid", keys=(b"k" * 16,)), NOW + 1)
        assert (pushed.plan, pushed.keys, pushed.payment) == ("paid", (b"k" * 16,), facts.payment)

    def test_a_pushed_number_stands_and_what_comes_later_changes_it(self):
        facts = after_push(facts_after(paid("ch_1")), Facts(payment=Payment(settled_usd=100.0, disputes=2)), NOW + 1)
        assert (facts.payment.settled_usd, facts.payment.disputes) == (100.0, 2)
        assert settled(paid("ch_1"), facts=facts) == 100.0
        assert settled(paid("ch_2"), facts=facts) == 110.0
        assert settled(refunded("ch_1", 1000, at=NOW + 2), facts=facts) == 90.0
        assert settled(refunded("ch_0", 1000, at=NOW + 2, made=NOW - DAY), facts=facts) == 90.0
        assert facts_after(disputed("ch_1"), facts=facts).payment.disputes == 3
        without = after_push(facts, Facts(), NOW + 3)
        assert (without.payment.settled_usd, without.payment.disputes) == (10.0, None)

    def test_what_billing_pushed_is_not_undone_by_an_event_that_is_older(self):
        facts = after_push(Facts(), Facts(payment=Payment(status="ok", fingerprint="own")), NOW)
        late = News(NOW - PUSH_SLACK - 1, "failed", {"fingerprint": "late"})
        found = facts_after(late, facts=facts).payment
        assert (found.status, found.fingerprint) == ("ok", "own")
        assert facts_after(News(NOW - PUSH_SLACK, "failed"), facts=facts).payment.status == "failed"
        closed = after_push(facts_after(disputed("ch_1", at=NOW - 100)), Facts(payment=Payment(status="ok")), NOW)
        assert closed.payment.status == "ok"

    def test_a_push_of_an_account_without_events_keeps_nothing_beside(self):
        assert after_push(Facts(), Facts(plan="free"), NOW) == Facts(plan="free")

    @pytest.mark.parametrize("seed", range(20))
    def test_the_money_is_the_sum_however_pushes_come_between(self, seed):
        rng, facts, total = random.Random(seed), Facts(), 0
        for n in range(100):
            if rng.random() < 0.4:
                facts = after_push(facts, Facts(plan=rng.choice(["free", "paid"])), NOW + n)
            else:
                cents = rng.randrange(1, 5000)
                facts, total = (
                    facts_after(paid(f"ch_{n}", cents=cents, at=NOW + n), facts=facts, now=NOW + n),
                    total + cents,
                )
        assert facts.payment.settled_usd == total / 100
