"""Facts about a client address, and the keys for counting it.

The text of an address becomes an `AddressFacts` in two steps: `parse` and the keys need no database; the
databases (book.py) add what they know.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any, Final

from geoip.known import LISTED, AddressFacts, Kind, Scope

__all__ = [
    "LISTED", "Address", "AddressFacts", "CarrierError", "Kind", "Scope", "counted_network", "host_key", "host_text",
    "host_text_of", "known_facts", "network_key", "network_name", "network_of", "network_text", "parse", "plain_facts",
    "scope_of",
]  # fmt: skip

LONGEST = 64  # no written form of one address with zone and port is longer; anything longer is malformed


class Address:
    """A well-formed address: version 4 or 6, its bits as a number, its canonical text."""

    __slots__ = ("text", "value", "version")

    def __init__(self, version: int, value: int, text: str) -> None:
        self.version: Final = version
        self.value: Final = value
        self.text: Final = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self.version == other.version and self.value == other.value

    def __hash__(self) -> int:
        return hash((self.version, self.value))


# The IANA special-purpose registries (RFC 6890 and later) for IPv4 and IPv6, as far as a client address can
# fall in them. The first network that contains the address decides, so narrower ones come first.
_V4_SCOPES: Final[tuple[tuple[str, Scope], ...]] = (
    ("10.0.0.0/8", "private"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("100.64.0.0/10", "shared"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link_local"),
    ("192.0.2.0/24", "documentation"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("0.0.0.0/8", "reserved"),
    ("192.0.0.9/32", "public"),
    ("192.0.0.10/32", "public"),
    ("192.0.0.0/24", "reserved"),
    ("192.88.99.0/24", "reserved"),
    ("198.18.0.0/15", "reserved"),
    ("240.0.0.0/4", "reserved"),
)
_V6_SCOPES: Final[tuple[tuple[str, Scope], ...]] = (
    ("2001:db8::/32", "documentation"),
    ("3fff::/20", "documentation"),
    ("2001:1::1/128", "public"),
    ("2001:1::2/128", "public"),
    ("2001:1::3/128", "public"),
    ("2001:3::/32", "public"),
    ("2001:4:112::/48", "public"),
    ("2001:20::/28", "public"),
    ("2001:30::/28", "public"),
    ("2001::/23", "reserved"),
    ("2000::/3", "public"),
    ("::1/128", "loopback"),
    ("fc00::/7", "private"),
    ("64:ff9b:1::/48", "private"),
    ("fe80::/10", "link_local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "multicast"),
)


def _bounds(table: tuple[tuple[str, Scope], ...]) -> tuple[tuple[int, int, Scope], ...]:
    networks = ((ip_network(text), scope) for text, scope in table)
    return tuple((int(net.network_address), int(net.broadcast_address), scope) for net, scope in networks)


# IPv4 is public unless the table says otherwise, and the table is cut up by first byte, as most bytes have no
# row. IPv6 is reserved unless the table says otherwise, as only 2000::/3 is handed out.
_Rows = tuple[tuple[int, int, Scope], ...]
_V4_BY_BYTE: Final[tuple[_Rows, ...]] = tuple(
    tuple(row for row in _bounds(_V4_SCOPES) if row[0] >> 24 <= byte <= row[1] >> 24) for byte in range(256)
)
_V6_ROWS: Final[_Rows] = _bounds(_V6_SCOPES)

# IPv6 forms that carry the IPv4 address of the client. Such a client is counted as that IPv4 address, because
# it could otherwise have a /64 of its own for every bit that the form leaves free. Prefix length, prefix, how
# far the IPv4 bits stand from the right end, and a mask for forms that invert them: mapped (RFC 4291), NAT64
# (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380, the client's own address and not its server's).
_CARRIERS: Final = (
    (96, 0xFFFF, 0, 0),
    (96, 0x64FF9B << 64, 0, 0),
    (16, 0x2002, 80, 0),
    (32, 0x20010000, 0, 0xFFFFFFFF),
)
_LOWEST_V6_KEY: Final = 1 << 32


_NAME_V4: Final = "name the IPv4 networks"


class CarrierError(ValueError):
    """A network without any match, because its addresses count in another; the text has the reason and the fix."""


def counted_network(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """The network for counting addresses of this one: for IPv6 forms with an IPv4 address, the IPv4 network.

    Raises CarrierError where that is no network: one that holds such a form and others, or names no client of Teredo.
    """
    if isinstance(network, IPv4Network):
        return network
    first, length = int(network.network_address), network.prefixlen
    for carrier, prefix, shift, inverted in _CARRIERS:
        if length < carrier and prefix << (128 - carrier) >> (128 - length) == first >> (128 - length):
            whole = f"{inet_ntop(AF_INET6, (prefix << 128 - carrier).to_bytes(16))}/{carrier}"
            raise CarrierError(
                f"it holds {whole}, whose addresses are counted as the IPv4 addresses in them; {_NAME_V4}"
            )
        if length >= carrier and first >> (128 - carrier) == prefix:
            return _carried(first, length - (96 - shift), shift, inverted)
    return network


def _carried(first: int, length: int, shift: int, inverted: int) -> IPv4Network:
    if length < 0:
        raise CarrierError(f"a client of Teredo is counted as its own IPv4 address, in the last 32 bits; {_NAME_V4}")
    length = min(length, 32)
    value = ((first >> shift) & 0xFFFFFFFF) ^ inverted
    return IPv4Network((value >> (32 - length) << (32 - length), length))


def scope_of(address: Address) -> Scope:
    value = address.value
    is_v4 = address.version == 4
    for first, last, scope in _V4_BY_BYTE[value >> 24] if is_v4 else _V6_ROWS:
        if first <= value <= last:
            return scope
    return "public" if is_v4 else "reserved"


def parse(text: str) -> Address | None:
    """The address in a header or a peer name, or None if there is none.

    Taken: white space and one pair of double quotes around it, `[v6]`, `[v6]:port`, `v4:port`, a zone id
    (dropped, because it names an interface of ours). Refused: leading zeros in IPv4, host names, networks,
    anything else.
    """
    if len(text) > LONGEST:
        return None
    try:
        return Address(4, int.from_bytes(inet_pton(AF_INET, text)), text)  # it takes canonical text only
    except (OSError, ValueError):  # not plain IPv4; ValueError is a null byte in it
        return _parse_other(text)


def host_key(address: Address) -> int:
    """The address itself (v4) or its /64 (v6), as a number below 2**64. No v4 key equals a v6 one.

    All /64s of the reserved ::/32 share one key, since their numbers belong to IPv4.
    """
    return address.value if address.version == 4 else max(address.value >> 64, _LOWEST_V6_KEY)


def network_key(address: Address) -> int:
    """The first host key of its /24 (v4) or /48 (v6)."""
    return network_of(host_key(address))


def network_of(host: int) -> int:
    """The key of the network that holds a host, both as keys: its /24 (v4) or /48 (v6)."""
    return host & (-256 if host < _LOWEST_V6_KEY else -65536)


def host_text(key: int) -> str:
    """`203.0.113.7`, or `2001:db8::/64`."""
    return _key_text(key, "", "/64")


def network_text(key: int) -> str:
    """`203.0.113.0/24`, or `2001:db8::/48`."""
    return _key_text(key, "/24", "/48")


def host_text_of(address: AddressFacts) -> str | None:
    """`host_text` of a known address's host: for IPv4 it is there already."""
    host = address.host
    if host is None:
        return None
    return address.ip if host < _LOWEST_V6_KEY else host_text(host)


def network_name(address: Address) -> str:
    """`network_text` of an address's network."""
    if address.version == 6:
        return network_text(network_key(address))
    ip = address.text
    return ip[: ip.rindex(".")] + ".0/24"


def plain_facts(text: str) -> AddressFacts:
    """Return the facts from the text alone: scope and keys."""
    address = parse(text)
    if address is None:
        return AddressFacts(text[:LONGEST], "malformed")
    return known_facts(address, {})


def known_facts(address: Address, known: dict[str, Any]) -> AddressFacts:
    """Return the facts of a well-formed address, with those that databases know."""
    scope, name = scope_of(address), network_name(address)
    return AddressFacts(address.text, scope, host_key(address), network_key(address), network_name=name, **known)


def _key_text(key: int, v4_suffix: str, v6_suffix: str) -> str:
    if key < _LOWEST_V6_KEY:
        return inet_ntop(AF_INET, key.to_bytes(4)) + v4_suffix
    return inet_ntop(AF_INET6, (key << 64).to_bytes(16)) + v6_suffix


def _v4(packed: bytes) -> Address:
    return Address(4, int.from_bytes(packed), inet_ntop(AF_INET, packed))


def _v6(packed: bytes) -> Address:
    value = int.from_bytes(packed)
    for length, prefix, shift, inverted in _CARRIERS:
        if value >> (128 - length) == prefix:
            return _v4((((value >> shift) & 0xFFFFFFFF) ^ inverted).to_bytes(4))
    return Address(6, value, inet_ntop(AF_INET6, packed))


def _parse_other(text: str) -> Address | None:
    """Everything but plain IPv4: IPv6, and either of them in its wrappings."""
    text = text.strip(" \t")
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    family, bare = _unwrap(text)
    try:
        packed = inet_pton(family, bare)
    except (OSError, ValueError):
        return None
    return _v4(packed) if family == AF_INET else _v6(packed)


def _unwrap(text: str) -> tuple[int, str]:
    """Remove brackets, port and zone; if they are malformed, the result is not an address."""
    if text.startswith("["):
        inner, closed, port = text[1:].partition("]")
        if not closed or (port and not _is_port(port)):
            return AF_INET6, ""
        return AF_INET6, _without_zone(inner)
    if text.count(":") > 1:
        return AF_INET6, _without_zone(text)
    bare, colon, port = text.partition(":")
    if colon and not _is_port(colon + port):
        return AF_INET, ""
    return AF_INET, bare


def _without_zone(text: str) -> str:
    bare, percent, zone = text.partition("%")
    return bare if zone or not percent else ""


def _is_port(text: str) -> bool:
    digits = text[1:]
    return text[0] == ":" and digits.isascii() and digits.isdigit() and len(digits) <= 5 and int(digits) <= 65535
