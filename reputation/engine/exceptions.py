"""Exceptions: accounts and networks allowed despite the evidence, for a stated time and reason. Pure.

An allow wins over everything. It names an account, a network, an ASN or a verified organisation, is named in every
verdict that it touched, and ends by itself.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from socket import AF_INET6, inet_pton
from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct, structs

from geoip.facts import AddressFacts, CarrierError, counted_network
from reputation.state.facts import Facts
from reputation.wire.errors import Invalid
from reputation.wire.messages import AllowRef, Text

AllowKind = Literal["account", "network", "asn", "organisation"]
DAY = 86_400.0
LONGEST = 366 * DAY
MOST = 10_000
"""Exceptions of one tenant; a tenant with more needs another weight instead."""
WIDEST = {4: 8, 6: 19}
"""Shortest prefix that a network may have, by version: a wider one would be no exception any more."""
CLOCKS_DIFFER = 60.0
"""Seconds that another replica's clock may be ahead."""
MOST_ASN = 4_294_967_295

Reasoned = Annotated[str, Meta(min_length=1, max_length=1024)]


MOST_TIMES = 10.0
"""Own limits under an exception may be so many times the ordinary ones."""
Times = Annotated[float, Meta(ge=1, le=MOST_TIMES)]


class AllowBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/allow. expires_in: seconds; within_limits: the account's own limits, `times` over, hold."""

    kind: AllowKind
    value: Text
    reason: Reasoned
    expires_in: Annotated[float, Meta(gt=0, le=LONGEST)]
    within_limits: bool = False
    times: Times = 1.0


class Allow(Struct, frozen=True):
    """One exception as it is kept; at and expires are seconds since 1970, by is the token's name."""

    id: str
    kind: AllowKind
    value: str
    reason: str
    by: str
    at: float
    expires: float
    within_limits: bool = False
    times: float = 1.0

    def ref(self) -> AllowRef:
        """Return the exception as a verdict shows it."""
        return AllowRef(self.id, self.kind, self.value, self.reason, self.expires)


def allow_of(body: AllowBody, id_: str, by: str, now: float) -> Allow:
    """Check a body and make the exception of it, its value in canonical form. Raises Invalid."""
    if body.times != 1.0 and not body.within_limits:
        raise Invalid("times is about the account's own limits; send within_limits: true, or leave times out", "/times")
    value = _CANONICAL[body.kind](body.value)
    expires = now + body.expires_in
    return Allow(id_, body.kind, value, body.reason, by, now, expires, body.within_limits, body.times)


def made_by_now(allow: Allow, now: float) -> Allow:
    """Return the exception as made now if a clock ahead made it later; its duration stays."""
    if allow.at <= now + CLOCKS_DIFFER:
        return allow
    return structs.replace(allow, at=now, expires=now + allow.expires - allow.at)


def _network(text: str) -> str:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise Invalid(f"{error}; write a network as 203.0.113.0/24 or 2001:db8::/48", "/value") from None
    _check_width(network)
    try:
        counted = counted_network(network)
    except CarrierError as error:
        raise Invalid(f"{text}: {error}", "/value") from None
    _check_width(counted)
    return str(counted)


def _check_width(network: IPv4Network | IPv6Network) -> None:
    if network.prefixlen < WIDEST[network.version]:
        raise Invalid(f"an exception may not be wider than /{WIDEST[network.version]}; name smaller networks", "/value")


def _asn(text: str) -> str:
    digits = text.upper().removeprefix("AS")
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits[:12]) <= MOST_ASN):
        raise Invalid("an ASN must be a number such as 64500 or AS64500", "/value")
    return str(int(digits))


def _as_it_is(text: str) -> str:
    return text


_CANONICAL = {"account": _as_it_is, "organisation": _as_it_is, "network": _network, "asn": _asn}


Table = dict[int, dict[int, tuple[Allow, ...]]]


class Exceptions:
    """The exceptions of one tenant, indexed for look-up. Of several for one value, the widest active one counts."""

    def __init__(self, allows: Iterable[Allow]) -> None:
        self._accounts: dict[str, tuple[Allow, ...]] = {}
        self._organisations: dict[str, tuple[Allow, ...]] = {}
        self._asns: dict[int, tuple[Allow, ...]] = {}
        self._v4: Table = {}
        self._v6: Table = {}
        for allow in sorted(allows, key=lambda a: (a.within_limits, -a.times, -a.expires)):
            self._place(allow)
        self._v4 = dict(sorted(self._v4.items()))  # by bits to the right: the narrowest network first
        self._v6 = dict(sorted(self._v6.items()))

    def _place(self, allow: Allow) -> None:
        if allow.kind == "account":
            _add(self._accounts, allow.value, allow)
        elif allow.kind == "organisation":
            _add(self._organisations, allow.value, allow)
        elif allow.kind == "asn":
            _add(self._asns, int(allow.value), allow)
        else:
            network = ip_network(allow.value)
            shift = network.max_prefixlen - network.prefixlen
            table = self._v4 if network.version == 4 else self._v6
            _add(table.setdefault(shift, {}), int(network.network_address) >> shift, allow)

    def of_account(self, name: str, now: float) -> list[Allow]:
        """Return the active exceptions that name an account."""
        return [allow for allow in self._accounts.get(name, ()) if allow.expires > now]

    def find(self, name: str, facts: Facts, address: AddressFacts | None, now: float) -> Allow | None:
        """Return the active exception for a check, the most specific first; None without one."""
        found = _in_force(self._accounts.get(name, ()), now)
        organisation = facts.organisation
        if found is None and organisation is not None and organisation.verified:  # else any could claim its name
            found = _in_force(self._organisations.get(organisation.id, ()), now)
        if found is None and address is not None:
            found = self._of_network(address, now)
            if found is None and address.asn is not None:
                found = _in_force(self._asns.get(address.asn, ()), now)
        return found

    def _of_network(self, address: AddressFacts, now: float) -> Allow | None:
        if address.host is None or not (self._v4 or self._v6):
            return None
        if address.host < 1 << 32:  # IPv6 forms that carry an IPv4 address are counted as that address
            tables, number = self._v4, address.host
        else:
            tables, number = self._v6, int.from_bytes(inet_pton(AF_INET6, address.ip))
        for shift, table in tables.items():
            found = _in_force(table.get(number >> shift, ()), now)
            if found is not None:
                return found
        return None


K = TypeVar("K")


def _add(table: dict[K, tuple[Allow, ...]], key: K, allow: Allow) -> None:
    table[key] = (*table.get(key, ()), allow)


def _in_force(allows: tuple[Allow, ...], now: float) -> Allow | None:
    for allow in allows:
        if allow.expires > now:
            return allow
    return None
