"""The supported databases, and the place of each fact in their records.

A database is recognised by `database_type` in its metadata. The table below is all there is to a layout: to
add one, add a row.

Sources: MaxMind's field lists at dev.maxmind.com/geoip/docs/databases; DB-IP's files, which follow MaxMind's
(their type says "compat="); the README files of ip-location-db; IPinfo's sample-database repository, whose
values are all strings ("AS15169", "true", "").
"""

import re
from collections.abc import Callable, Mapping
from sys import intern
from typing import Any, Final, NamedTuple, get_args

from geoip.facts import LISTED, Kind

OURS: Final = "Headcount-Networks"
_KINDS: Final = frozenset(get_args(Kind))
_DAY: Final = 86400.0

Record = Mapping[str, Any]
Found = dict[str, Any]


class Member(NamedTuple):
    """A fact, the path to it in a record, and how its value is read; None from `read` means not known."""

    fact: str
    path: tuple[str, ...]
    read: Callable[[Any], Any]


class Layout(NamedTuple):
    """One family of databases. best_before: seconds after its build when it counts as stale."""

    name: str
    pattern: re.Pattern[str]
    best_before: float
    members: tuple[Member, ...]

    @property
    def supplies(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(member.fact for member in self.members))


def find(layout: Layout, record: Record) -> Found:
    """The facts in a record; if a fact is in several places, the layout's first place counts.

    A kind always comes with its confidence.
    """
    found: Found = {}
    for fact, path, read in layout.members:
        value: Any = record
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None and fact not in found:
            known = read(value)
            if known is not None:
                found[fact] = known
    if "kind" in found:
        found.setdefault("kind_confidence", LISTED)
    else:
        found.pop("kind_confidence", None)
    return found


def layout_of(database_type: str) -> Layout | None:
    return next((layout for layout in LAYOUTS if layout.pattern.search(database_type)), None)


def _text(value: Any) -> str | None:
    return (intern(value.strip()) or None) if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    if isinstance(value, str):
        digits = value.strip().upper().removeprefix("AS")
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else None
    return value if isinstance(value, int) and value >= 0 else None


def _asn(value: Any) -> int | None:
    return _count(value) or None  # AS 0 stands for "not routed"


def _country(value: Any) -> str | None:
    code = value.strip().upper() if isinstance(value, str) else ""
    return intern(code) if len(code) == 2 and code.isascii() and code.isalpha() and code != "ZZ" else None


def _score(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value <= 100 else None


def _percent(value: Any) -> int | None:
    number = _count(value)
    return number if number is not None and number <= 100 else None


def _fraction(value: Any) -> float | None:
    percent = _percent(value)
    return None if percent is None else percent / 100


def _word(value: Any) -> Kind | None:
    return _WORDS.get(value.strip().lower()) if isinstance(value, str) else None


def _flag(kind: Kind) -> Callable[[Any], Kind | None]:
    def read(value: Any) -> Kind | None:
        truth = value.strip().lower() in {"true", "1"} if isinstance(value, str) else bool(value)
        return kind if truth else None

    return read


def _present(kind: Kind) -> Callable[[Any], Kind | None]:
    def read(value: Any) -> Kind | None:
        return kind if value else None

    return read


# Words for a kind of network: ours, IPinfo's `type`, MaxMind's `connection_type` and `user_type`. "isp" says
# nothing: homes, offices and phones are all behind one.
_WORDS: Final[dict[str, Kind]] = {
    **{kind: kind for kind in get_args(Kind)},
    "government": "business",
    "banking": "business",
    "corporate": "business",
    "cable/dsl": "residential",
    "dialup": "residential",
    "satellite": "residential",
    "cellular": "mobile",
    "college": "education",
    "school": "education",
    "library": "education",
    "content_delivery_network": "hosting",
    "consumer_privacy_network": "relay",
}


def _first(fact: str, read: Callable[[Any], Any], *paths: str) -> tuple[Member, ...]:
    return tuple(Member(fact, tuple(path.split(".")), read) for path in paths)


def _flags(**kinds: Kind) -> tuple[Member, ...]:
    return tuple(Member("kind", (name,), _flag(kind)) for name, kind in kinds.items())


_MAXMIND_ASN = (
    *_first("asn", _asn, "autonomous_system_number"),
    *_first("organisation", _text, "autonomous_system_organization", "organization", "isp"),
)
_MAXMIND_COUNTRY = _first("country", _country, "country.iso_code", "registered_country.iso_code")
_MAXMIND_TRAITS = (
    *_first("asn", _asn, "traits.autonomous_system_number"),
    *_first("organisation", _text, "traits.autonomous_system_organization", "traits.organization", "traits.isp"),
    *_first("kind", _word, "traits.user_type", "traits.connection_type"),
    *_first("user_count", _count, "traits.user_count"),
    *_first("static_score", _score, "traits.static_ip_score"),
)
_MAXMIND_ANONYMOUS = (
    *_flags(
        is_tor_exit_node="tor",
        is_residential_proxy="proxy",
        is_public_proxy="proxy",
        is_anonymous_vpn="vpn",
        is_hosting_provider="hosting",
        is_anonymous="proxy",
    ),
    *_first("anonymiser_confidence", _percent, "anonymizer_confidence"),
)
_RESIDENTIAL_PROXY = (
    *_first("kind", _present("proxy"), "anonymizer_confidence", "network_last_seen", "provider_name"),
    *_first("anonymiser_confidence", _percent, "anonymizer_confidence"),
)
_IPINFO = (
    *_first("asn", _asn, "asn"),
    *_first("organisation", _text, "as_name", "name"),
    *_first("country", _country, "country_code", "country"),
    *_flags(
        is_tor="tor",
        tor="tor",
        is_proxy="proxy",
        proxy="proxy",
        is_vpn="vpn",
        vpn="vpn",
        is_relay="relay",
        relay="relay",
        is_hosting="hosting",
        hosting="hosting",
        is_mobile="mobile",
        is_satellite="residential",
        is_anonymous="proxy",
    ),
    *_first("kind", _word, "as_type", "type"),
)
_OURS = (
    *_first("asn", _asn, "asn", "as.asn"),
    *_first("organisation", _text, "organisation", "as.organisation"),
    *_first("country", _country, "country", "as.country"),
    *_first("kind", _word, "kind", "as.kind"),
    *_first("kind_confidence", _fraction, "confidence", "as.confidence"),
)
_IP_LOCATION_DB = (*_MAXMIND_ASN, *_first("country", _country, "country_code", "country"))

# Addresses change hands quickly, networks slowly: yesterday's proxies are still 45% right by /24, a month's
# 73% (docs/addresses.md), while most networks keep their country and AS number for years.
_MONTH, _YEAR = 30 * _DAY, 365 * _DAY


def _layout(name: str, pattern: str, best_before: float, members: tuple[Member, ...]) -> Layout:
    return Layout(name, re.compile(pattern), best_before, members)


LAYOUTS: Final[tuple[Layout, ...]] = (
    _layout("Headcount's own", rf"^{OURS}$", _YEAR, _OURS),
    _layout(
        "MaxMind or DB-IP ASN or ISP",
        r"^(GeoLite2|GeoIP2?)-(ASN|ISP)\b|compat=GeoLite2-ASN|^DBIP-ASN|^DBIP-ISP$",
        _YEAR,
        _MAXMIND_ASN,
    ),
    _layout(
        "MaxMind or DB-IP Enterprise",
        r"^GeoIP2?-(Enterprise|Precision)|^DBIP-.*compat=Enterprise",
        _YEAR,
        _MAXMIND_COUNTRY + _MAXMIND_TRAITS,
    ),
    _layout(
        "MaxMind or DB-IP Country or City",
        r"^(GeoLite2|GeoIP2?)-(Country|City)\b|^DBIP-(Country|City|Location)",
        _YEAR,
        _MAXMIND_COUNTRY,
    ),
    _layout(
        "MaxMind Anonymous IP or Anonymous Plus",
        r"^GeoIP2?-Anonymous-(IP|Plus)\b",
        _MONTH,
        _MAXMIND_ANONYMOUS,
    ),
    _layout("MaxMind Residential Proxy", r"^GeoIP2?-Residential-Proxy\b", _MONTH, _RESIDENTIAL_PROXY),
    _layout(
        "MaxMind User Count",
        r"^GeoIP2?-User-Count\b",
        _MONTH,
        _first("user_count", _count, "ipv4_32", "ipv6_64"),
    ),
    _layout(
        "MaxMind Static IP Score",
        r"^GeoIP2?-Static-IP-Score\b",
        _MONTH,
        _first("static_score", _score, "score"),
    ),
    _layout(
        "MaxMind Connection Type",
        r"^GeoIP2?-Connection-Type\b",
        _YEAR,
        _first("kind", _word, "connection_type"),
    ),
    _layout("ip-location-db", r"^(asn|country|asn-country|city) ipv(4|6|All)$", _YEAR, _IP_LOCATION_DB),
    _layout("IPinfo privacy", r"^ipinfo .*(privacy|anonymous)", _MONTH, _IPINFO),
    _layout(
        "IPinfo residential proxy",
        r"^ipinfo .*(resproxy|residential_proxy)",
        _MONTH,
        _first("kind", _present("proxy"), "service", "last_seen"),
    ),
    _layout("IPinfo carrier", r"^ipinfo .*carrier", _YEAR, _first("kind", _present("mobile"), "carrier", "name")),
    _layout(
        "IPinfo ASN, company, country, location, Lite, Core or Plus",
        r"^ipinfo .*(asn|company|country|location|lite|core|plus)",
        _YEAR,
        _IPINFO,
    ),
)

OUR_LAYOUT: Final = LAYOUTS[0]
