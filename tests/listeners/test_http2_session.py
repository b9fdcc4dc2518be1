"""One connection of HTTP/2 in memory, with h2 as its client: calls, statuses, windows, bounds, and what is refused."""

import hpack
import pytest
from http2_peer import GREETING, HEAD, METHODS, MOST, STREAM, Peer, exchange, framed, head, serve
from hypothesis import given
from hypothesis import strategies as st

from reputation.listeners.http2 import faults
from reputation.listeners.http2.calls import END, MESSAGE, RESET
from reputation.listeners.http2.frames import PREFACE, frame
from reputation.listeners.http2.hpack import string
from reputation.listeners.http2.limits import CALLS, HELD, IDLE_FRAMES, METADATA, UNSENT, WINDOW
from reputation.listeners.http2.session import Session

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
CONSTANT = (":method", ":scheme")
BLOCK = hpack.Encoder().encode(HEAD)
ONE = frame(HEADERS, 4, 1, BLOCK) + frame(DATA, 1, 1, framed(b"a"))


def opened(**settings: int) -> tuple[Session, Peer]:
    session, peer = Session(METHODS), Peer(**settings)
    exchange(session, peer)
    return session, peer


def ended(session: Session) -> tuple[int, str]:
    """The code and the debug data of the GOAWAY that a faulty connection ends with."""
    out = session.output()
    assert session.fault
    at = out.rindex(bytes((GOAWAY, 0, 0, 0, 0, 0))) + 6
    return int.from_bytes(out[at + 4 : at + 8], "big"), out[at + 8 :].decode()


def test_a_call_is_answered_with_its_status() -> None:
    session, peer = opened()
    stream = peer.call(framed(b"hello"))
    assert exchange(session, peer) == [(MESSAGE, stream, b"hello")]
    answer = peer.answers[stream]
    assert (answer.status, answer.code, answer.messages, answer.ended, answer.reset) == (200, 0, [b"hello"], True, None)
    assert session.calls.held == 0
    assert not session.calls.open


def test_many_calls_share_a_connection_and_blocks_get_short() -> None:
    """From the second answer on the constant fields are a byte each."""
    session, peer = opened()
    streams = [peer.call(framed(b"%d" % n)) for n in range(500)]
    exchange(session, peer)
    assert [peer.answers[stream].messages for stream in streams] == [[b"%d" % n] for n in range(500)]
    stream = peer.call(framed(b""))
    serve(session, peer.output())
    assert len(session.output()) == 3 * 9 + 5 + 2 + 1
    assert stream == 1001


@given(st.lists(st.binary(max_size=2000), max_size=8), st.data())
def test_any_split_of_the_bytes_gives_the_same(messages: list[bytes], data: st.DataObject) -> None:
    peer, whole = Peer(), Session(METHODS)
    for message in messages:
        peer.call(framed(message))
    sent = peer.output()
    expected = serve(whole, sent)
    assert [message for _, _, message in expected] == messages
    split, seen, at = Session(METHODS), [], 0
    while at < len(sent):
        size = data.draw(st.integers(1, 400))
        seen += serve(split, sent[at : at + size])
        at += size
    assert (seen, split.output()) == (expected, whole.output())


def test_byte_by_byte_with_padding_priority_and_continuation() -> None:
    """The optional parts of frames, a block in three frames, and a message in two; the last frame is empty."""
    padded = frame(DATA, 8, 1, b"\x02" + framed(b"abc")[:4] + b"\0\0") + frame(DATA, 0, 1, framed(b"abc")[4:])
    first = frame(HEADERS, 0x28, 1, b"\x01" + b"\0\0\0\0\x10" + BLOCK[:5] + b"\0")
    rest = frame(CONTINUATION, 0, 1, BLOCK[5:9]) + frame(CONTINUATION, 4, 1, BLOCK[9:])
    sent = GREETING + first + rest + padded + frame(DATA, 1, 1)
    session = Session(METHODS)
    seen = [event for byte in sent for event in serve(session, bytes((byte,)))]
    assert seen == [(MESSAGE, 1, b"abc")]


@pytest.mark.parametrize(
    ("fields", "body", "code"),
    [
        (head(pseudo_path="/test.Echo/Other"), framed(b""), 12),
        (head(grpc_encoding="gzip"), framed(b"", 1), 12),
        (HEAD, framed(b"x", 1), 12),
        (HEAD, framed(b"x") + framed(b"y"), 12),
        (HEAD, b"", 3),
        (HEAD, framed(b"xyz")[:-1], 3),
        (HEAD, b"\x02\0\0\0\0", 3),
        (HEAD, framed(b"x" * (MOST + 1)), 8),
        (head(grpc_timeout="soon"), framed(b""), 3),
        (head(grpc_timeout="1" * 9 + "S"), framed(b""), 3),
        (head(x_large="x" * METADATA), framed(b""), 8),
    ],
)
def test_a_call_that_cannot_be_served_ends_with_a_status(fields: object, body: bytes, code: int) -> None:
    """The connection goes on."""
    session, peer = opened()
    stream = peer.call(body, fields)
    exchange(session, peer)
    assert (peer.answers[stream].status, peer.answers[stream].code) == (200, code)
    assert peer.answers[stream].detail
    after = peer.call(framed(b"on"))
    exchange(session, peer)
    assert peer.answers[after].messages == [b"on"]
    assert session.calls.held == 0


@pytest.mark.parametrize(("fields", "status"), [(head(pseudo_method="GET"), 405), (head(content_type="text/a"), 415)])
def test_what_is_no_call_has_a_status_of_http(fields: object, status: int) -> None:
    session, peer = opened()
    stream = peer.call(framed(b""), fields)
    exchange(session, peer)
    assert (peer.answers[stream].status, peer.answers[stream].ended) == (status, True)


@pytest.mark.parametrize(
    "fields",
    [
        head(pseudo_path=None),
        head(te="gzip"),
        head(connection="close"),
        [*HEAD, (":authority", "b")],
        [*HEAD, (":status", "200")],
        [("a", "b"), *HEAD],
        [*HEAD, ("Upper", "case")],
        [*HEAD, ("a", "line\nend")],
        [*HEAD, ("a", " blank")],
        [*HEAD, ("", "a")],
    ],
)
def test_a_malformed_head_resets_its_stream_alone(fields: list[tuple[str, str]]) -> None:
    """RFC 9113, 8.1.1."""
    session, peer = opened()
    encoder = peer.h2.encoder
    stream = peer.h2.get_next_available_stream_id()
    seen = serve(session, frame(HEADERS, 4, stream, encoder.encode(fields)) + frame(DATA, 1, stream, framed(b"x")))
    assert seen == []
    assert frame(RST, 0, stream, b"\0\0\0\x01") in session.output()
    assert not session.fault


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"GET / HTTP/1.1\r\n", faults.PROTOCOL_ERROR),
        (PREFACE + frame(PING, 0, 0, b"12345678"), faults.PROTOCOL_ERROR),
        (GREETING + frame(DATA, 0, 1, b"x"), faults.PROTOCOL_ERROR),
        (GREETING + frame(HEADERS, 4, 2, BLOCK), faults.PROTOCOL_ERROR),
        (GREETING + frame(HEADERS, 4, 0, BLOCK), faults.PROTOCOL_ERROR),
        (GREETING + frame(HEADERS, 4, 1, b"\xbe"), faults.COMPRESSION_ERROR),
        (GREETING + frame(HEADERS, 12, 1, b"\x09abc"), faults.PROTOCOL_ERROR),
        (GREETING + frame(HEADERS, 0x24, 1, b"\x09"), faults.FRAME_SIZE_ERROR),
        (GREETING + frame(HEADERS, 0, 1, BLOCK) + frame(PING, 0, 0, b"12345678"), faults.PROTOCOL_ERROR),
        (GREETING + frame(CONTINUATION, 4, 1, BLOCK), faults.PROTOCOL_ERROR),
        (GREETING + frame(PUSH, 4, 1, BLOCK), faults.PROTOCOL_ERROR),
        (GREETING + frame(PING, 0, 0, b"1234567"), faults.FRAME_SIZE_ERROR),
        (GREETING + frame(PING, 0, 1, b"12345678"), faults.PROTOCOL_ERROR),
        (GREETING + frame(PRIORITY, 0, 1, b"1234"), faults.FRAME_SIZE_ERROR),
        (GREETING + frame(PRIORITY, 0, 0, b"12345"), faults.PROTOCOL_ERROR),
        (GREETING + frame(RST, 0, 1, b"1234"), faults.PROTOCOL_ERROR),
        (GREETING + frame(RST, 0, 0, b"1234"), faults.PROTOCOL_ERROR),
        (GREETING + frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"), faults.PROTOCOL_ERROR),
        (GREETING + frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"), faults.FLOW_CONTROL_ERROR),
        (GREETING + frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\x01"), faults.PROTOCOL_ERROR),
        (GREETING + frame(SETTINGS, 0, 0, b"12345"), faults.FRAME_SIZE_ERROR),
        (GREETING + frame(SETTINGS, 1, 0, b"123456"), faults.FRAME_SIZE_ERROR),
        (GREETING + frame(SETTINGS, 0, 0, b"\0\x02\0\0\0\x02"), faults.PROTOCOL_ERROR),
        (GREETING + frame(SETTINGS, 0, 0, b"\0\x04\x80\0\0\0"), faults.FLOW_CONTROL_ERROR),
        (GREETING + frame(SETTINGS, 0, 0, b"\0\x05\0\0\0\0"), faults.PROTOCOL_ERROR),
        (GREETING + b"\0\x40\x01\0\0\0\0\0\x01", faults.FRAME_SIZE_ERROR),
    ],
)  # fmt: skip
def test_a_fault_of_the_connection_ends_it_with_a_reason(sent: bytes, code: int) -> None:
    session = Session(METHODS)
    serve(session, sent)
    found, detail = ended(session)
    assert (found, detail != "") == (code, True)
    assert session.feed(ONE) == []


def test_unknown_frames_and_settings_are_skipped() -> None:
    session = Session(METHODS)
    unknown = frame(0x77, 0xFF, 1, b"x") + frame(SETTINGS, 0, 0, b"\0\x77\0\0\0\x01")
    assert serve(session, GREETING + unknown + ONE) == [(MESSAGE, 1, b"a")]


@pytest.mark.parametrize(
    "flood",
    [
        lambda n: frame(PING, 0, 0, b"12345678"),
        lambda n: frame(SETTINGS, 0, 0),
        lambda n: frame(PRIORITY, 0, 1, b"12345"),
        lambda n: frame(0x77, 0, 0),
        lambda n: frame(HEADERS, 4, 2 * n + 1, BLOCK) + frame(RST, 0, 2 * n + 1, b"\0\0\0\x08"),
        lambda n: (frame(HEADERS, 4, 1, BLOCK) if n == 0 else b"") + frame(DATA, 0, 1),
        lambda n: frame(HEADERS, 0, 1, BLOCK) if n == 0 else frame(CONTINUATION, 0, 1),
        lambda n: frame(HEADERS, 4, 2 * n + 1, b"\x00\x01A\x00"),
    ],
    ids=["ping", "settings", "priority", "unknown", "rapid reset", "empty data", "continuation", "malformed heads"],
)
def test_floods_end_the_connection(flood: object) -> None:
    session = Session(METHODS)
    serve(session, GREETING)
    sent = b"".join(flood(n) for n in range(IDLE_FRAMES + 2))
    serve(session, sent)
    assert ended(session)[0] == faults.ENHANCE_YOUR_CALM
    assert session.calls.held < 2 * METADATA * CALLS


def test_calls_that_are_answered_pay_for_control_frames() -> None:
    """A busy peer that also sends pings goes on, and so does a quiet one that sends a few from time to time."""
    session, peer = opened()
    for _ in range(3 * IDLE_FRAMES):
        peer.call(framed(b"x"))
        peer.h2.ping(b"12345678")
        exchange(session, peer)
    assert peer.pongs == 3 * IDLE_FRAMES
    for _ in range(5):
        for _ in range(IDLE_FRAMES // 2):
            peer.h2.ping(b"12345678")
        exchange(session, peer)
        session.calls.calm()
    assert not session.fault


def test_a_block_without_end_is_cut_at_the_limit_of_a_head() -> None:
    session = Session(METHODS)
    serve(session, GREETING + frame(HEADERS, 0, 1, b"\x00\x01a\x01b" * 100))
    for _ in range(40):
        serve(session, frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 100))
    assert ended(session)[0] == faults.ENHANCE_YOUR_CALM


def test_more_calls_than_allowed_are_refused_and_may_be_tried_again() -> None:
    """Calls whose answer is being made count until it is, even if the peer has given them up (rapid reset)."""
    session, peer = opened()
    streams = [peer.call(framed(b"x"), end=False) for _ in range(CALLS)]
    exchange(session, peer)
    assert len(session.calls.open) == CALLS
    for stream in [*session.calls.open.values()]:
        stream.working = True
    for stream in streams[:2]:
        peer.h2.reset_stream(stream, 8)
    exchange(session, peer)
    peer.h2.remote_settings.acknowledge()
    late = peer.call(framed(b"y"))
    exchange(session, peer)
    assert peer.answers[late].reset == faults.REFUSED_STREAM


def test_answers_wait_for_the_windows_of_the_client() -> None:
    """A small first window, messages larger than it, and both windows opened a little at a time."""
    session, peer = opened(INITIAL_WINDOW_SIZE=1000)
    streams = [peer.call(framed(b"%d" % n * 30_000)) for n in range(3)]
    exchange(session, peer)
    assert [peer.answers[stream].messages for stream in streams] == [[b"%d" % n * 30_000] for n in range(3)]
    assert (session.calls.held, session.calls.open) == (0, {})


def test_a_client_that_opens_no_window_holds_no_more_than_the_bound() -> None:
    """Its answers wait; from the bound on calls are refused, and giving the calls up frees the bytes."""
    session, peer = opened(INITIAL_WINDOW_SIZE=0)
    streams = [peer.call(framed(b"x" * 50_000)) for _ in range(1)]
    sent = 0
    while not any(answer.reset for answer in peer.answers.values()):
        streams.append(peer.call(framed(b"x" * 50_000)))
        sent += 1
        exchange(session, peer)
        assert session.calls.held <= HELD + MOST
    assert sent * 50_000 > HELD // 2
    for stream in [*session.calls.open]:
        peer.h2.reset_stream(stream, 8)
    exchange(session, peer)
    assert (session.calls.held, session.calls.open) == (0, {})


def test_a_client_may_not_send_more_than_its_window() -> None:
    session = Session(METHODS)
    serve(session, GREETING + b"".join(frame(HEADERS, 4, n, BLOCK) for n in (1, 3)))
    start = b"\0" + (MOST).to_bytes(4, "big")
    serve(session, frame(DATA, 0, 1, start))
    for _ in range(9):
        serve(session, frame(DATA, 0, 1, b"x" * 16_000))
    assert b"\x03" in session.output()
    assert not session.fault


def test_a_large_message_gets_the_windows_it_needs() -> None:
    session, peer = opened()
    stream = peer.call(b"", end=False)
    left = framed(b"x" * MOST)
    while left:
        size = min(len(left), peer.h2.local_flow_control_window(stream), 16_384)
        assert size, "the window never opens"
        peer.h2.send_data(stream, left[:size], end_stream=size == len(left))
        left = left[size:]
        exchange(session, peer)
    assert peer.answers[stream].messages == [b"x" * MOST]


def test_the_connection_s_window_opens_again_for_ever() -> None:
    session, peer = opened()
    for _ in range(3 * WINDOW // 60_000):
        stream = peer.call(framed(b"x" * 60_000)[:16_384], end=False)
        peer.h2.reset_stream(stream)
        exchange(session, peer)
        session.calls.calm()
    stream = peer.call(framed(b"x"))
    exchange(session, peer)
    assert peer.answers[stream].messages == [b"x"]


def test_messages_of_a_stream_go_both_ways_until_both_ends_are_done() -> None:
    session, peer = opened()
    stream = peer.call(framed(b"one") + framed(b"two"), head(pseudo_path=STREAM.decode()), end=False)
    assert exchange(session, peer) == [(MESSAGE, stream, b"one"), (MESSAGE, stream, b"two")]
    assert not peer.answers[stream].ended
    peer.h2.send_data(stream, framed(b"three"), end_stream=True)
    assert exchange(session, peer) == [(MESSAGE, stream, b"three"), (END, stream, b"")]
    answer = peer.answers[stream]
    assert (answer.messages, answer.code, answer.ended) == ([b"one", b"two", b"three"], 0, True)


def test_messages_for_a_client_that_does_not_read_are_dropped_at_a_bound() -> None:
    session, peer = opened(INITIAL_WINDOW_SIZE=0)
    number = peer.call(framed(b"x" * 60_000), head(pseudo_path=STREAM.decode()), end=False)
    exchange(session, peer)
    stream = session.calls.open[number]
    for _ in range(100):
        session.calls.send(stream, b"x" * 60_000)
    assert len(stream.queued) <= UNSENT + 60_005


def test_a_call_that_the_client_gives_up_is_an_event() -> None:
    session, peer = opened()
    stream = peer.call(framed(b"x"), head(pseudo_path=STREAM.decode()), end=False)
    exchange(session, peer)
    peer.h2.reset_stream(stream, 8)
    assert exchange(session, peer) == [(RESET, stream, b"")]
    assert session.calls.held == 0


def test_leaving_is_announced_then_final() -> None:
    """The first GOAWAY gives no call up; after the second one new calls are not taken, and older ones are answered."""
    session = Session(METHODS)
    serve(session, GREETING)
    session.announce()
    first = frame(HEADERS, 4, 1, BLOCK) + frame(DATA, 0, 1, framed(b"x")[:3])
    assert serve(session, first) == []
    session.leave()
    late = frame(HEADERS, 4, 3, BLOCK) + frame(DATA, 1, 3, framed(b"y"))
    assert serve(session, late + frame(DATA, 1, 1, framed(b"x")[3:])) == [(MESSAGE, 1, b"x")]
    out = session.output()
    given = [out.index(frame(GOAWAY, 0, 0, last + b"\0" * 4)) for last in (b"\x7f\xff\xff\xff", b"\0\0\0\x01")]
    assert given == sorted(given)


def test_a_repeated_block_means_the_same_until_the_table_changes() -> None:
    """Blocks are kept by their bytes, so an index that means another field now must be read again."""
    session = Session(METHODS)
    inserted = [
        b"".join(
            b"\x40" + string(name.encode()) + string(value.encode()) for name, value in fields if name not in CONSTANT
        )
        for fields in (HEAD, head(pseudo_path="/test.Echo/Other"))
    ]
    static, indexed = b"\x83\x86", b"\x83\x86\xc1\xc0\xbf\xbe"
    blocks = [static + inserted[0], indexed, indexed, static + inserted[1], indexed]
    calls = [
        frame(HEADERS, 4, 2 * n + 1, one) + frame(DATA, 1, 2 * n + 1, framed(b"x")) for n, one in enumerate(blocks)
    ]
    seen = serve(session, GREETING + b"".join(calls))
    assert [number for _, number, _ in seen] == [1, 3, 5]


FRAMES = st.tuples(st.integers(0, 10), st.integers(0, 255), st.integers(0, 9), st.binary(max_size=40))


@given(st.lists(FRAMES, max_size=12))
def test_any_frames_end_in_a_fault_or_go_on(made: list[tuple[int, int, int, bytes]]) -> None:
    """Only what HTTP/2 knows comes out, whatever comes in, and all bytes held are given back."""
    session = Session(METHODS)
    for kind, flags, stream, payload in made:
        serve(session, (GREETING if kind == 0 and not session.progress else b"") + frame(kind, flags, stream, payload))
        assert 0 <= session.calls.held <= HELD
    for open_ in [*session.calls.open.values()]:
        session.calls.drop(open_)
    assert session.calls.held == 0
