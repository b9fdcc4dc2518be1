"""Bytes in, requests out: the reading half of the check listener, pure and without a clock or a socket.

Two parsers have to agree on every request. Ours finds where a message starts and ends and refuses what may be
read in two ways; llhttp, through httptools, then reads the same bytes. What either refuses is refused.
"""

from collections.abc import Callable

import httptools

from reputation.listeners.grammar import (
    CRLF,
    NO_START,
    BadRequestError,
    HttpLimits,
    check_host,
    chunk_size,
    connection,
    field,
    framing,
    start_line,
)
from reputation.wire.gateway import HttpMessage

CHUNK_LINE = 256  # bytes of a chunk's size line, extensions included
TRAILERS = 4096  # bytes of all trailer lines of one message
# llhttp reads the fields under a start line of its own: the method may be any token, the target any byte
_START_LINE = b"POST / HTTP/1.1\r\n"


class Reader:
    """Feed received bytes, then take messages until `take` returns None. It cannot be used after an error.

    Any split of the same bytes gives the same messages and the same error. It holds no more than one head,
    one body within its limit and what was fed since.
    """

    def __init__(self, limits: HttpLimits, body_limit: Callable[[bytes], int], peer: str = "") -> None:
        """body_limit: bytes allowed for a target."""
        self.peer = peer
        self.connection = b""  # the Connection line that the answer to the message taken last needs
        self.continues = False  # a client waits for 100 Continue
        self.blank = False  # the empty line that may come before a request has come
        self._limits = limits
        self._body_limit = body_limit
        self._data = b""
        self._at = 0
        self._scanned = 0  # where the next line of a head starts
        self._fields: list[tuple[bytes, bytes]] = []  # as llhttp read them
        self._read_body: Callable[[], bool] | None = None
        self._parser: httptools.HttpRequestParser | None = None
        self._new_message()

    @property
    def method(self) -> bytes:
        """The method of the current message; empty if not known yet."""
        return self._start.method

    @property
    def buffered(self) -> int:
        """Bytes received without a complete message yet."""
        return len(self._data) - self._at

    @property
    def held(self) -> int:
        """Bytes that a message which has not arrived whole holds."""
        return len(self._data) - self._at + len(self._body)

    @property
    def rest(self) -> bytes:
        """These bytes."""
        return self._data[self._at :]

    @property
    def inside_body(self) -> bool:
        return self._read_body is not None

    def feed(self, data: bytes) -> None:
        if self._at == len(self._data):
            self._data, self._scanned = data, self._scanned - self._at
        else:
            self._data, self._scanned = self._data[self._at :] + data, self._scanned - self._at
        self._at = 0

    def take(self) -> HttpMessage | None:
        """Return the next whole message, or None until more is fed; BadRequestError if there will be none."""
        if self._read_body is None and not self._read_head():
            return None
        if self._read_body is None or not self._read_body():
            return None
        return self._finish()

    def on_header(self, name: bytes, value: bytes) -> None:
        """llhttp's callback."""
        self._fields.append((name.lower(), value.strip()))

    def on_message_complete(self) -> None:
        """llhttp's callback."""
        self._complete = True

    def close(self) -> None:
        """Release the parser, because it refers to this reader."""
        self._parser = None

    def _llhttp(self) -> httptools.HttpRequestParser:
        if self._parser is None:
            self._parser = httptools.HttpRequestParser(self)
        return self._parser

    def _new_message(self) -> None:
        self._start = NO_START
        self.blank = False
        self._scanned = self._at
        self._own: list[tuple[bytes, bytes]] = []
        self._fields = []
        self._complete = False
        self._body = bytearray()
        self._left = 0
        self._chunk_left = 0
        self._trailers = -1
        self._read_body = None
        self.continues = False

    def _read_head(self) -> bool:
        """Read the complete lines that have arrived, each once. Return whether the head is complete.

        Raises BadRequestError for a bad line.
        """
        while True:
            newline = self._data.find(b"\n", self._scanned)
            self._check_sizes(newline + 1 if newline >= 0 else len(self._data))
            if newline < 0:
                return False
            line = self._data[self._scanned : newline + 1]
            self._scanned = newline + 1
            if line == CRLF and self._start is not NO_START:
                self._begin_body()
                return True
            self._read_line(line)

    def _check_sizes(self, end: int) -> None:
        size = end - self._at
        if self._start is NO_START and size > self._limits.request_line:
            raise BadRequestError("line_size")
        if size > self._limits.head:
            raise BadRequestError("head_size")

    def _read_line(self, line: bytes) -> None:
        if self._start is not NO_START:
            self._own.append(field(line))
            if len(self._own) > self._limits.fields:
                raise BadRequestError("fields")
        elif line == CRLF and not self.blank:
            # RFC 9112, 2.2: one empty line before a request is let pass
            self.blank = True
            self._at = self._scanned
        else:
            self._start = start_line(line)

    def _begin_body(self) -> None:
        head = self._data[self._at : self._scanned]
        self._at = self._scanned
        version = self._start.version
        check_host(self._named(b"host"), version)
        codings, lengths = self._named(b"transfer-encoding"), self._named(b"content-length")
        self._left = framing(codings, lengths, version)
        if self._left > self._body_limit(self._start.target):
            raise BadRequestError("body_size")
        self.connection = connection(self._named(b"connection"), version)
        expects = any(value.lower() == b"100-continue" for value in self._named(b"expect"))
        self.continues = expects and version == b"HTTP/1.1" and self._left != 0
        self._read_body = self._read_chunked if codings else self._read_fixed
        self._show_head(_START_LINE + head[head.index(CRLF) + 2 :])

    def _named(self, name: bytes) -> list[bytes]:
        return [value for field, value in self._own if field == name]

    def _show_head(self, head: bytes) -> None:
        self._llhttp()
        self._fields = []
        try:
            self._show(head)
        except httptools.HttpParserUpgrade:
            # we never upgrade: the request is served as if it had not asked, its body framed by us alone
            self._parser = None
            self._complete = True
        if self._fields != self._own:
            raise BadRequestError("malformed")

    def _show(self, data: bytes) -> None:
        """Pass the bytes read by our own parser to llhttp."""
        if self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            raise BadRequestError("malformed") from None

    def _advance(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def _read_fixed(self) -> bool:
        piece = self._advance(self._left)
        if piece:
            self.continues = False
            self._left -= len(piece)
            self._body += piece
            self._show(piece)
        return self._left == 0

    def _read_chunked(self) -> bool:
        while self._read_chunk_data():
            line = self._chunk_line()
            if line is None:
                return False
            if self._trailers >= 0:
                last = self._read_trailer(line)
                self._show(line)
                if last:
                    return True
            else:
                self._read_chunk_size(line)
                self._show(line)
        return False

    def _read_chunk_data(self) -> bool:
        """Read the rest of the chunk and its line end; true if a line follows."""
        if self._chunk_left > 2:
            piece = self._advance(self._chunk_left - 2)
            self._chunk_left -= len(piece)
            self._body += piece
            self._show(piece)
        if self._chunk_left == 2 and self.buffered >= 2:
            piece = self._advance(2)
            if piece != CRLF:
                raise BadRequestError("chunk")
            self._chunk_left = 0
            self._show(piece)
        return self._chunk_left == 0

    def _chunk_line(self) -> bytes | None:
        newline = self._data.find(b"\n", self._at, self._at + CHUNK_LINE)
        if newline >= 0:
            self.continues = False
            return self._advance(newline + 1 - self._at)
        if self.buffered >= CHUNK_LINE:
            raise BadRequestError("chunk")
        return None

    def _read_chunk_size(self, line: bytes) -> None:
        size = chunk_size(line)
        if len(self._body) + size > self._body_limit(self._start.target):
            raise BadRequestError("body_size")
        if size == 0:
            self._trailers = 0
        else:
            self._chunk_left = size + 2

    def _read_trailer(self, line: bytes) -> bool:
        """Check a trailer and drop it; true at the empty line at the end of the message."""
        if line == CRLF:
            return True
        field(line)
        self._trailers += len(line)
        if self._trailers > TRAILERS:
            raise BadRequestError("head_size")
        return False

    def _finish(self) -> HttpMessage:
        if not self._complete:
            raise BadRequestError("malformed")
        start = self._start
        message = HttpMessage(start.method, start.target, self._own, bytes(self._body), self.peer)
        self._new_message()
        return message
