"""This replica's copies of shared accounts, with the set of look-ups made.

What a check needs of an account is copied when the account is first seen, even that nothing is known of it, and again
once the copy is LOOKED_UP seconds old or another replica changed it. Look-ups of one turn of the event loop go out
together.
"""

import asyncio
from collections.abc import Callable, Sequence

from reputation.state.transactions import Committed, Transaction
from reputation.stores.contract import SharedAccounts
from reputation.stores.shared_values import AccountOrKey, AwayError, KeptAccount

LOOKED_UP = 600.0
MOST_LOOKED_UP = 1_000_000
"""Names and keys of which a tenant remembers that they were looked up, in two generations."""
MOST_AT_ONCE = 500


class LookedUp:
    """Names looked up recently, in two generations; the older generation is dropped as a whole.

    Each has the number of the account's last change that is in the copy, so that no older answer takes its place.
    """

    def __init__(self, window: float = LOOKED_UP, most: int = MOST_LOOKED_UP) -> None:
        self._window = window
        self._half = most // 2
        self._young: dict[AccountOrKey, int] = {}
        self._old: dict[AccountOrKey, int] = {}
        self._turn = 0.0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def has(self, key: AccountOrKey, now: float) -> bool:
        """Whether a name was looked up within the window, or half of it after a flood."""
        if now - self._turn > self._window / 2:
            self._old, self._young, self._turn = self._young, {}, now
        return key in self

    def __contains__(self, key: AccountOrKey) -> bool:
        """Whether the number of a name's last change is remembered, however old it is."""
        return key in self._young or key in self._old

    def number(self, key: AccountOrKey) -> int:
        """Return the number of the last change in the copy; 0 if not known."""
        return self._young.get(key) or self._old.get(key) or 0

    def add(self, key: AccountOrKey, number: int = 0) -> None:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = max(number, self.number(key))

    def forget(self, key: AccountOrKey) -> None:
        self._young.pop(key, None)
        self._old.pop(key, None)

    def heard(self, key: AccountOrKey, number: int) -> None:
        """Forget a name with a copy older than its last change."""
        if self.number(key) < number:
            self.forget(key)

    def clear(self) -> None:
        self._young.clear()
        self._old.clear()


class AccountCopies:
    """One tenant's. `take_in` gets the results of look-ups: accounts, and keys without an account."""

    def __init__(self, accounts: SharedAccounts, within: float, take_in: Callable[[KeptAccount | bytes], None]) -> None:
        self.looked_up = LookedUp()
        self._accounts = accounts
        self._within = within
        self._take_in = take_in
        self._wanted: dict[AccountOrKey, None] = {}
        self._loading: asyncio.Task[bool] | None = None

    def load(self, key: AccountOrKey) -> "asyncio.Task[bool]":
        """Look an account up, together with all others of this turn; False if the store is away."""
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

    async def _load_some(self, wanted: Sequence[AccountOrKey]) -> None:
        names = [key for key in wanted if isinstance(key, str)]
        digests = [key for key in wanted if isinstance(key, bytes)]
        sent = {key: self.looked_up.number(key) for key in wanted}
        for key in wanted:  # before the answer, so that a change on the way is not missed
            self.looked_up.add(key)
        try:
            accounts, owners = await self._accounts.look_up(names, digests, self._within)
        except AwayError:
            for key in wanted:
                self.looked_up.forget(key)
            raise
        for account in accounts:
            self._take_newer(account, sent[account.name])
        for digest, owner in zip(digests, owners, strict=True):
            if owner is None:
                self._take_in(digest)
            else:
                before = self.looked_up.number(owner.name)
                self.looked_up.add(owner.name)
                self._take_newer(owner, before)

    def _take_newer(self, found: KeptAccount, sent: int) -> None:
        """Take an answer in, unless a newer one came first; `sent`: the number of the copy when it was asked for.

        A number below that one says that the store has lost what it had.
        """
        known = self.looked_up.number(found.name)
        if found.number >= known or known == sent:
            if found.name in self.looked_up:
                self.looked_up.forget(found.name)
                self.looked_up.add(found.name, found.number)
            self._take_in(found)

    async def read(self, name: str) -> KeptAccount:
        """Read an account's present value, independent of the copy, and take it in. Raises AwayError."""
        sent = self.looked_up.number(name)
        (account,), _ = await self._accounts.look_up([name], [])
        self._take_newer(account, sent)
        return account

    async def commit(self, asked: Transaction) -> Committed:
        """Carry out a transaction of an account, and take in its result. Raises AwayError, Conflict, Stale."""
        sent = self.looked_up.number(asked.account)
        committed, account = await self._accounts.commit(asked)
        self.looked_up.add(asked.account)
        self._take_newer(account, sent)
        return committed
