"""A client of HTTP/2 for tests: python-hyper's h2, which checks every frame that it gets; and gRPC's framing."""

import struct
from typing import NamedTuple

import h2.config
import h2.connection
import h2.events
import h2.settings

from reputation.listeners.http2.calls import END, MESSAGE, RESET
from reputation.listeners.http2.frames import LARGEST_FRAME, PREFACE, frame
from reputation.listeners.http2.methods import Streaming, Unary
from reputation.listeners.http2.session import Session

ECHO, STREAM = b"/test.Echo/Once", b"/test.Echo/Many"
MOST = 100_000
METHODS = {
    ECHO: Unary(lambda message, _: message, MOST),
    STREAM: Streaming(lambda *_: None, MOST),  # the tests of a session answer themselves
}
HEAD = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", ECHO.decode()),
    (":authority", "headcount"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
)
SETTINGS = frame(4, 0, 0)
GREETING = PREFACE + SETTINGS


def head(**changed: str | None) -> list[tuple[str, str]]:
    """The fields of a call; `_` for `-`, and `pseudo_x` for `:x`. None leaves a field out."""
    named = dict(HEAD)
    for name, value in changed.items():
        field = f":{name.removeprefix('pseudo_')}" if name.startswith("pseudo_") else name.replace("_", "-")
        named[field] = value
    return [(name, value) for name, value in named.items() if value is not None]


def framed(message: bytes, flag: int = 0) -> bytes:
    return struct.pack(">BI", flag, len(message)) + message


class Answer(NamedTuple):
    """What came back on a stream. code: grpc-status; reset: the code of RST_STREAM."""

    status: int | None = None
    code: int | None = None
    detail: str = ""
    body: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def messages(self) -> list[bytes]:
        found, at = [], 0
        while at < len(self.body):
            size = int.from_bytes(self.body[at + 1 : at + 5], "big")
            found.append(self.body[at + 5 : at + 5 + size])
            at += 5 + size
        return found


class Peer:
    """The client's end. `send` what it has to a server, and let it `read` the server's bytes into `answers`."""

    def __init__(self, *, checked: bool = True, **settings: int) -> None:
        """checked: whether h2 refuses to send what a client may not. settings: by the names of h2's SettingCodes."""
        config = h2.config.H2Configuration(
            client_side=True,
            header_encoding="utf-8",
            validate_outbound_headers=checked,
            normalize_outbound_headers=checked,
        )
        self.h2 = h2.connection.H2Connection(config)
        self.answers: dict[int, Answer] = {}
        self.gone: tuple[int, int] | None = None  # code and last stream of GOAWAY
        self.pongs = 0
        self.h2.initiate_connection()
        if settings:
            self.h2.update_settings({h2.settings.SettingCodes[name]: value for name, value in settings.items()})

    def output(self) -> bytes:
        return self.h2.data_to_send()

    def call(self, body: bytes, fields: object = HEAD, *, end: bool = True) -> int:
        """Begin a call with these bytes of messages."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, fields, end_stream=end and not body)
        for at in range(0, len(body), LARGEST_FRAME):
            last = at + LARGEST_FRAME >= len(body)
            self.h2.send_data(stream, body[at : at + LARGEST_FRAME], end_stream=end and last)
        return stream

    def read(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            self._note(event)

    def _note(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.gone = (int(event.error_code), event.last_stream_id)
        elif isinstance(event, h2.events.PingAckReceived):
            self.pongs += 1
        stream = getattr(event, "stream_id", None)
        if not stream:
            return
        answer = self.answers.get(stream, Answer())
        if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
            named = dict(event.headers)
            answer = answer._replace(status=int(named.get(":status", answer.status)))
            if "grpc-status" in named:
                answer = answer._replace(code=int(named["grpc-status"]), detail=named.get("grpc-message", ""))
        elif isinstance(event, h2.events.DataReceived):
            answer = answer._replace(body=answer.body + event.data)
            if event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
        elif isinstance(event, h2.events.StreamEnded):
            answer = answer._replace(ended=True)
        elif isinstance(event, h2.events.StreamReset):
            answer = answer._replace(reset=int(event.error_code))
        self.answers[stream] = answer


def exchange(session: Session, peer: Peer) -> list[tuple[int, int, bytes]]:
    """Pass bytes between both until neither has any; echo messages, and return the events."""
    seen: list[tuple[int, int, bytes]] = []
    while True:
        data = peer.output()
        seen += serve(session, data)
        back = session.output()
        if not data and not back:
            return seen
        peer.read(back)


def serve(session: Session, data: bytes) -> list[tuple[int, int, bytes]]:
    """Feed bytes, echo unary messages, and return the events."""
    seen = []
    for event in session.feed(data):
        seen.append((event.kind, event.stream.number, event.message))
        if event.kind == MESSAGE:
            if event.stream.streaming:
                session.calls.send(event.stream, event.message)
            else:
                session.calls.answer(event.stream, event.message)
        elif event.kind == END:
            session.calls.finish(event.stream, 0, "")
        else:
            assert event.kind == RESET
    return seen


def frames_in(data: bytes) -> list[tuple[int, int, bytes]]:
    """Kind, stream and payload of each frame; for bytes that h2 does not take, such as those after a GOAWAY."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 3], "big")
        found.append((data[at + 3], int.from_bytes(data[at + 5 : at + 9], "big"), data[at + 9 : at + 9 + size]))
        at += 9 + size
    return found
