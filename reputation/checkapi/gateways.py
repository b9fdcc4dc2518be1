"""What a gateway sees of the engine."""

from collections.abc import Iterator

from plugins.gateway import GatewayTenant
from reputation.engine.limiter import Limiter, TenantLimiter


class LimitersTenants:
    """The tenants of a limiter, for gateways; a reload changes them."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def find(self, name: str) -> GatewayTenant | None:
        found = self._limiter.tenants.get(name)
        return None if found is None else _shown(found)

    def named(self, name: str) -> GatewayTenant:
        return _shown(self._limiter.tenant(name))

    def all(self) -> Iterator[GatewayTenant]:
        return map(_shown, self._limiter.tenants.values())

    def unknown(self, kind: str, name: str, fix: str) -> None:
        self._limiter.strays.note(kind, name, fix)


def _shown(tenant: TenantLimiter) -> GatewayTenant:
    return GatewayTenant(tenant.tenant.name, tenant.tenant.settings.gateway)
