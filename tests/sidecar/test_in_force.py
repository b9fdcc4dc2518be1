"""Decisions put in force: on every replica that shares the records, after restarts, and while the store is away."""

import asyncio
import json

import pytest
from msgspec import structs
from small_engine import DAY, NOW, PAYER, SECRET, ask, push

from reputation.config.file import from_text
from reputation.engine.exceptions import Allow
from reputation.sidecar.build import build, rebuild
from reputation.sidecar.in_force import ROLLOUT, Tuning, put_word
from reputation.state.records import MemoryRecords
from reputation.state.tenant import TenantState
from reputation.stores.memory import MemoryStore
from reputation.tuning.labels import Label
from reputation.tuning.revisions import Revision, compiled
from reputation.tuning.rollout import Rollout, RolloutBody, stepped
from reputation.wire.errors import Conflict, Invalid, NotFound, Unavailable

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


class Slow(MemoryRecords):
    """Records whose answers take a turn of the loop, as those of shared state do."""

    async def all(self, tenant, kind):
        found = await super().all(tenant, kind)
        await asyncio.sleep(0)
        return found


class Replica:
    """An engine that follows records, as a sidecar does."""

    def __init__(self, addresses, records, settings=SETTINGS):
        self.engine = build(settings, addresses, SECRET)
        self.said = []
        self.tuning = Tuning(
            self.engine, records, lambda: settings, lambda: NOW, lambda *what, **_: self.said.append(what[0])
        )

    async def add(self, revision):
        document = self.tuning.adding(revision)
        body = document.written(None, None)
        await self.tuning.records.put("default", document.kind, document.id, body, expect=document.expect)

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
            await one.add(draft(2, prior=-4.0))
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
            await one.add(draft(2, **HARSH))
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
            await one.until(lambda: not one.tuning._stops)
            await asyncio.gather(one.tuning.close(), other.tuning.close())

        play(story())

    def test_of_two_steps_from_one_state_the_second_hears_of_it(self, addresses):
        async def story():
            replica = Replica(addresses, MemoryRecords())
            await replica.tuning.start()
            await replica.add(draft(2))
            await replica.tuning.step("default", Rollout(live=2), 0)
            with pytest.raises(Conflict):
                await replica.tuning.step("default", Rollout(live=1, past=(2,)), 0)
            with pytest.raises(Conflict):
                await replica.add(draft(2, prior=-1.0))
            assert (await replica.tuning.revision("default", 2)).settings == {}
            with pytest.raises(NotFound, match="no revision 3"):
                await replica.tuning.revision("default", 3)
            await replica.tuning.close()

        play(story())


class TestWords:
    """What a person says of an account bites at once where it is said, and everywhere by the records."""

    def test_an_account_that_a_person_calls_abusive_is_marked_until_that_is_taken_back(self, addresses):
        running = Replica(addresses, MemoryRecords()).engine.tenant("default")
        for account, word, marked in (
            ("a", "abuse", {"a"}), ("b", "abuse", {"a", "b"}), ("a", "good", {"b"}), ("c", "good", {"b"}),
            ("b", "good", set()),
        ):  # fmt: skip
            put_word(running, Label(account, word, "person", "ann", NOW))
            assert running.marked == marked

    def test_what_ends_by_the_clock_is_looked_at_again_when_the_clock_was_set(self, addresses):
        async def story():
            replica = Replica(addresses, MemoryRecords())
            await replica.tuning.start()
            running = replica.engine.tenant("default")
            allow = Allow("1", "account", "a", "r", "ann", NOW, NOW + DAY)
            await replica.tuning.allows.put("default", "1", allow)
            await replica.until(lambda: bool(ask(running, "a").allow))
            replica.tuning._clock = lambda: NOW + DAY
            replica.tuning.moved()
            await replica.until(lambda: not ask(running, "a").allow)
            assert running.exceptions is None
            await replica.tuning.close()

        play(story())


class TestTrials:
    """What a trial leaves behind, and what it is compared with."""

    def test_a_trial_is_compared_with_the_revision_that_is_live_now(self, addresses):
        async def story():
            replica = Replica(addresses, MemoryRecords())
            await replica.tuning.start()
            running = replica.engine.tenant("default")
            await replica.add(draft(2, **HARSH))
            await replica.tuning.step("default", Rollout(candidate=2), 0)
            first = replica.tuning.trials["default"]
            assert first.live is running.tenant
            running.retune(structs.replace(running.tenant, revision=99))
            await replica.tuning.refresh("default", ROLLOUT)
            assert replica.tuning.trials["default"].live is running.tenant
            assert running.tenant.revision == 1
            await replica.tuning.close()

        play(story())

    def test_the_same_trial_goes_on_when_nothing_changed(self, addresses):
        async def story():
            replica = Replica(addresses, MemoryRecords())
            await replica.tuning.start()
            await replica.add(draft(2, **HARSH))
            await replica.tuning.step("default", Rollout(candidate=2), 0)
            ask(replica.engine.tenant("default"), "a")
            trial = replica.tuning.trials["default"]
            await replica.tuning.refresh("default", ROLLOUT)
            assert replica.tuning.trials["default"] is trial
            assert trial.scored == 1
            await replica.tuning.close()

        play(story())

    def test_a_trial_that_is_over_watches_no_more_and_judges_nobody(self, addresses):
        async def story():
            replica = Replica(addresses, MemoryRecords())
            await replica.tuning.start()
            running = replica.engine.tenant("default")
            before = running.verdict_hooks
            await replica.add(draft(2, **HARSH))
            version = 0
            for stage in ("shadow", "canary"):
                version = await replica.tuning.step("default", Rollout(candidate=2, stage=stage, percent=99.0), version)
                trial = replica.tuning.trials["default"]
                assert running.verdict_hooks == (*before, trial.watch)
                assert (running.revision_of is not None) == (stage == "canary")
            await replica.tuning.step("default", Rollout(), version)
            assert running.verdict_hooks == before
            assert running.revision_of is None
            ask(running, "a")
            assert trial.scored == 0
            assert replica.tuning.trials == {}
            await replica.tuning.close()

        play(story())

    def test_what_can_never_be_in_force_is_said_once_and_not_tried_again(self, addresses):
        """And what may be later is."""

        async def story():
            records = Away()
            replica = Replica(addresses, records)
            await replica.tuning.start()
            await replica.add(draft(2, weights={"no such family": 1.0}))
            with pytest.raises(Invalid):
                await replica.tuning.step("default", Rollout(live=2), 0)
            replica.said.clear()
            assert not await replica.tuning._try("default", ROLLOUT)
            assert replica.said == ["tuning_not_refreshed"]
            assert replica.tuning._news.empty()
            records.away = True
            assert not await replica.tuning._try("default", ROLLOUT)
            assert replica.tuning._news.get_nowait() == ("default", ROLLOUT)
            await replica.tuning.close()

        play(story())


class TestRestarts:
    def test_what_is_kept_is_in_force_before_the_first_check(self, addresses):
        async def story():
            records = MemoryRecords()
            first = Replica(addresses, records)
            await first.add(draft(2, prior=-4.0))
            await first.tuning.step("default", Rollout(live=2), 0)
            second = Replica(addresses, records)
            await second.tuning.start()
            assert (second.prior(), second.prior("filed")) == (-4.0, -3.0)
            await second.tuning.close()

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
            await first.add(draft(2, prior=-4.0))
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

    @pytest.mark.parametrize(
        "settings",
        [
            {"plans": {"free": {"entry": 900, "standard": {"rate": 1, "burst": 10, "daily": 500}}}},
            {"entry": {"email": 1000}},
            {"entry": {"email": 0.0001}},
        ],
    )
    def test_a_revision_from_before_a_rule_about_allowances_stays_in_force(self, addresses, settings):
        """An earlier release took it, or another replica does; a draft of the same is refused."""

        async def story():
            records = MemoryRecords()
            first = Replica(addresses, records)
            kept = draft(2, prior=-4.0, **settings)
            await first.add(kept)
            await first.tuning.rollouts.put("default", ROLLOUT, Rollout(live=2))
            second = Replica(addresses, records)
            await second.tuning.start()
            assert (second.prior(), second.engine.tenant("default").tenant.revision) == (-4.0, 2)
            assert "tuning_not_refreshed" not in second.said
            push(second.engine.tenant("default"), "new", created_at=NOW, plan="free")
            assert ask(second.engine.tenant("default"), "new").decision == "allow"
            with pytest.raises(Invalid, match=r"no request passes|limits nobody"):
                compiled("default", kept, second.tuning.of_file("default"))
            await second.tuning.close()

        play(story())

    def test_a_revision_whose_rung_has_no_effect_is_named_in_the_log(self, addresses):
        async def story():
            replica = Replica(addresses, MemoryRecords())
            await replica.add(draft(2, entry={"email": 1}))
            await replica.tuning.step("default", Rollout(live=2), 0)
            assert "setting_without_effect" in replica.said

        play(story())

    def test_decisions_are_recorded_although_the_live_revision_cannot_be_in_force(self, addresses):
        async def story():
            records = MemoryRecords()
            replica = Replica(addresses, records)
            await replica.add(draft(2, weights={"acme.nowhere": 1}))
            await replica.tuning.rollouts.put("default", ROLLOUT, Rollout(live=2))
            await replica.tuning.start()
            assert "default" in replica.tuning.recording.recorders
            await replica.tuning.close()

        play(story())


SAYS = {"first": {"prior": -1.0}, "later": {"prior": -4.0, "mode": "shadow"}, "latest": {"preset": "strict"}}
DRAFT = {"prior": -3.0}


def of_file(words, owner):
    return from_text(json.dumps({"tenants": {"default": {"owner": owner, **SAYS[words]}}}))


class Story:
    """One sidecar after the other over the same records, told what happens in words."""

    def __init__(self, addresses):
        self.addresses, self.records = addresses, MemoryRecords()
        self.words, self.owner, self.replica = "first", "api", None

    async def tell(self, what):
        kind, _, word = what.partition(" ")
        if kind in ("file", "owner"):
            self.words, self.owner = (word, self.owner) if kind == "file" else (self.words, word)
        elif kind in ("restart", "reload"):
            await getattr(self, kind)()
        elif kind == "draft":
            number = (await self.tuning.history("default"))[-1].number + 1
            await self.replica.add(draft(number, **DRAFT))
        else:
            rollout, version = await self.tuning.rollout("default")
            step = RolloutBody(kind, "r", int(word) if word else None)
            await self.tuning.step("default", stepped(rollout, step, "ann", NOW), version)

    async def restart(self):
        if self.replica is not None:
            await self.tuning.close()
        settings = of_file(self.words, self.owner)
        self.replica = Replica(self.addresses, self.records, settings)
        await self.tuning.start()

    async def reload(self):
        settings = of_file(self.words, self.owner)
        self.tuning._settings = lambda: settings
        rebuild(self.replica.engine, settings, self.addresses, MemoryStore(TenantState).tenant)
        await self.tuning.refresh_all()

    @property
    def tuning(self):
        return self.replica.tuning

    @property
    def in_force(self):
        tenant = self.replica.engine.tenant("default").tenant
        return {"mode": tenant.settings.mode, "preset": tenant.settings.preset, "prior": tenant.prior}

    def expected(self, words):
        settings = {"mode": "enforce", "preset": "balanced", "prior": -2.2, **SAYS.get(words, DRAFT)}
        return settings | ({"prior": -1.7} if settings["preset"] == "strict" else {})


class TestWhatIsInForce:
    """After each order of drafts, steps, files, owners, restarts and reloads: the file's words, or the draft's."""

    @pytest.mark.parametrize("news", ["restart", "reload"])
    @pytest.mark.parametrize(
        ("story", "words", "number"),
        [
            ("", "first", 1),
            ("file later, NEWS", "later", 2),
            ("draft, file later, NEWS", "later", 3),
            ("draft, file later, owner file, NEWS", "later", 3),
            ("draft, shadow 2, file later, NEWS", "later", 3),
            ("draft, shadow 2, stop, file later, NEWS", "later", 3),
            ("draft, promote 2", "draft", 2),
            ("draft, promote 2, file later, NEWS", "draft", 2),
            ("draft, promote 2, owner file, NEWS", "first", 1),
            ("draft, promote 2, file later, owner file, NEWS", "later", 3),
            ("draft, promote 2, owner file, NEWS, file later, NEWS", "later", 3),
            ("draft, promote 2, owner file, NEWS, owner api, NEWS", "draft", 2),
            ("draft, promote 2, rollback", "first", 1),
            ("draft, promote 2, rollback, NEWS", "first", 1),
            ("draft, promote 2, rollback, file later, NEWS", "later", 3),
            ("draft, promote 2, file later, NEWS, rollback", "later", 3),
            ("draft, promote 2, file later, NEWS, promote 3", "later", 3),
            ("draft, promote 2, file later, NEWS, promote 3, file latest, NEWS", "latest", 4),
            ("draft, promote 2, draft, promote 3, rollback, file later, NEWS", "draft", 2),
            ("owner file, NEWS, file later, NEWS, file first, NEWS", "first", 1),
            ("owner file, NEWS, file later, NEWS, owner api, NEWS", "later", 2),
            ("owner file, NEWS, file later, NEWS, owner api, NEWS, draft, promote 3, rollback", "later", 2),
        ],
    )
    def test_is_what_its_owner_said_last(self, addresses, story, words, number, news):
        async def play_it():
            told = Story(addresses)
            await told.restart()
            for what in filter(None, story.replace("NEWS", news).split(", ")):
                await told.tell(what)
            live = (await told.tuning.rollout("default"))[0].live
            revision = told.replica.engine.tenant("default").tenant.revision
            assert (told.in_force, revision, live) == (told.expected(words), number, number)
            kept = await told.tuning.revision("default", number)
            assert compiled("default", kept, told.tuning.of_file("default")).prior == told.in_force["prior"]
            await told.tuning.close()

        play(play_it())

    def test_a_file_that_is_not_in_force_is_said_once(self, addresses):
        async def play_it():
            told = Story(addresses)
            await told.restart()
            for what in ("draft", "promote 2", "draft"):
                await told.tell(what)
            assert told.replica.said == ["configuration_not_in_force"]
            await told.tell("reload")
            assert told.replica.said == ["configuration_not_in_force"]
            await told.tell("rollback")
            await told.tell("promote 2")
            assert told.replica.said == ["configuration_not_in_force"] * 2
            await told.tuning.close()

        play(play_it())

    def test_what_the_file_said_before_is_not_made_live_by_its_number(self, addresses):
        async def play_it():
            told = Story(addresses)
            await told.restart()
            await told.tell("file later")
            await told.tell("reload")
            rollout = (await told.tuning.rollout("default"))[0]
            with pytest.raises(Invalid, match="edit --from 1"):
                await told.tuning.check_step("default", rollout, 1)
            await told.tell("draft")
            for right in (None, rollout.live, 2, 3):
                await told.tuning.check_step("default", rollout, right)
            with pytest.raises(NotFound):
                await told.tuning.check_step("default", rollout, 4)
            await told.tuning.close()

        play(play_it())

    @pytest.mark.parametrize("kind", [MemoryRecords, Slow])
    def test_two_replicas_with_two_files_number_them_apart_and_again_the_same(self, addresses, kind):
        async def play_it():
            records = kind()
            replicas = [Replica(addresses, records, of_file(words, "file")) for words in ("first", "later", "first")]
            await asyncio.gather(*[one.tuning.start() for one in replicas])
            numbers = [one.engine.tenant("default").tenant.revision for one in replicas]
            assert numbers[0] == numbers[2] != numbers[1]
            assert sorted(set(numbers)) == [1, 2]
            await asyncio.gather(*[one.tuning.close() for one in replicas])

        play(play_it())
