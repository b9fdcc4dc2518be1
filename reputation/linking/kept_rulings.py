"""Operators' rulings on their way to the linker: documents, until what the linker made of them is kept."""

from collections.abc import Iterable

import msgspec

from reputation.engine.limiter import TenantLimiter
from reputation.hydra.sightings import OperatorRuling
from reputation.state.records import ABSENT, Records
from reputation.state.transactions import Document

KIND = "order"
_rulings = msgspec.msgpack.Decoder(OperatorRuling)


def ruling_document(id_: str, ruling: OperatorRuling) -> Document:
    """Keep a ruling under a ULID, so that rulings come in the order of their time."""
    return Document(KIND, id_, msgspec.msgpack.encode(ruling), ABSENT)


class KeptRulings:
    """Rulings that a linker was given here, and that may be lost with it. A ruling that comes twice counts once."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._given: dict[str, dict[str, OperatorRuling]] = {}

    def give(self, tenant: TenantLimiter, id_: str, ruling: OperatorRuling) -> None:
        """Pass a kept ruling on to the linker."""
        self._given.setdefault(tenant.tenant.name, {})[id_] = ruling
        tenant.outbox.rule(ruling)

    async def take_up(self, tenant: TenantLimiter) -> None:
        """Pass on what was kept and perhaps never reached a linker. Raises Unavailable."""
        for record in await self._records.all(tenant.tenant.name, KIND):
            if record.id not in self._given.get(tenant.tenant.name, {}):
                try:
                    self.give(tenant, record.id, _rulings.decode(record.body))
                except msgspec.DecodeError:
                    self._records.unreadable(tenant.tenant.name, KIND, record.id)

    def given(self, tenant: str) -> dict[str, OperatorRuling]:
        """What was passed on and is not settled, as it is now."""
        return dict(self._given.get(tenant, {}))

    async def settle(self, tenant: str, ids: Iterable[str]) -> None:
        """Forget rulings whose effect is kept elsewhere by now. Raises Unavailable."""
        for id_ in ids:
            await self._records.delete(tenant, KIND, id_)
            self._given.get(tenant, {}).pop(id_, None)
