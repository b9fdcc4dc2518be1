"""Operators' orders on their way to the linker: documents, until what the linker made of them is kept."""

from collections.abc import Iterable

import msgspec

from reputation.engine.limiter import TenantLimiter
from reputation.hydra.sightings import Order
from reputation.state.records import ABSENT, Records
from reputation.state.transactions import Document

KIND = "order"
_orders = msgspec.msgpack.Decoder(Order)


def order_document(id_: str, order: Order) -> Document:
    """Keep an order under a ULID, so that orders come in the order of their time."""
    return Document(KIND, id_, msgspec.msgpack.encode(order), ABSENT)


class KeptOrders:
    """Orders that a linker was given here, and that may be lost with it. An order that comes twice counts once."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._given: dict[str, dict[str, Order]] = {}

    def give(self, tenant: TenantLimiter, id_: str, order: Order) -> None:
        """Pass a kept order on to the linker."""
        self._given.setdefault(tenant.tenant.name, {})[id_] = order
        tenant.witness.order(order)

    async def take_up(self, tenant: TenantLimiter) -> None:
        """Pass on what was kept and perhaps never reached a linker. Raises Unavailable."""
        for record in await self._records.all(tenant.tenant.name, KIND):
            if record.id not in self._given.get(tenant.tenant.name, {}):
                try:
                    self.give(tenant, record.id, _orders.decode(record.body))
                except msgspec.DecodeError:
                    self._records.unreadable(tenant.tenant.name, KIND, record.id)

    def given(self, tenant: str) -> dict[str, Order]:
        """What was passed on and is not settled, as it is now."""
        return dict(self._given.get(tenant, {}))

    async def settle(self, tenant: str, ids: Iterable[str]) -> None:
        """Forget orders whose effect is kept elsewhere by now. Raises Unavailable."""
        for id_ in ids:
            await self._records.delete(tenant, KIND, id_)
            self._given.get(tenant, {}).pop(id_, None)
