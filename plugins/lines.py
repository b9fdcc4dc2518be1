"""Reading header lines that a client may have written."""

import hashlib
from functools import lru_cache

Lines = list[tuple[bytes, bytes]]

LONGEST_KEY = 256


def text(value: bytes) -> str:
    """Bytes of a header as text: UTF-8, as in the JSON that keys were pushed with, else Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


@lru_cache(256)
def named(header: str) -> bytes:
    """A header's name from configuration as it stands in a message."""
    return header.lower().encode("latin-1", "replace")


def first(lines: Lines, name: bytes) -> str:
    """The first header line of that name (lower case), or nothing."""
    for key, value in lines:
        if key == name:
            return text(value).strip()
    return ""


def only(lines: Lines, name: bytes) -> str:
    """The one header line of that name, or nothing; ValueError if there are two that differ."""
    found = [value for key, value in lines if key == name]
    if not found:
        return ""
    if len(found) > 1 and len(set(found)) > 1:
        raise ValueError(f"more than one {name.decode('latin-1')} header")
    return text(found[0]).strip()


def short_key(key: str) -> str | None:
    """A key as the wire format takes it; longer ones, such as signed tokens, by their SHA-256."""
    if len(key) > LONGEST_KEY:
        return "sha256:" + hashlib.sha256(key.encode()).hexdigest()
    return key or None
