"""Outcomes fade, declines of 30 days are of 30 days, one event counts once: by numbers, and over simulated months."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_engine import DAY, NOW, ask, push, report, tenant

from reputation.engine.limiter import Limiter
from reputation.engine.replay import Replay
from reputation.scoring.risk import TIERS
from reputation.state.billing import News, after_news
from reputation.state.facts import Facts
from reputation.state.history import (
    KEPT,
    KINDS,
    LEAST_MARKS,
    MARKS,
    MOST_OF_A_KIND,
    Marks,
    failures,
    is_heavy,
    noted,
    weighed,
)
from reputation.state.transactions import AccountData, Transaction
from reputation.wire.messages import Payment

HALF_LIFE = 90.0


def kept(*outcomes):
    """Packed outcomes, from (kind, days before NOW)."""
    found = b""
    for kind, days in outcomes:
        found = noted(found, kind, NOW - days * DAY)
    return found


def marks(*outcomes, facts=None, now=NOW):
    return weighed(kept(*outcomes), Facts() if facts is None else facts, HALF_LIFE, now)


def reporting(declines, days=0.0):
    return Facts(payment=Payment(declines_30d=declines), payment_at=NOW - days * DAY)


class TestWhatTheyWeigh:
    @pytest.mark.parametrize("kind", [kind for kind in MARKS if kind != "declined"])
    def test_half_as_much_after_each_half_life(self, kind):
        for lives, share in ((0, 1.0), (1, 0.5), (2, 0.25)):
            against, in_favour, _ = marks((kind, lives * HALF_LIFE))
            expected = [part * share if part * share >= LEAST_MARKS else 0.0 for part in MARKS[kind]]
            assert [against, in_favour] == pytest.approx(expected, rel=1e-6)

    def test_nothing_once_little_is_left(self):
        days = 270.0  # two marks, three half-lives
        assert marks(("abuse", days - 1)).against > LEAST_MARKS
        assert marks(("abuse", days + 1)).against == 0.0

    def test_a_decline_counts_for_30_days_and_not_one_second_longer(self):
        assert marks(("declined", 30), now=NOW - 1).against == 1.0
        assert marks(("declined", 30), now=NOW).against == 0.0
        failed = kept(("charge_failed", 30))
        assert (failures(failed, NOW - 1), failures(failed, NOW)) == (1, 0)

    def test_a_decline_that_payment_counts_weighs_there_alone(self):
        assert marks(("declined", 1), ("declined", 2), facts=reporting(1)) == Marks(1.0, 0.0, 1)
        assert marks(("declined", 1), facts=reporting(3)) == Marks(0.0, 0.0, 3)
        assert marks(("charge_failed", 1), ("charge_failed", 2), facts=reporting(1)) == Marks(0.0, 0.0, 2)
        assert marks(("charge_failed", 1), ("declined", 1)) == Marks(0.0, 0.0, 1)

    def test_a_pushed_count_stands_until_what_it_counted_is_older_than_30_days(self):
        assert marks(facts=reporting(2, 29.9)).declines == 2
        assert marks(facts=reporting(2, 30)).declines == 0
        assert marks(facts=Facts(payment=Payment(declines_30d=2))).declines == 2, "of a check, it is of now"

    @given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(-10_000, 10_000)), max_size=80), st.floats(-1e9, 1e9))
    def test_a_clock_that_goes_anywhere_weighs_no_more_than_all_of_them_at_once(self, outcomes, step):
        found = weighed(kept(*outcomes), Facts(), HALF_LIFE, NOW + step)
        most = [sum(MARKS.get(kind, (0, 0))[side] for kind, _ in outcomes) for side in (0, 1)]
        assert 0 <= found.against <= most[0] + 1e-9
        assert 0 <= found.in_favour <= most[1] + 1e-9

    def test_a_clock_that_was_a_year_ahead_does_not_keep_an_outcome_fresh(self):
        assert marks(("abuse", -365)).against == 0.0
        assert marks(("declined", -365)).against == 0.0


class TestBounds:
    def test_of_each_kind_the_newest_are_kept_and_none_pushes_another_out(self):
        found = kept(("chargeback", 500), *[("challenge_passed", n) for n in range(3 * MOST_OF_A_KIND)])
        assert len(found) == 9 * (MOST_OF_A_KIND + 1)
        assert weighed(found, Facts(), 1e4, NOW).against > 1.9
        assert found == kept(("chargeback", 500), *[("challenge_passed", n) for n in range(MOST_OF_A_KIND)])

    def test_what_speaks_against_an_account_keeps_it_for_a_bounded_time(self):
        assert is_heavy(kept(("abuse", 1)), NOW)
        assert not is_heavy(kept(("abuse", 1)), NOW + KEPT)
        assert not is_heavy(kept(("good", 1), ("challenge_passed", 1), ("charge_failed", 1)), NOW)

    @pytest.mark.parametrize("damaged", [b"", b"\x00", kept(("abuse", 1))[:-1], b"\xff" * 9, b"\xff" * 20])
    def test_what_is_damaged_or_from_a_newer_version_weighs_nothing(self, damaged):
        assert weighed(damaged, Facts(), HALF_LIFE, NOW) == Marks()


def told_by_stripe(engine, account, *news, now):
    """What Stripe's listener does with an event."""

    def change(before):
        facts, outcomes = before
        for one in news:
            found = after_news(facts, one, now)
            facts = found.facts
            if found.outcome == "declined":
                outcomes = noted(outcomes, "charge_failed", found.at)
        return AccountData(facts, outcomes)

    engine.commit(Transaction(account, change), now)


class TestEightMonths:
    """One request a day of the real engine on recorded time."""

    def tiers(self, engine, account, days, each_day):
        found = []
        for day in range(days):
            now = NOW + day * DAY
            each_day(day, now)
            found.append(ask(engine, account, now=now + 3600).tier)
        return found

    def test_a_payer_whose_card_fails_every_60_days_and_who_pays_the_same_day_stays_where_it_is(self, addresses):
        engine = tenant(addresses)
        push(engine, "payer", NOW, created_at=NOW - 90 * DAY, plan="paid")

        def each_day(day, now):
            if day % 30 == 0:
                told_by_stripe(engine, "payer", News(now, "ok", names=(f"in_{day}",), paid=2000), now=now)
            if day % 60 == 59:
                news = News(now, "failed", outcome="declined"), News(now + 600, "ok", names=(f"ch_{day}",), paid=500)
                told_by_stripe(engine, "payer", *news, now=now + 600)

        found = self.tiers(engine, "payer", 240, each_day)
        assert {*found} <= {"trusted", "standard"}
        row = engine.state.row("payer")
        assert failures(row.outcomes, NOW + 240 * DAY) == 1
        assert found[-1] == found[50]

    @pytest.mark.parametrize("told_twice", [False, True])
    def test_so_does_one_whose_billing_tells_of_it_itself(self, addresses, told_twice):
        """By an outcome, and perhaps by a count that it pushes and does not take back."""
        engine = tenant(addresses)
        facts = {"created_at": NOW - 90 * DAY, "payment": {"status": "ok", "settled_usd": 60.0}}
        push(engine, "payer", NOW, **facts)

        def each_day(day, now):
            if day % 60 == 59:
                report(engine, "payer", "declined", now)
                if told_twice:
                    payment = facts["payment"] | {"declines_30d": 1}
                    push(engine, "payer", now, created_at=facts["created_at"], payment=payment)
                    points = {r.signal: r.points for r in ask(engine, "payer", now=now + 1).reasons}
                    assert ("declines" in points, "outcomes_against" in points) == (True, False)

        assert {*self.tiers(engine, "payer", 240, each_day)} <= {"trusted", "standard"}
        last = {r.signal for r in ask(engine, "payer", now=NOW + 275 * DAY).reasons}
        assert not last & {"declines", "outcomes_against"}

    def test_an_abuser_is_caught_and_stays_so(self, addresses):
        """Who tries stolen cards and is reported now and then; with nothing new it may go free in the end."""
        engine = tenant(addresses)
        push(engine, "abuser", NOW, created_at=NOW, payment={"status": "failed", "funding": "prepaid"})

        def each_day(day, now):
            if day < 180 and day % 20 == 0:
                news = [News(now + n, "failed", {"funding": "prepaid"}, outcome="declined") for n in range(5)]
                told_by_stripe(engine, "abuser", *news, now=now + 5)
            if day < 180 and day % 45 == 0:
                report(engine, "abuser", "abuse", now)

        found = [TIERS.index(tier) for tier in self.tiers(engine, "abuser", 240, each_day)]
        assert min(found) >= TIERS.index("limited")
        assert max(found) >= TIERS.index("restricted")


class TestRecordedTime:
    def test_a_replay_of_eight_months_of_lines_says_the_same(self, addresses):
        """A payer whose card fails once in 60 days, and an abuser that is reported once in 20, each checked daily."""
        start, lines = NOW - 100 * DAY, []
        payment = {"status": "ok", "settled_usd": 60.0}
        for name in ("payer", "abuser"):
            facts = {"created_at": start, "payment": payment if name == "payer" else {"funding": "prepaid"}}
            lines.append({"kind": "account", "at": NOW, "id": name, **facts})
        for day in range(240):
            at = NOW + day * DAY
            if day % 60 == 59:
                lines.append({"kind": "outcome", "at": at, "account": "payer", "outcome": "declined"})
            if day % 20 == 0:
                lines.append({"kind": "outcome", "at": at, "account": "abuser", "outcome": "abuse"})
            lines += [{"at": at + 60, "account": {"id": name}} for name in ("payer", "abuser")]
        replay = Replay(Limiter({"default": tenant(addresses)}), lambda _: None, reasons=True, skip_bad=False)
        verdicts = [msgspec.json.decode(line) for line in replay.run(msgspec.json.encode(line) for line in lines)]
        payer, abuser = ([v["tier"] for v in verdicts[i::2]] for i in (0, 1))
        assert {*payer} <= {"trusted", "standard"}
        assert {*abuser[60:]} <= {"limited", "restricted", "blocked"}


class TestStores:
    """Fading is the same wherever an account is kept, for it is one function of what is kept and of now."""

    def test_what_a_file_gave_back_weighs_what_it_did(self, addresses, tmp_path):
        from reputation.stores.sqlite.rows import Earning, account_body, account_row  # noqa: PLC0415 - of this alone

        engine = tenant(addresses)
        push(engine, "a", created_at=NOW - DAY)
        for n, outcome in enumerate(("abuse", "declined", "good")):
            report(engine, "a", outcome, NOW + n)
        before = ask(engine, "a", now=NOW + 20 * DAY)
        row = engine.state.row("a")
        _, found = account_row(account_body(row, 0, 0), 0, Earning((), NOW))
        row.outcomes = found.outcomes
        assert ask(engine, "a", now=NOW + 20 * DAY).reasons == before.reasons
