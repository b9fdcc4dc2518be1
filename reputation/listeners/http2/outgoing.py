"""What a connection sends: control frames at once, messages as far as the peer's windows allow."""

from reputation.listeners.http2.answers import Answers
from reputation.listeners.http2.faults import FLOW_CONTROL_ERROR, ConnectionFault
from reputation.listeners.http2.frames import (
    DATA,
    FIRST_WINDOW,
    LARGEST_FRAME,
    LARGEST_WINDOW,
    frame,
)
from reputation.listeners.http2.streams import PREFIX, Stream, framed


class Outgoing:
    """Frames to send, in `out`, and messages that wait for a window. first_window: of a new stream."""

    def __init__(self) -> None:
        self.out: list[bytes] = []
        self.first_window = FIRST_WINDOW
        self.waiting = 0  # bytes of messages that wait
        self.blocked: dict[int, Stream] = {}
        self._window = FIRST_WINDOW
        self._answers = Answers()

    def answer(self, stream: Stream, message: bytes) -> bool:
        """Send a whole answer with the status OK; say whether all of it is on its way."""
        size = len(message) + PREFIX
        if stream.begun or size > LARGEST_FRAME or size > self._window or size > stream.window:
            self.send(stream, message)
            return self.finish(stream, 0, "")
        self._window -= size
        stream.window -= size
        self.out.append(self._answers.whole(stream.number, framed(message)))
        return True

    def send(self, stream: Stream, message: bytes) -> None:
        """Send one message of a stream, now or once the windows allow."""
        if not stream.begun:
            stream.begun = True
            self.out.append(self._answers.start(stream.number))
        stream.queued += framed(message)
        self.waiting += len(message) + PREFIX
        self._pump(stream)

    def finish(self, stream: Stream, code: int, message: str) -> bool:
        """End a stream with a status, after its messages; say whether all of it is on its way."""
        if stream.queued:
            stream.trailers = (code, message)
            return False
        write = self._answers.end if stream.begun else self._answers.failure
        self.out.append(write(stream.number, code, message))
        return True

    def no_call(self, stream: int, status: int) -> None:
        self.out.append(self._answers.no_call(stream, status))

    def forget(self, stream: Stream) -> None:
        """Drop what a stream still has to send."""
        self.waiting -= len(stream.queued)
        stream.queued.clear()
        self.blocked.pop(stream.number, None)

    def grow(self, stream: Stream, size: int) -> bool:
        """Enlarge a stream's window; say whether all of it is on its way, with its status."""
        stream.window += size
        return self._pump(stream)

    def grow_all(self, size: int) -> None:
        """Enlarge the connection's window. Raises ConnectionFault."""
        self._window += size
        if self._window > LARGEST_WINDOW:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "the connection's window is too large")

    def pump(self) -> list[Stream]:
        """Send what waits, as far as the windows allow; return the streams whose status is on its way now."""
        return [stream for stream in [*self.blocked.values()] if self._pump(stream)]

    def resize_table(self, room: int) -> None:
        """Follow the peer's HEADER_TABLE_SIZE."""
        self._answers.resize(room)

    def set_first_window(self, size: int, streams: list[Stream]) -> None:
        """Follow the peer's INITIAL_WINDOW_SIZE, also for the open streams. Raises ConnectionFault."""
        change, self.first_window = size - self.first_window, size
        for stream in streams:
            stream.window += change
            if stream.window > LARGEST_WINDOW:
                raise ConnectionFault(FLOW_CONTROL_ERROR, "a stream's window is too large")

    def _pump(self, stream: Stream) -> bool:
        queued = stream.queued
        sent = 0
        while sent < len(queued):
            size = min(len(queued) - sent, LARGEST_FRAME, self._window, stream.window)
            if size <= 0:
                break
            self.out.append(frame(DATA, 0, stream.number, bytes(queued[sent : sent + size])))
            self._window -= size
            stream.window -= size
            sent += size
        del queued[:sent]
        self.waiting -= sent
        if queued:
            self.blocked[stream.number] = stream
            return False
        self.blocked.pop(stream.number, None)
        if stream.trailers is None:
            return False
        code, message = stream.trailers
        self.out.append(self._answers.end(stream.number, code, message))
        return True
