"""The agent's side of SPOP 2.0, the protocol of HAProxy's SPOE, without any I/O: bytes in, events out.

After doc/SPOE.txt of HAProxy, sections 3.2 to 3.5. Feed what arrives to Agent.receive, in pieces of any size, and
write what the put_ functions return. SpopError is all that is ever raised for what a peer sends. Fragmentation is not
announced, so no frame grows in pieces; `async` is not either, so an ACK goes back on the connection of its NOTIFY.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from msgspec import Struct

from .spop_data import (
    BAD_FRAME_SIZE,
    BAD_VERSION,
    FRAGMENTED,
    NO_CAPABILITIES,
    NO_FRAME_SIZE,
    NO_VERSION,
    NORMAL,
    TOO_BIG,
    SpopError,
    Value,
    Written,
    byte,
    put_string,
    put_typed,
    put_uint32,
    put_varint,
    string,
    typed,
    varint,
)

VERSION = "2.0"
UNSET, HAPROXY_HELLO, HAPROXY_DISCONNECT, NOTIFY = 0, 1, 2, 3
AGENT_HELLO, AGENT_DISCONNECT, ACK = 101, 102, 103
FIN = 1
SET_VAR = 1
TXN = 2  # the scope of every variable: this request and its response

LEAST_FRAME = 256
MOST_FRAME = 1 << 16
"""Bytes of a frame that are read, whatever HAProxy would send (tune.bufsize - 4, 16,380 by default)."""
SHORTEST_FRAME = 7  # type, flags and two numbers
LENGTH = 4
HEAD = 5  # type and flags

Pairs = tuple[tuple[bytes, Value], ...]


class Hello(Struct, frozen=True, gc=False):
    """HAProxy opened a connection; with healthcheck it wants an AGENT-HELLO and the end of the connection."""

    max_frame_size: int
    capabilities: tuple[str, ...] = ()
    healthcheck: bool = False
    engine: bytes = b""


class Message(Struct, frozen=True, gc=False):
    """One spoe-message: its arguments in the order of the configuration, those without a value as None."""

    name: bytes
    args: Pairs


class Notify(Struct, frozen=True, gc=False):
    """HAProxy's question about one stream; the ACK repeats both ids."""

    stream: int
    frame: int
    messages: tuple[Message, ...]


class Disconnect(Struct, frozen=True, gc=False):
    """HAProxy ends the connection and waits for an AGENT-DISCONNECT."""

    code: int
    message: bytes


Event = Hello | Notify | Disconnect


class Agent:
    """The reading state of one connection: feed it, then take events until there is none.

    It keeps the bytes that were fed and not taken yet; of a frame that is not whole, at most `most` bytes.
    """

    def __init__(self, most: int = MOST_FRAME) -> None:
        self.greeted = False
        self.ended = False
        self.most = most
        self._buffer = bytearray()
        self._at = 0

    @property
    def buffered(self) -> int:
        """Bytes received without a complete event yet."""
        return len(self._buffer) - self._at

    def feed(self, data: bytes) -> None:
        """Take in a piece of any size; bytes after the end of the conversation are dropped."""
        if not self.ended:
            self._buffer += data

    def next_event(self) -> Event | None:
        """Return the next event, None until more is fed. Raises SpopError; no event follows it."""
        try:
            while (frame := self._next_frame()) is not None:
                event = self._event(frame)
                if event is not None:
                    return event
        except SpopError:
            self._end()
            raise
        return None

    def _next_frame(self) -> bytes | None:
        start = self._at + LENGTH
        if len(self._buffer) < start:
            self._compact()
            return None
        size = int.from_bytes(self._buffer[self._at : start])
        if size > self.most:
            raise SpopError(f"a frame has {size} bytes; the agreed maximum is {self.most}", TOO_BIG)
        if size < SHORTEST_FRAME:
            raise SpopError("a frame is too short")
        if len(self._buffer) < start + size:
            self._compact()
            return None
        self._at = start + size
        return bytes(self._buffer[start : self._at])

    def _compact(self) -> None:
        del self._buffer[: self._at]
        self._at = 0

    def _event(self, frame: bytes) -> Event | None:
        """Read one frame; None for an unknown type, because such frames may be skipped."""
        kind = frame[0]
        reader = _READERS.get(kind)
        if reader is None:
            return None
        if kind == HAPROXY_HELLO and self.greeted:
            raise SpopError("the peer sent a second hello")
        if kind == NOTIFY and not self.greeted:
            raise SpopError("the first frame is not a hello")
        event = reader(frame)
        if isinstance(event, Hello):
            self.greeted, self.most = True, min(self.most, event.max_frame_size)
        elif isinstance(event, Disconnect):
            self._end()
        return event

    def _end(self) -> None:
        self.ended = True
        self._buffer.clear()
        self._at = 0


def _payload(frame: bytes) -> tuple[int, int, int]:
    """Read the ids of stream and frame, and where the payload starts."""
    if not int.from_bytes(frame[1:HEAD]) & FIN:
        raise SpopError("a frame is fragmented, but fragmentation was not agreed", FRAGMENTED)
    stream, at = varint(frame, HEAD)
    number, at = varint(frame, at)
    return stream, number, at


def _pairs(frame: bytes, at: int) -> dict[bytes, Value]:
    found = {}
    while at < len(frame):
        name, at = string(frame, at)
        found[name], at = typed(frame, at)
    return found


def _hello(frame: bytes) -> Hello:
    found = _pairs(frame, _payload(frame)[2])
    versions = _words(found.get(b"supported-versions"), "supported-versions", NO_VERSION)
    if not any(version.partition(".")[0] == "2" for version in versions):
        raise SpopError(f"only version {VERSION} is supported", BAD_VERSION)
    size = found.get(b"max-frame-size")
    if not isinstance(size, int) or isinstance(size, bool):
        raise SpopError("the hello has no max-frame-size", NO_FRAME_SIZE)
    if size < LEAST_FRAME:
        raise SpopError(f"max-frame-size is below {LEAST_FRAME}", BAD_FRAME_SIZE)
    capabilities = _words(found.get(b"capabilities"), "capabilities", NO_CAPABILITIES)
    engine = found.get(b"engine-id")
    return Hello(size, capabilities, found.get(b"healthcheck") is True, engine if isinstance(engine, bytes) else b"")


def _words(value: Value, name: str, code: int) -> tuple[str, ...]:
    if not isinstance(value, bytes):
        raise SpopError(f"the hello has no {name}", code)
    return tuple(word.strip() for word in value.decode("latin-1").split(","))


def _notify(frame: bytes) -> Notify:
    stream, number, at = _payload(frame)
    messages = []
    while at < len(frame):
        message, at = _message(frame, at)
        messages.append(message)
    return Notify(stream, number, tuple(messages))


def _message(frame: bytes, at: int) -> tuple[Message, int]:
    name, at = string(frame, at)
    count, at = byte(frame, at), at + 1
    args = []
    for _ in range(count):
        key, at = string(frame, at)
        value, at = typed(frame, at)
        args.append((key, value))
    return Message(name, tuple(args)), at


def _disconnect(frame: bytes) -> Disconnect:
    found = _pairs(frame, _payload(frame)[2])
    code, message = found.get(b"status-code"), found.get(b"message")
    if not isinstance(code, int) or not isinstance(message, bytes):
        raise SpopError("the disconnect has no status-code or no message")
    return Disconnect(code, message)


def _rest(_: bytes) -> Event:
    raise SpopError("a frame is fragmented, but fragmentation was not agreed", FRAGMENTED)


_READERS: Mapping[int, Callable[[bytes], Event]] = {
    UNSET: _rest,
    HAPROXY_HELLO: _hello,
    HAPROXY_DISCONNECT: _disconnect,
    NOTIFY: _notify,
}


def _put(kind: int, stream: int, number: int, payload: bytes) -> bytes:
    frame = bytes((kind,)) + FIN.to_bytes(4) + put_varint(stream) + put_varint(number) + payload
    return len(frame).to_bytes(LENGTH) + frame


def put_agent_hello(max_frame_size: int, capabilities: str = "") -> bytes:
    """Answer a Hello. HAProxy reads it in one piece: write it at once."""
    items = {"version": put_typed(VERSION), "max-frame-size": put_uint32(max_frame_size)}
    items["capabilities"] = put_typed(capabilities)
    return _put(AGENT_HELLO, 0, 0, b"".join(put_string(name.encode()) + value for name, value in items.items()))


def put_ack(stream: int, frame: int, actions: bytes) -> bytes:
    """Answer a Notify; actions as put_variables makes them."""
    return _put(ACK, stream, frame, actions)


def put_agent_disconnect(code: int = NORMAL, message: str = "") -> bytes:
    """Say why the connection ends, just before it does."""
    payload = put_string(b"status-code") + put_uint32(code) + put_string(b"message") + put_typed(message)
    return _put(AGENT_DISCONNECT, 0, 0, payload)


@lru_cache(256)
def _set_variable(name: bytes) -> bytes:
    """All of an action but the value; the names are few."""
    return bytes((SET_VAR, 3, TXN)) + put_string(name)


def put_variables(variables: Iterable[tuple[bytes, Written]]) -> bytes:
    """Write actions to set variables of the transaction; HAProxy puts the agent's prefix before their names."""
    return b"".join([_set_variable(name) + put_typed(value) for name, value in variables])
