"""Facts and marks of a tenant's accounts in Redis, and which of them this process has looked up.

What a check needs of an account is copied when the account is first seen, even that nothing is known of it, and again
once the copy is LOOKED_UP seconds old or somebody changed it. Look-ups of one turn of the event loop go out together.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from reputation.facts import Facts
from reputation.history import DAY
from reputation.stores.redis_names import Names
from reputation.stores.redis_pulse import ACCOUNT, Pulse
from reputation.stores.redis_server import AwayError, RedisServer, Script, is_cut

LOOKED_UP = 600.0
MOST_LOOKED_UP = 1_000_000
"""Names and keys of which a tenant remembers that they were looked up, in two generations."""
MARKS_KEPT = int(90 * DAY)
"""Seconds that an account's marks are kept after the last one, if nothing was pushed of it."""
MOST_AT_ONCE = 500

LOAD = Script("redis_load.lua")
PUSH = Script("redis_changes.lua", "redis_push.lua")
REPORT = Script("redis_changes.lua", "redis_report.lua")

_encode = msgspec.msgpack.Encoder().encode
_facts = msgspec.msgpack.Decoder(Facts)

Key = str | bytes
"""An account's name, or the keyed hash of an API key."""


class Kept(Struct, frozen=True, gc=False):
    """What is kept of an account. facts: None if nothing was pushed."""

    name: str
    facts: Facts | None
    against: int
    in_favour: int


class LookedUp:
    """Names that were looked up lately, in two generations: the older one is dropped whole."""

    def __init__(self, window: float = LOOKED_UP, most: int = MOST_LOOKED_UP) -> None:
        self._window = window
        self._half = most // 2
        self._young: set[Key] = set()
        self._old: set[Key] = set()
        self._turn = 0.0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def has(self, key: Key, now: float) -> bool:
        """Whether a name was looked up within the window, or half of it after a flood."""
        if now - self._turn > self._window / 2:
            self._old, self._young, self._turn = self._young, set(), now
        return key in self._young or key in self._old

    def add(self, key: Key) -> None:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, set()
        self._young.add(key)

    def forget(self, key: Key) -> None:
        self._young.discard(key)
        self._old.discard(key)

    def clear(self) -> None:
        self._young.clear()
        self._old.clear()


class Accounts:
    """One tenant's accounts in Redis. `take_in` is given what look-ups find: accounts, and keys that are nobody's."""

    def __init__(
        self, server: RedisServer, names: Names, pulse: Pulse, within: float, take_in: Callable[[Kept | bytes], None]
    ) -> None:
        self.looked_up = LookedUp()
        self._server = server
        self._names = names
        self._pulse = pulse
        self._within = within
        self._take_in = take_in
        self._owners = names.single("owners")
        self._wanted: dict[Key, None] = {}
        self._loading: asyncio.Task[bool] | None = None

    def load(self, key: Key) -> "asyncio.Task[bool]":
        """Look an account up, with all that are wanted in this turn; False if Redis is away."""
        self._wanted[key] = None
        if self._loading is None:
            self._loading = asyncio.get_running_loop().create_task(self._load())
        return self._loading

    async def _load(self) -> bool:
        wanted, self._wanted, self._loading = [*self._wanted], {}, None
        try:
            for i in range(0, len(wanted), MOST_AT_ONCE):
                await self._load_some(wanted[i : i + MOST_AT_ONCE])
        except AwayError:
            return False
        return True

    async def _load_some(self, wanted: Sequence[Key]) -> None:
        names = [key for key in wanted if isinstance(key, str)]
        digests = [key for key in wanted if isinstance(key, bytes)]
        keys = [self._owners, *[self._names.of("a", name) for name in names]]
        for key in wanted:  # before the answer, so that a change on the way is not missed
            self.looked_up.add(key)
        try:
            found = await self._read(keys, digests)
        except AwayError:
            for key in wanted:
                self.looked_up.forget(key)
            raise
        for name, kept in zip(names, found, strict=False):
            self._take_in(_kept(name, kept))
        for digest, (owner, *kept) in zip(digests, found[len(names) :], strict=True):
            if owner is None:
                self._take_in(digest)
            else:
                self.looked_up.add(owner.decode())
                self._take_in(_kept(owner.decode(), kept))

    async def _read(self, keys: Sequence[bytes], digests: Sequence[bytes]) -> Any:
        """Read, and once more on a new connection if this one was cut."""
        try:
            return await self._server.run(LOAD, keys, *digests, within=self._within)
        except AwayError as away:
            if not is_cut(away):
                raise
            return await self._server.run(LOAD, keys, *digests, within=self._within)

    async def push(self, name: str, facts: Facts) -> int | None:
        """Keep facts; the place of a key that is somebody else's, and then nothing is kept. Raises AwayError."""
        number = await self._push(name, _encode(facts), *facts.keys)
        return -number - 1 if number < 0 else None

    async def delete(self, name: str) -> bool:
        """Forget what was pushed; False if nothing was. Raises AwayError."""
        return await self._push(name) > 0

    async def _push(self, name: str, *rest: bytes) -> int:
        keys, what = [self._names.of("a", name), self._owners, *self._pulse.keys], ACCOUNT + name.encode()
        number = int(await self._server.run(PUSH, keys, name.encode(), what, MARKS_KEPT, *rest))
        if number > 0:
            self._pulse.made(number, what)
        return number

    async def report(self, name: str, against: int, in_favour: int, most: int) -> None:
        """Add marks, up to a most. Raises AwayError."""
        keys, what = [self._names.of("a", name), *self._pulse.keys], ACCOUNT + name.encode()
        number = await self._server.run(REPORT, keys, what, MARKS_KEPT, most, against, in_favour)
        self._pulse.made(int(number), what)


def _kept(name: str, found: Sequence[Any]) -> Kept:
    facts, against, in_favour = found
    return Kept(name, None if facts is None else _facts.decode(facts), int(against or 0), int(in_favour or 0))
