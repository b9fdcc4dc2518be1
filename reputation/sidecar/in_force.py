"""Activates operators' decisions: follows the records, so every replica applies a change within 2 s."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from msgspec import structs

from reputation.config.file import Settings, named_tenants
from reputation.config.retired import ineffective
from reputation.config.tenants import Tenant, TenantSettings
from reputation.engine.denials import Denials, Deny
from reputation.engine.entries import is_ahead
from reputation.engine.exceptions import Allow, Exceptions
from reputation.engine.indicators import Bundle, Indicators
from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.linking.operator_rulings import KeptRuling
from reputation.recordings.preview_process import PreviewProcess
from reputation.recordings.recorder import Recording
from reputation.state.records import ABSENT, Records
from reputation.state.transactions import Document
from reputation.tuning.appeals import Appeal
from reputation.tuning.audit import Audit, Author, Change
from reputation.tuning.documents import Documents
from reputation.tuning.labels import Label
from reputation.tuning.revisions import Revision, compiled, document_id, start
from reputation.tuning.rollout import Rollout, RolloutBody, stepped
from reputation.tuning.trial import Trial
from reputation.wire.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from reputation.wire.ids import Ulids

E = TypeVar("E", Allow, Deny, Bundle)

RETRY_AFTER = 1.0
ROLLOUT = "rollout"
HEADCOUNT = "headcount"
"""Who a step is signed by that the sidecar took itself."""


def put_word(running: TenantLimiter, label: Label) -> None:
    """Let a person's word bite here at once; other replicas follow the records."""
    one = {label.account}
    running.marked = running.marked | one if label.label == "abuse" else running.marked - one


class Tuning:
    """Decisions of every tenant. `start` activates the stored decisions, and then follows changes."""

    def __init__(
        self,
        limiter: Limiter,
        records: Records,
        settings: Callable[[], Settings],
        clock: Callable[[], float],
        warn: Any,
    ) -> None:
        self.records = records
        self.audit = Audit(records)
        self.allows = Documents(records, "exception", Allow)
        self.denials = Documents(records, "denial", Deny)
        self.bundles = Documents(records, "indicators", Bundle)
        self.rulings = Documents(records, "ruling", KeptRuling)
        self.revisions = Documents(records, "revision", Revision)
        self.rollouts = Documents(records, ROLLOUT, Rollout)
        self.trials: dict[str, Trial] = {}
        self.recording = Recording(lambda: settings().recording, clock, warn)
        self.labels = Documents(records, "label", Label)
        self.marked = Documents(records, "marked", Label)
        self.appeals = Documents(records, "appeal", Appeal)
        self.preview_process = PreviewProcess()
        self.new_id = Ulids()
        self.stopped: list[Callable[[str, int | None, str], object]] = []  # called with a trial that ended itself
        self._limiter = limiter
        self._clock = clock
        self._settings = settings
        self._warn = warn
        self._news: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._one_at_a_time = asyncio.Lock()
        self._ignored: dict[str, int | None] = {}  # what the file says that is not in force, by tenant
        self._stops: set[asyncio.Task[None]] = set()
        self._appliers: dict[str, Callable[[TenantLimiter], Awaitable[None]]] = {
            self.allows.kind: self._apply_exceptions,
            self.denials.kind: self._apply_denials,
            self.bundles.kind: self._apply_indicators,
            self.rollouts.kind: self._apply_rollout,
            self.marked.kind: self._apply_marked,
        }

    async def start(self) -> None:
        """Activate the stored decisions, then follow changes."""
        loop = asyncio.get_running_loop()

        def heard(tenant: str, kind: str) -> None:
            loop.call_soon_threadsafe(self._news.put_nowait, (tenant, kind))

        self.records.follow(heard)
        await self.refresh_all()
        self._tasks = [loop.create_task(self._follow()), loop.create_task(self.recording.run())]

    async def close(self) -> None:
        """Stop following, and write the recorded decisions."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.preview_process.close()

    def moved(self) -> None:
        """Evaluate expiries again after a step of the clock."""
        for name in self._limiter.tenants:
            self._news.put_nowait((name, self.allows.kind))
            self._news.put_nowait((name, self.denials.kind))
            self._news.put_nowait((name, self.bundles.kind))

    def of_file(self, tenant: str) -> TenantSettings:
        """Return a tenant's settings in the configuration file."""
        return named_tenants(self._settings())[tenant]

    async def refresh_all(self) -> None:
        """Activate the stored decisions of every tenant, also of tenants added by a reload."""
        for name in list(self._limiter.tenants):
            for kind in self._appliers:
                await self._try(name, kind)

    async def refresh(self, tenant: str, kind: str) -> None:
        """Activate the stored decisions of one kind; ignore unknown tenants."""
        running, apply = self._limiter.tenants.get(tenant), self._appliers.get(kind)
        if running is not None and apply is not None:
            async with self._one_at_a_time:  # or an older reading could be put in force after a newer one
                await apply(running)

    async def _follow(self) -> None:
        while True:
            news = {await self._news.get(): None}
            while not self._news.empty():  # a thousand labels are one reading of them
                news[self._news.get_nowait()] = None
            for tenant, kind in news:
                if not await self._try(tenant, kind):
                    await asyncio.sleep(RETRY_AFTER)

    async def _try(self, tenant: str, kind: str) -> bool:
        """Refresh; after a failure the previous settings stay active, also at a start while shared state is away."""
        try:
            await self.refresh(tenant, kind)
        except (OSError, Problem) as error:
            self._warn("tuning_not_refreshed", tenant=tenant, kind=kind, error=str(error))
            if not isinstance(error, Invalid):  # else trying again would not help
                self._news.put_nowait((tenant, kind))
            return False
        return True

    async def _apply_exceptions(self, running: TenantLimiter) -> None:
        allows = await self._active(self.allows, running.tenant.name)
        running.exceptions = Exceptions(allows) if allows else None

    async def _apply_denials(self, running: TenantLimiter) -> None:
        denials = await self._active(self.denials, running.tenant.name)
        running.denials = Denials(denials) if denials else None

    async def _apply_indicators(self, running: TenantLimiter) -> None:
        bundles = await self._active(self.bundles, running.tenant.name)
        running.indicators = Indicators(bundles) if bundles else None

    async def _active(self, kind: Documents[E], tenant: str) -> list[E]:
        """Return the entries that have not ended; one that a clock ahead made is made now, and lasts as long."""
        now, found = self._clock(), []
        for kept in await kind.all(tenant):
            one = structs.replace(kept, at=now, expires=now + kept.expires - kept.at) if is_ahead(kept, now) else kept
            if one is not kept:
                await kind.put(tenant, one.id, one)
            if one.expires > now:
                found.append(one)
        return found

    async def _apply_marked(self, running: TenantLimiter) -> None:
        running.marked = frozenset([label.account for label in await self.marked.all(running.tenant.name)])

    def word(self, label: Label) -> Document:
        """Store a person's label, or delete it: an account labelled abusive is stopped until then."""
        return self.marked.document(label.account, label if label.label == "abuse" else None)

    async def _apply_rollout(self, running: TenantLimiter) -> None:
        """Activate the live revision, and put the candidate on trial."""
        name, file = running.tenant.name, self.of_file(running.tenant.name)
        rollout = (await self.rollout(name))[0]
        found = await self.revision(name, rollout.live)
        try:
            live = compiled(name, found, file, stored=True)
        except Invalid:
            self.recording.attach(running)  # what runs goes on
            raise
        if live.settings != running.tenant.settings or live.revision != running.tenant.revision:
            running.retune(live)
            for detail in ineffective(live) if found.parent is not None else ():
                self._warn("setting_without_effect", tenant=name, revision=live.revision, detail=detail)
        await self._tell_of_file(name, live)
        self.recording.attach(running)
        known = self.trials.get(name)
        if known is not None and known.rollout == rollout and known.live is running.tenant:
            return
        self._end_trial(running)
        if rollout.candidate is not None:
            candidate = compiled(name, await self.revision(name, rollout.candidate), file, stored=True)
            trial = Trial(running.tenant, candidate, rollout, partial(self._stop, name, rollout))
            self.trials[name] = trial
            running.verdict_hooks = (*running.verdict_hooks, trial.watch)
            if rollout.stage == "canary":
                running.revision_of = trial.revision_of

    async def _tell_of_file(self, name: str, live: Tenant) -> None:
        """Log once, for each state of the file, that its settings are not active."""
        configured = await self.configured(name)
        ignored = None if configured.number == live.revision else configured.number
        if self._ignored.get(name) != ignored:
            self._ignored[name] = ignored
            if ignored is not None:
                why = f"the owner is api, and revision {live.revision} is live; weights rollback returns to the file"
                self._warn("configuration_not_in_force", tenant=name, revision=ignored, why=why)

    def _end_trial(self, running: TenantLimiter) -> None:
        trial = self.trials.pop(running.tenant.name, None)
        running.revision_of = None
        if trial is not None:
            running.verdict_hooks = tuple(hook for hook in running.verdict_hooks if hook != trial.watch)

    async def configured(self, tenant: str) -> Revision:
        """The revision with the present configuration; a new configuration gets its own number."""
        while True:
            now, kept = start(self.of_file(tenant)), await self.revisions.all(tenant)
            same = [one for one in kept if one.parent is None and one.settings == now.settings]
            if same:
                return same[-1]
            if kept:
                now = structs.replace(now, number=kept[-1].number + 1, at=self._clock())
            try:
                await self.revisions.put(tenant, document_id(now.number), now, expect=ABSENT)
            except Conflict:  # another replica was faster, with the same words or with a draft
                continue
            return now

    async def rollout(self, tenant: str) -> tuple[Rollout, int]:
        """A tenant's active rollout, and its version.

        A tenant that a file owns is as the file says. If what the file said is live, that is what it says now.
        """
        rollout, version = await self.rollouts.get(tenant, ROLLOUT) or (Rollout(), ABSENT)
        configured = await self.configured(tenant)
        if self.of_file(tenant).owner != "api":
            return Rollout(live=configured.number), version
        said = {one.number for one in await self.revisions.all(tenant) if one.parent is None}
        past = tuple(configured.number if number in said else number for number in rollout.past)
        live = configured.number if rollout.live in said else rollout.live
        return structs.replace(rollout, live=live, past=past), version

    async def revision(self, tenant: str, number: int) -> Revision:
        """One revision. Raises NotFound."""
        found = await self.revisions.get(tenant, document_id(number))
        if found is None:
            raise NotFound(f"tenant {tenant!r} has no revision {number}; GET /v1/tenants/{tenant}/revisions lists them")
        return found[0]

    async def history(self, tenant: str) -> list[Revision]:
        """Every revision, by number."""
        await self.configured(tenant)
        return await self.revisions.all(tenant)

    def adding(self, revision: Revision) -> Document:
        """A new revision to be stored; a conflict if another one came first."""
        return self.revisions.document(document_id(revision.number), revision, expect=ABSENT)

    def stepping(self, rollout: Rollout, version: int) -> Document:
        """A rollout, to be kept and then put in force by `refresh`; a conflict if another came first."""
        return self.rollouts.document(ROLLOUT, rollout, expect=version)

    async def check_step(self, tenant: str, rollout: Rollout, revision: int | None) -> None:
        """Refuse an earlier state of the configuration as a step's revision. Raises Invalid, and NotFound."""
        if revision is None or revision == rollout.live:
            return
        found = await self.revision(tenant, revision)
        if found.parent is None and revision != (await self.configured(tenant)).number:
            raise Invalid(
                f"revision {revision} is an earlier state of the configuration file; to use it again, make a new "
                f"revision from it: headcount weights edit --from {revision}",
                "/revision",
            )

    async def step(self, tenant: str, rollout: Rollout, version: int) -> int:
        """Activate a rollout on every replica; return its version. Raises Conflict if another came first."""
        kept = await self.rollouts.put(tenant, ROLLOUT, rollout, expect=version)
        await self.refresh(tenant, ROLLOUT)
        return kept

    def _stop(self, tenant: str, rollout: Rollout, why: str) -> None:
        """End a harmful trial; it has stopped here already, and the other replicas follow."""
        task = asyncio.get_running_loop().create_task(self._stop_everywhere(tenant, rollout, why))
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _stop_everywhere(self, tenant: str, rollout: Rollout, why: str) -> None:
        while True:
            try:
                await self._write_stop(tenant, rollout, why)
            except Unavailable:  # the trial has stopped here; the others hear of it once the store is back
                await asyncio.sleep(RETRY_AFTER)
            else:
                return

    async def _write_stop(self, tenant: str, rollout: Rollout, why: str) -> None:
        now = self._clock()
        current, version = await self.rollout(tenant)
        if current != rollout:
            return  # another request was faster
        body = RolloutBody("stop", why)
        ended = structs.replace(stepped(current, body, HEADCOUNT, now), stopped=why)
        self._warn("trial_stopped", tenant=tenant, revision=rollout.candidate, why=why)
        try:
            await self.step(tenant, ended, version)
        except Conflict:
            return
        for tell in self.stopped:
            tell(tenant, rollout.candidate, why)
        change = Change(tenant, "rollout.stop", f"revision {rollout.candidate}", current, ended, why)
        await self.audit.add(change, self.new_id(now), Author(HEADCOUNT), now)
