"""Where a hold or a lease is kept on a Cluster, by its id alone: a key in a slot by the id, until it expires."""

from typing import NamedTuple

from reputation.limits.reservations import Reserve
from reputation.stores.redis.server import RedisServer
from reputation.stores.redis.slot_groups import group_of, names_of_groups

KIND = "w"


class ReservePlace(NamedTuple):
    """number: of the slot with the account's own buckets; both: the tenant's slot has a part of it too."""

    number: int
    both: bool


class ReservePlaces:
    """One tenant's."""

    def __init__(self, server: RedisServer, tenant: str, within: float) -> None:
        self._server = server
        self._names = names_of_groups(tenant)
        self._within = within

    async def put(self, reserve: Reserve, place: ReservePlace, now: float) -> None:
        """Note the place of a hold or a lease. Raises AwayError."""
        value, milliseconds = f"{place.number}{'+' * place.both}", max(round((reserve.until - now) * 1000), 1)
        await self._server.ask("SET", self._key(reserve.id), value, "PX", milliseconds, within=self._within)

    async def find(self, id_: str) -> ReservePlace | None:
        """Find the place of an id; None for an id that is not open. Raises AwayError."""
        key = self._key(id_)
        found: bytes | None = await self._server.ask("GET", key, within=self._within)
        if found is None:
            return None
        try:
            number = int(found.removesuffix(b"+"))
            if -1 <= number < len(self._names):
                return ReservePlace(number, found.endswith(b"+"))
        except ValueError:
            pass
        self._server.damaged(key)
        return None

    def _key(self, id_: str) -> bytes:
        return self._names[group_of(id_)].of(KIND, id_)
