"""Transactions carried out in Redis, each by one script: facts and outcomes by compare-and-set, documents with them."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from reputation.state.facts import Facts
from reputation.state.history import KEPT
from reputation.state.transactions import TAKEN, AccountData, Committed, Document, Stale, Transaction
from reputation.stores.fact_rows import DAMAGED, facts_in, facts_out
from reputation.stores.redis.heartbeat import ACCOUNT, RECORD, RedisHeartbeat
from reputation.stores.redis.names import Names
from reputation.stores.redis.server import SLOW, RedisServer, Script
from reputation.stores.shared_values import AwayError, KeptAccount
from reputation.wire.errors import Conflict, Unavailable

MOST_TRIES = 100
"""Attempts to work out facts that another writer changed meanwhile."""
HEAD = struct.Struct("<d")
SCRIPT = Script("changes.lua", "commit.lua")
CLOCK = Script("clock.lua")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def kept(name: str, found: Sequence[Any], damaged: Callable[[bytes], None]) -> KeptAccount:
    """Read a script's answer about an account. Facts that cannot be read are left out, and reported to `damaged`."""
    number, packed, outcomes = found
    try:
        facts = None if packed is None else facts_in(_decode(packed))
    except DAMAGED:
        facts = None
        damaged(ACCOUNT + name.encode("utf-8", "surrogatepass"))
    return KeptAccount(name, int(number), AccountData(facts, outcomes or b""))


class RedisCommits:
    """One tenant's transactions."""

    def __init__(self, server: RedisServer, names: Names, heartbeat: RedisHeartbeat) -> None:
        self._server = server
        self._names = names
        self._heartbeat = heartbeat
        self._owners = names.single("owners")

    async def commit(self, asked: Transaction, known: KeptAccount) -> tuple[Committed, KeptAccount]:
        """Carry a transaction out; return also the stored result. `known`: the last value read of the account.

        Raises AwayError, Conflict for a key of another account, Stale, and what the transaction's `change` raises.
        Once it is no longer waited for it is not carried out any more, however late Redis comes to it.
        """
        seconds, microseconds = await self._server.run(CLOCK, self._heartbeat.keys[:1])
        deadline = int(seconds) + int(microseconds) / 1e6 + SLOW
        for _ in range(MOST_TRIES):
            after = known.data if asked.change is None else asked.change(known.data)
            kind, *answer = await self._try(asked, known, after, deadline)
            if kind == b"late":
                raise AwayError("it came to this too late")
            if kind == b"taken":
                raise Conflict(TAKEN, f"/keys/{int(answer[0])}")
            if kind == b"stale":
                raise Stale(int(answer[0]))
            found = kept(asked.account, answer[0], self._server.damaged)
            if kind == b"done":
                return Committed(known.data, found.data, tuple([int(version) for version in answer[1]])), found
            known = found
        raise Unavailable("too many concurrent changes of this account; retry shortly")

    async def _try(self, asked: Transaction, known: KeptAccount, after: AccountData, deadline: float) -> Any:
        keys = [self._names.of("a", asked.account), self._owners, *self._heartbeat.keys]
        keys += [self._names.of("d", document.kind) for document in asked.documents]
        name = asked.account.encode("utf-8", "surrogatepass")
        return await self._server.run(
            SCRIPT, keys, name, ACCOUNT + name, int(KEPT), *_data_words(asked, known, after), deadline,
            *[word for one in asked.documents for word in _words(one, known.data.facts, after.facts)],
        )  # fmt: skip


def _data_words(asked: Transaction, known: KeptAccount, after: AccountData) -> tuple[bytes | float, ...]:
    """Return the words for the script: the change it follows from, the action, the facts, their keys, the outcomes."""
    facts = after.facts
    if asked.change is None:
        return -1, b"keep", b"", b"", b""
    if facts is None:
        return known.number, b"keep" if known.data.facts is None else b"forget", b"", b"", after.outcomes
    what = b"keep" if facts is known.data.facts else b"put"
    return known.number, what, _encode(facts_out(facts)), b"".join(facts.keys), after.outcomes


def _words(document: Document, before: Facts | None, after: Facts | None) -> tuple[bytes | float, ...]:
    what, body = RECORD + document.kind.encode(), document.written(before, after)
    return document.id.encode(), document.expect, what, b"delete" if body is None else b"put", body or b""
