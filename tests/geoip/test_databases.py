"""Files that cannot be used say why; files that can do not fail later."""

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from maxminddb.reader import Reader as SlowReader

from geoip.book import AddressBook
from geoip.readers import DatabaseError, open_database

ASN = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example"}
BAD = [
    "libmaxminddb/libmaxminddb-corrupt-search-tree",
    "libmaxminddb/libmaxminddb-deep-array-nesting",
    "libmaxminddb/libmaxminddb-deep-nesting",
    "libmaxminddb/libmaxminddb-empty-array-last-in-metadata",
    "libmaxminddb/libmaxminddb-empty-map-last-in-metadata",
    "libmaxminddb/libmaxminddb-metadata-marker-only",
    "libmaxminddb/libmaxminddb-offset-integer-overflow",
    "libmaxminddb/libmaxminddb-oversized-array",
    "libmaxminddb/libmaxminddb-oversized-map",
    "libmaxminddb/libmaxminddb-separator-record-max-left",
    "libmaxminddb/libmaxminddb-separator-record-min-left",
    "libmaxminddb/libmaxminddb-separator-record-min-right",
    "libmaxminddb/libmaxminddb-uint64-max-epoch",
    "maxminddb-golang/cyclic-data-structure",
    "maxminddb-golang/invalid-bytes-length",
    "maxminddb-golang/invalid-data-record-offset",
    "maxminddb-golang/invalid-map-key-length",
    "maxminddb-golang/invalid-string-length",
    "maxminddb-golang/metadata-is-an-uint128",
    "maxminddb-golang/unexpected-bytes",
    "maxminddb-python/bad-unicode-in-map-key",
]


@pytest.mark.parametrize("name", BAD)
def test_every_corrupt_file_of_maxmind_is_refused_with_name_and_cause(maxmind, name):
    """None of them crashes, hangs or is taken for good; the well-formed ones among them are of no known
    type."""
    path = maxmind / "bad-data" / f"{name}.mmdb"
    with pytest.raises(DatabaseError) as raised:
        open_database(path)
    assert raised.value.path == path
    assert str(path) in str(raised.value)
    assert any(word in raised.value.cause for word in ("corrupt", "not a MaxMind DB file", "is not known"))


def test_no_corrupt_file_of_maxmind_is_forgotten(maxmind):
    """The list above is the whole folder."""
    folder = maxmind / "bad-data"
    assert sorted(BAD) == sorted(str(p.relative_to(folder).with_suffix("")) for p in folder.rglob("*.mmdb"))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_or_harmless(database, tmp_path, data):
    """Whatever bytes change or are missing, opening gives an error of ours, and looking up never raises."""
    path = tmp_path / "damaged.mmdb"
    sound = path.with_name("0.mmdb")
    if not sound.exists():
        records = {f"{i}.0.0.0/8": {**ASN, "autonomous_system_number": 64500 + i} for i in range(1, 100)}
        assert database("GeoLite2-ASN", records) == sound
    good = sound.read_bytes()
    damaged = bytearray(good[: data.draw(st.integers(0, len(good)))] if data.draw(st.booleans()) else good)
    for _ in range(data.draw(st.integers(1, 8))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged)
    try:
        book = AddressBook.open([path], embedded=None)
    except DatabaseError as error:
        assert error.path == path  # noqa: PT017 - both ends are allowed
    else:
        for first in range(0, 256, 5):
            assert book.lookup(f"{first}.1.2.3").ip


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "not a MaxMind DB file"),
        (b"ASN,1\n", "not a MaxMind DB file"),
        (gzip.compress(b"x", mtime=0), "gzip"),
        (b"PK\x03\x04rest", "zip"),
    ],
)
def test_files_of_another_sort_are_named_for_what_they_are(tmp_path, content, cause):
    """The usual mistakes: an empty download, the CSV edition, an archive that was not unpacked."""
    path = tmp_path / "x.mmdb"
    path.write_bytes(content)
    with pytest.raises(DatabaseError, match=cause):
        open_database(path)


def test_a_missing_file_is_named(tmp_path):
    """An operator who mistyped the path reads the path."""
    with pytest.raises(DatabaseError, match=r"gone\.mmdb: No such file"):
        open_database(tmp_path / "gone.mmdb")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_plain_file_is_refused_at_once(tmp_path, make):
    """A folder is no database, and a pipe may never be written to."""
    make(tmp_path / "odd")
    with pytest.raises(DatabaseError, match="not a regular file"):
        open_database(tmp_path / "odd")


def test_an_unknown_type_is_answered_with_the_known_ones(database):
    """The message tells what could have been given instead."""
    with pytest.raises(DatabaseError, match=r"'GeoIP2-Domain' is not known; known are: .*MaxMind User Count"):
        open_database(database("GeoIP2-Domain", {"1.0.0.0/8": {"domain": "x"}}))


def test_overwriting_a_file_in_place_does_no_harm(database):
    """What was opened is a private copy: a mapped file cut short under the reader would end the process."""
    path = database("GeoLite2-ASN", {"1.0.0.0/8": ASN})
    book = AddressBook.open([path], embedded=None)
    path.write_bytes(b"")
    assert book.lookup("1.2.3.4").asn == 64500


def test_the_reader_is_the_fast_one(database):
    """A wheel without the C extension would make look-ups ten times slower without a word."""
    opened = open_database(database("GeoLite2-ASN", {"1.0.0.0/8": ASN}))
    assert opened.is_fast


def test_a_slow_reader_is_told(database):
    """Where maxminddb has no C extension, the book has a warning for the operator."""
    path = database("GeoLite2-ASN", {"1.0.0.0/8": ASN})
    opened = open_database(path)._replace(reader=SlowReader(path))
    book = AddressBook([opened])
    assert book.lookup("1.2.3.4").asn == 64500
    assert "C extension" in book.warnings[0]


def test_a_database_of_ipv4_alone_is_not_asked_about_ipv6(database):
    """It would raise, which would count as damage."""
    book = AddressBook.open([database("GeoLite2-ASN", {"1.0.0.0/8": ASN}, ip_version=4)], embedded=None)
    assert book.lookup("1.2.3.4").asn == 64500
    assert book.lookup("2001:db8::1").asn is None
    assert book.failures == 0
