"""Each layout is recognised by its metadata, and each fact is found where that layout keeps it."""

import pytest

from geoip.facts import LISTED
from geoip.layouts import LAYOUTS, find, layout_of

GOOGLE = {"autonomous_system_number": 15169, "autonomous_system_organization": "Google LLC"}
COUNTRY = {"country": {"iso_code": "GB"}, "registered_country": {"iso_code": "US"}}
IPINFO_LITE = {
    "asn": "AS15169",
    "as_name": "Google LLC",
    "as_domain": "google.com",
    "country": "United States",
    "country_code": "US",
}


def kind(word):
    return {"kind": word, "kind_confidence": LISTED}


CASES = [
    ("GeoLite2-ASN", GOOGLE, {"asn": 15169, "organisation": "Google LLC"}),
    ("GeoIP2-ISP", {**GOOGLE, "isp": "x"}, {"asn": 15169, "organisation": "Google LLC"}),
    ("DBIP-ASN-Lite (compat=GeoLite2-ASN)", GOOGLE, {"asn": 15169, "organisation": "Google LLC"}),
    ("GeoLite2-Country", COUNTRY, {"country": "GB"}),
    ("GeoIP2-City", {"registered_country": {"iso_code": "US"}}, {"country": "US"}),
    ("GeoIP2-City-Europe", COUNTRY, {"country": "GB"}),
    ("DBIP-Country-Lite", COUNTRY, {"country": "GB"}),
    ("DBIP-City-Lite", COUNTRY, {"country": "GB"}),
    ("DBIP-Location (compat=City)", COUNTRY, {"country": "GB"}),
    (
        "DBIP-Location-ISP (compat=Enterprise)",
        {**COUNTRY, "traits": {**GOOGLE, "user_type": "cellular"}},
        {"country": "GB", "asn": 15169, "organisation": "Google LLC", **kind("mobile")},
    ),
    ("GeoIP2-Enterprise", {"traits": {"connection_type": "Corporate"}}, kind("business")),
    ("GeoIP2-Anonymous-IP", {"is_anonymous": 1, "is_anonymous_vpn": 1, "is_hosting_provider": 1}, kind("vpn")),
    ("GeoIP2-Anonymous-IP", {"is_tor_exit_node": 1, "is_anonymous_vpn": 1}, kind("tor")),
    ("GeoIP2-Anonymous-IP", {"is_anonymous": 0}, {}),
    (
        "GeoIP-Anonymous-Plus",
        {"anonymizer_confidence": 30, "is_anonymous": 1},
        {**kind("proxy"), "anonymiser_confidence": 30},
    ),
    (
        "GeoIP-Residential-Proxy",
        {"anonymizer_confidence": 82, "provider_name": "quickshift"},
        {**kind("proxy"), "anonymiser_confidence": 82},
    ),
    ("GeoIP2-User-Count", {"ipv4_24": 90, "ipv4_32": 7}, {"user_count": 7}),
    ("GeoIP2-User-Count", {"ipv6_32": 90, "ipv6_48": 8, "ipv6_64": 2}, {"user_count": 2}),
    ("GeoIP2-Static-IP-Score", {"score": 2.83}, {"static_score": 2.83}),
    ("GeoIP2-Connection-Type", {"connection_type": "Cable/DSL"}, kind("residential")),
    ("GeoIP2-Connection-Type", {"connection_type": "Cellular"}, kind("mobile")),
    ("asn ipvAll", GOOGLE, {"asn": 15169, "organisation": "Google LLC"}),
    ("country ipv4", {"country_code": "AU"}, {"country": "AU"}),
    ("city ipv6", {"country_code": "AU", "city": "x"}, {"country": "AU"}),
    (
        "ipinfo bundle_location_lite.mmdb",
        IPINFO_LITE,
        {"asn": 15169, "organisation": "Google LLC", "country": "US"},
    ),
    (
        "ipinfo generic_country_free_country_asn.mmdb",
        {"asn": "AS1", "as_name": "x", "country": "DE", "country_name": "Germany"},
        {"asn": 1, "organisation": "x", "country": "DE"},
    ),
    (
        "ipinfo generic_asn_mmdb_v4.mmdb",
        {"asn": "AS24940", "name": "Hetzner", "type": "hosting"},
        {"asn": 24940, "organisation": "Hetzner", **kind("hosting")},
    ),
    ("ipinfo generic_asn_free.mmdb", {"asn": "A", "name": "", "type": "isp"}, {}),
    ("ipinfo standard_privacy.mmdb", {"hosting": "true", "vpn": "true", "tor": "", "proxy": "false"}, kind("vpn")),
    ("ipinfo extended_privacy_v2.mmdb", {"relay": "true", "hosting": "true"}, kind("relay")),
    (
        "ipinfo ipinfo_core_sample.mmdb",
        {**IPINFO_LITE, "is_hosting": "true", "as_type": "isp"},
        {"asn": 15169, "organisation": "Google LLC", "country": "US", **kind("hosting")},
    ),
    ("ipinfo standard_carrier_mmdb.mmdb", {"carrier": "Jio", "mcc": "405"}, kind("mobile")),
    ("ipinfo resproxy_sample.mmdb", {"service": "anyIP", "last_seen": "2026-06-21"}, kind("proxy")),
    (
        "Headcount-Networks",
        {"as": {"asn": 3, "organisation": "MIT", "country": "US", "kind": "education", "confidence": 50}},
        {"asn": 3, "organisation": "MIT", "country": "US", "kind": "education", "kind_confidence": 0.5},
    ),
    (
        "Headcount-Networks",
        {"as": {"asn": 3, "kind": "education", "confidence": 50}, "kind": "hosting", "confidence": 90},
        {"asn": 3, "kind": "hosting", "kind_confidence": 0.9},
    ),
]


@pytest.mark.parametrize(("database_type", "record", "expected"), CASES)
def test_each_layout_gives_its_facts(database_type, record, expected):
    """A record as the vendor writes it becomes the facts that it states."""
    assert find(layout_of(database_type), record) == expected


def test_every_layout_has_a_case():
    """A new row in the table needs a record here that shows it."""
    assert {layout_of(case[0]).name for case in CASES} == {layout.name for layout in LAYOUTS}


@pytest.mark.parametrize("database_type", ["", "Test", "GeoIP2-Domain", "ipinfo hosted_domains_sample.mmdb", "ASN"])
def test_what_no_layout_fits_is_not_guessed(database_type):
    """A database that supplies nothing we use is refused, not read as something else."""
    assert layout_of(database_type) is None


@pytest.mark.parametrize(
    "value", [None, "", " ", "ZZ", "USA", "--", "1", -1, 0, 1e400, float("nan"), True, [], {}, ["US"], b"US", 2**70]
)
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_odd_values_are_unknown_rather_than_wrong(layout, value):
    """A value of the wrong type or out of range never raises, and never becomes a fact of the wrong type."""
    record = {}
    for _, path, _ in layout.members:
        holder = record
        for step in path[:-1]:
            holder = holder.setdefault(step, {})
        if isinstance(holder, dict):
            holder[path[-1]] = value
    found = find(layout, record)
    country, score = found.get("country", "US"), found.get("static_score", 0.0)
    assert isinstance(country, str)
    assert len(country) == 2
    assert country.isalpha()
    assert 0 <= score <= 100
    assert all(isinstance(found.get(fact, 1), int) for fact in ("asn", "user_count"))


@pytest.mark.parametrize("record", [{"as": "x"}, {"as": [1]}, {"country": {"iso_code": ["x"]}}, {"traits": None}])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_records_of_another_shape_are_empty(layout, record):
    """A map where a text should be, or the other way round, is skipped."""
    assert find(layout, record) == {}
