"""Families of evidence, and the kinds of value in each: one table that detectors, limits on memory and words share.

Values of one family go together for innocent reasons (an address and its ASN, a JA4 and its user agent, the hour
of sign-up and the hours of use of a day-old account), so they count once: evidence needs different families.
"""

from typing import NamedTuple

DAY = 86400.0
HOUR = 3600.0


class Kind(NamedTuple):
    """One kind of value. keep: values an account may hold at once; window: seconds for which one is evidence.

    memory: seconds until one is forgotten, where what it excuses shall outlast what others accuse; such a kind keeps
    an account's first value for good.

    mined: most of an account's values of this kind that enter the search for cells; one with 0 is never evidence for
    a link, only against one.
    """

    name: str
    family: str
    words: str
    keep: int = 0
    window: float = 0.0
    mined: int = 1
    memory: float = 0.0


# Kinds with keep > 0 are columns of a sighting and live in a pair table; the others are derived from facts.
KINDS = (
    Kind("host", "network", "the address {}", 24, 3 * DAY, 4),
    Kind("net", "network", "the network {}", 24, 3 * DAY, 4, 14 * DAY),
    Kind("asn", "network", "the network operator AS{}", 16, 7 * DAY, 3),
    Kind("country", "network", "addresses in {}", 12, 7 * DAY, 0),
    Kind("network", "network", "addresses of kind {}", 6, 7 * DAY, 0),
    Kind("ja4", "software", "the TLS fingerprint {}", 6, 7 * DAY, 2),
    Kind("user_agent", "software", "the user agent {}", 6, 7 * DAY, 2),
    Kind("device", "device", "the device {}", 6, 14 * DAY, 3),
    Kind("session", "session", "the session {}", 12, 3 * DAY, 3),
    Kind("model", "model", "the model {}", 6, 7 * DAY, 2),
    Kind("content", "content", "the prompt shape {}", 16, 3 * DAY, 4),
    Kind("client", "software", "the TLS fingerprint {}", mined=2),
    Kind("disguise", "software", "{}, which is none of that browser's", mined=1),
    Kind("handoff", "session", "sessions that go from account to account", mined=1),
    Kind("card", "payment", "the card {}", mined=1),
    Kind("iin", "payment", "the card issuer number {}", mined=1),
    Kind("funding", "payment", "payment by {}", mined=1),
    Kind("issuer", "payment", "{} cards", mined=1),
    Kind("signup_hour", "time", "sign-up in the hour of {}", mined=2),
    Kind("signup_day", "time", "sign-up in the day of {}", mined=2),
    Kind("signup_week", "time", "sign-up in the week of {}", mined=1),
    Kind("active", "time", "use within the eight hours from {}:00 UTC", mined=1),
    Kind("pivot", "pivot", "a move to the model {}", mined=1),
    Kind("rotation", "rotation", "2^{} network operators a day or more", mined=2),
    Kind("crossing", "rotation", "addresses in two countries a day", mined=1),
    Kind("roaming", "rotation", "addresses in three countries in three days", mined=1),
    Kind("stays", "rotation", "one network operator a day", mined=0),
    Kind("foreign", "geography", "addresses elsewhere than the card, of {}", mined=1),
    Kind("abroad", "geography", "addresses elsewhere than the card", mined=1),
    Kind("reaction", "reaction", "more use whenever the hydra is held back", mined=1),
    Kind("elsewhere", "geography", "addresses elsewhere than the sign-up", mined=1),
    Kind("native", "geography", "addresses in the country of the sign-up", mined=0),
    Kind("signup_net", "origin", "sign-up from the network {}", mined=1),
    Kind("signup_asn", "origin", "sign-up from the network operator AS{}", mined=1),
    Kind("signup_network", "origin", "sign-up from a network of kind {}", mined=1),
    Kind("signup_product", "origin", "sign-up with {}, which is not used", mined=1),
    Kind("signup_ja4", "origin", "sign-up with the TLS fingerprint {}", mined=1),
    Kind("mail", "origin", "an e-mail address at {}", mined=1),
    Kind("mail_kind", "origin", "an e-mail address of kind {}", mined=1),
    Kind("as_signed_up", "origin", "use where and with what it signed up", mined=0),
    Kind("sleepless", "rhythm", "use around the clock where people live", mined=1),
    Kind("sleeps", "rhythm", "use that pauses every day", mined=0),
    Kind("load", "load", "{} requests a day", mined=0),
    Kind("in_step", "synchrony", "work that begins and pauses with that of accounts of the same sign-up time", mined=1),
    Kind("out_of_step", "synchrony", "work at times of its own", mined=0),
    Kind("organisation", "organisation", "the unverified organisation {}", mined=1),
    Kind("begun", "content", "the conversation {}", 16, 3 * DAY, 0),
    Kind("carried", "content", "the conversation {}, which another account began", 16, 3 * DAY, 0),
    Kind("relayed", "content", "conversations that go from account to account", mined=1),
)
HIDING = frozenset({"hosting", "vpn", "relay", "proxy", "residential_proxy", "tor", "mobile"})
"""Networks on which an address says nothing about where people are: those for hire, and carriers' shared ones."""
FOR_HIRE = HIDING - {"mobile"}
"""Networks whose country is not that of their users, and where programs run."""
INDEX = {kind.name: number for number, kind in enumerate(KINDS)}
FAMILIES = tuple(dict.fromkeys(kind.family for kind in KINDS))
PARTIAL = frozenset(map(FAMILIES.index, ("origin", "rhythm", "load", "synchrony")))
"""Families that say something about some accounts alone, those in use where people are: shares are among these."""
MINED = tuple(kind.mined for kind in KINDS)
FAMILY = tuple(FAMILIES.index(kind.family) for kind in KINDS)
SEEN = tuple(kind for kind in KINDS if kind.keep)
TALKS = frozenset({"begun", "carried"})
"""Kinds that say of which conversations an account made requests; what follows from them is `relayed`."""
