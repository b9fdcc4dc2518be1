"""Reads the bodies of checks. Accounts send the same facts again and again, so their bytes are recognised."""

from typing import Final

import msgspec

from reputation.wire.codec import read
from reputation.wire.messages import Account, Request
from reputation.wire.read_types import ACCOUNTS, CHECKS, OUTER_CHECKS, ReadAccount

MOST_KEPT: Final = 32_768
"""Accounts in each of two generations, about 1 KB each."""
LONGEST_KEPT: Final = 768
"""Bytes of an account that is kept."""
LIFE: Final = 3600.0
"""Seconds after which a generation ends; an account that does not come again is forgotten with the next one."""

_check: Final = CHECKS
_outer: Final = OUTER_CHECKS.decode
_account: Final = ACCOUNTS.decode
_MEMBER: Final = b'"account"'
_NO_ACCOUNT: Final = Account()
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class CheckReader:
    """Decodes checks as `read` does, and keeps accounts whose bytes came twice, unless they carry a key."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most: Final = most
        self._young: dict[bytes, ReadAccount] = {}
        self._old: dict[bytes, ReadAccount] = {}
        self._seen: set[int] = set()
        self._turn = 0.0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def read(self, body: bytes, now: float) -> Request:
        """Decode a body. Raises BadRequest for malformed JSON, Invalid with a pointer for a wrong value."""
        # a name with escapes or a second one could be a second account, and only one of them would be looked at
        if body.count(_MEMBER) == 1 and b"\\" not in body:
            try:
                found = _outer(body)
                account = self._account(bytes(found.account), now)
            except _UNREADABLE:
                return read(_check, body)
            return Request(found.tenant, found.at, account, found.client, found.request, found.leases, found.lease)
        return read(_check, body)

    def _account(self, raw: bytes, now: float) -> Account:
        if not raw:
            return _NO_ACCOUNT
        found = self._young.get(raw)
        if found is not None:
            return found
        found = self._old.get(raw)
        if found is None:
            found = _account(raw)
            if not self._is_kept(raw, found):
                return found
        if len(self._young) >= self._most or abs(now - self._turn) > LIFE:
            self._old, self._young, self._turn = self._young, {}, now
        self._young[raw] = found
        return found

    def _is_kept(self, raw: bytes, account: ReadAccount) -> bool:
        """Whether an account came before, is not long, and carries no secret."""
        if len(raw) > LONGEST_KEPT or account.key is not None or account.credentials is not None:
            return False
        mark = hash(raw)
        if mark in self._seen:
            return True
        if len(self._seen) >= 2 * self._most:
            self._seen.clear()
        self._seen.add(mark)
        return False
