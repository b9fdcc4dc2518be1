"""Documents that end by themselves: exceptions, denials, rulings and bundles. Those in force, and room for one more."""

from typing import TypeVar

from reputation.engine.denials import Deny
from reputation.engine.exceptions import Allow
from reputation.engine.indicators import Bundle
from reputation.linking.operator_rulings import KeptRuling
from reputation.state.transactions import Document
from reputation.tuning.documents import Documents
from reputation.wire.errors import Conflict

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
