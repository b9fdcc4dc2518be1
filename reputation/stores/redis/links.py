"""A tenant's links in Redis: the lease to make them, the newest links whole and as deltas, and the linker's state.

One replica is the linker host, for LEASE seconds after its last heartbeat. It alone activates
links, and only links that follow from the active ones. A late answer of a former host changes nothing.
"""

import secrets

from reputation.stores.redis.names import Names
from reputation.stores.redis.server import RedisServer, Script
from reputation.stores.shared_values import LINKS, STATE, Leadership, Step

LEASE = 4.0
"""Seconds after its last sign of life at which the host loses the lead."""
KEPT = 30 * 86_400
"""Seconds until unused links are gone."""
UNUSED = 600
"""Seconds until parts are gone that were sent but never put in force."""
PART = 1024 * 1024
DIGITS = 4
"""Longest number of parts, in digits: 10 GB of links."""
MOST_DELTA = 1024 * 1024
"""Bytes of a step; who follows a larger one reads the links whole."""
LEAD, PUT = Script("lease.lua"), Script("links.lua")


class RedisLinks:
    """The `SharedLinks` of one tenant over Redis."""

    def __init__(self, server: RedisServer, names: Names, replica: str) -> None:
        self._server = server
        self._names = names
        self._replica = replica
        self._lead = names.single("linker")
        self._links = names.single("links")
        self._deltas = names.single("deltas")
        self._streams = [names.single("notes"), names.single("orders")]

    async def lead(self, *, wanted: bool, lease: float = LEASE) -> Leadership:
        """Read the linker host, and take or renew the leadership lease. Raises AwayError."""
        replica = self._replica.encode()
        holder, version = await self._server.run(
            LEAD, [self._lead, self._links], replica, int(lease * 1000), int(wanted), KEPT
        )
        return Leadership(holder, int(version))

    def is_ours(self, lead: Leadership) -> bool:
        return lead.holder.startswith(self._replica.encode() + b" ")

    async def leave(self) -> None:
        """Release the leadership lease if it is ours, so no replica waits for it. Raises AwayError."""
        await self.lead(wanted=False, lease=0.0)

    async def put(self, lead: Leadership, before: int, step: Step) -> int:
        """Activate links in place of version `before`; 0 if this replica may not. Raises AwayError."""
        name = secrets.token_hex(6)
        before_it = await self._server.ask("HGETALL", self._links)
        old = self._parts(before_it, LINKS) + self._parts(before_it, STATE)
        sent = [await self._send(name, kind, data) for kind, data in ((LINKS, step.links), (STATE, step.state))]
        keys = [self._lead, self._links, self._deltas, *self._streams, *sent[0], *sent[1], *old]
        delta = step.delta if len(step.delta) <= MOST_DELTA else b""
        version = await self._server.run(
            PUT, keys, lead.holder, before, delta, step.notes, step.rulings, name.encode(),
            len(sent[0]), len(sent[1]), KEPT,
        )  # fmt: skip
        return int(version or 0)

    async def steps(self, after: int) -> tuple[list[bytes], int]:
        """Return the deltas from a version, and the version they lead to: `after` itself if there are none.

        Raises AwayError.
        """
        found, version = [], after
        for id_, fields in await self._server.ask("XRANGE", self._deltas, f"{after + 1}-0", b"+"):
            before, delta = fields.get(b"before"), fields.get(b"delta")
            if before != b"%d" % version or not delta:
                break
            found.append(delta)
            version = int(id_.partition(b"-")[0])
        return found, version

    async def whole(self, kind: bytes) -> tuple[bytes, int] | None:
        """Return LINKS or STATE whole, and their version; None if there are none, or after a replacement.

        Raises AwayError, and ValueError where parts of links that are in force are not there.
        """
        meta = await self._server.ask("HGETALL", self._links)
        keys = self._parts(meta, kind)
        parts = [await self._server.ask("GET", key) for key in keys]
        if keys and None not in parts:
            return b"".join(parts), int(meta[b"version"])
        if meta.get(b"version") is not None and await self._server.ask("HGETALL", self._links) == meta:
            self._server.damaged(self._links)
            raise ValueError("parts of these links are not there")
        return None

    def _parts(self, meta: dict[bytes, bytes], kind: bytes) -> list[bytes]:
        """Keys of the parts of the active links; none if they cannot be read."""
        count, name = meta.get(kind, b"0"), meta.get(b"name", b"")
        if not count.isdigit() or len(count) > DIGITS or not name.isalnum():
            return []
        return [self._part(name.decode(), kind, number) for number in range(int(count))]

    def _part(self, name: str, kind: bytes, number: int) -> bytes:
        return self._names.of(f"{kind.decode()}-part", name, number)

    async def _send(self, name: str, kind: bytes, data: bytes) -> list[bytes]:
        places = [*range(0, max(len(data), 1), PART)]
        keys = [self._part(name, kind, number) for number in range(len(places))]
        for key, place in zip(keys, places, strict=True):
            await self._server.ask("SET", key, data[place : place + PART], "EX", UNUSED)
        return keys
