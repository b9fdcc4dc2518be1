"""HPACK against RFC 7541's own examples, and against another implementation, python-hyper's hpack."""

import hpack
import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman
from hypothesis import given
from hypothesis import strategies as st

from reputation.listeners.http2 import huffman
from reputation.listeners.http2.faults import HpackFault
from reputation.listeners.http2.hpack import TABLE_SIZE, Decoder, Encoder, number
from reputation.listeners.http2.static_table import STATIC

MOST = 1 << 20
NAMES = st.sampled_from([name for name, _ in STATIC] + [b"x-request-id", b"grpc-timeout", b"te"])
FIELDS = st.lists(st.tuples(NAMES, st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"0", b"POST", b"20m"]))))

GET = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"www.example.com")]
GET_STYLE = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":path", b"/index.html"),
    (b":authority", b"www.example.com"),
    (b"custom-key", b"custom-value"),
]
FOUND = [
    (b":status", b"302"),
    (b"cache-control", b"private"),
    (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
    (b"location", b"https://www.example.com"),
]
COOKIE = b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
LATER = b"Mon, 21 Oct 2013 20:13:22 GMT"
REQUESTS = [GET, [*GET, (b"cache-control", b"no-cache")], GET_STYLE]
RESPONSES = [
    FOUND,
    [(b":status", b"307"), *FOUND[1:]],
    [
        (b":status", b"200"),
        FOUND[1],
        (b"date", LATER),
        FOUND[3],
        (b"content-encoding", b"gzip"),
        (b"set-cookie", COOKIE),
    ],
]
SMALL = b"\x3f\xe1\x01"  # the responses of the RFC are for a table of 256 bytes
SINGLE = [
    ("C.2.1", "400a637573746f6d2d6b65790d637573746f6d2d686561646572", (b"custom-key", b"custom-header")),
    ("C.2.2", "040c2f73616d706c652f70617468", (b":path", b"/sample/path")),
    ("C.2.3", "100870617373776f726406736563726574", (b"password", b"secret")),
    ("C.2.4", "82", (b":method", b"GET")),
]
SEQUENCES = [
    (
        "C.3",
        b"",
        ["828684410f7777772e6578616d706c652e636f6d", "828684be58086e6f2d6361636865",
         "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565"],
        REQUESTS,
    ),
    (
        "C.4",
        b"",
        ["828684418cf1e3c2e5f23a6ba0ab90f4ff", "828684be5886a8eb10649cbf",
         "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf"],
        REQUESTS,
    ),
    (
        "C.5",
        SMALL,
        [("4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f"
         "7777772e6578616d706c652e636f6d"),
         "4803333037c1c0bf",
         ("88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b42"
         "5a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31")],
        RESPONSES,
    ),
    (
        "C.6",
        SMALL,
        ["488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
         "4883640effc1c0bf",
         ("88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f"
         "3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007")],
        RESPONSES,
    ),
]  # fmt: skip


def block(*pieces: str) -> bytes:
    return bytes.fromhex("".join(pieces))


def theirs(blocks: list[bytes]) -> list[list[tuple[bytes, bytes]]] | None:
    """What the other implementation makes of blocks in a row; None for an error."""
    decoder = hpack.Decoder(max_header_list_size=MOST)
    decoder.max_allowed_table_size = TABLE_SIZE
    try:
        return [[(bytes(n), bytes(v)) for n, v in decoder.decode(one, raw=True)] for one in blocks]
    except hpack.HPACKError:
        return None


def ours(blocks: list[bytes]) -> list[list[tuple[bytes, bytes]]] | None:
    decoder = Decoder(MOST)
    try:
        return [decoder.decode(one).fields for one in blocks]
    except HpackFault:
        return None


@pytest.mark.parametrize(("name", "sent", "field"), SINGLE, ids=[one[0] for one in SINGLE])
def test_single_fields_of_the_rfc(name: str, sent: str, field: tuple[bytes, bytes]) -> None:
    assert ours([block(sent)]) == [[field]]


@pytest.mark.parametrize(("name", "first", "sent", "fields"), SEQUENCES, ids=[one[0] for one in SEQUENCES])
def test_sequences_of_the_rfc(name: str, first: bytes, sent: list[str], fields: object) -> None:
    """Requests and responses on one connection, plain and with Huffman codes; the responses evict fields."""
    blocks = [block(one) for one in sent]
    assert ours([first + blocks[0], *blocks[1:]]) == fields


@pytest.mark.parametrize(("value", "bits", "sent"), [(10, 5, "0a"), (1337, 5, "1f9a0a"), (42, 8, "2a")])
def test_numbers_of_the_rfc(value: int, bits: int, sent: str) -> None:
    """C.1."""
    assert number(value, bits, 0) == block(sent)


@given(st.binary(max_size=200))
def test_huffman_codes_round_trip(data: bytes) -> None:
    assert huffman.decode(HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(data)) == data


@given(st.binary(max_size=12))
def test_huffman_decodes_or_refuses_like_the_other(data: bytes) -> None:
    try:
        expected = decode_huffman(data)
    except hpack.HPACKDecodingError:
        with pytest.raises(HpackFault):
            huffman.decode(data)
    else:
        assert huffman.decode(data) == expected


@given(st.lists(FIELDS, max_size=5), st.booleans())
def test_what_the_other_encodes_is_decoded(lists: list[list[tuple[bytes, bytes]]], coded: bool) -> None:
    """Blocks in a row on one connection, so that both tables are followed."""
    encoder = hpack.Encoder()
    assert ours([encoder.encode(fields, huffman=coded) for fields in lists]) == lists


@given(
    st.lists(st.lists(st.tuples(NAMES, st.binary(max_size=300)), max_size=4), max_size=4), st.integers(0, TABLE_SIZE)
)
def test_a_small_table_is_followed(lists: list[list[tuple[bytes, bytes]]], room: int) -> None:
    encoder = hpack.Encoder()
    encoder.header_table_size = room
    assert ours([encoder.encode(fields) for fields in lists]) == lists


@given(
    st.lists(st.lists(st.sampled_from([(b":status", b"200"), (b"a", b"1"), (b"b", b"2"), (b"c", b"3")]))),
    st.lists(st.integers(0, 2 * TABLE_SIZE), max_size=3),
)
def test_what_we_encode_is_decoded_by_the_other(lists: list[list[tuple[bytes, bytes]]], rooms: list[int]) -> None:
    """`a` and `b` enter the table once; a smaller table is announced in the next block."""
    encoder, decoder = Encoder(((b"a", b"1"), (b"b", b"2"))), hpack.Decoder()
    for place, fields in enumerate(lists):
        if place < len(rooms):
            encoder.resize(rooms[place])
            decoder.max_allowed_table_size = min(rooms[place], TABLE_SIZE)
        assert [(bytes(n), bytes(v)) for n, v in decoder.decode(encoder.encode(tuple(fields)), raw=True)] == fields


@given(st.lists(st.binary(max_size=40), max_size=3))
def test_any_bytes_are_decoded_or_refused_like_the_other(blocks: list[bytes]) -> None:
    assert ours(blocks) == theirs(blocks)


@given(st.lists(FIELDS, min_size=1, max_size=3), st.data())
def test_damaged_blocks_are_decoded_or_refused_like_the_other(lists: list, data: st.DataObject) -> None:
    encoder = hpack.Encoder()
    blocks = [bytearray(encoder.encode(fields)) for fields in lists]
    for one in blocks:
        if one:
            one[data.draw(st.integers(0, len(one) - 1))] = data.draw(st.integers(0, 255))
    sent = [bytes(one) for one in blocks]
    assert ours(sent) == theirs(sent)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"\x80", "not in the table"),
        (b"\xbe", "not in the table"),
        (b"\x82\x3f\xe1\x01", "start of a block"),
        (b"\x3f\xe2\x1f", "larger than the settings"),
        (b"\xff\xff\xff\xff\xff\xff", "no end"),
        (b"\x00\x01", "within a string"),
        (b"\x00\x01a", "within a field"),
        (b"\x00\x81\x00\x00", "1 bits"),
        (b"\x00\x84\xff\xff\xff\xff\x00", "code of its end"),
    ],
)
def test_what_cannot_be_decoded_is_refused_with_a_reason(sent: bytes, reason: str) -> None:
    with pytest.raises(HpackFault, match=reason):
        Decoder(MOST).decode(sent)


def test_a_small_block_cannot_make_a_large_list() -> None:
    """A field of 4,000 bytes in the table, named 1,000 times: the list stops at its limit, and the table goes on."""
    decoder = Decoder(16_384)
    decoder.decode(b"\x40\x04name\x7f\xa1\x1e" + b"v" * 4000)
    found = decoder.decode(b"\xbe" * 1000 + b"\x40\x01a\x01b")
    assert found.too_large
    assert sum(len(name) + len(value) + 32 for name, value in found.fields) <= 16_384
    assert decoder.decode(b"\xbe").fields == [(b"a", b"b")]
    assert decoder.size <= TABLE_SIZE
