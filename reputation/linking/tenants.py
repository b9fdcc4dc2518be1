"""Which tenants are linked, what a linker is told of their settings, and links that outlive their linker."""

from msgspec import structs

from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.hydra.linker_settings import PRIOR_USE, LinkerSettings
from reputation.hydra.links import Links

NEIGHBOURHOOD_WINDOW = 86_400.0
"""Seconds of use that neighbourhoods are judged by; a linker that starts without a ledger has not seen them."""

Tenants = list[tuple[str, TenantLimiter]]


def linker_settings(tenant: TenantLimiter, key: bytes = b"") -> LinkerSettings:
    """Return what the linker is told of a tenant's configuration. key: draws trials; a replay's is no secret."""
    linking, prior = tenant.tenant.settings.linking, PRIOR_USE * tenant.tenant.request_cost
    return LinkerSettings(linking.purse_units, prior, without=linking.without, trials=linking.trials, key=key[:64])


def linked(limiter: Limiter) -> Tenants:
    """Return the tenants that want linking, and let them take notes."""
    found = [(name, t) for name, t in limiter.tenants.items() if t.tenant.settings.linking.enabled]
    for _, tenant in found:
        tenant.outbox.listening = True
    return found


def with_inherited(links: Links, before: Links) -> Links:
    """Add the neighbourhoods of the linker before, until the new one has seen as many hours as they are judged by."""
    if not before.neighbourhoods or abs(links.at - before.at) >= NEIGHBOURHOOD_WINDOW:
        return links
    return structs.replace(
        links,
        neighbourhoods={**before.neighbourhoods, **links.neighbourhoods},
        residents={**before.residents, **links.residents},
    )
