"""The documents that name an account, as changes that erase them: deleted, or in the audit log without values."""

from collections.abc import AsyncIterator

import msgspec

from reputation.admin.stripe_events import CUSTOMER, PAYMENT, WAITING, RememberedId
from reputation.engine.limiter import TenantLimiter
from reputation.hydra.sightings import OperatorRuling
from reputation.linking.kept_rulings import KIND as ORDER
from reputation.linking.live import BOOK, LEDGER, LINKS
from reputation.sidecar.running import Serving
from reputation.state.records import Record
from reputation.state.transactions import Document
from reputation.tuning.audit import Entry

_rulings = msgspec.msgpack.Decoder(OperatorRuling)
_payments = msgspec.json.Decoder(RememberedId)


async def documents_about(serving: Serving, tenant: TenantLimiter, account: str) -> tuple[Document, ...]:
    """Return the changes for every document that names an account."""
    name, tuning = tenant.tenant.name, serving.tuning
    found = [
        Document(documents.kind, account, None)
        for documents in (tuning.labels, tuning.marked)
        if await documents.get(name, account) is not None
    ]
    found += [Document(tuning.allows.kind, one.id, None) for one in await tuning.allows.all(name) if _of(one, account)]
    found += [
        Document(tuning.denials.kind, one.id, None) for one in await tuning.denials.all(name) if _of(one, account)
    ]
    rulings = await tuning.rulings.all(name)
    found += [Document(tuning.rulings.kind, one.id, None) for one in rulings if one.account == account]
    appeals = await tuning.appeals.all(name)
    found += [Document(tuning.appeals.kind, one.id, None) for one in appeals if one.account == account]
    found += [Document(ORDER, record.id, None) async for record in _orders(serving, name, account)]
    found += await _stripe(serving, name, account)
    found += await _linked(serving, tenant)
    return (*found, *[line async for line in tuning.audit.without(name, account, tenant.secret)])


def _of(entry: Entry, account: str) -> bool:
    return entry.kind == "account" and entry.value == account


async def _orders(serving: Serving, tenant: str, account: str) -> AsyncIterator[Record]:
    """Return the rulings about an account that wait for the linker."""
    for record in await serving.store.records.all(tenant, ORDER):
        try:
            ruling = _rulings.decode(record.body)
        except msgspec.DecodeError:
            continue
        if ruling.account == account and ruling.ruling != "erase":
            yield record


async def _stripe(serving: Serving, tenant: str, account: str) -> list[Document]:
    """Return the account's customers, their payments, and their waiting events."""
    records, named = serving.store.records, account.encode("utf-8", "surrogatepass")
    customers = {record.id for record in await records.all(tenant, CUSTOMER) if record.body == named}
    if not customers:
        return []
    found = [Document(CUSTOMER, id_, None) for id_ in sorted(customers)]
    waiting = [id_ for id_ in sorted(customers) if await records.get(tenant, WAITING, id_) is not None]
    found += [Document(WAITING, id_, None) for id_ in waiting]
    payments = [record for record in await records.all(tenant, PAYMENT) if _customer_in(record) in customers]
    return [*found, *[Document(PAYMENT, record.id, None) for record in payments]]


def _customer_in(record: Record) -> str:
    try:
        return _payments.decode(record.body).customer
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


async def _linked(serving: Serving, tenant: TenantLimiter) -> list[Document]:
    """Return what earlier epochs stored: the linker stores it again, unless linking is off."""
    kept = (LEDGER,) if tenant.tenant.settings.linking.enabled else (LINKS, LEDGER)
    name, records = tenant.tenant.name, serving.store.records
    return [Document(BOOK, id_, None) for id_ in kept if await records.get(name, BOOK, id_) is not None]
