"""What the book makes of several databases, and what happens when they change."""

import pytest

from geoip.book import AddressBook, load
from geoip.facts import plain_facts

DAY = 86400.0
NOW = 1_790_812_800.0
BEFORE_THEY_WERE_BUILT = 1_600_000_000.0


def asn(number, name="Example"):
    return {"autonomous_system_number": number, "autonomous_system_organization": name}


def anonymous(**flags):
    return {f"is_{name}": 1 for name in flags}


@pytest.fixture
def open_book(database):
    """A function ((type, {network: record}), …) that gives a book on such databases alone."""

    def make(*databases, **options):
        return AddressBook.open([database(*given) for given in databases], NOW, embedded=None, **options)

    return make


def test_without_any_database_the_text_still_tells_scope_and_keys():
    """A book on nothing is a book."""
    book = AddressBook()
    assert book.lookup("8.8.8.8") == plain_facts("8.8.8.8")
    assert book.lookup("nonsense").scope == "malformed"


def test_facts_come_from_all_databases_and_the_first_wins(open_book):
    """An operator's own database is put before a general one and corrects it, fact by fact."""
    book = open_book(
        ("GeoLite2-ASN", {"1.0.0.0/24": asn(64500, "Ours")}),
        ("GeoLite2-ASN", {"1.0.0.0/8": asn(64501, "Theirs")}),
        ("GeoLite2-Country", {"1.0.0.0/8": {"country": {"iso_code": "GB"}}}),
    )
    inside, outside = book.lookup("1.0.0.1"), book.lookup("1.0.1.1")
    assert (inside.asn, inside.organisation, inside.country) == (64500, "Ours", "GB")
    assert (outside.asn, outside.organisation, outside.country) == (64501, "Theirs", "GB")


@pytest.mark.parametrize("order", [1, -1])
def test_what_hides_people_tells_more_than_the_sort_of_network(open_book, order):
    """A VPN exit on a phone network is a VPN exit, whichever database comes first."""
    databases = [
        ("GeoIP2-Connection-Type", {"1.0.0.0/8": {"connection_type": "Cellular"}}),
        ("GeoIP2-Anonymous-IP", {"1.0.0.0/24": anonymous(anonymous_vpn=1)}),
    ]
    book = open_book(*databases[::order])
    assert book.lookup("1.0.0.1").kind == "vpn"
    assert book.lookup("1.0.1.1").kind == "mobile"


@pytest.mark.parametrize("order", [1, -1])
def test_a_list_is_surer_than_a_name(open_book, order):
    """A guess from the network's name gives way to a database that states the kind."""
    guessed = {"asn": 64500, "kind": "hosting", "confidence": 60}
    databases = [
        ("Headcount-Networks", {"1.0.0.0/8": guessed}),
        ("GeoIP2-Connection-Type", {"1.0.0.0/24": {"connection_type": "Cable/DSL"}}),
    ]
    book = open_book(*databases[::order])
    assert (book.lookup("1.0.0.1").kind, book.lookup("1.0.0.1").kind_confidence) == ("residential", 0.9)
    assert (book.lookup("1.0.1.1").kind, book.lookup("1.0.1.1").kind_confidence) == ("hosting", 0.6)


def test_all_forms_of_an_address_find_the_same_record(open_book):
    """The databases are asked for the address that is counted."""
    book = open_book(("GeoLite2-ASN", {"203.0.113.0/24": asn(64500), "2001:db8::/32": asn(64501)}))
    for text in ("203.0.113.7", "::ffff:203.0.113.7", "203.0.113.7:80", "2002:cb00:7107::1"):
        assert book.lookup(text).asn == 64500
    assert book.lookup("[2001:db8::1]:443").asn == 64501


def test_every_record_of_maxminds_test_databases_is_taken(maxmind):
    """The real layouts, read as the vendor writes them, without one failure, at a time when no file is stale."""
    book = AddressBook.open(sorted(maxmind.glob("*.mmdb")), BEFORE_THEY_WERE_BUILT, embedded=None)
    facts = book.lookup("1.2.0.4")
    assert (facts.kind, facts.anonymiser_confidence) == ("vpn", 82)
    assert book.lookup("1.0.0.1").organisation == "Google Inc."
    assert book.lookup("81.2.69.160").country == "GB"
    assert book.lookup("2001:480:1b20:fb4f::7").kind == "proxy"
    assert book.lookup("1.2.3.4").user_count == 3
    assert book.lookup("1.2.3.4").static_score == 0.05
    assert book.failures == 0


def test_a_repeated_look_up_comes_from_the_cache(open_book):
    """The same object comes back."""
    book = open_book(("GeoLite2-ASN", {"1.0.0.0/8": asn(64500)}))
    assert book.lookup("1.2.3.4") is book.lookup("1.2.3.4")


def test_the_cache_is_bounded_and_malformed_text_is_not_in_it(open_book):
    """A flood of made-up addresses costs a stated amount of memory; a flood of nonsense none."""
    book = open_book(cache_size=100)
    first = book.lookup("10.0.0.1")
    for number in range(1000):
        book.lookup(f"nonsense {number}")
    assert book.lookup("10.0.0.1") is first
    for number in range(1000):
        book.lookup(f"10.1.{number // 256}.{number % 256}")
    assert len(book._cache) == 100
    assert book.lookup("10.0.0.1") is not first


def test_a_reload_swaps_the_databases_and_empties_the_cache(open_book, database):
    """After a reload nothing of the old databases is left."""
    book = open_book(("GeoLite2-ASN", {"1.0.0.0/8": asn(64500)}))
    assert book.lookup("1.2.3.4").asn == 64500
    assert book.reload([database("GeoLite2-ASN", {"1.0.0.0/8": asn(64501)})], NOW, embedded=None) == ()
    assert book.lookup("1.2.3.4").asn == 64501


def test_a_failed_reload_changes_nothing_and_says_what_failed(open_book, database, tmp_path):
    """One bad file among good ones: all old ones stay in use, and every bad file is named."""
    book = open_book(("GeoLite2-ASN", {"1.0.0.0/8": asn(64500)}))
    before = book.lookup("1.2.3.4")
    bad = tmp_path / "bad.mmdb"
    bad.write_bytes(b"not a database")
    paths = [database("GeoLite2-ASN", {"1.0.0.0/8": asn(64501)}), bad, tmp_path / "gone.mmdb"]
    errors = book.reload(paths, NOW, embedded=None)
    assert [error.path for error in errors] == paths[1:]
    assert book.lookup("1.2.3.4") is before
    assert book.lookup("1.2.3.5").asn == 64500


def test_databases_can_be_loaded_apart_from_the_swap(open_book, database):
    """A program that must not wait loads in a thread and swaps in its own."""
    book = open_book()
    loaded = load([database("GeoLite2-ASN", {"1.0.0.0/8": asn(64500)})], embedded=None)
    assert book.lookup("1.2.3.4").asn is None
    book.swap(loaded.databases, NOW)
    assert book.lookup("1.2.3.4").asn == 64500


def test_swapping_in_the_same_databases_keeps_them_open(open_book):
    """A reader that stays in use is not closed."""
    book = open_book(("GeoLite2-ASN", {"1.0.0.0/8": asn(64500)}))
    book.swap(book.databases, NOW)
    assert book.lookup("1.2.3.4").asn == 64500
    assert book.failures == 0


def test_lists_of_addresses_go_stale_long_before_facts_about_networks(database):
    """A proxy list is old after a month, an AS database after a year; only what is known from it is
    marked."""
    paths = [
        database("GeoIP2-Anonymous-IP", {"1.0.0.0/24": anonymous(anonymous_vpn=1)}, NOW - 31 * DAY),
        database("GeoLite2-ASN", {"1.0.0.0/8": asn(64500)}, NOW - 31 * DAY),
    ]
    book = AddressBook.open(paths, NOW, embedded=None)
    assert [item.path for item in book.stale] == paths[:1]
    assert book.lookup("1.0.0.1").stale
    assert not book.lookup("1.0.1.1").stale
    assert not book.lookup("2.0.0.1").stale


def test_a_book_that_runs_for_long_notices_that_it_is_stale(database):
    """`age` judges again without a reload; a database from the future is not stale."""
    path = database("GeoIP2-Anonymous-IP", {"1.0.0.0/24": anonymous(anonymous_vpn=1)}, NOW)
    book = AddressBook.open([path], NOW - DAY, embedded=None)
    assert not book.lookup("1.0.0.1").stale
    book.age(NOW + 31 * DAY)
    assert book.lookup("1.0.0.1").stale


def test_the_embedded_database_needs_no_key_and_no_network():
    """Out of the box an address has AS number, name, country and kind."""
    book = AddressBook.open(now=NOW)
    facts = book.lookup("8.8.8.8")
    assert (facts.asn, facts.organisation, facts.country, facts.kind) == (15169, "Google LLC", "US", "hosting")
    assert book.lookup("2001:4860:4860::8888").asn == 15169
    assert book.lookup("172.224.226.1").kind == "relay"
    assert book.lookup("128.30.2.2").kind == "education"
    assert book.lookup("203.0.113.7").asn is None
    assert book.warnings == ()


def test_damage_met_at_a_look_up_counts_and_the_other_databases_answer(open_book):
    """A file can be damaged where opening it did not look."""
    book = open_book(
        ("GeoLite2-ASN", {"1.0.0.0/8": asn(64500)}),
        ("GeoLite2-Country", {"1.0.0.0/8": {"country": {"iso_code": "GB"}}}),
    )
    book.databases[0].reader.close()  # a closed reader raises what a damaged file raises
    assert book.lookup("1.2.3.4").country == "GB"
    assert book.lookup("1.2.3.4").asn is None
    assert book.failures == 1


@pytest.mark.parametrize(
    ("days", "left"), [(29.9, 1.0), (30.1, 0.99), (45, 0.7), (60, 0.5), (90, 0.25), (120, 0.12), (3 * 365, 0.0)]
)
def test_a_stale_fact_counts_half_for_each_time_that_long_again(database, days, left):
    """Of a list that is good for a month; the book runs all the while."""
    path = database("GeoIP2-Anonymous-IP", {"1.0.0.0/24": anonymous(anonymous_vpn=1)}, NOW)
    book = AddressBook.open([path, database("GeoLite2-ASN", {"1.0.0.0/8": asn(64500)}, NOW)], NOW, embedded=None)
    assert book.lookup("1.0.0.1").kind_freshness == 1.0
    book.age(NOW + days * DAY)
    facts = book.lookup("1.0.0.1")
    assert facts.kind_freshness == left
    assert facts.stale == (left < 1.0)
    assert facts.asn_freshness == {True: 0.25, False: 1.0}[days > 365]


def test_freshness_is_that_of_the_database_which_a_fact_is_from(database):
    """A stale database in front does not make another one's facts old, nor the other way round."""
    stale = database("GeoLite2-ASN", {"1.0.0.0/8": asn(64500)}, NOW - 730 * DAY)
    fresh = database("ipinfo standard_privacy.mmdb", {"1.0.0.0/8": {"vpn": "true"}}, NOW)
    for paths in ([stale, fresh], [fresh, stale]):
        facts = AddressBook.open(paths, NOW, embedded=None).lookup("1.0.0.1")
        assert (facts.asn, facts.asn_freshness, facts.kind, facts.kind_freshness) == (64500, 0.5, "vpn", 1.0)


def test_an_outdated_list_of_vpns_has_no_precedence(database):
    """Who is behind the address by now is not known any more, and what sort of network it is in is."""
    old = database("ipinfo standard_privacy.mmdb", {"1.0.0.0/8": {"vpn": "true"}}, NOW)
    new = database("GeoIP2-Connection-Type", {"1.0.0.0/8": {"connection_type": "Cable/DSL"}}, NOW)
    book = AddressBook.open([old, new], NOW, embedded=None)
    for days, kind in ((0, "vpn"), (59, "vpn"), (61, "residential")):
        book.age(NOW + days * DAY)
        assert book.lookup("1.0.0.1").kind == kind


def test_age_is_looked_at_once_an_hour_whatever_the_clock_does(database):
    """Calls in between cost nothing; a clock that was set back is looked at too."""
    path = database("GeoIP2-Anonymous-IP", {"1.0.0.0/24": anonymous(anonymous_vpn=1)}, NOW)
    book = AddressBook.open([path], NOW + 30 * DAY, embedded=None)
    book.age(NOW + 30 * DAY + 3599)
    assert not book.stale
    book.age(NOW + 30 * DAY + 3600)
    assert book.stale
    book.age(NOW)
    assert not book.stale
