"""Applies Stripe's events: each event once, with its facts about the account, in one transaction.

An event of a customer that no account names yet waits, and counts once an account does; so does a dispute that comes
before its charge.
"""

import contextlib
from collections import Counter
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct, structs

from reputation.admin.stripe import Event, names_of, what_it_says
from reputation.engine.limiter import TenantLimiter
from reputation.sidecar.running import Serving
from reputation.state.billing import AfterNews, News, after_news
from reputation.state.crowds import Row
from reputation.state.facts import NOTHING, Facts
from reputation.state.history import MarkedOutcome, noted
from reputation.state.records import ABSENT, ANY, Record
from reputation.state.transactions import AccountChange, AccountData, Document, Stale, Transaction
from reputation.tuning.audit import Author, line_of
from reputation.tuning.audit import Change as Line
from reputation.tuning.labels import outcome_documents
from reputation.wire.errors import Conflict
from reputation.wire.messages import AccountFacts, Outcome, OutcomeKind

MOST_KEPT = 50_000
"""Events, and ids of payments, that are remembered for each tenant; Stripe sends an event again for three days."""
MOST_WAITING = 5_000
"""Customers and payments without an account whose events wait, for each tenant."""
MOST_EVENTS = 32
"""Events of one of them, the newest."""
WAITING_DAYS = 30.0
DAY = 86_400.0
EVENT, PAYMENT, CUSTOMER, WAITING = "stripe_event", "stripe_charge", "stripe_customer", "stripe_waiting"
MOST = {EVENT: MOST_KEPT, PAYMENT: MOST_KEPT, WAITING: MOST_WAITING}
NOTED: dict[OutcomeKind, MarkedOutcome] = {"declined": "charge_failed", "abuse": "abuse"}
"""What an event leaves on its account in addition to facts; a dispute leaves nothing, for the facts count it."""
SOURCE = "stripe"
AnswerDocument = dict[str, Any]


class RememberedId(Struct, frozen=True):
    """A remembered event or payment id: the time of arrival, and for a payment its account."""

    at: float
    customer: str = ""


class Waiting(Struct, frozen=True):
    """Events in wait for their account. at: the arrival of the last event."""

    at: float
    events: tuple[Event, ...] = ()


class _At(Struct, frozen=True):
    at: float


_kept = msgspec.json.Decoder(RememberedId)
_waiting = msgspec.json.Decoder(Waiting)
_at = msgspec.json.Decoder(_At)


class _AnothersError(Exception):
    """The account does not belong to the event's customer, or no longer does."""


def is_customer(facts: Facts | None, customer: str) -> bool:
    return facts is not None and dict(facts.external).get("stripe") == customer


def _after(customer: str, news: News, now: float, before: AccountData) -> AccountData:
    """Return the facts after an event. Raises _AnothersError."""
    if before.facts is None or not is_customer(before.facts, customer):
        raise _AnothersError
    after, outcomes = after_news(before.facts, news, now), before.outcomes
    kind = None if after.outcome is None else NOTED.get(after.outcome)
    return AccountData(after.facts, outcomes if kind is None else noted(outcomes, kind, after.at))


def customer_documents(account: str, body: AccountFacts) -> tuple[Document, ...]:
    """The documents with an account's Stripe customers, from `external.stripe` of its facts; stored with the facts."""
    customer = (body.external or {}).get("stripe")
    return () if customer is None else (Document(CUSTOMER, customer, account.encode()),)


class StripeEvents:
    """Takes events, and waiting events once their account exists. counts: results, by tenant."""

    def __init__(self, serving: Serving, counts: Counter[tuple[str, str]] | None = None) -> None:
        self.counts: Counter[tuple[str, str]] = Counter() if counts is None else counts
        self._serving = serving
        self._records = serving.tuning.records
        self._turns: dict[tuple[str, str], dict[str, float]] = {}

    async def take(self, tenant: TenantLimiter, event: Event, now: float) -> AnswerDocument:
        """Apply an event once, on any replica, even if it is sent several times."""
        if event.created is None:  # it waits with the time at which it came
            event = structs.replace(event, created=now)
        customer = await self._customer_of(tenant.tenant.name, event)
        result = await self._take(tenant, event, customer, now)
        if result == "counted":
            await self.waited(tenant, *filter(None, (customer, *names_of(event))))
        return {"result": result}

    async def waited(self, tenant: TenantLimiter, *keys: str) -> None:
        """Take the events in wait for a customer or for a payment, and those in wait for one of these."""
        name, now = tenant.tenant.name, self._serving.clock()
        queue = dict.fromkeys(keys)
        for key in (ready := [*queue]):
            record = await self._records.get(name, WAITING, key)
            if record is None:
                continue
            for event in self._waiting_in(name, record):
                if await self._take(tenant, event, await self._customer_of(name, event), now) == "counted":
                    ready += [id_ for id_ in names_of(event) if id_ not in queue]
                    queue.update(dict.fromkeys(names_of(event)))
            with contextlib.suppress(
                Stale
            ):  # another one came, or these wait again: they are taken with the next event
                await self._commit(tenant, Transaction(documents=(_gone(key, record.version),)), now)

    async def _take(self, tenant: TenantLimiter, event: Event, customer: str | None, now: float) -> str:
        news = what_it_says(event, now)
        while True:
            try:
                return await self._carry_out(tenant, event, news, customer, now)
            except _AnothersError:  # deleted, or another's by now
                await self._wait(tenant, event, customer, now)
                return "unknown_customer"
            except Stale as stale:
                if not stale.place:
                    return "duplicate"  # else the account was labelled meanwhile

    async def _carry_out(
        self, tenant: TenantLimiter, event: Event, news: News | None, customer: str | None, now: float
    ) -> str:
        documents = self._documents(event, customer, now)
        if news is None:
            await self._commit(tenant, Transaction(documents=documents), now)
            return "ignored"
        account = await self._account_of(tenant, customer)
        if account is None:
            await self._wait(tenant, event, customer, now)
            if documents[1:]:
                await self._commit(tenant, Transaction(documents=documents[1:]), now)
            account = await self._account_of(tenant, customer)  # or it was pushed meanwhile
        if account is None or customer is None:
            return "unknown_customer"
        await self._tell(tenant, account, partial(_after, customer, news, now), event, documents)
        return "counted"

    async def _customer_of(self, tenant: str, event: Event) -> str | None:
        """Return the owner of an event: its customer, or the customer of its payment."""
        if event.about.customer is not None:
            return event.about.customer
        for id_ in names_of(event):
            known = await self._records.get(tenant, PAYMENT, id_)
            if known is not None:
                return _kept.decode(known.body).customer
        return None

    def _documents(self, event: Event, customer: str | None, now: float) -> tuple[Document, ...]:
        """Return the documents stored with an event: the event as seen, and the customer of its payment."""
        seen = Document(EVENT, event.id, msgspec.json.encode(RememberedId(now)), ABSENT)
        if customer is None:
            return (seen,)
        body = msgspec.json.encode(RememberedId(now, customer))
        return (seen, *[Document(PAYMENT, id_, body, ANY) for id_ in names_of(event)])

    async def _account_of(self, tenant: TenantLimiter, customer: str | None) -> str | None:
        """Return the account with this customer in its facts."""
        owner = None if customer is None else await self._records.get(tenant.tenant.name, CUSTOMER, customer)
        if owner is None or customer is None:
            return None
        account = owner.body.decode()
        row = await self._serving.checks.row(tenant, account)
        return account if row is not None and is_customer(row.facts, customer) else None

    async def _wait(self, tenant: TenantLimiter, event: Event, customer: str | None, now: float) -> None:
        """Store an event until its account is known; an event without customer and payment cannot be stored."""
        key = customer or next(iter(names_of(event)), None)
        while key is not None:
            record = await self._records.get(tenant.tenant.name, WAITING, key)
            version = ABSENT if record is None else record.version
            known = () if record is None else self._waiting_in(tenant.tenant.name, record)
            if event.id in [one.id for one in known]:
                return
            events = sorted((*known, event), key=lambda one: one.created or 0.0)[-MOST_EVENTS:]
            body = msgspec.json.encode(Waiting(now, tuple(events)))
            try:
                await self._commit(tenant, Transaction(documents=(Document(WAITING, key, body, version),)), now)
            except Conflict:  # another event came at the same time
                continue
            return

    async def _tell(
        self, tenant: TenantLimiter, account: str, change: AccountChange, event: Event, documents: tuple[Document, ...]
    ) -> None:
        """Change an account's facts, with its label and a line of the audit log, all or nothing."""
        tuning, name, now = self._serving.tuning, tenant.tenant.name, self._serving.clock()
        news = what_it_says(event, now) or News(now)
        row = await self._serving.checks.row(tenant, account)
        labels = await self._labels(tenant, account, after_news((row or Row()).facts, news, now), now)
        line = line_of(
            Line(name, f"stripe.{event.type}", "", None, news, event.id, pushed=True, account=account),
            tuning.new_id(now),
            Author(SOURCE),
            now,
            tenant.secret,
        )
        asked = Transaction(account, change, (*documents, *labels, line))
        before = (await self._commit(tenant, asked, now)).before.facts
        after = after_news(before or NOTHING, news, now)
        if after.outcome is not None and not after.withdrawn:
            tenant.hear(Outcome(account, after.outcome, name), now)
        await tuning.audit.make_place(name, line)

    async def _labels(self, tenant: TenantLimiter, account: str, after: AfterNews, now: float) -> tuple[Document, ...]:
        """Return the label for an outcome; a withdrawn outcome removes its own label."""
        tuning, name = self._serving.tuning, tenant.tenant.name
        if after.outcome is None:
            return ()
        if not after.withdrawn:
            return await outcome_documents(tuning.labels, Outcome(account, after.outcome, name), SOURCE, now)
        known = await tuning.labels.get(name, account)
        if known is None or (known[0].source, known[0].reason) != (SOURCE, after.outcome):
            return ()
        return (tuning.labels.document(account, None, expect=known[1]),)

    async def _commit(self, tenant: TenantLimiter, asked: Transaction, now: float) -> Any:
        committed = await self._serving.checks.commit(tenant, asked)
        for kind in MOST:
            ids = [document.id for document in asked.documents if document.kind == kind]
            if ids:
                await self._make_place(tenant.tenant.name, kind, ids, now)
        return committed

    def _waiting_in(self, tenant: str, record: Record) -> tuple[Event, ...]:
        """Return the events in a document; none if it is damaged."""
        try:
            return tuple(_waiting.decode(record.body).events)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._records.unreadable(tenant, WAITING, record.id)
            return ()

    def _at(self, tenant: str, kind: str, record: Record) -> float:
        """Return the time of a remembered entry; 0 for a damaged entry, so it is deleted first."""
        try:
            return _at.decode(record.body).at
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._records.unreadable(tenant, kind, record.id)
            return 0.0

    async def _make_place(self, tenant: str, kind: str, ids: list[str], now: float) -> None:
        """Delete the oldest entries above the bound, and expired entries."""
        turns = self._turns.get((tenant, kind))
        if turns is None:
            known = [(self._at(tenant, kind, record), record.id) for record in await self._records.all(tenant, kind)]
            turns = self._turns[tenant, kind] = {id_: at for at, id_ in sorted(known)}
        for id_ in ids:
            turns.pop(id_, None)  # so that what came last stands last
            turns[id_] = now
        since = now - WAITING_DAYS * DAY if kind == WAITING else 0.0
        while turns and (len(turns) > MOST[kind] or turns[next(iter(turns))] < since):
            oldest = next(iter(turns))
            del turns[oldest]
            gone = await self._records.delete(tenant, kind, oldest)
            if gone and kind == WAITING:
                self.counts[tenant, "expired"] += 1


def _gone(key: str, version: int) -> Document:
    return Document(WAITING, key, None, version)
