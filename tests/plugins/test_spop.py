"""The SPOP codec: what HAProxy sends is read, in pieces of any size; nothing else gets past its typed error."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks import spop_peer as peer
from plugins.haproxy import spop
from plugins.haproxy.spop import Agent, Disconnect, Event, Hello, Message, Notify
from plugins.haproxy.spop_data import (
    BAD_FRAME_SIZE,
    BAD_VERSION,
    FRAGMENTED,
    INT32,
    INVALID,
    NO_CAPABILITIES,
    NO_FRAME_SIZE,
    NO_VERSION,
    NORMAL,
    TOO_BIG,
    UINT32,
    UINT64,
    SpopError,
    put_string,
    put_typed,
    put_uint32,
    put_varint,
    typed,
    varint,
)

WORDS = st.integers(0, 2**64 - 1)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(max_size=300),
    st.binary(max_size=300),
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
)
ARGS = st.lists(st.tuples(st.text(max_size=20), VALUES), max_size=12)
FRAMES = st.one_of(
    st.builds(peer.put_notify, WORDS, WORDS, ARGS),
    st.builds(peer.put_disconnect, st.integers(0, 2**32 - 1), st.text(max_size=40)),
    st.builds(peer.put_frame, st.integers(0, 255), st.binary(max_size=60), WORDS, WORDS, st.integers(0, 3)),
    st.just(peer.put_hello()),
    st.binary(max_size=30),
)
STREAMS = st.builds(lambda start, frames: start + b"".join(frames), st.just(peer.HELLO_26), st.lists(FRAMES))


def heard(pieces: Iterable[bytes], agent: Agent | None = None) -> list[Event | tuple[int, str]]:
    """Every event of a stream, and the error that ended it."""
    agent = agent or Agent()
    found: list[Event | tuple[int, str]] = []
    for piece in pieces:
        agent.feed(piece)
        try:
            while (event := agent.next_event()) is not None:
                found.append(event)
        except SpopError as error:
            found.append((error.code, str(error)))
    return found


def as_read(value: Any) -> Any:
    """What a written value is read as."""
    if isinstance(value, str | IPv4Address):
        return str(value).encode()
    if isinstance(value, IPv6Address):
        return peer_text(value)
    return value


def peer_text(value: IPv6Address) -> bytes:
    import socket  # noqa: PLC0415 - here alone: its text for mapped addresses differs from ipaddress's

    return socket.inet_ntop(socket.AF_INET6, value.packed).encode()


class TestValues:
    @pytest.mark.parametrize(
        ("value", "size"),
        [(0, 1), (239, 1), (240, 2), (2287, 2), (2288, 3), (264431, 3), (264432, 4), (33818863, 4), (33818864, 5)],
    )
    def test_integers_take_the_bytes_that_the_specification_says(self, value: int, size: int) -> None:
        assert len(put_varint(value)) == size
        assert varint(put_varint(value), 0) == (value, size)

    @given(WORDS)
    @example(2**64 - 1)
    def test_every_integer_is_read_as_it_was_written(self, value: int) -> None:
        written = put_varint(value)
        assert varint(written, 0) == (value, len(written))

    @pytest.mark.parametrize("written", [b"\xff" * 30, b"\xf0" + b"\xff" * 9, b"\xff" * 9 + b"\x7f\x01"])
    def test_an_integer_of_more_than_64_bits_is_refused(self, written: bytes) -> None:
        with pytest.raises(SpopError):
            varint(written, 0)

    @given(VALUES)
    def test_every_value_is_read_as_it_was_written(self, value: Any) -> None:
        written = put_typed(value)
        assert typed(written, 0) == (as_read(value), len(written))
        assert type(typed(written, 0)[0]) is type(as_read(value))

    @pytest.mark.parametrize(
        ("kind", "number", "value"),
        [
            (INT32, 2**64 - 1, -1),
            (INT32, 2**31 - 1, 2**31 - 1),
            (UINT32, 2**32 - 1, 2**32 - 1),
            (UINT64, 2**64 - 1, 2**64 - 1),
        ],
    )
    def test_the_other_integers_have_their_sign_and_range(self, kind: int, number: int, value: int) -> None:
        assert typed(bytes((kind,)) + put_varint(number), 0)[0] == value

    @pytest.mark.parametrize(("kind", "number"), [(INT32, 2**31), (INT32, 2**32 - 1), (UINT32, 2**32)])
    def test_an_integer_out_of_its_type_s_range_is_refused(self, kind: int, number: int) -> None:
        with pytest.raises(SpopError, match="out of range"):
            typed(bytes((kind,)) + put_varint(number), 0)

    @pytest.mark.parametrize("kind", range(10, 16))
    def test_types_that_do_not_exist_are_refused(self, kind: int) -> None:
        with pytest.raises(SpopError, match=f"unknown type of value: {kind}"):
            typed(bytes((kind,)) + b"\x00" * 30, 0)

    @given(VALUES)
    def test_a_value_that_is_cut_short_is_refused(self, value: Any) -> None:
        written = put_typed(value)
        for end in range(len(written)):
            with pytest.raises(SpopError):
                typed(written[:end], 0)


class TestConversation:
    def test_what_haproxy_2_6_sent_is_read(self) -> None:
        hello, notify = heard([peer.HELLO_26 + peer.NOTIFY_26])
        assert hello == Hello(
            16_380, ("pipelining", "async"), healthcheck=False, engine=b"5d3eec39-5f52-4a69-bd90-cd33f45185d1"
        )
        assert isinstance(notify, Notify)
        assert (notify.stream, notify.frame) == (0, 1)
        (message,) = notify.messages
        assert message.name == b"request"
        assert dict(message.args)[b"authorization"] == b"Bearer k1"
        assert [value for name, value in message.args if name == b"x-forwarded-for"] == [
            None,
            b"198.51.100.9",
            b"192.0.2.7",
            b"127.0.0.1",
        ]

    def test_a_health_check_is_told_from_a_connection(self) -> None:
        assert heard([peer.CHECK_26]) == [Hello(16_380, ("",), healthcheck=True)]

    def test_a_disconnect_ends_it_and_what_follows_is_dropped(self) -> None:
        agent = Agent()
        events = heard([peer.HELLO_26 + peer.put_disconnect(2, "late") + peer.NOTIFY_26 * 100], agent)
        assert events[1:] == [Disconnect(2, b"late")]
        assert (agent.ended, agent.buffered) == (True, 0)

    def test_a_disconnect_may_come_first(self) -> None:
        assert heard([peer.put_disconnect(0, "")]) == [Disconnect(0, b"")]

    def test_several_messages_and_none(self) -> None:
        two = peer.put_message("a", [("x", 1)]) + peer.put_message("b", [])
        events = heard([peer.put_hello() + peer.put_frame(spop.NOTIFY, two, 5, 6) + peer.put_frame(spop.NOTIFY, b"")])
        assert events[1:] == [Notify(5, 6, (Message(b"a", ((b"x", 1),)), Message(b"b", ()))), Notify(0, 0, ())]

    def test_frames_of_unknown_types_are_skipped(self) -> None:
        strange = peer.put_frame(77, b"whatever") + peer.put_frame(spop.ACK, b"")
        assert len(heard([strange + peer.put_hello() + strange + peer.NOTIFY_26])) == 2

    def test_the_smaller_frame_size_holds_from_the_hello_on(self) -> None:
        agent = Agent(1000)
        heard([peer.put_hello(max_frame_size=put_uint32(300))], agent)
        assert agent.most == 300
        assert heard([peer.put_notify(1, 1, [("x", "y" * 300)])], agent)[0][0] == TOO_BIG
        assert heard([peer.put_hello()], other := Agent(1000))
        assert other.most == 1000

    @pytest.mark.parametrize(
        ("sent", "code"),
        [
            (peer.put_hello(supported_versions=None), NO_VERSION),
            (peer.put_hello(supported_versions=put_typed(2)), NO_VERSION),
            (peer.put_hello(supported_versions=put_typed("1.0, 3.0")), BAD_VERSION),
            (peer.put_hello(max_frame_size=None), NO_FRAME_SIZE),
            (peer.put_hello(max_frame_size=put_typed("16380")), NO_FRAME_SIZE),
            (peer.put_hello(max_frame_size=put_typed(True)), NO_FRAME_SIZE),
            (peer.put_hello(max_frame_size=put_uint32(255)), BAD_FRAME_SIZE),
            (peer.put_hello(max_frame_size=put_typed(-1)), BAD_FRAME_SIZE),
            (peer.put_hello(capabilities=None), NO_CAPABILITIES),
            (peer.put_hello() * 2, INVALID),
            (peer.NOTIFY_26, INVALID),
            (peer.put_frame(spop.HAPROXY_DISCONNECT, b""), INVALID),
            (peer.put_frame(spop.HAPROXY_HELLO, b"", flags=0), FRAGMENTED),
            (peer.put_hello() + peer.put_frame(spop.NOTIFY, b"", 1, 1, flags=0), FRAGMENTED),
            (peer.put_hello() + peer.put_frame(spop.UNSET, b"", 1, 1), FRAGMENTED),
            (peer.put_hello() + peer.put_frame(spop.NOTIFY, b"\x05abc"), INVALID),
            (peer.put_hello() + peer.put_frame(spop.NOTIFY, put_string(b"m") + b"\xff"), INVALID),
            (b"\x00\x00\x00\x00", INVALID),
            (b"\x00\x00\x00\x06", INVALID),
            (b"\x00\x01\x00\x01", TOO_BIG),
            (b"GET / HTTP/1.1\r\n\r\n", TOO_BIG),
        ],
    )
    def test_what_cannot_be_spoken_is_refused_with_its_code(self, sent: bytes, code: int) -> None:
        agent = Agent()
        *_, last = heard([sent], agent)
        assert isinstance(last, tuple)
        assert last[0] == code
        assert agent.ended
        assert heard([peer.HELLO_26], agent) == []

    def test_2_0_is_found_among_other_versions(self) -> None:
        (event,) = heard([peer.put_hello(supported_versions=put_typed("1.0 , 2.0"))])
        assert isinstance(event, Hello)


class TestPieces:
    @given(STREAMS, st.data())
    def test_byte_by_byte_or_in_any_pieces_it_is_the_same(self, stream: bytes, data: st.DataObject) -> None:
        whole = heard([stream])
        assert heard([stream[i : i + 1] for i in range(len(stream))]) == whole
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
        assert heard([stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]) == whole

    @given(st.binary(max_size=300), st.booleans())
    def test_arbitrary_bytes_raise_nothing_but_the_typed_error(self, noise: bytes, greeted: bool) -> None:
        """Anything else would fail here."""
        heard([peer.HELLO_26 if greeted else b"", noise])

    @given(STREAMS, st.integers(0, 2**16), st.integers(0, 255))
    def test_a_changed_byte_raises_nothing_but_the_typed_error(self, stream: bytes, at: int, value: int) -> None:
        changed = bytearray(stream)
        changed[at % len(changed)] = value
        heard([bytes(changed)])

    def test_a_frame_that_never_ends_keeps_no_more_than_its_size(self) -> None:
        agent = Agent(4096)
        agent.feed(b"\x00\x00\x10\x00")
        for _ in range(4096):
            assert agent.next_event() is None
            assert agent.buffered <= 4096 + spop.LENGTH
            agent.feed(b"\x4d")
        assert agent.next_event() is None
        assert agent.buffered == 0


class TestAgentsFrames:
    @given(st.lists(st.tuples(st.binary(min_size=1, max_size=20), VALUES), max_size=20), WORDS, WORDS)
    def test_an_ack_carries_the_ids_and_sets_variables_of_the_transaction(
        self, variables: list[tuple[bytes, Any]], stream: int, frame: int
    ) -> None:
        (ack,) = peer.answers(spop.put_ack(stream, frame, spop.put_variables(variables)))
        assert (ack.kind, ack.stream, ack.frame) == (spop.ACK, stream, frame)
        assert ack.variables == {name: as_read(value) for name, value in variables}
        assert ack.scopes <= {spop.TXN}

    def test_the_hello_has_what_haproxy_asks_for(self) -> None:
        (hello,) = peer.answers(spop.put_agent_hello(16_380, "pipelining"))
        assert hello == peer.Answer(
            spop.AGENT_HELLO,
            pairs={b"version": b"2.0", b"max-frame-size": 16_380, b"capabilities": b"pipelining"},
        )

    def test_the_disconnect_says_why(self) -> None:
        first, second = peer.answers(spop.put_agent_disconnect() + spop.put_agent_disconnect(TOO_BIG, "no"))
        assert first.pairs == {b"status-code": NORMAL, b"message": b""}
        assert second.pairs == {b"status-code": TOO_BIG, b"message": b"no"}
