"""Decisions put in force: on every replica that shares the records, after restarts, and while the store is away."""

import asyncio

import pytest
from engine import DAY, NOW, PAYER, ask, limiter, push

from reputation.config import from_text
from reputation.errors import Conflict, Unavailable
from reputation.stores.records import MemoryRecords
from reputation.tuning.exceptions import Allow
from reputation.tuning.live import ROLLOUT, Tuning
from reputation.tuning.revisions import Revision
from reputation.tuning.rollout import Rollout

SETTINGS = from_text("tenants: {default: {owner: api}, filed: {prior: -3}}")
HARSH = {"prior": 0.5, "weights": {"account": 3, "payment": 0}}


class Away(MemoryRecords):
    """Records that are away while told so."""

    away = False

    async def all(self, tenant, kind):
        if self.away:
            raise Unavailable("away")
        return await super().all(tenant, kind)

    async def get(self, tenant, kind, record):
        if self.away:
            raise Unavailable("away")
        return await super().get(tenant, kind, record)


class Replica:
    """An engine that follows records, as a sidecar does."""

    def __init__(self, addresses, records, settings=SETTINGS):
        self.engine = limiter(addresses, default={"owner": "api"}, filed={"prior": -3})
        self.said = []
        self.tuning = Tuning(
            self.engine, records, lambda: settings, lambda: NOW, lambda *what, **_: self.said.append(what[0])
        )

    def prior(self, tenant="default"):
        return ask(self.engine.tenant(tenant), "a").reasons[0].points

    async def until(self, true):
        async with asyncio.timeout(2):
            while not true():  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0)  # let the others work


def draft(number, **settings):
    return Revision(number, 1, "ann", "r", NOW, settings)


def play(story):
    asyncio.run(story)


class TestReplicas:
    def test_all_hear_of_a_revision_and_of_an_exception_within_two_seconds(self, addresses):
        async def story():
            records = MemoryRecords()
            one, other = Replica(addresses, records), Replica(addresses, records)
            await asyncio.gather(one.tuning.start(), other.tuning.start())
            await one.tuning.add("default", draft(2, prior=-4.0))
            await one.tuning.step("default", Rollout(live=2), 0)
            assert one.prior() == -4.0
            await other.until(lambda: other.prior() == -4.0)
            allow = Allow("1", "account", "a", "r", "ann", NOW, NOW + DAY)
            await one.tuning.allows.put("default", "1", allow)
            await other.until(lambda: bool(ask(other.engine.tenant("default"), "a").allow))
            await asyncio.gather(one.tuning.close(), other.tuning.close())

        play(story())

    def test_a_canary_that_hurts_stops_on_all_of_them(self, addresses):
        async def story():
            records = MemoryRecords()
            one, other = Replica(addresses, records), Replica(addresses, records)
            await asyncio.gather(one.tuning.start(), other.tuning.start())
            await one.tuning.add("default", draft(2, **HARSH))
            await one.tuning.step("default", Rollout(candidate=2, stage="canary", percent=99.99), 0)
            await other.until(lambda: "default" in other.tuning.trials)
            push(one.engine.tenant("default"), "payer", **PAYER)
            ask(one.engine.tenant("default"), "payer")
            assert ask(one.engine.tenant("default"), "payer").revision == 1, "here at once"
            await other.until(lambda: "default" not in other.tuning.trials)
            assert other.said == []
            assert one.said == ["trial_stopped"]
            entries = await one.tuning.audit.entries("default", 10)
            assert [(e.what, e.who) for e in entries] == [("rollout.stop", "headcount")]
            await asyncio.gather(one.tuning.close(), other.tuning.close())

        play(story())

    def test_of_two_steps_from_one_state_the_second_hears_of_it(self, addresses):
        async def story():
            replica = Replica(addresses, MemoryRecords())
            await replica.tuning.start()
            await replica.tuning.add("default", draft(2))
            await replica.tuning.step("default", Rollout(live=2), 0)
            with pytest.raises(Conflict):
                await replica.tuning.step("default", Rollout(live=1, past=(2,)), 0)
            with pytest.raises(Conflict):
                await replica.tuning.add("default", draft(2, prior=-1.0))
            assert (await replica.tuning.revision("default", 2)).settings == {}
            await replica.tuning.close()

        play(story())


class TestRestarts:
    def test_what_is_kept_is_in_force_before_the_first_check(self, addresses):
        async def story():
            records = MemoryRecords()
            first = Replica(addresses, records)
            await first.tuning.add("default", draft(2, prior=-4.0))
            await first.tuning.step("default", Rollout(live=2), 0)
            second = Replica(addresses, records)
            await second.tuning.start()
            assert (second.prior(), second.prior("filed")) == (-4.0, -3.0)
            await second.tuning.close()

        play(story())

    def test_revision_1_stays_what_it_was_when_the_file_changes(self, addresses):
        async def story():
            records = MemoryRecords()
            first = Replica(addresses, records)
            await first.tuning.add("default", draft(2))
            changed = from_text("tenants: {default: {owner: api, prior: -1}}")
            second = Replica(addresses, records, changed)
            assert (await second.tuning.revision("default", 1)).settings == {}

        play(story())

    def test_a_tenant_that_the_file_owns_again_is_as_the_file_says(self, addresses):
        async def story():
            records = MemoryRecords()
            replica = Replica(addresses, records)
            await replica.tuning.rollouts.put("filed", ROLLOUT, Rollout(live=2))
            await replica.tuning.start()
            assert replica.prior("filed") == -3.0
            await replica.tuning.close()

        play(story())

    def test_a_start_while_the_store_is_away_catches_up_once_it_is_back(self, addresses):
        async def story():
            records = Away()
            first = Replica(addresses, records)
            await first.tuning.add("default", draft(2, prior=-4.0))
            await first.tuning.step("default", Rollout(live=2), 0)
            records.away = True
            second = Replica(addresses, records)
            await second.tuning.start()
            assert second.prior() == -2.2
            records.away = False
            await second.until(lambda: second.prior() == -4.0)
            assert "tuning_not_refreshed" in second.said
            await second.tuning.close()

        play(story())

    def test_a_revision_that_cannot_be_in_force_here_leaves_what_is(self, addresses):
        """Such as one with a family of evidence that this replica does not have."""

        async def story():
            records = MemoryRecords()
            replica = Replica(addresses, records)
            await replica.tuning.start()
            await replica.tuning.revisions.put("default", "0000000002", draft(2, weights={"acme.nowhere": 1}))
            await replica.tuning.rollouts.put("default", ROLLOUT, Rollout(live=2))
            await replica.until(lambda: bool(replica.said))
            assert replica.prior() == -2.2
            await replica.tuning.rollouts.put("default", ROLLOUT, Rollout(live=1))
            await replica.tuning.close()

        play(story())
