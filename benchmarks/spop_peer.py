"""HAProxy's side of SPOP: frames to send to an agent, and what the agent's frames say. For tests, fuzzing and load."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from plugins.haproxy.spop import (
    ACK,
    AGENT_DISCONNECT,
    AGENT_HELLO,
    FIN,
    HAPROXY_DISCONNECT,
    HAPROXY_HELLO,
    LENGTH,
    NOTIFY,
)
from plugins.haproxy.spop_data import (
    Value,
    Written,
    put_string,
    put_typed,
    put_uint32,
    put_varint,
    string,
    typed,
    varint,
)

MOST = 16_380
"""What HAProxy announces with the default tune.bufsize."""

# as HAProxy 2.6.12 sent them with the shipped configuration
HELLO_26 = (
    b"\x00\x00\x00\x81\x01\x00\x00\x00\x01\x00\x00\x12supported-versions\x08\x032.0\x0emax-frame-size\x03\xfc\xf0\x06"
    b"\x0ccapabilities\x08\x10pipelining,async\tengine-id\x08$5d3eec39-5f52-4a69-bd90-cd33f45185d1"
)
CHECK_26 = (
    b"\x00\x00\x00N\x01\x00\x00\x00\x01\x00\x00\x12supported-versions\x08\x032.0\x0emax-frame-size\x03\xfc\xf0\x06"
    b"\x0ccapabilities\x08\x00\x0bhealthcheck\x11"
)
NOTIFY_26 = (
    b"\x00\x00\x00\xce\x03\x00\x00\x00\x01\x00\x01\x07request\n\x06tenant\x08\x07default\x06method\x08\x03GET\x04path"
    b"\x08\x05/v1/x\nuser-agent\x08\x06curl/8\rauthorization\x08\tBearer k1\tx-api-key\x00\x0fx-forwarded-for\x00"
    b"\x0fx-forwarded-for\x08\x0c198.51.100.9\x0fx-forwarded-for\x08\t192.0.2.7\x0fx-forwarded-for\x06\x7f\x00\x00\x01"
)


class Answer(Struct, frozen=True):
    """One frame of an agent's. pairs: of a hello or disconnect; variables: of an ACK, with their scope's number."""

    kind: int
    stream: int = 0
    frame: int = 0
    pairs: dict[bytes, Value] = {}
    variables: dict[bytes, Value] = {}
    scopes: frozenset[int] = frozenset()


def put_frame(kind: int, payload: bytes, stream: int = 0, frame: int = 0, flags: int = FIN) -> bytes:
    body = bytes((kind,)) + flags.to_bytes(4) + put_varint(stream) + put_varint(frame) + payload
    return len(body).to_bytes(LENGTH) + body


def put_pairs(pairs: Iterable[tuple[str, bytes]]) -> bytes:
    """Names, and values that are written already."""
    return b"".join([put_string(name.encode()) + value for name, value in pairs])


def put_hello(**changes: bytes | None) -> bytes:
    """A hello; an item with its typed value in place of the usual one, or None for none at all."""
    usual = {
        "supported_versions": put_typed("2.0"),
        "max_frame_size": put_uint32(MOST),
        "capabilities": put_typed("pipelining,async"),
    }
    items = {name.replace("_", "-"): value for name, value in (usual | changes).items() if value is not None}
    return put_frame(HAPROXY_HELLO, put_pairs(items.items()))


def put_message(name: str, args: Sequence[tuple[str, Written]]) -> bytes:
    head = put_string(name.encode()) + bytes((len(args),))
    return head + put_pairs([(key, put_typed(value)) for key, value in args])


def put_notify(stream: int, frame: int, args: Sequence[tuple[str, Written]]) -> bytes:
    return put_frame(NOTIFY, put_message("request", args), stream, frame)


def put_disconnect(code: int, message: str) -> bytes:
    return put_frame(
        HAPROXY_DISCONNECT, put_pairs([("status-code", put_uint32(code)), ("message", put_typed(message))])
    )


def answers(data: bytes) -> list[Answer]:
    """All frames in an agent's bytes; ValueError if they are not whole."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + LENGTH])
        frame = data[at + LENGTH : at + LENGTH + size]
        if len(frame) < size or frame[1:5] != FIN.to_bytes(4):
            raise ValueError("a frame is not whole")
        found.append(_answer(frame))
        at += LENGTH + size
    return found


def _answer(frame: bytes) -> Answer:
    stream, at = varint(frame, 5)
    number, at = varint(frame, at)
    if frame[0] == ACK:
        variables, scopes = _variables(frame, at)
        return Answer(ACK, stream, number, variables=variables, scopes=scopes)
    if frame[0] not in (AGENT_HELLO, AGENT_DISCONNECT):
        raise ValueError(f"an agent sends no frame of type {frame[0]}")
    pairs: dict[bytes, Any] = {}
    while at < len(frame):
        name, at = string(frame, at)
        pairs[name], at = typed(frame, at)
    return Answer(frame[0], stream, number, pairs)


def _variables(frame: bytes, at: int) -> tuple[dict[bytes, Value], frozenset[int]]:
    variables: dict[bytes, Value] = {}
    scopes = set()
    while at < len(frame):
        if frame[at : at + 2] != b"\x01\x03":
            raise ValueError("an action is no set-var")
        scopes.add(frame[at + 2])
        name, at = string(frame, at + 3)
        variables[name], at = typed(frame, at)
    return variables, frozenset(scopes)
