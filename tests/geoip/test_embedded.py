"""The build of the embedded database, on sources small enough to read here."""

import json
from collections import Counter
from random import Random

import pytest

from geoip.book import EMBEDDED, AddressBook
from geoip.readers import DatabaseError, checksum, origin_path
from tools.address_database import LISTS, Sources, build, published

NOW = 1_790_812_800.0
V4 = """1.0.0.0,1.0.0.255,64500,Example Hosting
1.0.1.0,1.0.1.127,64500,Example Hosting
1.0.1.128,1.0.1.135,64502,Somebody's Customer
2.0.0.0,2.0.255.255,64501,"Example, Inc."
3.0.0.0,3.0.0.255,36183,Akamai
"""
V6 = '2600::,2600:0:0:ffff:ffff:ffff:ffff:ffff,64501,"Example, Inc."\n'


@pytest.fixture
def sources(tmp_path, database):
    """Unpacked packages, in small."""
    (tmp_path / "asn-ipv4.csv").write_text(V4)
    (tmp_path / "asn-ipv6.csv").write_text(V6)
    lists = tmp_path / "lists"
    for name in LISTS:
        (lists / name).mkdir(parents=True)
        (lists / name / "list.json").write_text('{"list": []}')
    (lists / "amazon-aws" / "list.json").write_text(json.dumps({"list": ["2.0.7.0/24", "2600:0:0:1::/64"]}))
    (lists / "vpn-ipv4" / "list.json").write_text(json.dumps({"list": ["3.0.0.0/8"]}))
    v4 = {
        "1.0.0.0/8": {"country_code": "DE"},
        "2.0.0.0/17": {"country_code": "US"},
        "2.0.128.0/17": {"country_code": "FR"},
    }
    countries = {
        4: database("country ipv4", v4, ip_version=4),
        6: database("country ipv6", {"2600::/16": {"country_code": "US"}}),
    }
    return Sources(tmp_path, countries, lists, {"a": "1"}, NOW)


@pytest.fixture
def book(sources, tmp_path):
    build(sources, tmp_path / "out.mmdb")
    return AddressBook.open(now=NOW, embedded=tmp_path / "out.mmdb")


def test_system_name_and_country_are_joined(book):
    """Each address has what its AS has, and the country that it is in rather than the AS's."""
    facts = book.lookup("2.0.1.1")
    assert (facts.asn, facts.organisation, facts.country) == (64501, "Example, Inc.", "US")
    assert book.lookup("2.0.200.1").country == "FR"
    assert book.lookup("2600::1").asn == 64501


def test_names_give_a_kind_and_lists_a_surer_one(book):
    """A list beats a name, but not what hides people."""
    assert (book.lookup("1.0.0.1").kind, book.lookup("1.0.0.1").kind_confidence) == ("hosting", 0.6)
    assert (book.lookup("2.0.7.1").kind, book.lookup("2.0.7.1").kind_confidence) == ("hosting", 0.9)
    assert book.lookup("2.0.8.1").kind is None
    assert book.lookup("2600:0:0:1::1").kind == "hosting"
    assert book.lookup("3.0.0.1").kind == "relay"


def test_unrouted_space_is_left_out(book):
    """No client can be there, whatever a registry has noted of it."""
    assert book.lookup("1.1.0.1").country is None


def test_what_is_narrower_than_a_24_goes_to_the_larger_part(book):
    """A customer's eight addresses in a provider's /24 are the provider's."""
    assert book.lookup("1.0.1.130").asn == 64500


def test_a_build_can_be_repeated(sources, tmp_path):
    """The same sources give the same bytes, dated by the sources and not by the clock."""
    build(sources, tmp_path / "one.mmdb")
    build(sources, tmp_path / "two.mmdb")
    assert (tmp_path / "one.mmdb").read_bytes() == (tmp_path / "two.mmdb").read_bytes()
    assert AddressBook.open(embedded=tmp_path / "one.mmdb").databases[0].built == NOW


def test_the_committed_file_is_the_one_that_was_built():
    """File, checksum and the versions of the sources are committed together."""
    origin = json.loads(origin_path(EMBEDDED).read_text())
    assert origin["sha256"] == checksum(EMBEDDED)
    assert len(origin["sources"]) == 4


def test_a_changed_embedded_file_is_refused(sources, tmp_path):
    """One byte is enough, and a missing file or checksum is named."""
    path = tmp_path / "out.mmdb"
    build(sources, path)
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatabaseError, match="not the file that the package came with"):
        AddressBook.open(embedded=path)
    path.unlink()
    with pytest.raises(DatabaseError, match="No such file"):
        AddressBook.open(embedded=path)


def test_a_database_without_its_checksum_is_refused(sources, tmp_path):
    """The two files belong together."""
    build(sources, tmp_path / "out.mmdb")
    origin_path(tmp_path / "out.mmdb").unlink()
    with pytest.raises(DatabaseError, match=r"out\.json, which has its checksum"):
        AddressBook.open(embedded=tmp_path / "out.mmdb")


def test_the_date_of_a_package_is_in_its_version():
    """2.3.2026061719 was made on 17 June 2026; a version without a date is an error, not a guess."""
    assert published("2.3.2026061719") == 1781654400
    with pytest.raises(ValueError, match=r"2\.3\.1"):
        published("2.3.1")


def test_the_committed_file_knows_every_kind_of_network_and_is_small():
    """A build whose sources changed shape would lose one; a larger file would not be worth its place."""
    book, random = AddressBook.open(), Random(5)
    kinds = Counter(book.lookup(f"{random.randrange(1, 224)}.{random.randrange(256)}.1.1").kind for _ in range(20_000))
    assert {"hosting", "education", "mobile", "business", "residential"} <= set(kinds)
    assert 0.05 < kinds["hosting"] / kinds.total() < 0.2
    assert book.lookup("185.159.157.1").kind == "vpn"
    assert EMBEDDED.stat().st_size < 15_000_000
