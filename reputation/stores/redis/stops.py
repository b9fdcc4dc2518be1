"""Stops in Redis, for every replica: a key with an expiry for each stop, and sets as a bound."""

from collections.abc import Sequence

from reputation.state.stops import AN_ACCOUNT, UNCONFIRMED_SHARE, Keep, Stop
from reputation.stores.redis.names import Names
from reputation.stores.redis.server import RedisServer, Script
from reputation.stores.shared_values import AWAY, AwayError
from reputation.wire.errors import Unavailable

AT_ONCE = 100
"""Stops of one script call, which holds Redis for some 10 µs each."""
SCRIPT = Script("stops.lua")


class RedisStops:
    """A `Stops` over Redis."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    async def add(self, tenant: str, stops: Sequence[Stop], keep: Keep, now: float) -> int:  # noqa: ARG002 - its own clock
        gone = 0
        for start in range(0, len(stops), AT_ONCE):
            gone += await self._add(Names(tenant), stops[start : start + AT_ONCE], keep)
        return gone

    async def _add(self, names: Names, stops: Sequence[Stop], keep: Keep) -> int:
        keys = [names.single("stops"), names.single("stopped")]
        args: list[bytes | float] = [round(keep.seconds * 1000), keep.most, AN_ACCOUNT, UNCONFIRMED_SHARE]
        for stop in stops:
            keys += [names.of("x", stop.id), names.of("y", stop.account)]
            args += [2 if stop.unconfirmed else 1, stop.at, stop.body]
        try:
            return int(await self._server.run(SCRIPT, keys, *args))
        except AwayError:
            raise Unavailable(AWAY) from None

    async def get(self, tenant: str, id_: str, oldest: float) -> bytes | None:  # noqa: ARG002 - it expires by itself
        try:
            found: bytes | None = await self._server.ask("GET", Names(tenant).of("x", id_))
        except AwayError:
            raise Unavailable(AWAY) from None
        return found

    async def forget(self, tenant: str, account: str) -> int:
        names = Names(tenant)
        mine = names.of("y", account)
        try:
            stops = await self._server.ask("ZRANGE", mine, 0, -1)
            for key in stops:
                await self._server.ask("DEL", key)
                for pool in ("stops", "stopped"):
                    await self._server.ask("ZREM", names.single(pool), key)
            await self._server.ask("DEL", mine)
        except AwayError:
            raise Unavailable(AWAY) from None
        return len(stops)
