"""The running sidecar: its settings, limiter and linker, its metrics and readiness, and its reload."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from geoip.book import AddressBook
from reputation.config.file import Settings
from reputation.engine.metrics import (
    build_info,
    cluster_metrics,
    counter,
    gauge,
    newcomer_metrics,
    together_metrics,
    verdict_metrics,
)
from reputation.engine.verdicts import Latency
from reputation.listeners.admission import SharedSecrets
from reputation.notices.watch import Watch
from reputation.sidecar.build import Parts, load_databases, read_settings, rebuild
from reputation.sidecar.charts import Charts
from reputation.sidecar.crowding import Crowding
from reputation.sidecar.decision_log import DecisionLog
from reputation.sidecar.gateway_secrets import SETTING, gateway_secrets
from reputation.sidecar.in_force import Tuning
from reputation.sidecar.kept_stops import KeptStops
from reputation.sidecar.memory_watch import MemoryWatch
from reputation.sidecar.sign_ins import SignIns
from reputation.sidecar.surges import Surges
from reputation.tuning.documents import Documents
from reputation.tuning.made_tenants import EVERYBODY, KIND, MadeTenant, with_made
from reputation.tuning.trial import trial_metrics
from reputation.wire.errors import ConfigError, Unavailable
from reputation.wire.messages import Verdict

LOOK_EVERY = 1.0
"""Seconds between two looks at the clock for what is done once an hour: a clock that was set must not delay it."""


TENANTS_EVERY = 0.5
"""Seconds between two looks at the tenants that replicas made."""
NOT_A_GATEWAY = "a caller of the check listener sent no valid secret (http.secrets); give it one, or keep it away"
UNKNOWN_PLAN = "name it in plans, such as {like: paid}; until then it has the limits of an account without a plan"


class Serving:
    """The running program, used by the listeners and the signal handlers."""

    def __init__(
        self, settings: Settings, parts: Parts, addresses: AddressBook, decisions: DecisionLog, log: Any
    ) -> None:
        self.settings = self.file = settings
        self._made: list[MadeTenant] = []
        self._changing = asyncio.Lock()
        self.checks, self.linking, self.store, self.clock = parts
        self.limiter = self.checks.limiter
        self.addresses = addresses
        self.decisions = decisions
        self.clock.moved.append(self._moved)
        self.local_admin = True
        self.tuning = Tuning(self.limiter, self.store.records, lambda: self.settings, self.clock, log.warning)
        self.made_tenants = Documents(self.store.records, KIND, MadeTenant)
        self.crowding = Crowding(self.limiter, log, self.clock)
        self.memory = MemoryWatch(self.limiter, settings, log)
        self.surges = Surges(self.limiter, log)
        self.notices = Watch(self.checks, self.store, lambda: self.settings.notify, self.clock, log)
        self.tuning.stopped.append(self.notices.trial_stopped)
        kept = self.store.records if self.store.shared is None else None
        self.charts = Charts(self.limiter, lambda: self.store.degraded, self.clock, kept, log.warning)
        self.latency = Latency()
        self.sign_ins = SignIns(log)
        self.secrets = SharedSecrets(
            gateway_secrets(settings), partial(log.warning, "not_a_gateway", fix=NOT_A_GATEWAY)
        )
        self.listeners: dict[str, Any] = {}
        self.metric_sources: list[Callable[[], Iterator[Metric]]] = []
        self.draining = False
        self.event_log = log
        self.stops = KeptStops(self.limiter, self.store.stops, lambda: self.settings.explain, self.clock, log.warning)
        self.limiter.strays.tell = log.warning
        decisions.account_of = self.account_of
        self._listen_for_plans()
        self._reload_failures = 0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def account_of(self, verdict: Verdict, now: float) -> str | None:
        """Name the account of a recent verdict."""
        tenant = self.limiter.tenants.get(verdict.tenant)
        found = None if tenant is None else tenant.verdicts.get(verdict.id, now)
        return None if found is None else found[0].account

    def _listen_for_plans(self) -> None:
        """Log each unknown plan of a tenant once."""
        for name, tenant in self.limiter.tenants.items():
            tell = partial(self.event_log.warning, "unknown_plan", tenant=name, fix=UNKNOWN_PLAN)
            tenant.state.unknown_plans.tell = lambda plan, tell=tell: tell(plan=plan)

    def _moved(self, seconds: float) -> None:
        """Move buckets and reservations by a step of the machine's clock, and log it."""
        self.event_log.warning("clock_moved", seconds=round(seconds, 3))
        self.tuning.moved()
        self.checks.move(seconds)

    def ready(self) -> dict[str, Any] | None:
        """Return the body of /readyz; None while draining."""
        if self.draining:
            return None
        return {
            "degraded": self.store.degraded,
            "tenants": len(self.limiter.tenants),
            "linker": self.linking.there,
            **self.checks.readiness(),
        }

    async def watch_addresses(self) -> None:
        """Check the age of the address databases regularly, and log a stale one, until cancelled."""
        reported: set[str] = set()
        while True:
            self.addresses.age(self.clock())
            for database in self.addresses.stale:
                if str(database.path) not in reported:
                    self.event_log.warning("geoip_stale", database=str(database.path), built=database.built)
            reported = {str(database.path) for database in self.addresses.stale}
            await asyncio.sleep(LOOK_EVERY)

    async def reload(self, path: Path | None) -> bool:
        """Reload configuration and databases; on any error keep the old ones, and log it."""
        try:
            settings = read_settings(path)
            if not settings.guarded and not self.local_admin:
                raise ConfigError("tokens: without a token the admin listener must be on loopback, and it is not")
            secrets = self._new_secrets(settings)
            loaded = await asyncio.to_thread(load_databases, settings)
            if loaded.errors:
                raise ConfigError("; ".join(str(error) for error in loaded.errors))
            file, settings = settings, self._with_made(settings)
            rebuild(self.limiter, settings, self.addresses, self.store.tenant)
            self.addresses.swap(loaded.databases, self.clock())
        except ConfigError as error:
            self._reload_failures += 1
            self.event_log.error("reload_failed", error=str(error), kept="the previous configuration and databases")
            return False
        self.settings, self.file = settings, file
        self.secrets.renew(secrets)
        self._listen_for_plans()
        await self.tuning.refresh_all()
        self.event_log.info("reloaded", tenants=sorted(self.limiter.tenants))
        return True

    def _new_secrets(self, settings: Settings) -> list[str]:
        """Read the gateways' secrets again. Raises ConfigError, also if the listener would have to begin to ask."""
        found = gateway_secrets(settings)
        if bool(found) != self.secrets.asked:
            raise ConfigError(f"{SETTING}: a first secret, or none after some, counts from a restart on")
        return found

    async def take_up_tenants(self) -> None:
        """Put the tenants in force that the API has made, here or at another replica. Raises Unavailable."""
        async with self._changing:
            self._made = await self.made_tenants.all(EVERYBODY)
            settings = self._with_made(self.file)
            if settings.tenants == self.settings.tenants:
                return
            rebuild(self.limiter, settings, self.addresses, self.store.tenant)
            self.settings = settings
            self._listen_for_plans()
            await self.tuning.refresh_all()
            self.event_log.info("tenants_changed", tenants=sorted(self.limiter.tenants))

    def _with_made(self, file: Settings) -> Settings:
        return with_made(file, self._made, self._warn_of_tenant)

    def _warn_of_tenant(self, name: str, error: str) -> None:
        self.event_log.warning("tenant_unreadable", tenant=name, error=error)

    async def follow_tenants(self) -> None:
        """Take up tenants that other replicas make, until cancelled."""
        while self.store.shared is not None:
            await asyncio.sleep(TENANTS_EVERY)
            with suppress(Unavailable):
                await self.take_up_tenants()

    def metrics(self) -> bytes:
        """Return the text exposition of all metrics."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Gather the metrics; called by prometheus_client at each scrape."""
        tenants = sorted(self.limiter.tenants.items())
        yield build_info()
        yield from self.latency.metrics()
        yield from verdict_metrics((name, tenant.counts) for name, tenant in tenants)
        yield from newcomer_metrics((name, tenant.tenant, tenant.links) for name, tenant in tenants)
        yield from together_metrics((name, tenant.links) for name, tenant in tenants)
        yield counter("headcount_decisions_logged", "Decision log lines written.", self.decisions.written)
        yield counter("headcount_decisions_dropped", "Decision log lines dropped.", self.decisions.dropped)
        yield counter("headcount_clock_steps", "Times that the machine's clock was set.", self.clock.steps)
        yield counter(
            "headcount_reload_failures", "Reloads that failed and kept the old configuration.", self._reload_failures
        )
        yield counter("headcount_unknown_names", "Requests for an unknown tenant or domain.", self.limiter.strays.count)
        yield counter("headcount_geoip_failures", "Look-ups that failed on corrupt data.", self.addresses.failures)
        yield gauge("headcount_geoip_stale", "Databases older than they should be.", len(self.addresses.stale))
        yield from self.stops.metrics()
        yield from self.notices.metrics()
        yield from self.sign_ins.metrics()
        yield from trial_metrics(sorted(self.tuning.trials.items()))
        yield from self.tuning.recording.metrics()
        for source in self.metric_sources:
            yield from source()
        yield from self._linker_metrics()
        yield from self._memory_metrics()
        yield from self._reservation_metrics()
        yield from self._state_metrics()
        yield from self._listener_metrics()

    def _linker_metrics(self) -> Iterator[Metric]:
        linking, tenants = self.linking, sorted(self.limiter.tenants.items())
        yield counter("headcount_linker_restarts", "Restarts of the linker.", linking.restarts)
        yield counter("headcount_linker_epochs", "Epochs linked.", linking.epochs)
        yield gauge("headcount_linker_epoch_seconds", "Duration of the last epoch.", linking.epoch_seconds)
        age = self.clock() - linking.last_epoch if linking.last_epoch else -1.0
        yield gauge("headcount_links_age_seconds", "Age of the active links; -1 before the first links.", age)
        yield from cluster_metrics((name, tenant.links) for name, tenant in tenants)
        dropped = linking.dropped + sum(tenant.outbox.dropped for _, tenant in tenants)
        yield counter("headcount_notes_dropped", "Notes that were lost before the linker.", dropped)
        yield counter("headcount_notes_unread", "Entries of notes that could not be read.", linking.unread)
        yield gauge("headcount_linker_bytes", "Memory of what the linker knows.", sum(linking.used.values()))
        left_out = sum(linking.left_out.values())
        yield gauge("headcount_linker_left_out", "What the running linker had no memory for.", left_out)
        crowded = sum(linking.crowded.values())
        yield gauge(
            "headcount_linker_crowded", "Sightings of accounts that the running linker had no place for.", crowded
        )

    def _memory_metrics(self) -> Iterator[Metric]:
        states = [tenant.state for tenant in self.limiter.tenants.values()]
        yield gauge(
            "headcount_accounts_known",
            "Registered accounts: accounts that were pushed.",
            sum(s.pushed() for s in states),
        )
        yield gauge("headcount_accounts_met", "Accounts learnt from traffic.", sum(len(s.traffic) for s in states))
        yield gauge("headcount_strangers", "Unconfirmed accounts in memory.", sum(len(s.unconfirmed) for s in states))
        lost = sum(tenant.repeats.lost for tenant in self.limiter.tenants.values())
        yield counter(
            "headcount_repeats_lost", "Request ids forgotten too early; a repeated request is then charged again.", lost
        )
        yield from self.crowding.metrics()
        yield from self.memory.metrics()
        windows = [w for s in states for w in (s.accounts_on_address, s.accounts_on_card, s.accounts_on_device)]
        shortened = sum(window.shortened for window in windows)
        yield counter("headcount_windows_shortened", "Times that a window forgot something before its time.", shortened)
        lost = sum(tenant.verdicts.lost for tenant in self.limiter.tenants.values())
        yield counter("headcount_verdicts_lost", "Verdicts that were forgotten before their time.", lost)
        plans = CounterMetricFamily(
            "headcount_unknown_plans", "Checks of accounts with a plan that no setting knows.", labels=["tenant"]
        )
        for name, tenant in sorted(self.limiter.tenants.items()):
            plans.add_metric([name], tenant.state.unknown_plans.count)
        yield plans

    def _reservation_metrics(self) -> Iterator[Metric]:
        leases = [tenant.leases for tenant in self.limiter.tenants.values()]
        yield counter("headcount_lease_tokens", "Tokens that were leased.", sum(x.tokens for x in leases))
        yield counter("headcount_lease_tokens_used", "Leased tokens reported as used.", sum(x.used for x in leases))
        for name in ("lease", "hold"):
            kept = [getattr(x.reserved, f"{name}s") for x in leases]
            yield gauge(f"headcount_{name}s_kept", f"Open {name}s, which can be settled.", sum(map(len, kept)))
            expired, refused = sum(x.expired for x in kept), sum(x.refused for x in kept)
            yield counter(f"headcount_{name}s_expired", f"{name.capitalize()}s never settled.", expired)
            yield counter(f"headcount_{name}s_refused", f"Refused {name}s, for lack of room.", refused)

    def _state_metrics(self) -> Iterator[Metric]:
        words = "1 while the state is unavailable and the sidecar works in memory."
        degraded = GaugeMetricFamily("headcount_degraded", words, labels=["tenant"])
        for name in sorted(self.limiter.tenants):
            degraded.add_metric([name], int(self.store.degraded))
        yield degraded
        damaged = self.store.damage.count
        yield counter("headcount_state_damaged", "Values in the state that could not be read.", damaged)
        yield from self.checks.metrics()
        figures = self.store.figures()
        if figures is None:
            return
        yield counter("headcount_state_written", "Changes written to the state file.", figures.written)
        yield counter("headcount_state_left_out", "Values that could not be written.", figures.left_out)
        yield counter("headcount_state_failures", "Attempts to write that failed.", figures.failures)
        yield gauge("headcount_state_waiting", "Changes not written yet.", figures.waiting)
        yield gauge("headcount_state_age_seconds", "Time since the last durable write.", figures.age)
        yield gauge("headcount_state_flush_seconds", "Duration of the last write.", figures.flush_seconds)
        yield gauge("headcount_state_held_seconds", "Longest time that a write blocked the event loop.", figures.held)
        yield gauge("headcount_accounts_asleep", "Accounts not decoded since the start.", figures.asleep)

    def _listener_metrics(self) -> Iterator[Metric]:
        server = self.listeners.get("check")
        if server is None:
            return
        yield gauge("headcount_connections", "Connections open on the check listener.", server.open)
        yield counter("headcount_connections_accepted", "Connections accepted.", server.accepted)
        yield counter("headcount_connections_refused", "Connections refused.", server.refused)
        yield counter("headcount_requests", "Requests on the check listener.", server.requests)
        yield counter("headcount_failures", "Answers that were a 500.", server.failures)
        refused = self.secrets.refused + server.strangers
        yield counter("headcount_unauthenticated", "Requests without the asked secret or certificate.", refused)
        yield counter("headcount_bad_requests", "Requests that could not be read.", sum(server.bad_requests.values()))
