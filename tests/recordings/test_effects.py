"""What a draft would have done: payers by name, abusers caught, requests and money, and a preview that agrees."""

import msgspec
import pytest
from small_engine import DAY, NOW, PAYER, PROVEN, SECRET, ask, check, push, report, tenant
from traffic import decisions, effects, judged, live, recorded

from reputation.config.tenants import UNNUMBERED, TenantSettings, compile_tenant
from reputation.recordings.effects import Effects
from reputation.recordings.preview import BINS, preview, quality
from reputation.recordings.report import report as summed_up
from reputation.tuning.rollout import is_in_canary
from reputation.wire.ids import pseudonym

PREPAID = {"payment": {"funding": "prepaid", "status": "none"}}


def hashed(name):
    return pseudonym(name, SECRET)


def labels(**words):
    return {int(hashed(name), 16): word for name, word in words.items()}


def draft(**settings):
    return compile_tenant("default", TenantSettings(**settings), 2)


@pytest.fixture
def traffic(addresses):
    """A payer, a proven one, an abuser with a prepaid card and somebody new; five requests each, a second apart."""
    engine = tenant(addresses)
    recorder = recorded(engine)
    push(engine, "payer", **PAYER)
    push(engine, "proven", **PROVEN)
    push(engine, "abuser", created_at=NOW - 3600, **PREPAID)
    push(engine, "new", created_at=NOW - 10 * DAY)
    for i in range(5):
        for name in ("payer", "proven", "abuser", "new"):
            ask(engine, name, "12.0.0.7", now=NOW + i)
    recorder.close_open()
    recorder.keep(recorder.pack_waiting(), NOW)
    return engine, recorder


def replay(traffic, words=None, **settings):
    engine, recorder = traffic
    return summed_up(effects(recorder, engine.tenant, draft(**settings)), words or {})


class TestReplay:
    def test_the_live_settings_again_move_nobody(self, traffic):
        found = replay(traffic)
        assert (found.decisions, found.accounts, found.checked, found.differences) == (20, 4, 20, 0)
        assert (found.payers_tightened, found.movers, found.savings.requests_stopped) == ([], [], 0)
        assert sum(map(sum, found.accounts_moved)) == 4
        assert sum(map(sum, found.decisions_moved)) == 20

    def test_payers_that_it_tightens_are_each_listed(self, traffic):
        found = replay(traffic, prior=0.5, weights={"payment": 0.0, "account": 3.0})
        assert {(m.account, m.before, m.after, m.decisions) for m in found.payers_tightened} >= {
            (hashed("payer"), "standard", "limited", 5)
        }
        assert found.payers == 2

    def test_who_is_caught_is_told_of_abusers_and_of_good_accounts(self, traffic):
        words = labels(abuser="abuse", new="good", payer="good", unseen="abuse")
        found = replay(traffic, words, weights={"payment": 2.0, "account": 3.0})
        assert found.newly_caught == [hashed("abuser")]
        assert (found.caught_before.recall, found.caught_after.recall) == (0.0, 1.0)
        assert (found.caught_after.abusers, found.caught_after.precision) == (1, 1.0)

    def test_movers_are_told_with_their_points_by_signal(self, traffic):
        found = replay(traffic, weights={"payment": 2.0})
        mover = found.movers[0]
        changed = {s.signal for s in mover.signals if s.before != s.after}
        assert changed <= {"payment", "settled"}
        assert mover.after - mover.before == pytest.approx(sum(s.after - s.before for s in mover.signals))

    def test_requests_and_money_are_reckoned_by_the_prices(self, addresses):
        """Thirty at once: the live plan lets 20 through, the draft 5; payers' units have a price, all have a cost."""
        engine = tenant(addresses)
        recorder = recorded(engine)
        push(engine, "payer", **PAYER)
        for name in ("new", "payer"):
            for _ in range(30):
                check(engine, account={"id": name}, request={"cost": 2.0})
        recorder.close_open()
        recorder.keep(recorder.pack_waiting(), NOW)
        small = {"standard": {"rate": 1, "burst": 10, "daily": 1000}}
        body = {"plans": {"free": small, "paid": small}, "prices": {"cost_usd": 0.5, "price_usd": 2}}
        drafted = compile_tenant("default", msgspec.convert(body, TenantSettings), 2)
        found = summed_up(effects(recorder, engine.tenant, drafted), {}).savings
        assert found.requests_stopped == (10 - 5) + (30 - 5)
        assert found.saved_usd == found.units_stopped * 0.5 == 30.0
        assert (found.payer_units_throttled, found.throttled_usd) == (50.0, 100.0)
        assert found.requests_released == 0

    def test_decisions_missing_between_start_the_past_anew(self, addresses):
        """Rate bounds leave gaps; the recorded tier before a decision then counts, and nothing differs."""
        engine = tenant(addresses, hysteresis=1.5)
        recorder = recorded(engine)
        live(engine, 3000, 11, recorder)
        parts = decisions(recorder)
        whole = effects(recorder, engine.tenant, engine.tenant)
        assert (whole.checked, whole.differences) == (3000, 0)
        half = Effects(engine.tenant, engine.tenant)
        half.add(parts[-1])
        assert half.differences == 0


class TestGlance:
    def test_agrees_with_the_replay_where_no_past_differs(self, traffic):
        engine, recorder = traffic
        words = labels(abuser="abuse", payer="good")
        drafted = draft(prior=0.5, weights={"payment": 0.0, "account": 3.0}, hysteresis=0.0)
        slow = summed_up(effects(recorder, engine.tenant, drafted), words)
        fast = preview(decisions(recorder), engine.tenant, drafted, words)
        assert fast.moved == slow.decisions_moved
        assert fast.payers_listed == slow.payers_tightened
        assert fast.after.labelled == slow.caught_after
        assert (fast.payers, fast.payers_tightened) == (slow.payers, len(slow.payers_tightened))
        assert sum(fast.after.risk) == sum(fast.after.tiers) == 20
        assert len(fast.before.risk) == BINS

    def test_of_nothing_is_nothing(self, traffic):
        engine, _ = traffic
        found = preview([], engine.tenant, draft(), {})
        assert (found.decisions, found.payers_listed, found.before.labelled.recall) == (0, [], None)

    def test_quality_is_told_by_the_revision_that_judged(self, traffic):
        engine, recorder = traffic
        report(engine, "abuser", "abuse", NOW + 10)
        engine.retune(compile_tenant("default", TenantSettings(prior=0.6), 9))
        ask(engine, "abuser", now=NOW + 11)
        recorder.close_open()
        recorder.keep(recorder.pack_waiting(), NOW)
        found = quality(decisions(recorder), labels(abuser="abuse", new="good"))
        assert [(q.revision, q.decisions) for q in found] == [(9, 1), (1, 20)]
        assert (found[0].labelled.recall, found[1].labelled.recall) == (1.0, 0.0)


class TestExactness:
    """Of what the live revision judged, a replay of it is the same, whoever judged the account before."""

    def test_after_a_canary_a_promotion_and_the_way_back(self, addresses):
        engine = tenant(addresses)
        recorder, other = recorded(engine), draft(prior=-0.6, weights={"account": 2.0})
        first, judges = engine.tenant, {"canary": lambda name: other if is_in_canary(name, 2, 50) else first}
        for seed, stage in enumerate(["none", "canary", "none"]):
            engine.revision_of = judges.get(stage)
            live(engine, 1500, seed, recorder)
        for seed, revision in enumerate([other, first]):
            engine.retune(revision)
            live(engine, 1500, seed, recorder)
        found = effects(recorder, first, other)
        assert found.decisions == 7500
        assert 4000 < found.checked < 6000
        assert found.differences == 0
        _, tiers = judged(recorder, first)
        parts = decisions(recorder)
        then = [tier for part in parts for tier in part.numbers["tier"].tolist()]
        by = [number for part in parts for number in part.numbers["revision"].tolist()]
        moved = [1 for own, was, number in zip(tiers, then, by, strict=True) if number == 1 and own != was]
        assert moved, "no account was judged by the tier that another revision left it, so this shows nothing"

    def test_a_decision_that_was_made_otherwise_is_seen(self, traffic):
        engine, recorder = traffic
        parts = decisions(recorder)
        found = Effects(engine.tenant, engine.tenant)
        for part in parts:
            wrong = {**part.numbers, "tier": part.numbers["tier"] + 1}
            found.add(msgspec.structs.replace(part, numbers=wrong))
        assert found.differences == found.checked == 20

    def test_settings_that_have_no_number_yet_are_not_recorded(self, addresses):
        engine = tenant(addresses)
        recorder = recorded(engine)
        ask(engine, "a")
        engine.retune(msgspec.structs.replace(engine.tenant, revision=UNNUMBERED))
        ask(engine, "a")
        assert len(recorder) == 1
