"""Where a tenant's buckets are on a Cluster: those of one account in a slot by the account, all others in the tenant's.

A tenant has GROUPS slots for accounts. They lie evenly over all slots, and so over nodes that share the slots evenly.
"""

import zlib
from binascii import crc_hqx
from collections.abc import Hashable
from functools import lru_cache
from itertools import count

from reputation.stores.redis.names import Names, tag_of

SLOTS = 16384
GROUPS = 12
"""Slots for a tenant's accounts. 2, 3, 4, 6 and 12 nodes have equal numbers of them. To a release with another number
all buckets would be full."""
OWN = frozenset({"own", "floor", "allow"})
"""Kinds of buckets that no other account draws on; the second part of their key is the account."""


def group_of(name: str) -> int:
    """Return the number of the group of an account, or of an id."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass")) % GROUPS


def owner_of(key: tuple[Hashable, ...]) -> str | None:
    """Return the account of a bucket of its own; None for a bucket that accounts share."""
    return str(key[1]) if key[0] in OWN else None


@lru_cache(1024)
def names_of_groups(tenant: str) -> tuple[Names, ...]:
    """Return the names of each group: tags of which each hashes into the middle of its part of the slots."""
    tag, found = tag_of(tenant), dict[int, str]()
    for number in count():
        more = f"/{number}"  # a tenant's own tag has no such sign
        part, place = divmod(crc_hqx((tag + more).encode(), 0) % SLOTS * GROUPS, SLOTS)
        if SLOTS // 4 <= place < SLOTS * 3 // 4:
            found.setdefault(part, more)
        if len(found) == GROUPS:
            break
    return tuple([Names(tenant, found[part]) for part in range(GROUPS)])
