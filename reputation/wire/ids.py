"""Identifiers: ids of verdicts, and API keys and accounts as keyed hashes.

Verdict ids are ULIDs; in a replay they are made of the line number, so two runs give the same. Stored and logged hashes
reveal nothing without the hash key.
"""

import base64
import hashlib
import os
from collections.abc import Callable
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_PAIRS: Final = [a + b for a in _ALPHABET for b in _ALPHABET]
_LAST: Final = 0x7FFF
_OF_BYTE: Final = bytes(ord(_ALPHABET[byte & 31]) for byte in range(256))
_DRAWN: Final = 13  # characters of each id that are drawn for it: 65 bits
_AT_ONCE: Final = 512  # ids whose characters are drawn in one call of the system, which costs more than all of the rest

HASH_PREFIX: Final = "hk1_"
HASH_SIZE: Final = 16  # bytes
_HASH_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"  # base 32 of RFC 4648, in small letters and without padding
_HASH_PAIRS: Final = [a + b for a in _HASH_ALPHABET for b in _HASH_ALPHABET]

RESERVED_SAYS: Final = (
    "an account's id may not begin with ip: or key:, which Headcount gives to addresses and unknown keys"
)

_keyed: Final[dict[bytes, "hashlib.blake2b"]] = {}
"""The hash that has read the secret in use, and nothing else: to read it costs as much as to read a key."""

NewId = Callable[[float], str]
"""Gives a verdict's id by the time in seconds."""


def _base32(value: int, pairs: int, table: list[str]) -> str:
    return "".join([table[(value >> shift) & 1023] for shift in range(10 * (pairs - 1), -1, -10)])


class Ulids:
    """ULIDs (26 characters): 48 bits of milliseconds, a counter of 15 bits within one, and 65 random bits of its own.

    Counting keeps the ids of one process in the order of their making, up to 32,768 a millisecond. No id can be guessed
    from another: the system's random source gives the bits of each.
    """

    def __init__(self) -> None:
        self._count = 0
        self._millisecond = -1
        self._prefix = ""
        self._drawn = ""
        self._used = 0

    def __call__(self, now: float) -> str:
        millisecond = int(now * 1000)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            self._prefix = _base32(millisecond, 5, _PAIRS)
            self._count = -1
        if self._count < _LAST:
            self._count += 1
        start = self._used
        if start >= len(self._drawn):
            self._drawn = os.urandom(_DRAWN * _AT_ONCE).translate(_OF_BYTE).decode()
            start = 0
        self._used = start + _DRAWN
        count = self._count
        drawn = self._drawn[start : start + _DRAWN]
        return f"{self._prefix}{_ALPHABET[count >> 10]}{_PAIRS[count & 1023]}{drawn}"


def beginning(at: float) -> str:
    """Return how ids of a time begin, in seconds since 1970: ids that sort before it are older."""
    return _base32(int(at * 1000), 5, _PAIRS)


def time_of(id_: str) -> float:
    """Return the seconds since 1970 at which a ULID was made, exact to a millisecond."""
    return sum(_ALPHABET.index(sign) << 5 * (9 - i) for i, sign in enumerate(id_[:10])) / 1000


def line_id(number: int, at: float) -> str:
    """Make the id of a replay's verdict: the line's own time in milliseconds, and its number, both in hex."""
    return f"{int(at * 1000):012X}{number:014X}"


BLANKS: Final = " \t\r\n"
"""What is cut off around a key, because no header can carry it there."""


def hashed(key: str, secret: bytes) -> bytes:
    """Return the stored form of an API key, without the blanks around it; a key in its printed form is read back."""
    key = key.strip(BLANKS)
    if key.startswith(HASH_PREFIX) and (known := _read_hash(key)) is not None:
        return known
    return of_text(key, secret)


def of_text(key: str, secret: bytes) -> bytes:
    """Return the stored form of a client's key; a client's key is never read as a stored form."""
    keyed = _keyed.get(secret)
    if keyed is None:
        _keyed.clear()
        keyed = _keyed[secret] = hashlib.blake2b(digest_size=HASH_SIZE, key=secret)
    hasher = keyed.copy()
    hasher.update(key.encode("utf-8", "surrogatepass"))
    return hasher.digest()


def printed(digest: bytes) -> str:
    """Return the printed form, for configuration and for `PUT /v1/accounts`."""
    return HASH_PREFIX + _base32(int.from_bytes(digest, "big") << 2, 13, _HASH_PAIRS)


def _read_hash(text: str) -> bytes | None:
    """Read the printed form, exactly as `printed` writes it: gateways know it by its looks."""
    try:
        digest = base64.b32decode(text[len(HASH_PREFIX) :].upper() + "=" * (-(len(text) - len(HASH_PREFIX)) % 8))
    except ValueError:
        return None
    return digest if len(digest) == HASH_SIZE and printed(digest) == text else None


def is_reserved(name: str) -> bool:
    """Say whether an account's id has the form of a name made of an address or of a key's hash."""
    return name.startswith("ip:") or name.startswith("key:")  # noqa: PIE810 - a tuple is compared by a call of Python


def is_jwt(key: str | None) -> bool:
    """Say whether a key looks like a JSON Web Token; such a key is replaced at each refresh."""
    return key is not None and key.startswith("eyJ") and key.count(".") >= 2


def pseudonym(identifier: str, secret: bytes) -> str:
    """Return a short keyed hash of an account id or address, for logs."""
    digest = hashlib.blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=8, key=secret)
    return digest.hexdigest()
