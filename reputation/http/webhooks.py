"""The webhook listener: signed events of Stripe in, outcomes and facts out. It serves nothing else."""

import asyncio
import os
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from reputation.config import Settings
from reputation.errors import ConfigError, Conflict, NotFound, Problem
from reputation.events import AccountFacts, Outcome
from reputation.http.admin_labels import label_outcome
from reputation.limiter import TenantLimiter
from reputation.serving import Serving
from reputation.stores.records import ABSENT
from reputation.tuning.audit import Change
from reputation.tuning.stripe import Event, Said, charge_of, check_signature, facts_after, what_it_says
from reputation.wire import PROBLEM_TYPE, encode, problem_bytes, read

MOST_BODY = 256 * 1024
MOST_KEPT = 50_000
"""Events, and charges, that are remembered for each tenant; Stripe sends an event again for three days at most."""
EVENT, CHARGE, CUSTOMER = "stripe_event", "stripe_charge", "stripe_customer"
WHO = "stripe"
_events = msgspec.json.Decoder(Event)
Answer = dict[str, Any]


class Kept(Struct, frozen=True):
    """A remembered event or charge: when it came, and of a charge whose it is."""

    at: float
    customer: str = ""


_kept = msgspec.json.Decoder(Kept)


class Webhooks:
    """The handler, what came of events, and the order in which what it remembers is forgotten."""

    def __init__(self, serving: Serving) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._serving = serving
        self._records = serving.tuning.records
        self._one_at_a_time = asyncio.Lock()
        self._turns: dict[tuple[str, str], deque[str]] = {}

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=MOST_BODY, middlewares=[self._problems])
        app.router.add_post("/v1/webhooks/stripe", self.stripe)
        return app

    async def stripe(self, request: web.Request) -> web.Response:
        """Take one event: refused if it is not Stripe's own or not fresh, acknowledged if it came before."""
        tenant = self._tenant(request.query.get("tenant", "default"))
        name, body, now = tenant.tenant.name, await request.read(), self._serving.clock()
        secret = signing_secret(self._serving.settings.webhooks.stripe[name])
        try:
            check_signature(request.headers.get("Stripe-Signature"), body, secret, now)
            event = read(_events, body)
        except Problem:
            self.counts[name, "refused"] += 1
            raise
        answer = await self._once(tenant, event, now)
        self.counts[name, str(answer["result"])] += 1
        return web.Response(body=encode({"received": True, **answer}), content_type="application/json")

    def _tenant(self, name: str) -> TenantLimiter:
        if name not in self._serving.settings.webhooks.stripe:
            raise NotFound("no signing secret is configured for this tenant")
        return self._serving.limiter.tenant(name)

    async def _once(self, tenant: TenantLimiter, event: Event, now: float) -> Answer:
        """Do what an event says, once: on any replica, however often it is sent."""
        name = tenant.tenant.name
        try:
            await self._keep(name, EVENT, event.id, Kept(now), expect=ABSENT)
        except Conflict:
            return {"result": "duplicate"}
        try:
            return await self._do(tenant, event, now)
        except BaseException:
            await self._records.delete(name, EVENT, event.id)  # it may be sent again
            raise

    async def _do(self, tenant: TenantLimiter, event: Event, now: float) -> Answer:
        name, customer = tenant.tenant.name, event.data.object.customer
        for id_ in charge_of(event):
            if customer is not None:
                await self._keep(name, CHARGE, id_, Kept(now, customer))
            elif (known := await self._records.get(name, CHARGE, id_)) is not None:
                customer = _kept.decode(known.body).customer
                break
        said = what_it_says(event)
        if said is None:
            return {"result": "ignored"}
        owner = None if customer is None else await self._records.get(name, CUSTOMER, customer)
        async with self._one_at_a_time:  # money is added to what was read
            account = "" if owner is None else owner.body.decode()
            row = await self._serving.row(tenant, account) if account else None
            if row is None or dict(row.facts.external).get("stripe") != customer:  # deleted, or another's by now
                return {"result": "unknown_customer"}
            await self._tell(tenant, account, facts_after(row.facts, said), event, said, now)
        return {"result": "counted"}

    async def _tell(
        self, tenant: TenantLimiter, account: str, facts: AccountFacts, event: Event, said: Said, now: float
    ) -> None:
        serving, name = self._serving, tenant.tenant.name
        if said.changes or said.settled_usd:
            await serving.push(tenant, account, facts)
        if said.outcome is not None:
            outcome = Outcome(account, said.outcome, name)
            await serving.report(tenant, outcome)
            await label_outcome(serving.tuning, tenant, outcome, WHO, now)
        change = Change(name, f"stripe.{event.type}", account, None, said, event.id, pushed=True)
        await serving.tuning.audit.add(change, serving.tuning.new_id(now), WHO, now)

    async def _keep(self, tenant: str, kind: str, id_: str, value: Kept, **expect: int) -> None:
        """Remember something, and forget the oldest above the bound."""
        version = await self._records.put(tenant, kind, id_, msgspec.json.encode(value), **expect)
        turns = self._turns.get((tenant, kind))
        if turns is None:
            known = [(_kept.decode(record.body).at, record.id) for record in await self._records.all(tenant, kind)]
            turns = self._turns[tenant, kind] = deque(id_ for _, id_ in sorted(known))
        elif version == 1:
            turns.append(id_)
        while len(turns) > MOST_KEPT:
            await self._records.delete(tenant, kind, turns.popleft())

    def metrics(self) -> Iterator[Metric]:
        """Events by what came of them."""
        found = CounterMetricFamily("headcount_webhooks", "Webhook events by result.", labels=["tenant", "reason"])
        for (tenant, result), n in sorted(self.counts.items()):
            found.add_metric([tenant, result], n)
        yield found

    @web.middleware
    async def _problems(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Turn errors into problem documents; what was not foreseen says nothing of itself, and Stripe sends again."""
        try:
            return await handler(request)
        except Problem as problem:
            found = problem
        except web.HTTPException as error:
            found = Problem(error.reason)
            found.status, found.title = error.status, error.reason
        except Exception as error:  # noqa: BLE001 - the boundary: a bug of ours is this request's 500
            self._serving.journal.error("webhook_failed", exc_info=error)
            found = Problem("the sidecar failed on this event; its log says where")
        return web.Response(body=problem_bytes(found), status=found.status, content_type=PROBLEM_TYPE)


def signing_secret(reference: str) -> str:
    """Read a secret from where configuration says: `@` a file, `$` an environment variable. Raises ConfigError."""
    name = reference[1:]
    try:
        found = Path(name).read_text(encoding="utf-8") if reference.startswith("@") else os.environ[name]
    except (OSError, UnicodeDecodeError, KeyError):
        raise ConfigError(f"webhooks.stripe: nothing can be read from {reference}") from None
    if not found.strip():
        raise ConfigError(f"webhooks.stripe: {reference} is empty; it holds the endpoint's signing secret, whsec_...")
    return found.strip()


def check_secrets(settings: Settings) -> None:
    """Raise ConfigError if the listener is asked for and a secret is missing."""
    if not settings.webhooks.stripe:
        raise ConfigError("--webhooks: no signing secret is configured; name where it is under webhooks.stripe.TENANT")
    for reference in settings.webhooks.stripe.values():
        signing_secret(reference)


async def remember_customer(serving: Serving, tenant: TenantLimiter, account: str, external: dict[str, str]) -> None:
    """Remember whose Stripe customer an account is, from `external.stripe` of its facts."""
    customer = external.get("stripe")
    if customer is not None:
        await serving.tuning.records.put(tenant.tenant.name, CUSTOMER, customer, account.encode())
