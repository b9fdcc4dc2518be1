"""Reads the bodies of checks. Accounts send the same again and again, so their bytes are recognised."""

from typing import Final, Generic, TypeVar

import msgspec

from reputation.wire.codec import read
from reputation.wire.messages import Account, Request
from reputation.wire.read_types import ACCOUNTS, CHECKS, OUTER_CHECKS, ReadAccount

MOST_KEPT: Final = 32_768
"""Accounts, and whole bodies, in each of two generations; about 1 KB for an account, half as much more for its body."""
LONGEST_KEPT: Final = 768
"""Bytes of an account that is kept."""
LONGEST_BODY: Final = 1280
LIFE: Final = 3600.0
"""Seconds after which a generation ends; what does not come again is forgotten with the next one."""

_check: Final = CHECKS
_outer: Final = OUTER_CHECKS.decode
_account: Final = ACCOUNTS.decode
_MEMBER: Final = b'"account"'
_NO_ACCOUNT: Final = Account()
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
V = TypeVar("V")


class Repeated(Generic[V]):
    """What bytes were read as that came twice, in two generations of at most `most`."""

    def __init__(self, most: int, longest: int) -> None:
        self._most: Final = most
        self._longest: Final = longest
        self._young: dict[bytes, V] = {}
        self._old: dict[bytes, V] = {}
        self._seen: set[int] = set()
        self._turn = 0.0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, raw: bytes, now: float) -> V | None:
        """Find what these bytes were read as."""
        found = self._young.get(raw)
        if found is None:
            found = self._old.get(raw)
            if found is not None:
                self._keep(raw, found, now)
        return found

    def note(self, raw: bytes, value: V, now: float) -> None:
        """Keep what bytes were read as, if they came before and are not long."""
        if len(raw) > self._longest:
            return
        mark = hash(raw)
        if mark in self._seen:
            self._keep(raw, value, now)
            return
        if len(self._seen) >= 2 * self._most:
            self._seen.clear()
        self._seen.add(mark)

    def _keep(self, raw: bytes, value: V, now: float) -> None:
        if len(self._young) >= self._most or abs(now - self._turn) > LIFE:
            self._old, self._young, self._turn = self._young, {}, now
        self._young[raw] = value


class CheckReader:
    """Decodes checks as `read` does, and recognises bodies and accounts whose bytes came twice, unless with a key."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._accounts: Repeated[ReadAccount] = Repeated(most, LONGEST_KEPT)
        self._bodies: Repeated[Request] = Repeated(most, LONGEST_BODY)

    def __len__(self) -> int:
        return len(self._accounts) + len(self._bodies)

    def read(self, body: bytes, now: float) -> Request:
        """Decode a body. Raises BadRequest for malformed JSON, Invalid with a pointer for a wrong value."""
        known = self._bodies.get(body, now)
        if known is not None:
            return known
        # a name with escapes or a second one could be a second account, and only one of them would be looked at
        if body.count(_MEMBER) != 1 or body.find(b"\\") >= 0:
            return read(_check, body)
        try:
            found = _outer(body)
            account = self._account(bytes(found.account), now)
        except _UNREADABLE:
            return read(_check, body)
        call, leases = found.request, found.leases
        request = Request(found.tenant, found.at, account, found.client, call, leases, found.lease)
        if call.id is None and not leases and not _is_secret(account):
            self._bodies.note(body, request, now)
        return request

    def _account(self, raw: bytes, now: float) -> Account:
        if not raw:
            return _NO_ACCOUNT
        found = self._accounts.get(raw, now)
        if found is None:
            found = _account(raw)
            if not _is_secret(found):
                self._accounts.note(raw, found, now)
        return found


def _is_secret(account: Account) -> bool:
    """Whether an account comes with a client's key."""
    return account.key is not None or account.credentials is not None
