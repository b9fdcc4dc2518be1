"""What a gateway sees of the engine."""

from collections.abc import Iterator

from plugins.gateway import GatewayTenant
from reputation.config.tenants import Tenant
from reputation.engine.limiter import Limiter, TenantLimiter


class LimitersTenants:
    """The tenants of a limiter, for gateways; a reload changes them."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._last: tuple[Tenant, GatewayTenant] | None = None

    def find(self, name: str) -> GatewayTenant | None:
        found = self._limiter.tenants.get(name)
        return None if found is None else self._shown(found)

    def named(self, name: str) -> GatewayTenant:
        return self._shown(self._limiter.tenant(name))

    def all(self) -> Iterator[GatewayTenant]:
        return iter([self._shown(tenant) for tenant in self._limiter.tenants.values()])

    def unknown(self, kind: str, name: str, fix: str) -> None:
        self._limiter.strays.note(kind, name, fix)

    def _shown(self, limiter: TenantLimiter) -> GatewayTenant:
        """Show a tenant; mostly it is the last one again."""
        tenant = limiter.tenant
        if self._last is None or self._last[0] is not tenant:
            self._last = (tenant, GatewayTenant(tenant.name, tenant.settings.gateway))
        return self._last[1]
