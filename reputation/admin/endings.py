"""Documents that end by themselves, such as exceptions and rulings: those in force, room for one more, changes."""

from collections.abc import Sequence
from typing import TypeVar

from aiohttp import web

from reputation.admin.context import Context
from reputation.engine.denials import Deny
from reputation.engine.exceptions import Allow
from reputation.engine.indicators import Bundle
from reputation.engine.limiter import TenantLimiter
from reputation.linking.operator_rulings import KeptRuling
from reputation.state.transactions import Document, Transaction
from reputation.tuning.audit import Change
from reputation.tuning.documents import Documents
from reputation.wire.errors import Conflict, NotFound

E = TypeVar("E", Allow, Deny, KeptRuling, Bundle)


async def in_force(documents: Documents[E], tenant: str, now: float) -> list[E]:
    """Return what has not ended, by id."""
    return [one for one in await documents.all(tenant) if one.expires > now]


async def making_room(documents: Documents[E], tenant: str, now: float, most: int, what: str) -> list[Document]:
    """Return the deletions of what has ended. Raises Conflict if `most` are in force; `what` names them and the fix."""
    kept = await documents.all(tenant)
    if sum(one.expires > now for one in kept) >= most:
        raise Conflict(f"a tenant has at most {most:,} {what}", "")
    return [documents.document(one.id, None) for one in kept if one.expires <= now]


async def kept(documents: Documents[E], tenant: str, id_: str, what: str, path: str) -> tuple[E, int]:
    """Return a document and its version. Raises NotFound; what, path: its name, and the route that lists them."""
    found = await documents.get(tenant, id_)
    if found is None:
        raise NotFound(f"no {what} of tenant {tenant!r} has the id {id_!r}; GET {path} lists them")
    return found


async def carry_out(
    context: Context, request: web.Request, tenant: TenantLimiter, kind: str, changes: Sequence[Document], line: Change
) -> None:
    """Make changes of documents with their line of the audit log, and put those of one kind in force here at once."""
    await context.commit(request, tenant, Transaction(documents=tuple(changes)), line)
    await context.serving.tuning.refresh(tenant.tenant.name, kind)
