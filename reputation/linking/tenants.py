"""Which tenants are linked and what a linker is told of their settings."""

from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.hydra.linker_settings import PRIOR_USE, LinkerSettings

Tenants = list[tuple[str, TenantLimiter]]


def linker_settings(tenant: TenantLimiter, key: bytes = b"") -> LinkerSettings:
    """Return a tenant's configuration for the linker. key: draws trials; a replay's key is no secret."""
    linking, prior = tenant.tenant.settings.linking, PRIOR_USE * tenant.tenant.request_cost
    without = tuple(part for part in linking.without if part != "neighbourhoods")
    return LinkerSettings(linking.purse_units, prior, without=without, trials=linking.trials, key=key[:64])


def linked(limiter: Limiter) -> Tenants:
    """Return the tenants that want linking, and let them take notes."""
    found = [(name, t) for name, t in limiter.tenants.items() if t.tenant.settings.linking.enabled]
    for _, tenant in found:
        tenant.outbox.listening = True
    return found
