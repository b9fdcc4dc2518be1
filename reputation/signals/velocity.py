"""Velocity: how many accounts met here, and how far one account moved, within a sliding window.

Each count has an ordinary level, where it says nothing, and grows with the logarithm above it. Accounts on one
address count least: carrier NAT puts thousands of honest people there.
"""

import math
from typing import Final

from reputation.signals.seen import Seen
from reputation.wire.messages import Reason

CAP: Final = 1.5

ADDRESS_LEVEL: Final = 8
ADDRESSES_LEVEL: Final = 6
ASNS_LEVEL: Final = 4
COUNTRIES_LEVEL: Final = 3
CARD_LEVEL: Final = 2
DEVICE_LEVEL: Final = 3

# signal, attribute of Seen, ordinary count, points for each doubling above it, what is counted
COUNTS: Final = (
    ("accounts_on_address", "accounts_on_address", ADDRESS_LEVEL, 0.15, "accounts on this address in a day"),
    ("addresses", "addresses", ADDRESSES_LEVEL, 0.2, "addresses in a day"),
    ("asns", "asns", ASNS_LEVEL, 0.3, "ASNs in a day"),
    ("countries", "countries", COUNTRIES_LEVEL, 0.5, "countries in a day"),
    ("accounts_on_card", "accounts_on_card", CARD_LEVEL, 0.7, "accounts with this card"),
    ("accounts_on_device", "accounts_on_device", DEVICE_LEVEL, 0.5, "accounts on this device in a day"),
)
CROWDED_KINDS: Final = frozenset({"mobile", "education", "relay"})


def evidence(seen: Seen, now: float) -> list[Reason]:  # noqa: ARG001 - every family has the same two arguments
    if _is_ordinary(seen):
        return []
    found = []
    for signal, attribute, ordinary, slope, words in COUNTS:
        count = getattr(seen, attribute)
        if count > ordinary and not (signal == "accounts_on_address" and _is_crowded(seen)):
            found.append(Reason(signal, slope * math.log2(count / ordinary), f"{count} {words}"))
    return found


def _is_ordinary(seen: Seen) -> bool:
    return (
        seen.accounts_on_address <= ADDRESS_LEVEL
        and seen.addresses <= ADDRESSES_LEVEL
        and seen.asns <= ASNS_LEVEL
        and seen.countries <= COUNTRIES_LEVEL
        and seen.accounts_on_card <= CARD_LEVEL
        and seen.accounts_on_device <= DEVICE_LEVEL
    )


def _is_crowded(seen: Seen) -> bool:
    return seen.address is not None and seen.address.kind in CROWDED_KINDS
