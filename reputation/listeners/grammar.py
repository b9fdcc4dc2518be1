"""Requests of the check listener: limits, refusals and the grammar of each line. All pure."""

import re
from typing import NamedTuple

from msgspec import Struct

CRLF = b"\r\n"
CLOSE = b"Connection: close\r\n"
KEEP_ALIVE = b"Connection: keep-alive\r\n"
VISIBLE = bytes(sorted({*range(0x20, 0x7F), 0x09, *range(0x80, 0x100)}))  # what a line may hold

_VERSIONS = frozenset({b"HTTP/1.1", b"HTTP/1.0"})
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_IS_TOKEN = re.compile(_TOKEN).fullmatch
_IS_TARGET = re.compile(rb"/[!-~\x80-\xff]*").fullmatch
_IS_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]").fullmatch
_IS_LENGTH = re.compile(rb"[0-9]{1,15}").fullmatch
is_host = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*").fullmatch
# no blanks around the value: two runs that may share them would make a long one cost its square
_FIELD = re.compile(rb"(" + _TOKEN + rb"):([^\x00-\x08\x0a-\x1f\x7f]*)\r\n").fullmatch
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,12})(?:;[\t -~]*)?\r\n").fullmatch


class HttpLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of one connection and of all connections. Sizes in bytes, times in seconds.

    A time-out is noticed up to a quarter of the shortest one late, since one sweep serves all connections.
    """

    request_line: int = 16_384
    head: int = 65_536
    fields: int = 200
    body: int = 65_536
    buffered: int = 67_108_864  # of all connections, for messages that have not arrived whole
    connections: int = 8192
    of_a_peer: int = 6144  # three quarters: one address cannot take every place, and a single gateway has enough
    idle: float = 300.0  # longer than a gateway keeps its own, so that it never writes into a closed one
    head_time: float = 10.0
    body_time: float = 30.0
    write_time: float = 20.0
    linger: float = 2.0


class Refusal(NamedTuple):
    """The answer to an unreadable request; reason is the metric's label."""

    status: int
    reason: str
    title: str


# Nothing here is a 5xx but the version, which only a gateway chooses: a gateway that fails open takes a 5xx
# for an outage, and a client could then switch its limits off with a malformed request.
REFUSALS = {
    refusal.reason: refusal
    for refusal in (
        Refusal(400, "request_line", "The request line cannot be read"),
        Refusal(400, "method", "CONNECT is not served here"),
        Refusal(400, "target", "The request target is not a path"),
        Refusal(505, "version", "Only HTTP/1.1 and HTTP/1.0 are served here"),
        Refusal(400, "line_end", "A line does not end with CR LF"),
        Refusal(400, "folding", "A header field is folded over two lines"),
        Refusal(400, "field", "A header field cannot be read"),
        Refusal(400, "host", "Exactly one valid Host is needed"),
        Refusal(400, "content_length", "Content-Length is not a single plain number"),
        Refusal(400, "transfer_encoding", "Transfer-Encoding is not exactly chunked"),
        Refusal(400, "framing", "Content-Length and Transfer-Encoding exclude each other"),
        Refusal(400, "chunk", "The chunked body cannot be read"),
        Refusal(400, "malformed", "The request cannot be read"),
        Refusal(413, "body_size", "The body is too large"),
        Refusal(414, "line_size", "The request line is too long"),
        Refusal(431, "head_size", "The header fields are too large"),
        Refusal(431, "fields", "There are too many header fields"),
        Refusal(408, "time", "The request took too long to arrive"),
    )
}


class BadRequestError(Exception):
    """The bytes are not a valid request; the rest of the connection cannot be read."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.refusal = REFUSALS[reason]


class Start(NamedTuple):
    """The request line."""

    method: bytes
    target: bytes
    version: bytes


NO_START = Start(b"", b"", b"")


def start_line(line: bytes) -> Start:
    """Read a request line, its line end included. The method may be any token, the target any path."""
    if not line.endswith(CRLF):
        raise BadRequestError("line_end")
    parts = line[:-2].split(b" ")
    if len(parts) != 3 or not _IS_TOKEN(parts[0]) or not _IS_VERSION(parts[2]):
        raise BadRequestError("request_line")
    start = Start(*parts)
    if start.version not in _VERSIONS:
        raise BadRequestError("version")
    if start.method == b"CONNECT":
        raise BadRequestError("method")
    if not _IS_TARGET(start.target):
        raise BadRequestError("target")
    return start


def field(line: bytes) -> tuple[bytes, bytes]:
    """Read a header line with its line end: the name in lower case, the value without blanks around it."""
    if not line.endswith(CRLF):
        raise BadRequestError("line_end")
    if line[0] in b" \t":
        raise BadRequestError("folding")
    match = _FIELD(line)
    if match is None:
        raise BadRequestError("field")
    return match[1].lower(), match[2].strip(b" \t")


def check_host(hosts: list[bytes], version: bytes) -> None:
    """RFC 9112, 3.2: exactly one valid Host; HTTP/1.0 may leave it out."""
    missing = not hosts and version == b"HTTP/1.1"
    if missing or len(hosts) > 1 or any(not is_host(host) for host in hosts):
        raise BadRequestError("host")


def framing(codings: list[bytes], lengths: list[bytes], version: bytes) -> int:
    """Return the body's length in bytes, -1 if it is chunked: RFC 9112, 6.1 and 6.3, read strictly."""
    if codings and lengths:
        raise BadRequestError("framing")
    if codings:
        if version == b"HTTP/1.0" or len(codings) > 1 or codings[0].lower() != b"chunked":
            raise BadRequestError("transfer_encoding")
        return -1
    if not lengths:
        return 0
    if len(lengths) > 1 or not _IS_LENGTH(lengths[0]):
        raise BadRequestError("content_length")
    return int(lengths[0])


def connection(values: list[bytes], version: bytes) -> bytes:
    """Return the answer's Connection line: HTTP/1.1 stays open by default, HTTP/1.0 closes by default."""
    options = {option.strip(b" \t").lower() for value in values for option in value.split(b",")}
    if b"close" in options:
        return CLOSE
    if version == b"HTTP/1.1":
        return b""
    return KEEP_ALIVE if b"keep-alive" in options else CLOSE


def chunk_size(line: bytes) -> int:
    """Read a chunk's size line, its line end included; extensions are skipped."""
    match = _CHUNK(line)
    if match is None:
        raise BadRequestError("chunk")
    return int(match[1], 16)
