"""Holds and leases settled on a Cluster: each where its buckets are, which its place says."""

import asyncio
from collections.abc import Callable

from reputation.stores.redis.reserve_places import ReservePlace, ReservePlaces
from reputation.stores.redis.steps import SHARED
from reputation.stores.redis.takes import RedisTakes
from reputation.stores.shared_values import NOT_OPEN, Came, Settling


class SpreadSettling:
    """One tenant's. takes: the takes in a slot by its number."""

    def __init__(self, places: ReservePlaces, takes: Callable[[int], RedisTakes]) -> None:
        self._places = places
        self._takes = takes

    async def settle(self, settling: Settling) -> Came | None:
        """Settle holds and leases; None if a node is away. Raises AwayError.

        All in one slot are settled or none is. In several slots a refused hold leaves the rest as it was; a refused
        lease does not.
        """
        ids = [id_ for id_, _ in settling.holds] + [one.id for one in settling.leases]
        places = await asyncio.gather(*[self._places.find(id_) for id_ in ids])
        slots = {place.number for place in places if place is not None}
        if len(slots) == 1 and not any(place.both for place in places if place is not None):
            return await self._takes(slots.pop()).settle(settling)
        return await self._each(settling, places)

    async def _each(self, settling: Settling, places: list[ReservePlace | None]) -> Came | None:
        holds, leases = list[float](), list[float]()
        for hold, place in zip(settling.holds, places, strict=False):
            came = await self._one(Settling((hold,), overrun=settling.overrun), place)
            if came is None:
                return None
            holds += came.holds
        if any(charged < 0 for charged in holds):
            return Came(tuple(holds), (float(NOT_OPEN),) * len(settling.leases))
        for lease, place in zip(settling.leases, places[len(holds) :], strict=True):
            came = await self._one(Settling(leases=(lease,)), place)
            if came is None:
                return None
            leases += came.leases
        return Came(tuple(holds), tuple(leases))

    async def _one(self, settling: Settling, place: ReservePlace | None) -> Came | None:
        if place is None:
            nothing = (float(NOT_OPEN),)
            return Came(nothing * len(settling.holds), nothing * len(settling.leases))
        came = await self._takes(place.number).settle(settling)
        if came is None or not place.both or any(charged < 0 for charged in came.holds):
            return came
        return came if await self._takes(SHARED).settle(settling) is not None else None
