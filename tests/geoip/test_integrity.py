"""Damage that would end the process in C code is found before any of it runs."""

import pytest

from geoip.integrity import DamagedError, check

MARKER = b"\xab\xcd\xefMaxMind.com"
META = {b"node_count": b"\xa1\x01", b"record_size": b"\xa1\x18", b"ip_version": b"\xa1\x04"}
SOUND = b"\xe1\x41a\x41b"  # {"a": "b"}


def database(data=SOUND, tree=b"\0\0\x11\0\0\x11", **changed):
    """A database of one node of 24-bit records (1 is empty, 17 the first byte of the data), written by
    hand."""
    meta = META | {name.encode(): value for name, value in changed.items()}
    entries = b"".join(bytes([0x40 + len(name)]) + name + value for name, value in meta.items())
    return memoryview(tree + bytes(16) + data + MARKER + bytes([0xE0 + len(meta)]) + entries)


def test_a_sound_database_passes():
    """The one that the cases below damage."""
    check(database())


@pytest.mark.parametrize(
    "data",
    [
        b"\xe0",
        b"\x00\x04",  # an empty array
        b"\x01\x07",  # true
        b"\x68" + bytes(8),  # a double
        b"\x04\x08" + bytes(4),  # a float
        b"\x04\x01\xff\xff\xff\xff",  # a signed number
        b"\x10\x03" + bytes(16),  # 128 bits
        b"\x5d\x02" + b"x" * 31,  # a string longer than 28 bytes
        b"\x5e\x00\x00" + b"x" * 285,
        b"\xe1\x41a\x20\x01",  # a pointer to its own key
        b"\xe2\x41a\x41b\x20\x01\x41c",  # a key that is a pointer
    ],
)
def test_every_type_is_known(data):
    """Nothing that the format allows is refused."""
    check(database(data))


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "points outside|outside its section"),
        (b"\xe1\xa1\x01\x41b", "not a string"),
        (b"\xe1\x20\x02\xa1\x05", "not a string"),
        (b"\xe1\x41a\x5f", "too long|outside its section"),
        (b"\x49x", "too long"),
        (b"\x5f\xff\xff\xffx", "too long"),
        (b"\xc5\x01\x01\x01\x01\x01", "unknown type"),
        (b"\x61\x00", "unknown type"),
        (b"\x00\x05", "unknown type"),
        (b"\x00\x06", "unknown type"),
        (b"\x00\xff", "unknown type"),
        (b"\xe1\x41a\x27\xff", "outside its section"),
        (b"\x20\x02\x20\x04\x41x", "leads to a pointer"),
        (b"\xff\xff\xff\xff", "outside its section"),
        (b"\x01\x04" * 64, "without end"),
    ],
)
def test_damaged_data_is_refused(data, cause):
    """Each way in which a value can be wrong, with its cause."""
    with pytest.raises(DamagedError, match=cause):
        check(database(data))


def test_data_that_contains_itself_ends():
    """A pointer back to its own map is looked at once; what a reader makes of it is the reader's limit."""
    check(database(b"\xe1\x41a\x20\x00"))


@pytest.mark.parametrize(
    ("tree", "cause"),
    [
        (b"\0\0\x00\0\0\x01", "loops"),
        (b"\0\0\x02\0\0\x01", "points outside"),
        (b"\0\0\x10\0\0\x01", "points outside"),
        (b"\xff\xff\xff\0\0\x01", "points outside"),
    ],
)
def test_a_damaged_tree_is_refused(tree, cause):
    """A node that leads back to the root, into the separator, or past the end."""
    with pytest.raises(DamagedError, match=cause):
        check(database(tree=tree))


@pytest.mark.parametrize(
    "changed",
    [
        {"node_count": b"\xa1\x7f"},
        {"node_count": b"\xa0"},
        {"node_count": b"\x08\x03" + b"\xff" * 8},
        {"record_size": b"\xa1\x17"},
        {"ip_version": b"\xa1\x05"},
        {"ip_version": b"\x41x"},
    ],
)
def test_metadata_that_does_not_fit_is_refused(changed):
    """Numbers that no file of this length can have."""
    with pytest.raises(DamagedError, match="does not match"):
        check(database(**changed))


@pytest.mark.parametrize("content", [b"", b"x" * 1000, MARKER, MARKER + b"\xe9"])
def test_what_has_no_metadata_is_refused(content):
    """An empty file, another sort of file, one cut short in its metadata."""
    with pytest.raises(DamagedError):
        check(memoryview(content))


@pytest.mark.parametrize(("record", "left"), [(28, b"\0\0\x11\x00"), (32, b"\0\0\0\x11")])
def test_all_record_sizes_are_read(record, left):
    """Larger databases have nodes of seven and eight bytes."""
    tree = left + (b"\0\0\x11" if record == 28 else left)
    check(database(tree=tree, record_size=bytes([0xA1, record])))
    far = bytearray(tree)
    far[3 if record == 28 else 0] = 0x10
    with pytest.raises(DamagedError, match="points outside"):
        check(database(tree=bytes(far), record_size=bytes([0xA1, record])))


def test_the_embedded_database_and_maxminds_own_pass(maxmind):
    """Nothing real is refused."""
    for path in maxmind.glob("*.mmdb"):
        check(memoryview(path.read_bytes()))
