"""The context of an admin request: the running program, its tenants, and changes with their line of the audit log."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from reputation.admin.access import authorise
from reputation.admin.oidc import Provider
from reputation.admin.sessions import Sessions
from reputation.admin.stripe_events import StripeEvents
from reputation.engine.limiter import TenantLimiter
from reputation.sidecar.running import Serving
from reputation.state.transactions import Committed, Transaction
from reputation.tuning.audit import Change, Sides, line_of


class Context:
    """The context of each handler, in addition to its request."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.stripe = StripeEvents(serving)
        self.sessions = Sessions(serving.store.records, serving.clock)
        self._provider: Provider | None = None

    def provider(self) -> Provider | None:
        """Return the OpenID Connect provider of the active configuration."""
        settings = self.serving.settings.sign_in.oidc
        if self._provider is None or self._provider.settings != settings:
            self._provider = None if settings is None else Provider(settings, self.serving.clock)
        return self._provider

    def tenant(self, request: web.Request, name: str | None = None) -> TenantLimiter:
        """Return the tenant of a request, if its caller may access it."""
        tenant = name or request.query.get("tenant", "default")
        authorise(request["caller"], "reader", tenant)
        return self.serving.limiter.tenant(tenant)

    def named(self, request: web.Request) -> TenantLimiter:
        """Return the tenant in the path, if the caller may access it."""
        return self.tenant(request, request.match_info["tenant"])

    async def commit(
        self,
        request: web.Request,
        tenant: TenantLimiter,
        asked: Transaction,
        change: Change,
        sides: Sides | None = None,
    ) -> Committed:
        """Carry out a transaction together with its line of the audit log, all or nothing."""
        tuning, now = self.serving.tuning, self.serving.clock()
        line = line_of(change, tuning.new_id(now), request["caller"].author, now, tenant.secret, sides)
        committed = await self.serving.checks.commit(tenant, asked._replace(documents=(*asked.documents, line)))
        request["change"] = None  # it is written down
        await tuning.audit.make_place(tenant.tenant.name, line)
        return committed

    async def audit(self, request: web.Request) -> None:
        """Write the change to the audit log; by default the route names the change."""
        default = Change(request.query.get("tenant", "default"), f"{request.method} {request.path}")
        change, tuning, now = request.get("change", default), self.serving.tuning, self.serving.clock()
        if change is None:  # it only looked, or has written a line with what it did
            return
        await tuning.audit.add(change, tuning.new_id(now), request["caller"].author, now)


class Route(NamedTuple):
    """One admin route: its handler, and the required role (None: no authentication)."""

    method: str
    path: str
    handler: Callable[[Context, web.Request], Awaitable[web.StreamResponse]]
    role: str | None
