"""One connection of the check listener, as a protocol on uvloop."""

import asyncio
from collections.abc import Awaitable
from typing import Final, cast

from reputation.listeners.admission import PROBES, UNCERTIFIED
from reputation.listeners.connection_server import ConnectionServer
from reputation.listeners.grammar import CLOSE, BadRequestError
from reputation.listeners.http2.frames import PREFACE
from reputation.listeners.reader import Reader
from reputation.listeners.states import BODY, CLOSING, HEAD, IDLE, STALLED, WORKING
from reputation.listeners.writer import CONTINUE, FULL, refuse
from reputation.wire.gateway import HttpMessage, Reply
from reputation.wire.later import deliver

TURN: Final = 64  # pipelined messages answered before other connections get their turn
MISSING: Final = TypeError("the application gave no reply")
HELD: Final = 65_536  # bytes gathered, in either direction, before the next step has to be taken


class Connection(asyncio.Protocol):
    """One connection: takes messages in turn, writes their answers in order."""

    __slots__ = (
        "_ended",
        "_held",
        "_loop",
        "_out",
        "_over",
        "_paused",
        "_reader",
        "_server",
        "_size",
        "_transport",
        "doing",
        "fresh",
        "holds",
        "since",
        "stranger",
    )

    def __init__(self, server: ConnectionServer, loop: asyncio.AbstractEventLoop) -> None:
        self.doing = IDLE
        self.fresh = True
        self.holds = 0  # bytes of a message that has not arrived whole
        self.since = server.now
        self.stranger = False  # no certificate, and the listener needs one: probes alone are answered
        self._server = server
        self._loop = loop
        self._out: list[bytes] = []
        self._size = 0  # bytes in _out
        self._paused = False  # the client reads its answers too slowly
        self._held = False  # we read nothing for now
        self._ended = False  # the client sends nothing more
        self._over = False  # above the limit of connections: probes alone are answered
        self._reader: Reader
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        server, peer = self._server, transport.get_extra_info("peername")
        peer = peer[0] if isinstance(peer, tuple) else ""
        self.stranger = server.certified_only and not transport.get_extra_info("peercert")
        self._reader = Reader(server.limits, server.body_limit, peer)
        if server.admit(self, peer):
            return
        if not server.accepting:
            self._full()
            return
        self._over = True
        self.doing = HEAD

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it by position
        self.doing = CLOSING
        self._weigh()
        self._reader.close()
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        if self.fresh and self._is_http2(data):
            return
        if self.doing is IDLE:
            reader, server = self._reader, self._server
            message = server.plain(data, reader.peer)
            if message is not None:
                self.since = server.now
                reader.connection, reader.blank = b"", False
                answer = self._ask(message, b"")
                if answer is None:
                    self.doing = WORKING
                else:
                    self._transport.write(answer)
                return
        if self.doing is CLOSING:
            return
        self._reader.feed(data)
        if self.doing is WORKING or self.doing is STALLED:
            if self._reader.buffered > HELD:
                self._hold()
            self._weigh()
            return
        self._advance()
        self._weigh()

    def _weigh(self) -> None:
        """Tell the server how many bytes an incomplete message holds; it may cut this connection, or another one."""
        before, self.holds = self.holds, 0 if self.doing is CLOSING else self._reader.held
        if self.holds != before:
            self._server.weighed(self.holds - before)

    def _is_http2(self, data: bytes) -> bool:
        """Whether the connection begins with the preface of HTTP/2, or may begin with it; such bytes are taken."""
        reader, server = self._reader, self._server
        if not server.methods or self._over or self.doing is CLOSING or reader.buffered >= len(PREFACE):
            return False
        start = reader.rest + data
        if start.startswith(PREFACE):
            server.turned(self, self._transport, start)
            return True
        if not PREFACE.startswith(start):
            return False
        if self.doing is IDLE:
            self.doing, self.since = HEAD, server.now
        reader.feed(data)
        return True

    def eof_received(self) -> bool:
        """After the client has sent all, keep the connection open while an answer is still to be sent."""
        self._ended = True
        return self.doing is WORKING or self.doing is STALLED

    def pause_writing(self) -> None:
        self._paused = True
        if self.doing is not WORKING and self.doing is not CLOSING:
            self._stall()

    def resume_writing(self) -> None:
        self._paused = False
        if self.doing is STALLED:
            self._advance()

    def expire(self) -> None:
        """End a connection after a time-out."""
        writing = self._transport.get_write_buffer_size() > 0
        if self._over and self.doing is not CLOSING:
            self._full()
        elif self.doing is IDLE:
            self._close()
        elif self.doing is HEAD or self.doing is BODY:
            self._refuse(BadRequestError("time"))
        elif not (self.doing is CLOSING and writing) or self._server.now - self.since > self._server.limits.write_time:
            self.abort()

    def cut(self) -> None:
        """Give up a message that has not arrived whole, for want of memory."""
        self._full()
        self._weigh()

    def _full(self) -> None:
        """Refuse a connection that there is no room for."""
        self._queue(self._server.render(FULL, b"GET", CLOSE))
        self._close()

    def leave(self) -> None:
        """Close at once if nothing is in flight; else the next answer will be the last."""
        if self.doing is IDLE:
            self._close()

    def abort(self) -> None:
        self._transport.abort()

    def _ask(self, message: HttpMessage, connection: bytes) -> bytes | None:
        """Let the application answer, with this Connection line; None when a task of its own will."""
        server = self._server
        if (self._over or self.stranger) and message.target.partition(b"?")[0] not in PROBES:
            return self._turn_away(message, connection)
        server.requests += 1
        self.fresh = False
        try:
            reply = server.application(message)
            if type(reply) is Reply:
                return server.render(reply, message.method, connection)
        except Exception as error:  # noqa: BLE001 - the boundary: the application's bug is this request's 500
            return server.render(server.failed(error), message.method, connection)
        method = message.method
        deliver(
            cast("Awaitable[Reply]", reply), lambda found, error: self._answer(found, error, method), server.started
        )
        return None

    def _turn_away(self, message: HttpMessage, connection: bytes) -> bytes:
        """Answer a request that is no probe, of a connection that there is no room for, or without a certificate."""
        if self._over:
            return self._server.render(FULL, message.method, connection)
        self._server.strangers += 1
        return self._server.render(UNCERTIFIED, message.method, connection)

    def _advance(self) -> None:
        """Answer every complete message, up to the limit of a turn, and write the answers in one piece."""
        before, handled = self.doing, self._server.requests
        try:
            doing = self._take_turn()
        except BadRequestError as error:
            self._refuse(error)
            return
        if doing is CLOSING:
            self._close()
            return
        if self._out:
            self._flush()
        if self._paused and doing is not WORKING:
            self._stall()
            return
        if self._held:
            self._release()
        self.doing = doing
        if doing is not before or handled != self._server.requests:
            self.since = self._server.now
        over = self._ended or (self._server.draining and doing is IDLE)
        if over and doing is not WORKING:
            self._close()

    def _take_turn(self) -> str:
        """Take messages and queue their answers; return the connection's next state."""
        reader = self._reader
        for _ in range(TURN):
            message = reader.take()
            if message is None:
                return self._expect()
            connection = self._connection
            answer = self._ask(message, connection)
            if answer is None:
                return WORKING
            self._queue(answer)
            if connection is CLOSE:
                return CLOSING
            if self._size > HELD:
                self._flush()
                if self._paused:
                    return STALLED
        self._loop.call_soon(self._take_next_turn)
        return WORKING

    def _take_next_turn(self) -> None:
        if self.doing is WORKING:
            self._advance()

    def _expect(self) -> str:
        """Return the connection's state while no complete message is there."""
        reader = self._reader
        if reader.inside_body:
            if reader.continues:
                reader.continues = False
                self._out.append(CONTINUE)
            return BODY
        return HEAD if reader.buffered else IDLE

    def _answer(self, reply: Reply | None, error: Exception | None, method: bytes) -> None:
        """Write an answer that came later, and go on; in the place of a failed one, that it failed."""
        server, connection = self._server, self._connection
        try:
            answer = server.render(server.failed(error or MISSING) if reply is None else reply, method, connection)
        except Exception as unwritable:  # noqa: BLE001 - the boundary, as above
            answer = server.render(server.failed(unwritable), method, connection)
        if self.doing is CLOSING:
            return
        if connection is not CLOSE and self._is_quiet():
            self.doing, self.since = IDLE, server.now
            self._transport.write(answer)
            return
        self._queue(answer)
        if connection is CLOSE:
            self._close()
        else:
            self._advance()

    def _is_quiet(self) -> bool:
        """Whether an answer is all that there is to do."""
        reader = self._reader
        return not (self._out or self._held or self._paused or self._ended or reader.buffered or reader.inside_body)

    @property
    def _connection(self) -> bytes:
        """The Connection line of the next answer; CLOSE makes it the last."""
        return CLOSE if self._server.draining or self._over else self._reader.connection

    def _queue(self, answer: bytes) -> None:
        self._out.append(answer)
        self._size += len(answer)

    def _refuse(self, error: BadRequestError) -> None:
        self._server.bad_requests[error.refusal.reason] += 1
        self._queue(self._server.render(refuse(error.refusal), self._reader.method, CLOSE))
        self._close()

    def _flush(self) -> None:
        out = self._out
        self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        self._out = []
        self._size = 0

    def _stall(self) -> None:
        self.doing = STALLED
        self.since = self._server.now
        self._hold()

    def _hold(self) -> None:
        if not self._held:
            self._held = True
            self._transport.pause_reading()

    def _release(self) -> None:
        self._held = False
        self._transport.resume_reading()

    def _close(self) -> None:
        """Write the queued bytes, then close.

        A close while the client still sends would reset the connection and take the answer from it, so what
        it sends is read and dropped until it stops, or until `linger` is over. While the listener ends, an idle client
        may be sending too.
        """
        clean = self.doing is IDLE and not self._out and not self._server.draining
        self.doing = CLOSING
        self.since = self._server.now
        if self._out:
            self._flush()
        if clean or self._ended or not self._transport.can_write_eof():
            self._transport.close()
            return
        if self._held:
            self._release()
        self._transport.write_eof()
