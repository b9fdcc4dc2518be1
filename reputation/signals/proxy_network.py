"""Proxy network: the address is listed as VPN, proxy, Tor exit or relay; paying customers are there too."""

from typing import Final

from reputation.signals.believed import believed
from reputation.signals.seen import Seen
from reputation.wire.messages import Reason

CAP: Final = 0.8

KIND_POINTS: Final = {
    "vpn": (0.3, "VPN network"),
    "relay": (0.0, None),  # a relay of a device maker carries ordinary people
    "proxy": (0.6, "known proxy"),
    "residential_proxy": (0.8, "known residential proxy"),
    "tor": (0.8, "Tor exit"),
}


def evidence(seen: Seen, now: float) -> list[Reason]:  # noqa: ARG001 - every family has the same two arguments
    address = seen.address
    if address is None or address.kind is None:
        return []
    points, words = KIND_POINTS.get(address.kind, (0.0, None))
    if words is None:
        return []
    sure = address.kind_confidence if address.anonymiser_confidence is None else address.anonymiser_confidence / 100
    return [believed(address.kind, points, words, sure, address.kind_freshness)]
