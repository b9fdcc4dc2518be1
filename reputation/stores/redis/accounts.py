"""Facts and marks of a tenant's accounts in Redis, and the accounts that this process has looked up.

What a check needs of an account is copied when the account is first seen, even that nothing is known of it, and again
once the copy is LOOKED_UP seconds old or somebody changed it. Look-ups of one turn of the event loop go out together.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from reputation.state.transactions import Committed, Transaction
from reputation.stores.redis.commits import Kept, RedisCommits, kept
from reputation.stores.redis.heartbeat import Heartbeat
from reputation.stores.redis.names import Names
from reputation.stores.redis.server import SLOW, AwayError, RedisServer, Script, is_cut

LOOKED_UP = 600.0
MOST_LOOKED_UP = 1_000_000
"""Names and keys of which a tenant remembers that they were looked up, in two generations."""
MOST_AT_ONCE = 500

LOAD = Script("load.lua")

Key = str | bytes
"""An account's name, or the keyed hash of an API key."""


class LookedUp:
    """Names looked up recently, in two generations; the older generation is dropped as a whole.

    Each has the number of the account's last change that is in the copy, so that no older answer takes its place.
    """

    def __init__(self, window: float = LOOKED_UP, most: int = MOST_LOOKED_UP) -> None:
        self._window = window
        self._half = most // 2
        self._young: dict[Key, int] = {}
        self._old: dict[Key, int] = {}
        self._turn = 0.0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def has(self, key: Key, now: float) -> bool:
        """Whether a name was looked up within the window, or half of it after a flood."""
        if now - self._turn > self._window / 2:
            self._old, self._young, self._turn = self._young, {}, now
        return key in self._young or key in self._old

    def number(self, key: Key) -> int:
        """Return the number of the last change in the copy; 0 if not known."""
        return self._young.get(key) or self._old.get(key) or 0

    def add(self, key: Key, number: int = 0) -> None:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = max(number, self.number(key))

    def forget(self, key: Key) -> None:
        self._young.pop(key, None)
        self._old.pop(key, None)

    def heard(self, key: Key, number: int) -> None:
        """Forget a name whose copy is older than its last change."""
        if self.number(key) < number:
            self.forget(key)

    def clear(self) -> None:
        self._turn = 0.0
        self._young.clear()
        self._old.clear()


class Accounts:
    """One tenant's accounts in Redis. `take_in` is given what look-ups find: accounts, and keys that are nobody's."""

    def __init__(
        self, server: RedisServer, names: Names, heartbeat: Heartbeat, within: float,
        take_in: Callable[[Kept | bytes], None],
    ) -> None:  # fmt: skip
        self.looked_up = LookedUp()
        self._server = server
        self._names = names
        self._commits = RedisCommits(server, names, heartbeat)
        self._within = within
        self._take_in = take_in
        self._owners = names.single("owners")
        self._turns: dict[str, tuple[asyncio.Lock, int]] = {}  # and how many hold it or wait for it
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
        sent = {key: self.looked_up.number(key) for key in wanted}
        for key in wanted:  # before the answer, so that a change on the way is not missed
            self.looked_up.add(key)
        try:
            found = await self._read(keys, digests, self._within)
        except AwayError:
            for key in wanted:
                self.looked_up.forget(key)
            raise
        for name, of_name in zip(names, found, strict=False):
            self._take_newer(kept(name, of_name, self._server.damaged), sent[name])
        for digest, (owner, *of_owner) in zip(digests, found[len(names) :], strict=True):
            if owner is None:
                self._take_in(digest)
            else:
                name = owner.decode("utf-8", "replace")
                before = self.looked_up.number(name)
                self.looked_up.add(name)
                self._take_newer(kept(name, of_owner, self._server.damaged), before)

    def _take_newer(self, found: Kept, sent: int) -> None:
        """Take an answer in, unless a newer one came first; `sent`: the number of the copy when it was asked for.

        A number below that one says that the server has lost what it had.
        """
        known = self.looked_up.number(found.name)
        if found.number >= known or known == sent:
            if self.looked_up.has(found.name, 0.0):
                self.looked_up.forget(found.name)
                self.looked_up.add(found.name, found.number)
            self._take_in(found)

    async def _read(self, keys: Sequence[bytes], digests: Sequence[bytes], within: float) -> Any:
        """Read, and once more on a new connection if this one was cut."""
        try:
            return await self._server.run(LOAD, keys, *digests, within=within)
        except AwayError as away:
            if not is_cut(away):
                raise
            return await self._server.run(LOAD, keys, *digests, within=within)

    async def read(self, name: str) -> Kept:
        """Read an account as it is now, whatever was copied, and take it in. Raises AwayError."""
        sent = self.looked_up.number(name)
        (found,) = await self._read([self._owners, self._names.of("a", name)], [], SLOW)
        account = kept(name, found, self._server.damaged)
        self._take_newer(account, sent)
        return account

    async def commit(self, asked: Transaction) -> Committed:
        """Carry out a transaction of an account, and take in what it came to. Raises AwayError, Conflict, Stale."""
        async with self._turn(asked.account):
            found = await self.read(asked.account)
            sent = self.looked_up.number(asked.account)
            committed, account = await self._commits.commit(asked, found)
            self.looked_up.add(asked.account)
            self._take_newer(account, sent)
            return committed

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        """One transaction of an account after the other: else most of those of this replica would be done in vain."""
        lock, waiting = self._turns.get(name, (asyncio.Lock(), 0))
        self._turns[name] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._turns[name]
            self._turns[name] = lock, waiting - 1
            if waiting == 1:
                del self._turns[name]
