"""The writing half of the check listener: a Reply in, one HTTP/1.1 message out."""

import email.utils
from http import HTTPStatus
from typing import Final

import msgspec

from reputation.listeners.grammar import Refusal
from reputation.wire.gateway import Headers, Reply

PROBLEM: Headers = ((b"Content-Type", b"application/problem+json"),)
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}
_BODILESS: Final = frozenset({204, 304})


class ReplyError(ValueError):
    """The application's reply cannot be written as one HTTP message."""


def problem(status: int, title: str) -> Reply:
    """Make a problem document (RFC 9457) with only its title; the pointer of 413 is the whole body."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": title}
    return Reply(status, msgspec.json.encode(body | ({"pointer": ""} if status == 413 else {})), PROBLEM)


def refuse(refusal: Refusal) -> Reply:
    """Answer an unreadable request."""
    return problem(refusal.status, refusal.title)


FAILED: Final = problem(500, "The sidecar failed to answer")
FULL: Final = problem(503, "Too many connections")


def field_lines(headers: Headers) -> bytes:
    """Write the header fields; ReplyError where a line end or NUL would split the answer."""
    lines = b"".join([b"%b: %b\r\n" % field for field in headers])
    ends = len(headers)
    if lines.count(b"\n") != ends or lines.count(b"\r") != ends or b"\0" in lines:
        raise ReplyError("a reply's header holds a line end")
    return lines


class Answers:
    """Writes answers; shared parts are cached until `refresh`; the sweep calls it to renew the Date."""

    def __init__(self) -> None:
        self._heads: dict[int, bytes] = {}
        self.refresh()

    def refresh(self) -> None:
        """Clear the cache, so the next answer has the current time."""
        self._heads.clear()
        self._status = 0
        self._headers: Headers = ()
        self._start = b""

    def render(self, reply: Reply, method: bytes, connection: bytes) -> bytes:
        """Return the whole answer to a request of this method; connection is its Connection line or empty.

        ReplyError if the reply would not be one message.
        """
        status, body, headers = reply
        # a route's headers are mostly one constant, so the last start is kept by its identity
        if headers is not self._headers or status != self._status:
            start = self._head(status) + field_lines(headers)
            if status in _BODILESS:
                return b"%b%b\r\n" % (start, connection)
            self._start = start + b"Content-Length: "
            self._headers, self._status = headers, status
        if method == b"HEAD":
            return b"%b%d\r\n%b\r\n" % (self._start, len(body), connection)
        return b"%b%d\r\n%b\r\n%b" % (self._start, len(body), connection, body)

    def _head(self, status: int) -> bytes:
        head = self._heads.get(status)
        if head is None:
            if not 200 <= status <= 599:
                raise ReplyError(f"{status} is not a final status")
            date = email.utils.formatdate(usegmt=True).encode()
            head = b"HTTP/1.1 %d %b\r\nDate: %b\r\n" % (status, _PHRASES.get(status, b""), date)
            self._heads[status] = head
        return head
