"""The parts of a running program put together from its settings: addresses, tenants, state."""

import gc
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from geoip import book
from geoip.book import AddressBook
from geoip.readers import DatabaseError
from plugins.shipped import GATEWAYS
from reputation.config.file import Settings, compile_tenants, load
from reputation.config.tenants import UNNUMBERED, Tenant
from reputation.engine.checks import Checks
from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.linking.contract import Linking
from reputation.linking.live import LiveLinking
from reputation.sidecar.clock import Clock
from reputation.sidecar.embedded import EmbeddedChecks
from reputation.sidecar.hash_key import hash_key
from reputation.state.tenant import TenantState
from reputation.stores.contract import Store
from reputation.stores.memory import MemoryStore
from reputation.wire.errors import ConfigError, SettingError
from reputation.wire.gateway import check_members

States = Callable[[str], TenantState]
"""Gives a tenant's state by its name."""


class Parts(NamedTuple):
    """The parts of a running program that are of two kinds, for embedded and for shared state."""

    checks: Checks
    linking: Linking
    store: Store
    clock: Clock


COLLECT_AFTER = 50_000
"""Objects that hold others, made and not yet freed, after which the collector looks at the youngest."""


def read_settings(path: Path | None) -> Settings:
    """Read a configuration file, and check the parts for gateways' adapters. Raises ConfigError."""
    return load(path, _check_gateways)


def _check_gateways(settings: Settings) -> None:
    for name, tenant in settings.tenants.items():
        try:
            check_members(tenant.gateway.facts)
        except ValueError as error:
            raise SettingError(("tenants", name, "gateway", "facts"), str(error)) from None
    for kind, gateway in GATEWAYS.items():
        if gateway.check is not None:
            gateway.check({name: getattr(tenant.gateway, kind) for name, tenant in settings.tenants.items()})


def open_addresses(settings: Settings, now: float) -> AddressBook:
    """Open the configured databases. Raises ConfigError naming file and cause."""
    try:
        if settings.geoip.embedded:
            return AddressBook.open(settings.geoip.databases, now)
        return AddressBook.open(settings.geoip.databases, now, embedded=None)
    except DatabaseError as error:
        raise ConfigError(f"geoip.databases: {error}") from None


def load_databases(settings: Settings) -> book.Loaded:
    """Open the configured databases without touching those in use; may run in a thread."""
    return book.load(settings.geoip.databases, book.EMBEDDED if settings.geoip.embedded else None)


def empty_state(settings: Settings) -> TenantState:
    """Make the state of a tenant without stored data."""
    return TenantState(settings.memory.accounts, settings.memory.strangers)


def build(
    settings: Settings, addresses: AddressBook, secret: bytes | None = None, states: States | None = None
) -> Limiter:
    """Make every tenant's limiter, with its state from `states` or with empty state."""
    states = states or MemoryStore(partial(empty_state, settings)).tenant
    secret = secret or hash_key() or secrets.token_bytes(32)
    return Limiter(
        {
            name: TenantLimiter(tenant, states(name), addresses, secret)
            for name, tenant in compile_tenants(settings).items()
        }
    )


def parts_of(limiter: Limiter, store: Store, settings: Settings, clock: Clock, log: Any) -> Parts:
    """Choose the parts by the store, once: those of one process, or those of several replicas."""
    shared = store.shared
    if shared is None:
        linking = LiveLinking(limiter, log.warning, records=store.records, memory=settings.memory.linker)
        return Parts(EmbeddedChecks(limiter, store, clock), linking, store, clock)
    shared.clock = clock
    # a sidecar with state of its own has no use for them, nor for what they import
    from reputation.replicas.checks import SharedChecks  # noqa: PLC0415
    from reputation.replicas.linking import ReplicatedLinking  # noqa: PLC0415

    checks = SharedChecks(limiter, shared, settings.state.timeout)
    memory = settings.memory.linker
    replicated = ReplicatedLinking(limiter, shared, log.warning, settings.state.epoch, memory=memory)
    return Parts(checks, replicated, store, clock)


def collect_seldom() -> None:
    """Exclude permanent objects from garbage collections, and make collections rare; account rows are not in them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 50, 50)


def rebuild(limiter: Limiter, settings: Settings, addresses: AddressBook, states: States) -> None:
    """Put new settings in force on a running limiter: state stays, tenants come and go. Raises ConfigError first."""
    compiled = compile_tenants(settings)
    some = next(iter(limiter.tenants.values()))
    for name, tenant in compiled.items():
        running = limiter.tenants.get(name)
        if running is None:
            limiter.tenants[name] = TenantLimiter(tenant, states(name), addresses, some.secret)
        elif _is_news(tenant, running.tenant):
            running.retune(structs.replace(tenant, revision=UNNUMBERED))  # in force before its number is known
    for name in [name for name in limiter.tenants if name not in compiled]:
        del limiter.tenants[name]


def _is_news(tenant: Tenant, running: Tenant) -> bool:
    """Whether a file's settings differ from the active ones; a tenant tuned by the API keeps its active revision."""
    owners = tenant.settings.owner, running.settings.owner
    return "file" in owners and tenant.settings != running.settings
