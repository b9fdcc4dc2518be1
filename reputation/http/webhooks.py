"""The webhook listener: signed events of Stripe in, outcomes and facts out. It serves nothing else."""

import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from reputation.config import Settings
from reputation.errors import ConfigError, NotFound, Problem
from reputation.events import AccountFacts, Outcome
from reputation.facts import Facts
from reputation.http.admin_labels import outcome_documents
from reputation.limiter import TenantLimiter
from reputation.serving import Serving
from reputation.stores.records import ABSENT, ANY
from reputation.stores.transactions import Document, Stale, Transaction
from reputation.telling import MARKS
from reputation.tuning.audit import Change, line_of
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


class _AnothersError(Exception):
    """An account is not the customer's that an event is about, or not any more."""


def _after(customer: str, said: Said, before: Facts | None) -> Facts:
    """The facts after an event. Raises _AnothersError."""
    if before is None or dict(before.external).get("stripe") != customer:
        raise _AnothersError
    return facts_after(before, said)


def _kept_document(kind: str, id_: str, value: Kept, expect: int = ANY) -> Document:
    return Document(kind, id_, msgspec.json.encode(value), expect)


class Webhooks:
    """The handler, what came of events, and the order in which what it remembers is forgotten."""

    def __init__(self, serving: Serving) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._serving = serving
        self._records = serving.tuning.records
        self._turns: dict[tuple[str, str], dict[str, None]] = {}

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
        """Do what an event says, once: on any replica, however often it is sent; seen is kept with what it did."""
        name = tenant.tenant.name
        while True:
            customer, documents = await self._about(name, event, now)
            said = what_it_says(event)
            owner = None if said is None or customer is None else await self._records.get(name, CUSTOMER, customer)
            try:
                if said is None or owner is None or customer is None:
                    await self._serving.commit(tenant, Transaction(documents=documents))
                    result = "ignored" if said is None else "unknown_customer"
                else:
                    result = await self._tell(tenant, owner.body.decode(), customer, event, documents)
            except Stale as stale:
                if stale.place:  # the account was labelled meanwhile
                    continue
                return {"result": "duplicate"}
            await self._make_place(name, documents)
            return {"result": result}

    async def _about(self, tenant: str, event: Event, now: float) -> tuple[str | None, tuple[Document, ...]]:
        """Whose an event is, and what is remembered with it: that it was seen, and its charges."""
        customer, charges = event.data.object.customer, charge_of(event)
        seen = _kept_document(EVENT, event.id, Kept(now), ABSENT)
        if customer is not None:
            return customer, (seen, *[_kept_document(CHARGE, id_, Kept(now, customer)) for id_ in charges])
        for id_ in charges:
            known = await self._records.get(tenant, CHARGE, id_)
            if known is not None:
                return _kept.decode(known.body).customer, (seen,)
        return None, (seen,)

    async def _tell(
        self, tenant: TenantLimiter, account: str, customer: str, event: Event, documents: tuple[Document, ...]
    ) -> str:
        said, serving, now = what_it_says(event) or Said(), self._serving, self._serving.clock()
        name, more = tenant.tenant.name, documents
        outcome = None if said.outcome is None else Outcome(account, said.outcome, name)
        if outcome is not None:
            more += await outcome_documents(serving.tuning, tenant, outcome, WHO, now)
        change = Change(name, f"stripe.{event.type}", account, None, said, event.id, pushed=True)
        line = line_of(change, serving.tuning.new_id(now), WHO, now)
        marks = (0, 0) if said.outcome is None else MARKS[said.outcome]
        try:
            await serving.commit(tenant, Transaction(account, partial(_after, customer, said), marks, (*more, line)))
        except _AnothersError:  # deleted, or another's by now
            await serving.commit(tenant, Transaction(documents=documents))
            return "unknown_customer"
        if outcome is not None:
            tenant.hear(outcome, now)
        await serving.tuning.audit.make_place(name, line)
        return "counted"

    async def _make_place(self, tenant: str, documents: tuple[Document, ...]) -> None:
        """Forget the oldest of what is remembered above the bound."""
        for kind in dict.fromkeys(document.kind for document in documents):
            turns = self._turns.get((tenant, kind))
            if turns is None:
                known = [(_kept.decode(record.body).at, record.id) for record in await self._records.all(tenant, kind)]
                turns = self._turns[tenant, kind] = dict.fromkeys(id_ for _, id_ in sorted(known))
            turns.update(dict.fromkeys(document.id for document in documents if document.kind == kind))
            while len(turns) > MOST_KEPT:
                oldest = next(iter(turns))
                del turns[oldest]
                await self._records.delete(tenant, kind, oldest)

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


def customer_documents(account: str, body: AccountFacts) -> tuple[Document, ...]:
    """Whose Stripe customer an account is, from `external.stripe` of its facts: to be remembered with them."""
    customer = (body.external or {}).get("stripe")
    return () if customer is None else (Document(CUSTOMER, customer, account.encode()),)
