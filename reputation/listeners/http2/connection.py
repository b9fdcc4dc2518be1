"""One connection of gRPC on the loop: what its session says goes to methods, what they answer goes to the client."""

import asyncio
from collections import Counter
from typing import Any, Protocol, cast

from reputation.listeners.grammar import HttpLimits
from reputation.listeners.http2.calls import END, MESSAGE, Event
from reputation.listeners.http2.methods import Methods, Receiver, Streaming, Unary
from reputation.listeners.http2.session import Session
from reputation.listeners.http2.statuses import DEADLINE_EXCEEDED, INTERNAL, OF_HTTP, UNKNOWN
from reputation.listeners.http2.streams import Stream
from reputation.listeners.states import BODY, CLOSING, HEAD, IDLE, STALLED, WORKING
from reputation.wire.errors import Problem
from reputation.wire.gateway import Reply
from reputation.wire.later import deliver

NO_ALARM = float("inf")


class GrpcServer(Protocol):
    """What a connection needs of its server: the limits and clock of all connections, and counters."""

    limits: HttpLimits
    now: float
    requests: int

    @property
    def bad_requests(self) -> Counter[str]:
        """Requests that could not be read, by reason."""

    @property
    def draining(self) -> bool:
        """Whether the listener ends."""

    def failed(self, error: BaseException) -> Reply:
        """Count a failure of a method."""

    def left(self, connection: "GrpcConnection") -> None:
        """Forget a connection that is closed."""

    def started(self, task: "asyncio.Task[Any]") -> None:
        """Keep an answer's task until it is done."""


class GrpcConnection(asyncio.Protocol):
    """One connection: the events of its session to methods, their answers in one piece for each turn of the loop."""

    __slots__ = (
        "_alarm",
        "_alarm_at",
        "_announced",
        "_ended",
        "_flushes",
        "_leaving",
        "_loop",
        "_paused",
        "_receivers",
        "_server",
        "_session",
        "_transport",
        "doing",
        "fresh",
        "since",
    )

    def __init__(self, server: GrpcServer, transport: asyncio.Transport, methods: Methods) -> None:
        self.doing = IDLE
        self.fresh = True
        self.since = server.now
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._session = Session(methods)
        self._receivers: dict[int, Receiver] = {}
        self._paused = False  # the client reads its answers too slowly
        self._ended = False  # the client sends nothing more
        self._flushes = False  # a flush is on its way
        self._leaving = False
        self._announced = False
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = NO_ALARM
        if server.draining:
            self._session.announce()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it by position
        self.doing = CLOSING
        self._forget_calls()
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        if self.doing is CLOSING:
            return
        session = self._session
        session.calls.now = self._server.now
        before = session.progress
        for event in session.feed(data):
            self._note(event)
        self._flush(progress=session.progress != before)

    def eof_received(self) -> bool:
        """After the client has sent all, keep the connection open while an answer is still to be sent."""
        self._ended = True
        return len(self._session.calls.open) > 0

    def pause_writing(self) -> None:
        self._paused = True
        if self.doing is not CLOSING:
            self._settle(progress=False)
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._paused = False
        if self.doing is not CLOSING:
            self._settle(progress=True)
            self._transport.resume_reading()

    def sweep(self) -> None:
        """Forget the control frames so far; called by the sweep of all connections."""
        self._session.calls.calm()

    def expire(self) -> None:
        """End what took too long: the connection, or a call whose message is incomplete."""
        if self.doing is BODY:
            self._refuse_oldest()
        elif self.doing is IDLE and not self._announced:
            self.since = self._server.now
            self.announce()
        elif self.doing is IDLE:
            self.leave()
        elif self.doing is HEAD:
            self._server.bad_requests["time"] += 1
            self._session.leave()
            self._flush(progress=False)
            self._close()
        else:
            self.abort()

    def announce(self) -> None:
        """Tell the client to make its next calls elsewhere; those on their way are still answered."""
        self._announced = True
        self._session.announce()
        self._flush(progress=False)

    def leave(self) -> None:
        """Take no new calls, end the streams that never end by themselves, and close after the last answer."""
        if self.doing is CLOSING:
            return
        self._leaving = True
        self._session.leave()
        for receiver in [*self._receivers.values()]:
            receiver.drain()
        self._flush(progress=False)

    def abort(self) -> None:
        self._transport.abort()

    def _note(self, event: Event) -> None:
        """Pass one event on."""
        stream = event.stream
        if event.kind == MESSAGE:
            if stream.closed:
                return
            method = stream.head.method
            if isinstance(method, Unary):
                self._ask(method, stream, event.message)
            else:
                self._pass_on(cast("Streaming", method), stream, event.message)
        elif event.kind == END:
            self._end(stream)
        else:
            self._forget(stream)

    def _ask(self, method: Unary, stream: Stream, message: bytes) -> None:
        """Let a method answer, now or in a task of its own."""
        server, calls = self._server, self._session.calls
        server.requests += 1
        self.fresh = False
        try:
            found = method.answer(message, stream.head.metadata)
        except Exception as error:  # noqa: BLE001 - the boundary: a method's bug is this call's failure
            self._fail(stream, error)
            return
        if isinstance(found, bytes):
            calls.answer(stream, found)
            return
        stream.working = True
        if stream.head.timeout >= 0:
            self._set_deadline(stream)
        deliver(found, lambda message, error: self._answer(stream, message, error), server.started)

    def _answer(self, stream: Stream, message: bytes | None, error: Exception | None) -> None:
        """Answer a call whose answer came later."""
        calls = self._session.calls
        calls.worked(stream)
        if message is not None:
            calls.answer(stream, message)
        elif error is not None:
            self._fail(stream, error)
        self._flush_soon()

    def _pass_on(self, method: Streaming, stream: Stream, message: bytes) -> None:
        """Give a stream's message to its receiver; the first one opens it."""
        receiver = self._receivers.get(stream.number)
        try:
            if receiver is None:
                self._server.requests += 1
                self.fresh = False
                receiver = method.open(stream.head.metadata, StreamSender(self, stream))
                self._receivers[stream.number] = receiver
            receiver.take(message)
        except Exception as error:  # noqa: BLE001 - the boundary, as above
            self._fail(stream, error)

    def _end(self, stream: Stream) -> None:
        receiver = self._receivers.get(stream.number)
        if receiver is None:
            self.finish(stream, 0, "")
        else:
            receiver.end()

    def _fail(self, stream: Stream, error: Exception) -> None:
        """End a call with the status of a problem, or of a bug."""
        if isinstance(error, Problem):
            self.finish(stream, OF_HTTP.get(error.status, UNKNOWN), error.detail)
        else:
            self._server.failed(error)
            self.finish(stream, INTERNAL, "the sidecar failed to answer")

    def send(self, stream: Stream, message: bytes) -> None:
        """Send one message of a stream."""
        self._session.calls.send(stream, message)
        self._flush_soon()

    def finish(self, stream: Stream, code: int, message: str) -> None:
        """End a stream with a status."""
        self._session.calls.finish(stream, code, message)
        self._forget(stream)
        self._flush_soon()

    def _forget(self, stream: Stream) -> None:
        receiver = self._receivers.pop(stream.number, None)
        if receiver is not None:
            receiver.close()

    def _forget_calls(self) -> None:
        self._session.calls.drop_all()
        while self._receivers:
            self._receivers.popitem()[1].close()
        if self._alarm is not None:
            self._alarm.cancel()

    def _refuse_oldest(self) -> None:
        stream = self._session.calls.oldest()
        if stream is not None:
            self._server.bad_requests["time"] += 1
            self._session.calls.finish(stream, DEADLINE_EXCEEDED, "the message took too long to arrive")
            self._forget(stream)
        self._flush(progress=False)

    def _set_deadline(self, stream: Stream) -> None:
        """One alarm serves all calls: most are answered in time, and those of one client wait equally long."""
        stream.deadline = self._loop.time() + stream.head.timeout
        if stream.deadline < self._alarm_at:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm_at = stream.deadline
            self._alarm = self._loop.call_at(stream.deadline, self._end_late_calls)

    def _end_late_calls(self) -> None:
        now, waiting = self._loop.time(), NO_ALARM
        for stream in [*self._session.calls.open.values()]:
            if stream.working and 0 < stream.deadline <= now:
                self.finish(stream, DEADLINE_EXCEEDED, "no verdict within the time-out of the call")
            elif stream.working and stream.deadline > 0:
                waiting = min(waiting, stream.deadline)
        self._alarm_at, self._alarm = waiting, None
        if waiting != NO_ALARM:
            self._alarm = self._loop.call_at(waiting, self._end_late_calls)

    def _flush_soon(self) -> None:
        """Send what there is at the end of this turn, with the answers of other calls."""
        if not self._flushes:
            self._flushes = True
            self._loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flushes = False
        if self.doing is not CLOSING:
            self._flush(progress=True)

    def _flush(self, *, progress: bool) -> None:
        if self.doing is CLOSING:  # nothing may be written after its end
            return
        data = self._session.output()
        if data and not self._transport.is_closing():  # its end may be known before connection_lost is called
            self._transport.write(data)
        self._settle(progress=progress)

    def _settle(self, *, progress: bool) -> None:
        """Set the connection's state after something has happened, and close it where it is over."""
        session = self._session
        if session.fault:
            self._server.bad_requests["http2"] += 1
            self._close()
            return
        doing = self._state()
        if doing is BODY:
            oldest = session.calls.oldest()
            self.since = self.since if oldest is None else oldest.since
        elif doing is not self.doing or (progress and doing is not STALLED):
            self.since = self._server.now
        self.doing = doing
        if (self._leaving or self._ended) and not session.calls.open:
            self._close()

    def _state(self) -> str:
        session = self._session
        if self._paused or session.blocked:
            return STALLED
        if session.incomplete:
            return HEAD
        if session.calls.receiving:
            return BODY
        return WORKING if session.calls.open else IDLE

    def _close(self) -> None:
        """Close after what is written; read and drop what the client still sends, so that no reset destroys it."""
        self.doing = CLOSING
        self.since = self._server.now
        self._forget_calls()
        if self._ended or self._transport.is_closing() or not self._transport.can_write_eof():
            self._transport.close()
        else:
            self._transport.write_eof()


class StreamSender:
    """The answering half of one stream."""

    def __init__(self, connection: GrpcConnection, stream: Stream) -> None:
        self._connection = connection
        self._stream = stream

    def send(self, message: bytes) -> None:
        self._connection.send(self._stream, message)

    def finish(self, code: int, message: str) -> None:
        self._connection.finish(self._stream, code, message)
