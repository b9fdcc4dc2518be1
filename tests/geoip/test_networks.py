"""Networks by what is known of them, and addresses drawn from them."""

from collections import Counter
from itertools import islice
from random import Random

import pytest

from geoip.book import AddressBook
from geoip.networks import Draw, Network, networks
from geoip.readers import DatabaseError

AS1 = {"asn": 64500, "organisation": "One", "country": "DE", "kind": "mobile", "confidence": 50}
AS2 = {"asn": 64501, "organisation": "Two", "country": "US"}
RECORDS = {
    "1.0.0.0/24": AS1,
    "2.0.0.0/23": AS2,
    "3.0.0.0/30": {"as": AS1, "country": "FR", "kind": "vpn", "confidence": 90},
    "2001:db8::/48": AS1,
}


@pytest.fixture
def path(database):
    return database("Headcount-Networks", RECORDS)


def test_networks_come_with_what_is_known_of_them(path):
    """In the order of their addresses, one IP version at a time."""
    assert list(networks(path=path)) == [
        Network(4, 1 << 24, (1 << 24) + 255, 64500, "One", "DE", "mobile"),
        Network(4, 2 << 24, (2 << 24) + 511, 64501, "Two", "US", None),
        Network(4, 3 << 24, (3 << 24) + 3, 64500, "One", "FR", "vpn"),
    ]
    assert [net.size for net in networks(path=path, version=6)] == [1 << 80]


def test_networks_can_be_chosen(path):
    """By AS, by kind, by country, by anything."""
    assert [net.country for net in networks(lambda net: net.asn == 64500, path=path)] == ["DE", "FR"]


def test_other_peoples_databases_are_refused(database):
    """Their records have other shapes; reading them silently would give nothing."""
    with pytest.raises(DatabaseError, match="Headcount-Networks"):
        list(networks(path=database("GeoLite2-ASN", {"1.0.0.0/8": {"autonomous_system_number": 1}})))


def test_drawn_addresses_are_inside_and_follow_size(path):
    """A network twice as large is drawn from twice as often; the same seed draws the same."""
    draw = Draw(list(networks(path=path)))
    book = AddressBook.open([path], embedded=None)
    counts = Counter(book.lookup(draw.address(random)).asn for random in [Random(7)] for _ in range(3000))
    assert set(counts) == {64500, 64501}
    assert 1.7 < counts[64501] / counts[64500] < 2.3
    assert draw.address(Random(1)) == draw.address(Random(1))


def test_addresses_of_ipv6_are_drawn_too(path):
    """As text that the book takes."""
    address = Draw(list(networks(path=path, version=6))).address(Random(1))
    assert address.startswith("2001:db8:")


def test_there_must_be_something_to_draw_from():
    """A filter that fits nothing is a mistake of the caller."""
    with pytest.raises(ValueError, match="no network"):
        Draw([])


def test_the_embedded_database_can_be_drawn_from():
    """The first few networks of the real file, without reading all of it."""
    some = list(islice(networks(lambda net: net.kind == "hosting" and net.country == "US"), 20))
    book, random = AddressBook.open(), Random(3)
    drawn = [book.lookup(Draw(some).address(random)) for _ in range(50)]
    assert {(facts.kind, facts.country) for facts in drawn} == {("hosting", "US")}
