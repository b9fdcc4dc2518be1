"""The webhook listener: signed events of Stripe in, outcomes and facts out. It serves nothing else."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

from aiohttp import web
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from reputation.admin.stripe import check_signature, read_event
from reputation.admin.stripe_events import StripeEvents
from reputation.config.file import Settings
from reputation.config.secrets import secret_at
from reputation.engine.limiter import TenantLimiter
from reputation.sidecar.running import Serving
from reputation.wire.codec import PROBLEM_TYPE, encode, problem_bytes
from reputation.wire.errors import ConfigError, NotFound, Problem

MOST_BODY = 256 * 1024
STRIPE = "webhooks.stripe"


class Webhooks:
    """The handler, and counts of events by result."""

    def __init__(self, serving: Serving) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._serving = serving
        self._events = StripeEvents(serving, self.counts)

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=MOST_BODY, middlewares=[self._problems])
        app.router.add_post("/v1/webhooks/stripe", self.stripe)
        return app

    async def stripe(self, request: web.Request) -> web.Response:
        """Take one event: refused if it is not Stripe's own or not fresh, acknowledged if it came before."""
        tenant = self._tenant(request.query.get("tenant", "default"))
        name, body, now = tenant.tenant.name, await request.read(), self._serving.clock()
        secret = secret_at(STRIPE, self._serving.settings.webhooks.stripe[name])
        try:
            check_signature(request.headers.get("Stripe-Signature"), body, secret, now)
            event = read_event(body)
        except Problem:
            self.counts[name, "refused"] += 1
            raise
        answer = {"result": "ignored"} if event is None else await self._events.take(tenant, event, now)
        self.counts[name, str(answer["result"])] += 1
        return web.Response(body=encode({"received": True, **answer}), content_type="application/json")

    def _tenant(self, name: str) -> TenantLimiter:
        if name not in self._serving.settings.webhooks.stripe:
            raise NotFound("no signing secret is configured for this tenant")
        return self._serving.limiter.tenant(name)

    def metrics(self) -> Iterator[Metric]:
        """Return the counts of events by result."""
        found = CounterMetricFamily("headcount_webhooks", "Webhook events by result.", labels=["tenant", "reason"])
        for (tenant, result), n in sorted(self.counts.items()):
            found.add_metric([tenant, result], n)
        yield found

    @web.middleware
    async def _problems(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Turn errors into problem documents; unexpected ones are not described, and Stripe sends again."""
        try:
            return await handler(request)
        except Problem as problem:
            found = problem
        except web.HTTPException as error:
            found = Problem(error.reason)
            found.status, found.title = error.status, error.reason
        except Exception as error:  # noqa: BLE001 - the boundary: a bug of ours is this request's 500
            self._serving.event_log.error("webhook_failed", exc_info=error)
            found = Problem("the sidecar failed on this event; its log says where")
        return web.Response(body=problem_bytes(found), status=found.status, content_type=PROBLEM_TYPE)


def check_secrets(settings: Settings) -> None:
    """Raise ConfigError if the listener is asked for and a secret is missing."""
    if not settings.webhooks.stripe:
        raise ConfigError("--webhooks: no signing secret is configured; set its place under webhooks.stripe.TENANT")
    for reference in settings.webhooks.stripe.values():
        secret_at(STRIPE, reference)
