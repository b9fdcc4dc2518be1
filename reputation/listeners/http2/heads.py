"""The head of a gRPC call: a decoded block to the method that is asked for, or to the reason why none can be."""

from typing import Final

from reputation.listeners.http2.faults import PROTOCOL_ERROR, StreamFault
from reputation.listeners.http2.hpack import Fields
from reputation.listeners.http2.methods import Metadata, Methods, Streaming, Unary
from reputation.listeners.http2.static_table import Field
from reputation.listeners.http2.statuses import INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, GrpcStatus

PSEUDO: Final = frozenset({b":method", b":scheme", b":path", b":authority"})
FORBIDDEN: Final = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
"""Fields of a connection (RFC 9113, 8.2.2)."""
_NAME: Final = bytes(sorted({*b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"}))
_CONTENT_TYPE: Final = b"application/grpc"
_UNITS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_MOST_DIGITS: Final = 8
NO_TIMEOUT: Final = -1.0
COMPRESSED: Final = "compressed messages are not supported; turn compression off for this service"


class Head:
    """The head of a call.

    timeout: seconds that the caller waits, or NO_TIMEOUT. status: HTTP's, if this is no gRPC call at all; else 200.
    refusal: the status that the call ends with at once. fault: the error code of a malformed head, or -1.
    """

    def __init__(self) -> None:
        self.method: Unary | Streaming | None = None
        self.metadata: Metadata = []
        self.timeout = NO_TIMEOUT
        self.status = 200
        self.refusal: GrpcStatus | None = None
        self.fault = -1
        self.size = 0


def read(found: Fields, methods: Methods) -> Head:
    """Read a head."""
    head = Head()
    head.size = found.size
    try:
        named = _pseudo(found)
        head.metadata = found.fields[len(named) :]
        _check_regular(head.metadata)
        _check_request(named, whole=not found.too_large)
    except StreamFault as fault:
        head.fault = fault.code
        return head
    if found.too_large:
        head.refusal = GrpcStatus(RESOURCE_EXHAUSTED, "the call's metadata is too large")
        return head
    _read_call(head, named[b":method"], named[b":path"], methods)
    return head


def check_trailers(found: Fields) -> None:
    """Check a block after the messages. Raises StreamFault."""
    if found.fields and found.fields[0][0][:1] == b":":
        raise StreamFault(PROTOCOL_ERROR)
    _check_regular(found.fields)


def _pseudo(found: Fields) -> dict[bytes, bytes]:
    """Return the fields at the start whose names begin with a colon. Raises StreamFault."""
    named: dict[bytes, bytes] = {}
    for name, value in found.fields:
        if name[:1] != b":":
            break
        if name not in PSEUDO or name in named or not _is_value(value):
            raise StreamFault(PROTOCOL_ERROR)
        named[name] = value
    return named


def _check_regular(fields: list[Field]) -> None:
    for name, value in fields:
        if not name or name.translate(None, _NAME) or name in FORBIDDEN or not _is_value(value):
            raise StreamFault(PROTOCOL_ERROR)
        if name == b"te" and value != b"trailers":
            raise StreamFault(PROTOCOL_ERROR)


def _is_value(value: bytes) -> bool:
    """RFC 9113, 8.2.1: no line end or NUL, and no blank at either end."""
    return not (b"\n" in value or b"\r" in value or b"\0" in value) and value.strip(b" \t") == value


def _check_request(named: dict[bytes, bytes], *, whole: bool) -> None:
    if whole and not (named.get(b":method") and named.get(b":path") and named.get(b":scheme")):
        raise StreamFault(PROTOCOL_ERROR)


def _read_call(head: Head, verb: bytes, path: bytes, methods: Methods) -> None:
    named = dict(head.metadata)
    if verb != b"POST":
        head.status = 405
    elif not _is_grpc(named.get(b"content-type", b"")):
        head.status = 415
    elif path not in methods:
        head.refusal = GrpcStatus(UNIMPLEMENTED, "no such method")
    elif named.get(b"grpc-encoding", b"identity") != b"identity":
        head.refusal = GrpcStatus(UNIMPLEMENTED, COMPRESSED)
    else:
        head.method = methods[path]
        if b"grpc-timeout" in named:
            _set_timeout(head, named[b"grpc-timeout"])


def _is_grpc(kind: bytes) -> bool:
    """Whether a content type is application/grpc, alone or with a suffix or parameters."""
    return kind.startswith(_CONTENT_TYPE) and kind[len(_CONTENT_TYPE) :][:1] in (b"", b"+", b";")


def _set_timeout(head: Head, timeout: bytes) -> None:
    """Read the time that a caller waits: digits and a unit."""
    digits, unit = timeout[:-1], _UNITS.get(timeout[-1:])
    if unit is None or not digits.isdigit() or len(digits) > _MOST_DIGITS:
        head.refusal = GrpcStatus(INVALID_ARGUMENT, "grpc-timeout cannot be read")
    else:
        head.timeout = int(digits) * unit
