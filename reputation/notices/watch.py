"""Watches for events, announces each one once, and hands it to the delivery: once among replicas and across restarts.

What was announced is kept in the state together with the notice, so a crash between the two loses none. A notice is
deleted once it is delivered.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from reputation.config.file import Event, NotifySettings
from reputation.engine.checks import Checks
from reputation.engine.limiter import TenantLimiter
from reputation.hydra.links import Links
from reputation.notices.changes import SURGE, Announced, Change, changes, surge
from reputation.notices.delivery import Delivery
from reputation.notices.notice import Notice, text_of
from reputation.state.facts import is_payer
from reputation.state.records import ABSENT
from reputation.state.transactions import Transaction
from reputation.stores.contract import Store
from reputation.tuning.documents import Documents
from reputation.wire.errors import Conflict, Unavailable
from reputation.wire.ids import Ulids

EVERY = 1.0
ANNOUNCED, NOTICE = "announced", "notice"
"""Kinds of documents: what was announced, by subject, and notices that are not delivered yet, by id."""
TENANTS: tuple[Event, ...] = ("cluster.found", "cluster.grown", "cluster.status", "newcomers.surge", "trial.stopped")
"""Events of a tenant; the others are of the whole sidecar."""
SLICE = 500
"""Members of a cluster that are looked at in one turn of the event loop."""
GONE = 86_400.0
"""Seconds after which a cluster that is not found any more is forgotten."""
Known = dict[str, tuple[Announced, int]]
"""What was announced by subject, and the version of its document."""


class Watch:
    """Every tenant's clusters and surges, and the state."""

    def __init__(
        self,
        checks: Checks,
        store: Store,
        endpoints: Callable[[], tuple[NotifySettings, ...]],
        clock: Callable[[], float],
        log: Any,
    ) -> None:
        self.happened: Counter[tuple[str, str]] = Counter()
        self.delivery = Delivery(endpoints, clock, log, self._delivered)
        self._checks = checks
        self._store = store
        self._announced = Documents(store.records, ANNOUNCED, Announced)
        self._notices = Documents(store.records, NOTICE, Notice)
        self._clock = clock
        self._log = log
        self._new_id = Ulids()
        self._known: dict[str, Known] = {}
        self._seen: dict[str, Links] = {}  # the links that were last compared, by tenant
        self._gone: dict[tuple[str, str], float] = {}  # since when a cluster that was announced is not found
        self._away_since: float | None = None
        self._deleting: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Look once a second, until cancelled."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(EVERY)
        finally:
            await self.delivery.close()

    async def look(self) -> None:
        """Announce what happened since the last call. While the state is away, clusters wait for it."""
        self._look_at_state()
        tenants = self._checks.limiter.tenants
        for gone in self._known.keys() - tenants.keys():
            del self._known[gone]
            self._seen.pop(gone, None)
        for name, tenant in list(tenants.items()):
            links = tenant.links
            if self._seen.get(name) is links:
                continue
            try:
                await self._compare(name, tenant, links)
            except Unavailable:
                return
            self._seen[name] = links

    def trial_stopped(self, tenant: str, revision: int | None, why: str) -> None:
        """Announce a trial that ended itself."""
        self._announce(self._notice("trial.stopped", tenant, {"revision": revision, "why": why}))

    def metrics(self) -> Iterator[Metric]:
        """Counts of events by tenant, and of the delivery."""
        events = CounterMetricFamily("headcount_events", "Events that were announced.", labels=["tenant", "event"])
        # from 0 on: to Prometheus, a counter that first appears with 1 has not increased
        known: dict[tuple[str, str], int] = {(name, one): 0 for name in self._checks.limiter.tenants for one in TENANTS}
        for (tenant, event), n in sorted({**known, **self.happened}.items()):
            events.add_metric([tenant, event], n)
        yield events
        yield from self.delivery.metrics()

    def _look_at_state(self) -> None:
        away, now = self._store.degraded, self._clock()
        if away and self._away_since is None:
            self._away_since = now
            self._announce(self._notice("state.away", None, {"host": socket.gethostname()}))
        elif not away and self._away_since is not None:
            data = {"host": socket.gethostname(), "seconds": max(now - self._away_since, 0.0)}
            self._away_since = None
            self._announce(self._notice("state.back", None, data))

    async def _compare(self, name: str, tenant: TenantLimiter, links: Links) -> None:
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = await self._take_up(name)
        announced = {subject: one for subject, (one, _) in known.items()}
        await self._forget(name, known, links)
        begun = surge(announced.get(SURGE), links.together, tenant.tenant.settings.newcomers.together)
        for change in [*changes(announced, links.clusters), *([begun] if begun is not None else [])]:
            await self._once(name, tenant, links, change)

    async def _forget(self, name: str, known: Known, links: Links) -> None:
        """Forget what was announced of clusters that are gone for a day: none of them comes back."""
        now = self._clock()
        for subject in [subject for subject in known if subject != SURGE]:
            if subject in links.clusters:
                self._gone.pop((name, subject), None)
            elif now - self._gone.setdefault((name, subject), now) > GONE:
                await self._announced.delete(name, subject)
                del known[subject], self._gone[name, subject]

    async def _take_up(self, name: str) -> Known:
        """Read what was announced of a tenant, and the notices of it that wait since the last process."""
        for notice in await self._notices.all(name):
            self.delivery.add(notice)
        return await self._announced.versioned(name)

    async def _once(self, name: str, tenant: TenantLimiter, links: Links, change: Change) -> None:
        """Announce a change, unless another replica was faster."""
        known = self._known[name]
        if change.subject != SURGE:
            change.data["payers"] = await self._payers(tenant, links, change.subject)
        notice = self._notice(change.event, name, change.data)
        version = known[change.subject][1] if change.subject in known else ABSENT
        documents = [self._announced.document(change.subject, change.announced, expect=version)]
        if self.delivery.wanted(change.event):
            documents.append(self._notices.document(notice.id, notice, expect=ABSENT))
        try:
            committed = await self._checks.commit(tenant, Transaction(documents=tuple(documents)))
        except Conflict:
            found = await self._announced.get(name, change.subject)
            if found is not None:
                known[change.subject] = found
            return
        known[change.subject] = change.announced, committed.versions[0]
        self._announce(notice)

    async def _payers(self, tenant: TenantLimiter, links: Links, cluster: str) -> int:
        """Count the paying customers in a cluster."""
        now, standards, count = self._clock(), tenant.tenant.settings.standards, 0
        members = [account for account, (owner, _) in links.members.items() if owner == cluster]
        for number, account in enumerate(members, 1):
            row = await self._checks.row(tenant, account)
            count += row is not None and is_payer(row.facts, standards, now)
            if number % SLICE == 0:
                await asyncio.sleep(0)
        return count

    def _notice(self, event: Event, tenant: str | None, data: dict[str, Any]) -> Notice:
        now = self._clock()
        return Notice(self._new_id(now), event, tenant, now, data)

    def _announce(self, notice: Notice) -> None:
        self.happened[notice.tenant or "", notice.event] += 1
        self._log.warning("notice", notice=notice.id, happened=notice.event, tenant=notice.tenant, text=text_of(notice))
        self.delivery.add(notice)

    def _delivered(self, notice: Notice) -> None:
        if notice.tenant is None:
            return
        task = asyncio.get_running_loop().create_task(self._delete(notice.tenant, notice.id))
        self._deleting.add(task)
        task.add_done_callback(self._deleting.discard)

    async def _delete(self, tenant: str, id_: str) -> None:
        try:
            await self._notices.delete(tenant, id_)
        except Unavailable:  # it is sent once more after the next start
            return
