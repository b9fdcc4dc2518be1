"""The fast path of the check listener: llhttp reads a complete plain message in one call."""

from collections.abc import Callable
from typing import Final, NamedTuple

import httptools

from reputation.listeners.grammar import CRLF, VISIBLE, HttpLimits, is_host
from reputation.wire.gateway import HttpMessage

HEAD_END: Final = b"\r\n\r\n"
# Clients that keep their connection send few different heads. What both parsers made of one holds for the same
# bytes again: the second time a head is seen it is kept, up to that size, unless it carries a client's secret.
KNOWN_HEADS: Final = 512
KNOWN_SIZE: Final = 1024
SEEN_ONCE: Final = 4096
CREDENTIALS: Final = frozenset({b"authorization", b"proxy-authorization", b"x-api-key", b"cookie"})

_new: Final = tuple.__new__  # half the time of calling a NamedTuple


class Plain(NamedTuple):
    """A head for the fast path; size is its body's."""

    size: int
    method: bytes
    target: bytes
    fields: list[tuple[bytes, bytes]]


class PlainMessages:
    """Reads complete messages, for all connections of a listener.

    Reader would answer these messages in the same way; Reader also decides about all other messages.
    """

    def __init__(self, limits: HttpLimits, body_limit: Callable[[bytes], int]) -> None:
        """body_limit: bytes allowed for a target."""
        self.known: dict[bytes, Plain] = {}
        self._seen: set[int] = set()
        self._limits = limits
        self._body_limit = body_limit
        self._most_target = limits.request_line - len(b"OPTIONS  HTTP/1.1\r\n")
        self._host: bytes | None = b""  # the last valid one
        self._fields: list[tuple[bytes, bytes]] = []
        self._target = b""
        self._complete = False
        self._parser = httptools.HttpRequestParser(self)

    def read(self, data: bytes, peer: str) -> HttpMessage | None:
        """Return the message if data is one, whole and plain; else None, and nothing has happened."""
        end = data.find(HEAD_END) + 4
        head = data[:end]
        plain = self.known.get(head) or self._learn(head, data)
        if plain is None:
            return None
        size, method, target, fields = plain
        if size != len(data) - end:
            return None
        return _new(HttpMessage, (method, target, fields.copy(), data[end:], peer))

    def on_url(self, target: bytes) -> None:
        """llhttp's callback."""
        self._target = target

    def on_header(self, name: bytes, value: bytes) -> None:
        """llhttp's callback."""
        self._fields.append((name.lower(), value.strip()))

    def on_message_complete(self) -> None:
        """llhttp's callback."""
        self._complete = True

    def _learn(self, head: bytes, data: bytes) -> Plain | None:
        """Read a head of HTTP/1.1 without repeated fields, so a dict has all of it."""
        fields: list[tuple[bytes, bytes]] = []
        self._fields = fields
        self._complete = False
        parser = self._parser
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._parser = httptools.HttpRequestParser(self)
            return None
        names = dict(fields)
        length = names.get(b"content-length", b"0")
        size = int(length) if length.isdigit() and len(length) < 16 else -1
        method, target, lines = parser.get_method(), self._target, len(fields) + 2
        if (
            self._complete
            and len(head) + size == len(data)
            and len(names) + 2 == lines
            and (names.get(b"host") == self._host or self._takes_host(names))
            and b"transfer-encoding" not in names
            and names.get(b"connection", b"keep-alive") == b"keep-alive"
            and head.translate(None, VISIBLE) == CRLF * lines
            and data.startswith(b" HTTP/1.1\r\n", len(method) + 1 + len(target))
            and target.startswith(b"/")
            and len(target) < self._most_target
            and len(head) <= self._limits.head
            and len(fields) <= self._limits.fields
            and size <= self._body_limit(target)
        ):
            plain = _new(Plain, (size, method, target, fields))
            if len(head) <= KNOWN_SIZE:
                self._notice(head, plain, names)
            return plain
        self._parser = httptools.HttpRequestParser(self)
        return None

    def _takes_host(self, names: dict[bytes, bytes]) -> bool:
        """Whether the one Host is valid. Gateways repeat the same Host, so the result is cached."""
        host = names.get(b"host")
        if host is None or is_host(host) is None:
            return False
        self._host = host
        return True

    def _notice(self, head: bytes, plain: Plain, names: dict[bytes, bytes]) -> None:
        mark = hash(head)
        if mark not in self._seen:
            if len(self._seen) >= SEEN_ONCE:
                self._seen.clear()
            self._seen.add(mark)
        elif names.keys().isdisjoint(CREDENTIALS):
            if len(self.known) >= KNOWN_HEADS:
                self.known.clear()
            self.known[head] = plain
