"""Documents that people made, in Redis: a hash for each kind, and a note of each change for the other replicas."""

import struct
from collections.abc import Callable
from typing import Any

from reputation.errors import Unavailable
from reputation.stores.records import ANY, Changed, Record, check_version
from reputation.stores.redis_names import Names
from reputation.stores.redis_pulse import RECORD, Pulse
from reputation.stores.redis_server import AwayError, RedisServer, Script

SCRIPT = Script("redis_changes.lua", "redis_record.lua")
HEAD = struct.Struct("<d")
AWAY = "the state that this is kept in is away; try again shortly"

Pulses = Callable[[str], Pulse]
"""Finds or makes a tenant's pulse."""


class RedisRecords:
    """A `Records` over Redis. While it is away every call raises Unavailable: a decision is kept or it is refused."""

    def __init__(self, server: RedisServer, pulse_of: Pulses) -> None:
        self._server = server
        self._pulse_of = pulse_of
        self._followers: list[Changed] = []
        self._kinds: dict[str, set[str]] = {}

    async def put(self, tenant: str, kind: str, record: str, body: bytes, *, expect: int = ANY) -> int:
        return await self._change(tenant, kind, record, expect, body)

    async def get(self, tenant: str, kind: str, record: str) -> Record | None:
        kept = await self._ask("HGET", self._key(tenant, kind), record.encode())
        return None if kept is None else _record(record, kept)

    async def all(self, tenant: str, kind: str) -> list[Record]:
        found = await self._ask("HGETALL", self._key(tenant, kind))
        return sorted((_record(name.decode(), kept) for name, kept in found.items()), key=lambda record: record.id)

    async def delete(self, tenant: str, kind: str, record: str) -> bool:
        return await self._change(tenant, kind, record, ANY) > 0

    def follow(self, changed: Changed) -> None:
        self._followers.append(changed)

    def tell(self, tenant: str, kind: str) -> None:
        """Tell every follower of a change."""
        for changed in self._followers:
            changed(tenant, kind)

    def tell_all(self, tenant: str) -> None:
        """Tell of every kind that was ever asked for: which of them changed is not known."""
        for kind in sorted(self._kinds.get(tenant, ())):
            self.tell(tenant, kind)

    def _key(self, tenant: str, kind: str) -> bytes:
        self._kinds.setdefault(tenant, set()).add(kind)
        return Names(tenant).of("d", kind)

    async def _change(self, tenant: str, kind: str, record: str, expect: int, *body: bytes) -> int:
        pulse, what = self._pulse_of(tenant), RECORD + kind.encode()
        try:
            version, *number = await self._server.run(
                SCRIPT, [self._key(tenant, kind), *pulse.keys], record.encode(), expect, what, *body
            )
        except AwayError:
            raise Unavailable(AWAY) from None
        if version < 0:
            check_version(expect, int(version))
        if number:
            pulse.made(number[0], what)
            self.tell(tenant, kind)
        return int(version)

    async def _ask(self, *command: str | bytes) -> Any:
        try:
            return await self._server.ask(*command)
        except AwayError:
            raise Unavailable(AWAY) from None


def _record(name: str, kept: bytes) -> Record:
    return Record(name, int(HEAD.unpack_from(kept)[0]), kept[HEAD.size :])
