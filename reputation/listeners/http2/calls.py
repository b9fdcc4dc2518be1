"""The calls of one connection: their messages as they come in, their answers, and the bytes they hold."""

from typing import Final

from reputation.listeners.http2.faults import (
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
    ConnectionFault,
)
from reputation.listeners.http2.frames import LARGEST_WINDOW, RST_STREAM, WINDOW_UPDATE, frame
from reputation.listeners.http2.heads import Head
from reputation.listeners.http2.limits import CALLS, HELD, IDLE_FRAMES, STREAM_WINDOW, UNSENT
from reputation.listeners.http2.outgoing import Outgoing
from reputation.listeners.http2.statuses import INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, GrpcStatus
from reputation.listeners.http2.streams import Stream

MESSAGE: Final = 0
"""Kinds of events: a message; a stream of which the peer has sent all; a stream that was given up."""
END: Final = 1
RESET: Final = 2


class Event:
    """Something of a stream. kind: MESSAGE, END or RESET. A method with one message has its event at the end of it."""

    def __init__(self, kind: int, stream: Stream, message: bytes) -> None:
        self.kind = kind
        self.stream = stream
        self.message = message


class Calls:
    """The open streams by number, those with an incomplete message among them in `receiving`, and `events` of them."""

    def __init__(self, outgoing: Outgoing) -> None:
        self.now = 0.0  # seconds, as the connection's owner counts them
        self.open: dict[int, Stream] = {}
        self.receiving: dict[int, Stream] = {}
        self.events: list[Event] = []
        self._outgoing = outgoing
        self._given_up = 0  # streams that ended and are still being answered
        self._held = 0
        self._idle = 0

    @property
    def held(self) -> int:
        """Bytes kept for calls in flight."""
        return self._held + self._outgoing.waiting

    def note_idle(self) -> None:
        """Count a frame that asks nothing. Raises ConnectionFault if there are too many."""
        self._idle += 1
        if self._idle > IDLE_FRAMES:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "too many frames that ask nothing")

    def calm(self) -> None:
        """Forget the idle frames so far; called once in a while."""
        self._idle = 0

    def admit(self, number: int, head: Head, *, ended: bool) -> None:
        """Take a new call, or answer at once why not."""
        if head.fault >= 0 or len(self.open) + self._given_up >= CALLS or self.held + head.size > HELD:
            self.note_idle()
            self._reset(number, head.fault if head.fault >= 0 else REFUSED_STREAM)
            return
        method = head.method
        stream = Stream(number, head, 0 if method is None else method.most, STREAM_WINDOW, self._outgoing.first_window)
        stream.ended = ended
        self.open[number] = stream
        self._held += head.size
        if head.status != 200:
            self._outgoing.no_call(number, head.status)
            self._sent(stream)
        elif head.refusal is not None:
            self.finish(stream, head.refusal.code, head.refusal.message)
        elif ended:
            self.end(stream)
        elif not stream.streaming:
            self._receive(stream)

    def data(self, stream: Stream, payload: bytes, size: int, *, ended: bool) -> None:
        """Take the payload of DATA. size: what it counts for windows, with its padding."""
        stream.credit -= size
        if stream.ended or stream.credit < 0:
            self.give_up(stream, STREAM_CLOSED if stream.ended else FLOW_CONTROL_ERROR)
            return
        stream.ended = ended
        try:
            self._messages(stream, payload)
        except GrpcStatus as status:
            self.finish(stream, status.code, status.message)
            self.events.append(Event(RESET, stream, b""))
            return
        if ended:
            self.end(stream)
        elif stream.credit < STREAM_WINDOW // 2:
            more = STREAM_WINDOW - stream.credit
            self._outgoing.out.append(frame(WINDOW_UPDATE, 0, stream.number, more.to_bytes(4, "big")))
            stream.credit = STREAM_WINDOW

    def _messages(self, stream: Stream, payload: bytes) -> None:
        """Note the messages that are whole now. Raises GrpcStatus."""
        before = len(stream.buffer)
        try:
            found = stream.take(payload)
        finally:
            self._held += len(stream.buffer) - before
        if self.held > HELD:
            raise GrpcStatus(RESOURCE_EXHAUSTED, "the calls in flight of this connection hold too many bytes")
        if stream.streaming:
            for message in found:
                self.events.append(Event(MESSAGE, stream, message))
            if not stream.buffer:
                self.receiving.pop(stream.number, None)
            elif found or not before:
                self._receive(stream)
        elif found:
            if stream.message is not None or len(found) > 1:
                raise GrpcStatus(UNIMPLEMENTED, "this method takes one message")
            stream.message = found[0]
            self._held += len(found[0])

    def _receive(self, stream: Stream) -> None:
        self.receiving.pop(stream.number, None)  # the oldest is the first
        stream.since = self.now
        self.receiving[stream.number] = stream

    def end(self, stream: Stream) -> None:
        """Note that the peer has sent all of a stream."""
        stream.ended = True
        self.receiving.pop(stream.number, None)
        if stream.buffer or (stream.message is None and not stream.streaming):
            self.finish(stream, INVALID_ARGUMENT, "the call is not made of whole messages")
            self.events.append(Event(RESET, stream, b""))
        elif stream.message is not None:
            self.events.append(Event(MESSAGE, stream, stream.message))
        else:
            self.events.append(Event(END, stream, b""))

    def oldest(self) -> Stream | None:
        """Return the stream whose incomplete message began first."""
        return next(iter(self.receiving.values()), None)

    def drop_all(self) -> None:
        """End every stream, because the connection has ended."""
        for stream in [*self.open.values()]:
            self._forget(stream)

    def answer(self, stream: Stream, message: bytes) -> None:
        """Send the one answer of a call."""
        if self._idle:
            self._idle -= 1
        if not stream.closed and self._outgoing.answer(stream, message):
            self._sent(stream)

    def send(self, stream: Stream, message: bytes) -> None:
        """Send one of several messages; it is dropped if too many wait."""
        if not stream.closed and len(stream.queued) + len(message) <= UNSENT:
            self._outgoing.send(stream, message)

    def finish(self, stream: Stream, code: int, message: str) -> None:
        """End a stream with a status."""
        if not stream.closed and self._outgoing.finish(stream, code, message):
            self._sent(stream)

    def worked(self, stream: Stream) -> None:
        """Note that the work on an answer is over; a stream that ended meanwhile counts no more."""
        stream.working = False
        if stream.closed:
            self._given_up -= 1

    def give_up(self, stream: Stream, code: int) -> None:
        """End a stream for a fault of the peer's."""
        self.note_idle()
        self._reset(stream.number, code)
        self.drop(stream)

    def drop(self, stream: Stream) -> None:
        """End a stream that is reset."""
        self._forget(stream)
        self.events.append(Event(RESET, stream, b""))

    def grow(self, stream: Stream, size: int) -> None:
        """Enlarge a stream's window."""
        if not size or stream.window + size > LARGEST_WINDOW:
            self.give_up(stream, FLOW_CONTROL_ERROR if size else PROTOCOL_ERROR)
        elif self._outgoing.grow(stream, size):
            self._sent(stream)

    def pump(self) -> None:
        """Send what waits, after a window has grown."""
        for stream in self._outgoing.pump():
            self._sent(stream)

    def _reset(self, number: int, code: int) -> None:
        self._outgoing.out.append(frame(RST_STREAM, 0, number, code.to_bytes(4, "big")))

    def _sent(self, stream: Stream) -> None:
        """Forget a stream whose status is on its way; a peer that still sends is told to stop."""
        if not stream.ended:
            self._reset(stream.number, NO_ERROR)
        self._forget(stream)

    def _forget(self, stream: Stream) -> None:
        stream.closed = True
        del self.open[stream.number]
        self.receiving.pop(stream.number, None)
        self._held -= stream.held
        if stream.queued:
            self._outgoing.forget(stream)
        if stream.working:
            self._given_up += 1
