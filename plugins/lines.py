"""Reading of header lines, perhaps written by a client."""

import hashlib
import re
from functools import lru_cache
from typing import Final

from reputation.wire.ids import RESERVED_SAYS, is_reserved

Lines = list[tuple[bytes, bytes]]

LONGEST_KEY: Final = 256
BLANKS: Final = " \t"
_STANDS_FOR_A_KEY: Final = re.compile("hk1_[a-z2-7]{26}|sha256:[0-9a-f]{64}").fullmatch


def text(value: bytes) -> str:
    """Bytes of a header as text: UTF-8, like the JSON of pushed keys, else Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


@lru_cache(256)
def named(header: str) -> bytes:
    """A header's name from configuration as it stands in a message."""
    return header.lower().encode("latin-1", "replace")


def first(lines: Lines, name: bytes) -> str:
    """The first header line with this name (lower case), or nothing."""
    for key, value in lines:
        if key == name:
            return text(value).strip(BLANKS)
    return ""


def only(lines: Lines, name: bytes) -> str:
    """The one header line with this name, or nothing; ValueError for two different lines."""
    found = [value for key, value in lines if key == name]
    if not found:
        return ""
    if len(found) > 1 and len(set(found)) > 1:
        raise ValueError(f"more than one {name.decode('latin-1')} header")
    return text(found[0]).strip(BLANKS)


def short_id(name: str, header: str) -> str:
    """An account's id as the wire format takes it, longer ones by their SHA-256. ValueError for a reserved one."""
    if is_reserved(name):
        raise ValueError(f"the {header} header: {RESERVED_SAYS}")
    return sha256_of(name) if len(name) > LONGEST_KEY else name


def short_key(key: str) -> str | None:
    """A client's key as the wire format takes it; longer ones, such as signed tokens, by their SHA-256. None: no key.

    So is a key that looks like a stored hash or like such a SHA-256, for it is a key and not what stands for one.
    """
    return sha256_of(key) if len(key) > LONGEST_KEY or _STANDS_FOR_A_KEY(key) else key or None


def sha256_of(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
