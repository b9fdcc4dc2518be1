"""The reader: any split of the bytes gives the same messages, only its own error escapes, memory is bounded."""

import itertools
from collections.abc import Iterable, Sequence

import pytest
from http_corpus import CASES
from hypothesis import example, given
from hypothesis import strategies as st

from reputation.listeners.fast_path import CREDENTIALS, KNOWN_HEADS, PlainMessages
from reputation.listeners.grammar import CLOSE, REFUSALS, BadRequestError, HttpLimits
from reputation.listeners.reader import Reader
from reputation.wire.gateway import HttpMessage

LIMITS = HttpLimits(request_line=200, head=600, fields=12, body=300)
SEVERAL = [
    b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a HTTP/1.1\r\nhost: a\r\nConnection: keep-alive\r\nX: \xe4 \r\n\r\n",
    b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
    b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nX: y\r\n\r\n",
    b"\r\nPUT /d HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    b"BREW /e HTTP/1.0\r\nConnection: keep-alive\r\nX: y\r\nX: z\r\n\r\n",
    b"GET /f HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nab",
    b"GET /" + b"g" * 180 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /h HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 600 + b"\r\n\r\n",
    b"GET /i HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 11 + b"\r\n",
    b"GET /j HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 12 + b"\r\n",
    b"POST /k HTTP/1.1\r\nHost: a\r\nContent-Length: 301\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]
PARTS = st.sampled_from(SEVERAL + [case.raw for case in CASES.values() if len(case.raw) < 900])
SPLICES = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"0", b"\r\n\r\n", b"\r\n ", b"Host: b\r\n", b"\xff", b";", b","]
)


def _limit(target: bytes) -> int:
    return 10 if target == b"/b" else LIMITS.body


def read(pieces: Iterable[bytes]) -> list[HttpMessage | str]:
    """Read as a connection does: the short way when nothing is pending, the long one else; stop at an error."""
    reader, plain = Reader(LIMITS, _limit), PlainMessages(LIMITS, _limit)
    found: list[HttpMessage | str] = []
    for piece in pieces:
        fresh = not reader.buffered and not reader.inside_body and not reader.method
        message = plain.read(piece, "") if fresh else None
        if message is not None:
            # the second time it is known
            assert [plain.read(piece, ""), plain.read(piece, "")] == [message, message]
            found += [message, ""]
            reader.blank = False
            continue
        reader.feed(piece)
        try:
            while (message := reader.take()) is not None:
                found += [message, reader.connection.decode()]
                if reader.connection == CLOSE:
                    return found  # a connection reads no further
        except BadRequestError as error:
            return [*found, error.refusal.reason]
        assert reader.buffered <= LIMITS.head + len(piece)
    return found


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    ends = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(ends) if end > start]


@given(st.lists(PARTS, min_size=1, max_size=4), st.lists(st.integers(0, 5000), max_size=6))
@example([b"\r\n" + SEVERAL[0], b"\r\n" + SEVERAL[0]], [2, 30, 32])
@example([SEVERAL[7], SEVERAL[0]], [])
def test_any_split_reads_the_same(parts: Sequence[bytes], cuts: list[int]) -> None:
    """The place where the network cuts the stream changes nothing."""
    data = b"".join(parts)
    assert read(split(data, cuts)) == read([data])


@given(st.lists(PARTS, min_size=1, max_size=3))
def test_byte_by_byte_reads_the_same(parts: Sequence[bytes]) -> None:
    """The hardest split: every byte alone."""
    data = b"".join(parts)
    assert read(data[at : at + 1] for at in range(len(data))) == read([data])


@given(
    st.lists(PARTS, min_size=1, max_size=2), st.lists(st.tuples(st.integers(0, 2000), SPLICES), max_size=4), st.data()
)
def test_mutations_read_the_same(parts: Sequence[bytes], splices: list[tuple[int, bytes]], data: st.DataObject) -> None:
    """The short way and the long way agree about requests that were tampered with, and nothing else escapes."""
    stream = b"".join(parts)
    for at, splice in splices:
        stream = stream[: at % len(stream)] + splice + stream[at % len(stream) :]
    cuts = data.draw(st.lists(st.integers(0, 5000), max_size=4))
    assert read(split(stream, cuts)) == read([stream])


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_noise_is_refused_or_waited_for(pieces: list[bytes]) -> None:
    """Only the typed error escapes, whatever comes."""
    for found in read(piece for piece in pieces if piece):
        assert isinstance(found, HttpMessage) or found in {*REFUSALS, "", "Connection: close\r\n"}


def test_limits_are_exact() -> None:
    """At the limit a request is read, one byte over it is refused."""
    for name, reason, make in (
        ("request_line", "line_size", lambda size: b"GET /" + b"a" * (size - 16) + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("head", "head_size", lambda size: b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * (size - 32) + b"\r\n\r\n"),
        ("fields", "fields", lambda count: b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * (count - 1) + b"\r\n"),
        (
            "body",
            "body_size",
            lambda size: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size,
        ),
    ):
        most = getattr(LIMITS, name)
        assert isinstance(read([make(most)])[0], HttpMessage), name
        assert read([make(most + 1)]) == [reason], name


def test_chunks_count_decoded() -> None:
    """The body limit holds for what the chunks hold, and their frames cannot get round it."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    (message, _) = read([head + b"1\r\na\r\n" * 300 + b"0\r\n\r\n"])
    assert isinstance(message, HttpMessage)
    assert message.body == b"a" * 300
    assert read([head + b"1\r\na\r\n" * 301 + b"0\r\n\r\n"]) == ["body_size"]


def test_known_heads_are_bounded_and_keep_no_secret() -> None:
    """A head that comes again is kept, but none with a client's credentials, and a flood does not grow the table."""
    plain = PlainMessages(LIMITS, _limit)
    for number in range(3 * KNOWN_HEADS):
        assert plain.read(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number, "")
        assert not plain.known
    for number in range(3 * KNOWN_HEADS):
        assert plain.read(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number, "")
        assert 1 <= len(plain.known) <= KNOWN_HEADS
    for name in CREDENTIALS:
        for _ in range(3):
            assert plain.read(b"GET / HTTP/1.1\r\nHost: a\r\n%b: secret\r\n\r\n" % name, "")
    assert not any(b"secret" in head for head in plain.known)


def test_messages_share_nothing() -> None:
    """What one application does to its headers, the next request with the same head does not see."""
    plain = PlainMessages(LIMITS, _limit)
    for _ in range(4):
        message = plain.read(SEVERAL[0], "")
        assert message is not None
        assert message.headers == [(b"host", b"a")]
        message.headers.clear()


@pytest.mark.parametrize(
    ("raw", "waits"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\na", False),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 3\r\n\r\n", False),
        (b"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", False),
    ],
)
def test_continue_is_told_only_to_who_waits(raw: bytes, waits: bool) -> None:
    """100 Continue is for a client of HTTP/1.1 that has sent none of its body."""
    reader = Reader(LIMITS, _limit)
    reader.feed(raw)
    assert reader.take() is None
    assert reader.continues is waits
