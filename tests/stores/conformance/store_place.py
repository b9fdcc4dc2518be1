"""A place of state, the stores that are opened there, and what a test asks of them; the contract alone is used."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from reputation.state.records import Record
from reputation.state.tenant import TenantState
from reputation.state.transactions import AccountData
from reputation.stores.contract import Opening, SharedStore, Store
from reputation.stores.places import open_store

TENANT = "acme"


def lacking(value: object, contract: type) -> list[str]:
    """Names of the contract's members that a value does not have."""
    kinds = [kind for kind in contract.__mro__ if kind.__module__ == contract.__module__]
    names = {name: None for kind in kinds for name in (*vars(kind), *inspect.get_annotations(kind))}
    return [name for name in names if not name.startswith("_") and not hasattr(value, name)]


def require(value: object, contract: type) -> None:
    """Fail with the names of all members that a value lacks."""
    lacks = lacking(value, contract)
    assert not lacks, f"{type(value).__name__} lacks {', '.join(lacks)} of {contract.__name__} (stores/contract.py)"


class Quiet:
    """A log that is not read."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None


class Place:
    """now: what this machine's clock says; None: the real time."""

    def __init__(self, at: str, after: Callable[[str], str] | None) -> None:
        self.now: float | None = None
        self._at = at
        self._after = after
        self._open: list[Store] = []

    def clock(self) -> float:
        return time.time() if self.now is None else self.now

    def open(self, at: str | None = None) -> Store:
        store = open_store(at or self._at, Opening(TenantState, Quiet(), self.clock))
        require(store, Store)
        store.tenant(TENANT)
        self._open.append(store)
        return store

    def replicas(self, count: int) -> list[Store]:
        """As many stores as share the place; where none can, the same one again and again."""
        first = self.open()
        return [first] * count if first.shared is None else [first, *[self.open() for _ in range(count - 1)]]

    def shared(self, count: int = 1) -> list[SharedStore]:
        """Stores of as many replicas."""
        return [store.shared for store in self.replicas(count) if store.shared is not None]

    def later(self) -> list[Store]:
        """What a process opens that starts after this one was killed; nothing where the state ended with it."""
        return [] if self._after is None else [self.open(self._after(self._at))]

    async def restarted(self) -> list[Store]:
        """What a process opens that starts after a clean stop; nothing where the state ended with it."""
        await self.close_all()
        return [] if self._after is None else [self.open()]

    async def close_all(self) -> None:
        while self._open:
            await self._open.pop().close()


@asynccontextmanager
async def running(*stores: Store) -> AsyncIterator[None]:
    """Let stores do their background work."""
    work = [asyncio.create_task(store.run()) for store in stores]
    try:
        yield
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def known_of(store: Store, account: str) -> AccountData:
    """What is known of an account."""
    if store.shared is not None:
        (found,), _ = await store.shared.accounts(TENANT).look_up([account], [])
        return found.data
    state = store.tenant(TENANT)
    row = state.row(account)
    return (
        AccountData() if row is None else AccountData(row.facts if account in state.registered else None, row.outcomes)
    )


async def owner_of(store: Store, key: bytes) -> str | None:
    """The account that has a key."""
    if store.shared is not None:
        _, (found,) = await store.shared.accounts(TENANT).look_up([], [key])
        return None if found is None else found.name
    return store.tenant(TENANT).owners.get(key)


async def document(store: Store, id_: str, kind: str = "seen") -> Record | None:
    return await store.records.get(TENANT, kind, id_)
