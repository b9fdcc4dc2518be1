"""Velocity: how many accounts met here, and how far one account moved, within a sliding window.

Each count has an ordinary level, where it says nothing, and grows with the logarithm above it. Accounts on one
address count least: carrier NAT puts thousands of honest people there.
"""

import math
from operator import attrgetter, le

from reputation.events import Reason
from reputation.signals.seen import Seen

FAMILY = "velocity"

# signal, attribute of Seen, ordinary count, points for each doubling above it, what is counted
COUNTS = (
    ("accounts_on_address", "accounts_on_address", 8, 0.15, "accounts on this address in a day"),
    ("addresses", "addresses", 6, 0.2, "addresses in a day"),
    ("asns", "asns", 4, 0.3, "ASNs in a day"),
    ("countries", "countries", 3, 0.5, "countries in a day"),
    ("accounts_on_card", "accounts_on_card", 2, 0.7, "accounts with this card"),
    ("accounts_on_device", "accounts_on_device", 3, 0.5, "accounts on this device in a day"),
)
_counts = attrgetter(*(row[1] for row in COUNTS))
_ORDINARY = tuple(row[2] for row in COUNTS)
CROWDED_KINDS = frozenset({"mobile", "education", "relay"})


def evidence(seen: Seen, now: float) -> list[Reason]:  # noqa: ARG001 - every family has the same two arguments
    if all(map(le, _counts(seen), _ORDINARY)):
        return []
    found = []
    for signal, attribute, ordinary, slope, words in COUNTS:
        count = getattr(seen, attribute)
        if count > ordinary and not (signal == "accounts_on_address" and _is_crowded(seen)):
            found.append(Reason(signal, slope * math.log2(count / ordinary), f"{count} {words}"))
    return found


def _is_crowded(seen: Seen) -> bool:
    return seen.address is not None and seen.address.kind in CROWDED_KINDS
