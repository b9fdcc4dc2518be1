"""Names of keys in Redis: `hc1:{tenant}:kind[...]`; 1 is the version of the stored format.

The braces are a hash tag: on a Cluster everything with one tag is in one slot, so that one script can use all of it.
Each tenant has a tag of its own; `slot_groups.py` has the tags of its accounts' buckets.
"""

import hashlib
from collections.abc import Hashable
from urllib.parse import quote

import msgspec

LONGEST = 96
"""Bytes of a name that is kept as it is; clients choose account names, so longer ones are kept as a hash."""

_encode = msgspec.json.Encoder().encode


def tag_of(tenant: str) -> str:
    """Return the hash tag of a tenant."""
    return quote(tenant, safe="") or "*"  # an empty tag is none


class Names:
    """Names of one tenant's keys. more: what makes a tag of the tenant's another one."""

    def __init__(self, tenant: str, more: str = "") -> None:
        self._tag = f"hc1:{{{tag_of(tenant)}{more}}}:".encode()

    def of(self, kind: str, *parts: Hashable) -> bytes:
        """Name the key for `parts`; JSON keeps 12 apart from "12" and one part from two."""
        return named(self.single(kind), parts)

    def single(self, kind: str) -> bytes:
        """Name a key with one value per tenant."""
        return self._tag + kind.encode()


def named(prefix: bytes, parts: tuple[Hashable, ...]) -> bytes:
    """Name the key for `parts` after the prefix of its kind."""
    text = _encode(parts)
    if len(text) > LONGEST:
        text = b"#" + hashlib.blake2b(text, digest_size=20).hexdigest().encode()
    return prefix + text
