"""Operators' rulings on their way to the linker: documents, until their effect is stored."""

from collections.abc import Iterable

import msgspec

from reputation.engine.limiter import TenantLimiter
from reputation.hydra.sightings import OperatorRuling
from reputation.state.records import ABSENT, Records
from reputation.state.transactions import Document

KIND = "order"
_rulings = msgspec.msgpack.Decoder(OperatorRuling)


def ruling_document(id_: str, ruling: OperatorRuling) -> Document:
    """Keep a ruling under a ULID, so rulings come in the order of their time."""
    return Document(KIND, id_, msgspec.msgpack.encode(ruling), ABSENT)


class KeptRulings:
    """Rulings given to a linker here, which could be lost with it. A repeated ruling counts once."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._given: dict[str, dict[str, OperatorRuling]] = {}

    def give(self, tenant: TenantLimiter, id_: str, ruling: OperatorRuling) -> None:
        """Pass a kept ruling on to the linker."""
        self._given.setdefault(tenant.tenant.name, {})[id_] = ruling
        tenant.outbox.rule(ruling)

    async def take_up(self, tenant: TenantLimiter) -> None:
        """Pass on stored rulings, in case they never reached a linker. Raises Unavailable."""
        for record in await self._records.all(tenant.tenant.name, KIND):
            if record.id not in self._given.get(tenant.tenant.name, {}):
                try:
                    self.give(tenant, record.id, _rulings.decode(record.body))
                except msgspec.DecodeError:
                    self._records.unreadable(tenant.tenant.name, KIND, record.id)

    def given(self, tenant: str) -> dict[str, OperatorRuling]:
        """The rulings passed on and not settled yet."""
        return dict(self._given.get(tenant, {}))

    async def settle(self, tenant: str, ids: Iterable[str]) -> None:
        """Delete rulings once their effect is stored. Raises Unavailable."""
        for id_ in ids:
            await self._records.delete(tenant, KIND, id_)
            self._given.get(tenant, {}).pop(id_, None)
