"""One connection of HTTP/2 as a gRPC server sees it: bytes in, events and bytes out. No clock, no socket.

Only what such a server needs: no push, no priorities, no compressed messages. Any split of the same bytes gives the
same events. Memory is bounded: a frame, a header block, the tables of HPACK, and what `limits.py` says of calls.
"""

from typing import Final

from reputation.listeners.http2 import frames
from reputation.listeners.http2.calls import Calls, Event
from reputation.listeners.http2.faults import (
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    NO_ERROR,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    ConnectionFault,
    StreamFault,
)
from reputation.listeners.http2.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    FIRST_WINDOW,
    FRAME_HEAD,
    LARGEST_FRAME,
    LARGEST_WINDOW,
    PREFACE,
    check_size,
    frame,
    number,
)
from reputation.listeners.http2.heads import Head, check_trailers
from reputation.listeners.http2.heads import read as read_head
from reputation.listeners.http2.hpack import Decoder
from reputation.listeners.http2.limits import CALLS, METADATA, STREAM_WINDOW, WINDOW
from reputation.listeners.http2.methods import Methods
from reputation.listeners.http2.outgoing import Outgoing
from reputation.listeners.http2.streams import Stream

KNOWN_HEADS: Final = 8  # header blocks whose meaning is kept, for a peer that repeats them
KNOWN_SIZE: Final = 512  # bytes of such a block
KNOWN_METADATA: Final = 2048  # bytes of the fields in it
_NO_LAST: Final = LARGEST_WINDOW  # a GOAWAY with it gives no call up
_SETTINGS: Final = frames.settings(
    {
        frames.MAX_CONCURRENT_STREAMS: CALLS,
        frames.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
        frames.MAX_HEADER_LIST_SIZE: METADATA,
    }
)


class Session:
    """One connection: feed what arrives, answer the events' streams through `calls`, and send what `output` returns."""

    def __init__(self, methods: Methods) -> None:
        self.fault = ""  # the peer's, in words; nothing more is read after it
        self.progress = 0  # whole frames so far
        self.outgoing = Outgoing()
        self.calls = Calls(self.outgoing)
        self._last = b""  # the GOAWAY for a fault, which follows the answers
        self._leaving = False
        self._methods = methods
        self._decoder = Decoder(METADATA)
        self._known: dict[bytes, Head] = {}
        self._rest = b""
        self._greeted = False
        self._set = False  # the first SETTINGS has come
        self._block = bytearray()
        self._block_of = 0  # the stream whose block CONTINUATION has to continue, or 0
        self._block_flags = 0
        self._latest = 0
        self._credit = WINDOW
        self._put(frames.SETTINGS, 0, 0, _SETTINGS)
        self._put(frames.WINDOW_UPDATE, 0, 0, (WINDOW - FIRST_WINDOW).to_bytes(4, "big"))

    @property
    def blocked(self) -> bool:
        """Whether an answer waits for a window of the peer's."""
        return len(self.outgoing.blocked) > 0

    @property
    def incomplete(self) -> bool:
        """Whether the preface, a frame or a header block is incomplete."""
        return not self._greeted or self._block_of > 0 or len(self._rest) > 0

    def output(self) -> bytes:
        """Return what has to be sent now."""
        out = self.outgoing.out
        if self._last:
            out.append(self._last)
            self._last = b""
        if not out:
            return b""
        self.outgoing.out = []
        return out[0] if len(out) == 1 else b"".join(out)

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes, and return what they say of streams; nothing after a fault."""
        self.calls.events = []
        if self.fault:
            return []
        if self._rest:
            data = self._rest + data
        at = 0
        try:
            if not self._greeted:
                at = self._greet(data)
            if self._greeted:
                at = self._frames(data, at)
        except ConnectionFault as fault:
            self._fail(fault)
        self._rest = b"" if self.fault else data[at:]
        return self.calls.events

    def announce(self) -> None:
        """Tell the peer to make no new calls here; those that are on their way are still taken."""
        self._put(frames.GOAWAY, 0, 0, _NO_LAST.to_bytes(4, "big") + NO_ERROR.to_bytes(4, "big"))

    def leave(self) -> None:
        """Take no new calls from here on, and say so."""
        if not self._leaving and not self.fault:
            self._leaving = True
            self._put(frames.GOAWAY, 0, 0, self._latest.to_bytes(4, "big") + NO_ERROR.to_bytes(4, "big"))

    def _put(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self.outgoing.out.append(frame(kind, flags, stream, payload))

    def _fail(self, fault: ConnectionFault) -> None:
        last = self._latest.to_bytes(4, "big")
        self._last = frame(frames.GOAWAY, 0, 0, last + fault.code.to_bytes(4, "big") + fault.detail.encode())
        self.fault = fault.detail

    def _greet(self, data: bytes) -> int:
        if data[: len(PREFACE)] != PREFACE[: len(data)]:
            raise ConnectionFault(PROTOCOL_ERROR, "the preface of HTTP/2 is missing")
        self._greeted = len(data) >= len(PREFACE)
        return len(PREFACE) if self._greeted else 0

    def _frames(self, data: bytes, at: int) -> int:
        """Take the whole frames in data, from a place on, and return where the rest begins."""
        end = len(data)
        while end - at >= FRAME_HEAD:
            size = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            if size > LARGEST_FRAME:
                raise ConnectionFault(FRAME_SIZE_ERROR, "a frame is larger than the settings allow")
            start = at + FRAME_HEAD
            if end - start < size:
                break
            stream = (data[at + 5] & 0x7F) << 24 | data[at + 6] << 16 | data[at + 7] << 8 | data[at + 8]
            self._take(data[at + 3], data[at + 4], stream, data[start : start + size])
            self.progress += 1
            at = start + size
        return at

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if not self._set and (kind != frames.SETTINGS or flags & ACK):
            raise ConnectionFault(PROTOCOL_ERROR, "SETTINGS is not the first frame")
        if self._block_of and (kind != frames.CONTINUATION or stream != self._block_of):
            raise ConnectionFault(PROTOCOL_ERROR, "a header block is interrupted")
        if kind == frames.DATA:
            self._data(stream, flags, payload)
        elif kind == frames.HEADERS:
            self._headers(stream, flags, frames.block_of(flags, payload))
        elif kind == frames.CONTINUATION:
            self._continuation(stream, flags, payload)
        else:
            self.calls.note_idle()
            self._control(kind, flags, stream, payload)

    def _headers(self, stream: int, flags: int, block: bytes) -> None:
        if not stream & 1:
            raise ConnectionFault(PROTOCOL_ERROR, "the stream of a call has no odd number")
        if flags & END_HEADERS:
            self._whole_block(stream, flags, block)
            return
        self._block_of, self._block_flags = stream, flags
        self._block = bytearray(block)

    def _continuation(self, stream: int, flags: int, payload: bytes) -> None:
        if not self._block_of:
            raise ConnectionFault(PROTOCOL_ERROR, "CONTINUATION continues nothing")
        self.calls.note_idle()
        self._block += payload
        if len(self._block) > METADATA:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "a header block is too large")
        if flags & END_HEADERS:
            self._block_of = 0
            self._whole_block(stream, self._block_flags, bytes(self._block))

    def _whole_block(self, stream: int, flags: int, block: bytes) -> None:
        """Take a new call, or the trailers of one."""
        if stream <= self._latest:
            self._trailers(stream, flags, block)
            return
        self._latest = stream
        head = self._known.get(block)
        if head is None:
            head = self._read_head(block)
        if not self._leaving:
            self.calls.admit(stream, head, ended=flags & END_STREAM != 0)

    def _read_head(self, block: bytes) -> Head:
        found = self._decoder.decode(block)
        head = read_head(found, self._methods)
        if found.changes:
            self._known.clear()
        elif len(block) <= KNOWN_SIZE and found.size <= KNOWN_METADATA:
            if len(self._known) >= KNOWN_HEADS:
                self._known.clear()
            self._known[block] = head
        return head

    def _trailers(self, number: int, flags: int, block: bytes) -> None:
        found = self._decoder.decode(block)
        if found.changes:
            self._known.clear()
        stream = self.calls.open.get(number)
        if stream is None:  # answered or given up while they were on their way
            self.calls.note_idle()
            return
        try:
            if stream.ended or not flags & END_STREAM:
                raise StreamFault(STREAM_CLOSED if stream.ended else PROTOCOL_ERROR)
            check_trailers(found)
        except StreamFault as fault:
            self.calls.give_up(stream, fault.code)
            return
        self.calls.end(stream)

    def _data(self, number: int, flags: int, payload: bytes) -> None:
        size = len(payload)
        self._spend(size)
        if flags & frames.PADDED:
            payload = frames.unpadded(flags, payload)
        if not payload and not flags & END_STREAM:
            self.calls.note_idle()
        stream = self.calls.open.get(number)
        if stream is not None:
            self.calls.data(stream, payload, size, ended=flags & END_STREAM != 0)
        elif number > self._latest or not number & 1:
            raise ConnectionFault(PROTOCOL_ERROR, "DATA for a stream that never began")
        else:
            self.calls.note_idle()

    def _spend(self, size: int) -> None:
        """Count bytes against the connection's window, and open it again in time."""
        self._credit -= size
        if self._credit < 0:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "more DATA than the connection's window allows")
        if self._credit < WINDOW // 2:
            self._put(frames.WINDOW_UPDATE, 0, 0, (WINDOW - self._credit).to_bytes(4, "big"))
            self._credit = WINDOW

    def _control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """Take a frame that carries no part of a call; unknown kinds are skipped (RFC 9113, 5.5)."""
        if kind in (frames.SETTINGS, frames.PING, frames.GOAWAY) and stream:
            raise ConnectionFault(PROTOCOL_ERROR, "a frame of the connection names a stream")
        if kind == frames.WINDOW_UPDATE:
            self._window_update(stream, payload)
        elif kind == frames.PING:
            check_size(payload, 8, "PING")
            if not flags & ACK:
                self._put(frames.PING, ACK, 0, payload)
        elif kind == frames.RST_STREAM:
            self._rst_stream(stream, payload)
        elif kind == frames.SETTINGS:
            self._settings(flags, payload)
        elif kind == frames.PRIORITY:
            self._priority(stream, payload)
        elif kind == frames.PUSH_PROMISE:
            raise ConnectionFault(PROTOCOL_ERROR, "a client pushes nothing")

    def _priority(self, stream: int, payload: bytes) -> None:
        check_size(payload, 5, "PRIORITY")
        if not stream:
            raise ConnectionFault(PROTOCOL_ERROR, "PRIORITY names no stream")

    def _window_update(self, stream: int, payload: bytes) -> None:
        check_size(payload, 4, "WINDOW_UPDATE")
        size = number(payload, 0, 4) & LARGEST_WINDOW
        if stream:
            found = self._named(stream)
            if found is not None:
                self.calls.grow(found, size)
            return
        if not size:
            raise ConnectionFault(PROTOCOL_ERROR, "WINDOW_UPDATE adds nothing")
        self.outgoing.grow_all(size)
        self.calls.pump()

    def _rst_stream(self, stream: int, payload: bytes) -> None:
        check_size(payload, 4, "RST_STREAM")
        found = self._named(stream)
        if found is not None:
            self.calls.drop(found)

    def _named(self, stream: int) -> Stream | None:
        """Return an open stream, None for one that has ended. Raises ConnectionFault for one that never began."""
        if stream > self._latest or not stream & 1:
            raise ConnectionFault(PROTOCOL_ERROR, "a frame names a stream that never began")
        return self.calls.open.get(stream)

    def _settings(self, flags: int, payload: bytes) -> None:
        if flags & ACK:
            check_size(payload, 0, "SETTINGS with ACK")
            return
        self._set = True
        last: dict[int, int] = {}
        for name, value in frames.read_settings(payload):
            check_setting(name, value)
            if name == frames.HEADER_TABLE_SIZE:
                self.outgoing.resize_table(value)
            last[name] = value
        window = last.get(frames.INITIAL_WINDOW_SIZE)
        if window is not None:
            self.outgoing.set_first_window(window, [*self.calls.open.values()])
            self.calls.pump()
        self._put(frames.SETTINGS, ACK, 0, b"")


def check_setting(name: int, value: int) -> None:
    """Check one of the peer's settings. Raises ConnectionFault."""
    if name == frames.ENABLE_PUSH and value > 1:
        raise ConnectionFault(PROTOCOL_ERROR, "ENABLE_PUSH is not 0 or 1")
    if name == frames.INITIAL_WINDOW_SIZE and value > LARGEST_WINDOW:
        raise ConnectionFault(FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE is too large")
    if name == frames.MAX_FRAME_SIZE and not LARGEST_FRAME <= value < 1 << 24:
        raise ConnectionFault(PROTOCOL_ERROR, "MAX_FRAME_SIZE is out of range")
