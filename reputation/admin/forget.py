"""`POST /v1/accounts/{id}/forget`: erase an account and its identifiers wherever they are kept. docs/privacy.md."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator

import msgspec
from aiohttp import web
from msgspec import Struct

from geoip.facts import network_of
from reputation.admin.accounts import account_in
from reputation.admin.answers import json_answer
from reputation.admin.context import Context, Route
from reputation.admin.erased_documents import documents_about
from reputation.engine.entries import Reasoned
from reputation.engine.limiter import TenantLimiter
from reputation.hydra.sightings import OperatorRuling
from reputation.linking.kept_rulings import ruling_document
from reputation.linking.live import BOOK
from reputation.sidecar.running import Serving
from reputation.state.crowds import Row
from reputation.state.facts import NOTHING
from reputation.state.history import outcomes, visits
from reputation.state.transactions import AccountData, Transaction
from reputation.tuning.audit import Change
from reputation.wire.codec import read
from reputation.wire.ids import printed, pseudonym

AT_ONCE = 500
"""Documents of one transaction."""
A_SLICE = 4096
"""Names of buckets that are compared before other tasks have a turn."""
LINKER_WITHIN = 8.0
"""Seconds to wait for the linker's next epoch."""
LOOK_EVERY = 0.05


class ForgetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/accounts/{id}/forget."""

    reason: Reasoned


_bodies = msgspec.json.Decoder(ForgetBody)


async def post_forget(context: Context, request: web.Request) -> web.Response:
    """Erase an account; the answer says what was erased. A second call erases what came since."""
    tenant, account, body = context.tenant(request), account_in(request), read(_bodies, await request.read())
    serving, name = context.serving, tenant.tenant.name
    row = await serving.checks.row(tenant, account) or Row()
    documents = await documents_about(serving, tenant, account)
    erased = Counter(document.kind for document in documents if document.kind != BOOK)
    erased.update(_counts(row))
    for start in range(AT_ONCE, len(documents), AT_ONCE):
        await serving.checks.commit(tenant, Transaction(documents=documents[start : start + AT_ONCE]))
    ruling = OperatorRuling("erase", None, account)
    id_ = serving.tuning.new_id(serving.clock())
    orders = (ruling_document(id_, ruling),) if tenant.tenant.settings.linking.enabled else ()
    asked = Transaction(account, _nothing, (*documents[:AT_ONCE], *orders))
    change = Change(name, "account.forget", "", {}, dict(+erased), body.reason, account=account)
    await context.commit(request, tenant, asked, change)
    await _forget_in_memory(serving, tenant, account, row)
    erased["verdicts"] = await serving.stops.forget(tenant, account)
    await serving.tuning.recording.forget(name, account)
    linker = await _linker_forgets(serving, tenant, id_, ruling) if orders else "off"
    scrubbed = await serving.store.scrub()
    found = {"tenant": name, "hash": pseudonym(account, tenant.secret), "erased": dict(+erased)}
    return json_answer({**found, "linker": linker, "scrubbed": scrubbed})


def _counts(row: Row) -> dict[str, int]:
    known = row.facts is not NOTHING
    return {"facts": int(known), "keys": len(row.facts.keys), "outcomes": len(outcomes(row.outcomes))}


def _nothing(_: AccountData) -> AccountData:
    return AccountData()


async def _forget_in_memory(serving: Serving, tenant: TenantLimiter, account: str, row: Row) -> None:
    """Drop the rows, the buckets and the decisions on an account that are in force here."""
    name, now, tuning = tenant.tenant.name, serving.clock(), serving.tuning
    for one in (account, *["key:" + printed(key) for key in row.facts.keys]):
        tenant.state.forget(one, now)
    await _drop_buckets(tenant, set(_values(account, row)))
    tenant.marked -= {account}
    trial = tuning.trials.get(name)
    if trial is not None:
        trial.tightened.pop(account, None)
    for kind in (tuning.allows.kind, tuning.denials.kind):
        await tuning.refresh(name, kind)


def _values(account: str, row: Row) -> Iterator[str | int]:
    """Return the values of an account that name buckets: its id, addresses, organisation and card."""
    yield account
    for host, _ in visits(row.recent):
        yield from (host, -network_of(host))
    organisation, payment = row.facts.organisation, row.facts.payment
    if organisation is not None and organisation.id is not None:
        yield organisation.id
    if payment is not None and payment.fingerprint is not None:
        yield f"card:{payment.fingerprint}"


async def _drop_buckets(tenant: TenantLimiter, values: set[str | int]) -> None:
    """Drop the buckets with one of these values in their names."""
    budgets, names = tenant.state.budgets, list(tenant.state.budgets.names())
    for start in range(0, len(names), A_SLICE):
        for key in names[start : start + A_SLICE]:
            if isinstance(key, tuple) and not values.isdisjoint(key):
                budgets.drop(key)
        await asyncio.sleep(0)


async def _linker_forgets(serving: Serving, tenant: TenantLimiter, id_: str, ruling: OperatorRuling) -> str:
    """Let the linker drop the account, and wait a while until the links without it are stored.

    With shared state the linker may be at another replica: then wait until the stream of rulings has the account.
    """
    rulings, name = serving.linking.rulings, tenant.tenant.name
    rulings.give(tenant, id_, ruling)
    serving.linking.hurry()
    end = time.monotonic() + LINKER_WITHIN
    while id_ in rulings.given(name):
        if time.monotonic() > end:
            return "waiting"
        await asyncio.sleep(LOOK_EVERY)
    return "erased" if serving.store.shared is None else "told"


ROUTES = (Route("POST", "/v1/accounts/{id:.+}/forget", post_forget, "admin"),)
