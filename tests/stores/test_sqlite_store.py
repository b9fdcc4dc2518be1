"""Memory in front of a state file: what a restart brings back, and what an unclean stop does not give away."""

import asyncio

import pytest

from geoip.book import AddressBook
from reputation.config.file import from_text
from reputation.limits.bucket import Limit, change_limit
from reputation.sidecar.build import build, empty_state
from reputation.sidecar.hash_key import kept_hash_key
from reputation.state.history import noted
from reputation.stores.sqlite.file import RUN, in_order
from reputation.stores.sqlite.rows import MOST_GAPS, joined
from reputation.stores.sqlite.store import SqliteStore
from reputation.wire.errors import ConfigError
from reputation.wire.ids import Ulids
from reputation.wire.messages import Account, AccountFacts, Call, Client, Outcome, Payment, Request, Settle

START = 1_790_000_000.0
SECRET = b"a key of sixteen bytes or more"
CARD = AccountFacts(
    created_at=START - 1e7, keys=("sk-1",), verified=("email",), payment=Payment("ok", "fp_1", settled_usd=40.0)
)


class EventLog:
    """Log lines, by their event."""

    def __init__(self):
        self.events = []

    def __getattr__(self, level):
        return lambda event, **_: self.events.append(event)


class Run:
    """One life of a process, on a clock that the test moves."""

    def __init__(self, path, now=START, mode="enforce"):
        settings = from_text(f"tenants: {{default: {{mode: {mode}}}}}")
        self.now = now
        self.event_log = EventLog()
        self.store = SqliteStore(path, lambda: empty_state(settings), self.event_log, lambda: self.now)
        self.tenant = build(settings, AddressBook(), SECRET, self.store.tenant).tenant("default")
        self.state = self.tenant.state
        self._ids = Ulids()

    def check(self, account="a", cost=1.0, **client):
        request = Request(account=Account(id=account), client=Client(**client), request=Call(cost=cost))
        return self.tenant.check(request, self.now, self._ids)

    def remaining(self, account="a", cost=1.0, **client):
        """What the account's own two buckets hold after one more request."""
        return [limit.remaining for limit in self.check(account, cost, **client).limits[:2]]

    def flush(self):
        asyncio.run(self.store.flush())

    def stop(self):
        asyncio.run(self.store.close())

    def die(self):
        """End as kill -9 does: unwritten data is lost, without a goodbye."""
        self.store._writer.shutdown()
        self.store._file.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "state.sqlite3"


def test_a_clean_restart_forgets_nothing_and_the_time_between_earns(path):
    first = Run(path)
    first.tenant.push("a", CARD, START)
    first.tenant.report(Outcome("b", "chargeback"), START)
    assert first.remaining(cost=100) == [400.0, 900.0]
    rows = {name: first.state.row(name) for name in "ab"}
    first.stop()
    second = Run(path, START + 2)
    assert {name: second.state.row(name).facts for name in "ab"} == {name: row.facts for name, row in rows.items()}
    assert second.state.row("b").outcomes == noted(b"", "chargeback", START)
    assert second.state.owners == first.state.owners
    assert second.remaining(cost=1) == pytest.approx([499.0, 899.02], abs=0.01)
    assert second.event_log.events == []


def test_after_an_unclean_stop_a_bucket_holds_what_it_had_earned_at_the_last_write(path):
    """No refill from the last write to the start, however long that was; earning goes on from the start."""
    first = Run(path)
    first.check(cost=20)
    first.now += 5
    first.flush()
    first.check(cost=5)  # never written
    first.die()
    second = Run(path, START + 3600)
    assert second.event_log.events == ["unclean_stop"]
    assert second.remaining(cost=1)[0] == pytest.approx(9.0)
    second.now += 1
    assert second.remaining(cost=1)[0] == pytest.approx(10.0)


def test_a_second_crash_does_not_give_back_what_the_first_one_took(path):
    """The account is not asked for in between, so what is written of it is from before the first crash."""
    first = Run(path)
    first.check(cost=20)
    first.flush()
    first.die()
    second = Run(path, START + 1000)
    second.now += 3
    second.flush()
    second.die()
    third = Run(path, START + 2000)
    assert third.remaining(cost=1)[0] == pytest.approx(5.0)


def test_a_clean_stop_after_a_crash_keeps_the_gap(path):
    first = Run(path)
    first.check(cost=20)
    first.flush()
    first.die()
    second = Run(path, START + 1000)
    second.stop()
    third = Run(path, START + 1004)
    assert third.remaining(cost=1)[0] == pytest.approx(7.0)


def test_a_clock_that_went_back_neither_gives_nor_blocks(path):
    first = Run(path)
    first.check(cost=20)
    first.stop()
    second = Run(path, START - 1e6)
    assert second.check().decision == "throttle"
    second.now += 1
    assert second.remaining(cost=1)[0] == pytest.approx(1.0)


def test_what_a_settlement_changes_is_written_down(path):
    """A hold that cost more than its estimate leaves a debt, and a crash must not forgive it."""
    first = Run(path)
    hold = Request(account=Account(id="a"), client=Client(ip="203.0.113.7"), request=Call(cost=5, hold=True))
    verdict = first.tenant.check(hold, first.now, first._ids)
    first.flush()
    first.tenant.settle(Settle(verdict=verdict.id, actual=40.0), first.now)
    assert (len(first.state.dirty), len(first.state.budgets.dirty)) == (1, 2)
    first.flush()
    first.die()
    second = Run(path, START + 1)
    assert second.state.row("a").burst.tokens == -20.0
    assert second.state.budgets.find(("burst", 0xCB007107)).tokens == 160.0


def test_what_a_smaller_limit_withholds_comes_back_after_a_restart(path):
    """A tier that falls before a restart and rises after it; burst and day of the tier `standard` are 20 and 5,000."""
    first = Run(path)
    first.remaining(cost=15)
    row = first.state.row("a")
    change_limit(row.burst, Limit(1.0, 2.0), START)
    change_limit(row.daily, Limit(0.1, 100.0), START)
    first.state.dirty.add("a")
    first.stop()
    second = Run(path)
    assert second.remaining(cost=1) == [4.0, 4984.0]
    second.stop()


def test_what_facts_in_a_check_gave_is_remembered_after_a_restart_and_a_push_of_keys(path):
    """Of an account that sleeps too; 50 a day is what an e-mail address gives, 5,000 what the tier does."""
    first = Run(path)
    request = Request(account=Account(id="a", created_at=START - 1e7, email_domain="example.org"))
    first.tenant.check(request, START, Ulids())
    first.check("bare")
    first.stop()
    second = Run(path)
    second.tenant.push("a", AccountFacts(keys=("sk-1",)), START)
    second.flush()
    second.stop()
    third = Run(path)
    assert [third.check(name).limits[1].burst for name in ("a", "bare")] == [50.0, 5000.0]
    third.stop()


def test_shared_budgets_come_back_with_keys_beyond_64_bits(path):
    first = Run(path)
    for address in ("203.0.113.7", "fe80::1", "2001:db8::1"):
        first.check("free-" + address, cost=10, ip=address)
    kept = {key: first.state.budgets.find(key).tokens for key in first.state.budgets.names()}
    assert len(kept) == 10
    first.stop()
    second = Run(path)
    assert {key: second.state.budgets.find(key).tokens for key in second.state.budgets.names()} == kept


def test_what_was_deleted_or_moved_stays_so(path):
    first = Run(path)
    first.tenant.push("a", CARD, START)
    first.check("b")
    first.flush()
    first.tenant.delete("a")
    first.tenant.push("b", AccountFacts(plan="paid"), START)
    first.stop()
    second = Run(path)
    assert (second.state.row("a"), second.state.owners) == (None, {})
    assert second.state.row("b").facts.plan == "paid"
    assert (second.state.size(), "b" in second.state.registered) == (1, True)


def test_who_left_a_full_table_is_not_written_any_more(path):
    """Else the file would grow with every made-up name."""
    first = Run(path)
    first.state.unconfirmed._most = 5
    for number in range(20):
        first.check(f"made up {number}", cost=0.001)
        first.now += 10
        if number == 3:
            first.flush()
    assert len(first.state.unconfirmed) == 5
    first.stop()
    assert Run(path).state.size() == 5


def test_what_is_pushed_to_an_account_that_sleeps_is_kept_over_what_it_was(path):
    """After a restart an account is decoded when it is asked for: a push must not be undone by that."""
    first = Run(path)
    first.tenant.push("a", CARD, START)
    first.check("b", cost=20)
    first.stop()
    second = Run(path)
    for name in "ab":
        second.tenant.push(name, AccountFacts(plan="paid", keys=(f"sk-{name}",)), START)
    assert [second.remaining(name)[0] for name in "ba"] == pytest.approx([-1.0 + 1.0, 199.0], abs=1.0)
    assert [second.state.row(name).facts.plan for name in "ab"] == ["paid", "paid"]
    assert set(second.state.owners.values()) == {"a", "b"}
    assert len(second.state.owners) == 2
    second.stop()
    third = Run(path)
    assert [third.state.row(name).facts.plan for name in "ab"] == ["paid", "paid"]
    assert third.state.size() == 2


def test_those_asleep_are_counted_where_they_were(path):
    """A flood right after a restart finds their places taken."""
    first = Run(path)
    first.tenant.push("a", CARD, START)
    for name in ("b", "c"):
        first.check(name)
    first.tenant.report(Outcome("c", "good"), START)
    first.check("d")
    first.tenant.report(Outcome("d", "abuse"), START)
    first.stop()
    state = Run(path).state
    assert (len(state.unconfirmed), len(state.traffic), state.pushed(), state.size()) == (1, 2, 1, 4)


def test_an_account_that_an_outcome_confirms_is_written_where_it_is_now(path):
    first = Run(path)
    first.check("a", cost=15)
    first.flush()
    first.tenant.report(Outcome("a", "good"), START)
    assert ("a" in first.state.unconfirmed, "a" in first.state.traffic) == (False, True)
    assert "a" in first.state.dirty.take()
    first.state.dirty.add("a")
    first.stop()
    second = Run(path)
    assert (len(second.state.unconfirmed), len(second.state.traffic)) == (0, 1)
    assert second.remaining("a")[0] == pytest.approx(4.0)


def test_what_sleeps_can_be_deleted(path):
    first = Run(path)
    first.tenant.push("a", CARD, START)
    first.stop()
    second = Run(path)
    assert second.tenant.delete("a")
    assert (second.state.row("a"), second.state.owners, second.state.size()) == (None, {}, 0)


def test_names_that_are_no_unicode_are_kept_too(path):
    first = Run(path)
    first.tenant.push("odd\udc80\0name", CARD, START)
    first.stop()
    assert Run(path).state.row("odd\udc80\0name").facts == first.state.row("odd\udc80\0name").facts


def test_learnt_networks_come_back(path):
    first = Run(path)
    first.state.networks.learn_all([1, 1 << 63], bad=True, now=START)
    first.state.asns.learn_all([64500], bad=False, now=START)
    first.stop()
    second = Run(path)
    assert second.state.networks.odds(1 << 63, START) == first.state.networks.odds(1, START) != 0.0
    assert second.state.asns.odds(64500, START) == first.state.asns.odds(64500, START)


def test_an_account_that_wakes_is_counted_on_its_addresses_and_card_again(path):
    first = Run(path)
    for name in "abc":
        first.tenant.push(name, CARD if name == "a" else AccountFacts(payment=Payment("ok", "fp_1")), START)
        first.check(name, ip="203.0.113.7")
    first.stop()
    second = Run(path, START + 60)
    assert len(second.state.asleep) == 3
    while second.state.asleep:
        second.state.wake_one(second.now)
    host = 0xCB007107
    assert second.state.accounts_on_address.see(host, b"somebody", second.now) == 4
    assert second.state.accounts_on_card.see(hash("fp_1"), b"somebody", second.now) == 4


def test_a_change_of_mode_starts_a_new_series_across_a_restart_too(path):
    first = Run(path, mode="shadow")
    first.check(cost=20)
    first.stop()
    second = Run(path)
    assert second.remaining(cost=1)[0] == 19.0
    second.stop()
    assert Run(path).remaining(cost=1)[0] == 18.0


def test_nothing_is_noted_where_nothing_is_written():
    """A replay of millions of accounts must not gather their names."""
    limiter = build(from_text(""), AddressBook(), SECRET).tenant("default")
    limiter.check(Request(account=Account(id="a"), client=Client(ip="203.0.113.7")), START, Ulids())
    assert len(limiter.state.dirty) == len(limiter.state.budgets.dirty) == 0


def test_one_value_that_cannot_be_written_keeps_nothing_else_from_being_written(path):
    first = Run(path)
    first.check("a")
    first.state.budgets.dirty.add(("no key", 1j))
    first.state.dirty_owners.add_all([b"x" * 16])
    first.flush()
    assert (first.store.left_out, first.event_log.events) == (1, ["state_unwritable"])
    first.die()
    assert Run(path).state.row("a") is not None


async def test_a_writer_that_ends_by_a_fault_of_ours_says_degraded(path):
    run = Run(path)
    run.store._pause = 0.0
    run.store._clock = None
    with pytest.raises(TypeError):
        await run.store.run()
    assert run.check("a").degraded


def test_the_hash_key_is_made_once(path):
    first = Run(path)
    made = asyncio.run(kept_hash_key(first.store.records))
    assert len(made) == 32
    assert asyncio.run(kept_hash_key(first.store.records)) == made
    first.die()
    assert asyncio.run(kept_hash_key(Run(path).store.records)) == made


def test_two_sidecars_never_share_a_file(path):
    first = Run(path)
    with pytest.raises(ConfigError, match=r"process \d+ uses it; end that process, or name another file"):
        Run(path)
    first.stop()
    Run(path)


async def test_very_many_names_come_in_the_order_of_the_file():
    """Else each page would be written once for every account in it."""
    names = {f"name {number}é{chr(0x1F600 + number % 50)}" for number in range(3 * RUN + 5)}
    assert list(await in_order(names)) == sorted(names, key=str.encode)


def test_gaps_are_bounded_and_what_spans_two_gives_nobody_more():
    gaps = joined([(float(i), i + 0.5) for i in range(MOST_GAPS + 2)])
    assert len(gaps) == MOST_GAPS
    assert gaps[0] == (0.0, 2.5)
