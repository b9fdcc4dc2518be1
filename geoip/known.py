"""The types of facts about an address. facts.py creates them, databases fill them."""

from typing import Final, Literal

from msgspec import Struct

Scope = Literal[
    "public",
    "private",
    "shared",
    "loopback",
    "link_local",
    "multicast",
    "documentation",
    "reserved",
    "malformed",
]
Kind = Literal["tor", "vpn", "proxy", "relay", "hosting", "mobile", "education", "business", "residential"]

LISTED: Final = 0.9
"""Confidence in a kind that a database states outright; even the best lists are out of date in places."""


class AddressFacts(Struct, frozen=True, gc=False):
    """The facts about one address. None means "not known", which is neutral.

    ip: canonical text; the text as it came if malformed (cut to 64 characters).
    host, network: keys to count by, v4 /32 and /24, v6 /64 and /48, for every scope but malformed. Each is unique among
        its own kind only: keep hosts and networks in tables of their own. `host_text` and `network_text` turn them
        back into text.
    country: ISO 3166 alpha-2, upper case. kind: what sort of network. kind_confidence: 0 to 1, lower where the kind was
        read from the network's name rather than from a list.
    anonymiser_confidence: 1 to 99 percent, as MaxMind gives it. user_count: users seen on this /32 (v6: /64) in a day.
    static_score: 0 to 100, higher is longer in the same hands.
    stale: a database that supplied one of these facts is older than it should be.
    asn_freshness, kind_freshness: how far that fact still counts: 1, or less from a stale database.
    network_name: the network as text, as `network_text` gives it.
    """

    ip: str
    scope: Scope
    host: int | None = None
    network: int | None = None
    asn: int | None = None
    organisation: str | None = None
    country: str | None = None
    kind: Kind | None = None
    kind_confidence: float | None = None
    anonymiser_confidence: int | None = None
    user_count: int | None = None
    static_score: float | None = None
    stale: bool = False
    asn_freshness: float = 1.0
    kind_freshness: float = 1.0
    network_name: str | None = None
