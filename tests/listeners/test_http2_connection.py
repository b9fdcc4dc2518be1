"""One connection of gRPC on a transport in memory: answers, time-outs, deadlines, back-pressure, endings."""

import asyncio

import pytest
from http2_peer import ECHO, MOST, STREAM, Peer, framed, frames_in, head
from http_exchange import MemoryTransport, answers, echo

from reputation.listeners.connection import Connection
from reputation.listeners.grammar import HttpLimits
from reputation.listeners.http2.frames import PREFACE
from reputation.listeners.http2.limits import IDLE_FRAMES
from reputation.listeners.http2.methods import Metadata, Sender, Streaming, Unary
from reputation.listeners.lean import LeanServer
from reputation.wire.errors import BadRequest, Unavailable

LIMITS = HttpLimits(idle=30, head_time=10, body_time=20, write_time=15, linger=2, connections=16)


class Echoing:
    """A stream that answers each message with itself, and notes how it ends."""

    def __init__(self, sender: Sender, seen: list[str], drained: asyncio.Event) -> None:
        self._sender = sender
        self._seen = seen
        self._drained = drained

    def take(self, message: bytes) -> None:
        if message == b"bad":
            raise BadRequest("a bad message")
        self._sender.send(message)

    def end(self) -> None:
        self._sender.finish(0, "")

    def drain(self) -> None:
        self._drained.set()
        self._sender.finish(0, "")

    def close(self) -> None:
        self._seen.append("closed")


class Bench:
    """A server with one connection of gRPC, at a time that the test sets."""

    def __init__(self, **settings: int) -> None:
        self.errors: list[tuple[str, str]] = []
        self.seen: list[str] = []
        self.drained = asyncio.Event()
        self.asked: list[asyncio.Future[bytes]] = []
        methods = {
            ECHO: Unary(lambda message, _: message, MOST),
            STREAM: Streaming(self._open, MOST),
            b"/test.Echo/Later": Unary(self._later, MOST),
            b"/test.Echo/Problem": Unary(self._problem, MOST),
            b"/test.Echo/Bug": Unary(self._bug, MOST),
        }
        self.server = LeanServer(echo, limits=LIMITS, methods=methods, log=self._note, clock=lambda: 0.0)
        self.transport = MemoryTransport(Connection(self.server, asyncio.get_running_loop()))
        self.peer = Peer(**settings)

    def _note(self, event: str, error: BaseException) -> None:
        self.errors.append((event, str(error)))

    def _open(self, metadata: Metadata, sender: Sender) -> Echoing:
        return Echoing(sender, self.seen, self.drained)

    async def _later(self, message: bytes, metadata: Metadata) -> bytes:
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.asked.append(future)
        return await future

    def _problem(self, message: bytes, metadata: Metadata) -> bytes:
        raise Unavailable("no state: 100 %")

    def _bug(self, message: bytes, metadata: Metadata) -> bytes:
        raise KeyError(message)

    @property
    def protocol(self):
        return self.transport.protocol

    def exchange(self) -> None:
        """Pass bytes between both until neither has any."""
        while True:
            sent = self.peer.output()
            if sent:
                self.protocol.data_received(sent)
            back, self.transport.writes = self.transport.output, []
            if not sent and not back:
                return
            self.peer.read(back)

    def call(self, path: str, body: bytes = framed(b"x"), *, end: bool = True, **fields: str) -> int:
        stream = self.peer.call(body, head(pseudo_path=path, **fields), end=end)
        self.exchange()
        return stream


async def turn() -> None:
    """Let the loop run what is ready."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_connection_with_the_preface_is_one_of_grpc() -> None:
    bench = Bench()
    answer = bench.peer.answers[bench.call(ECHO.decode())]
    assert (answer.code, answer.messages) == (0, [b"x"])
    assert (bench.server.requests, bench.server.open) == (1, 1)


async def test_the_preface_may_come_in_pieces_and_a_method_that_begins_like_it_is_http1() -> None:
    bench = Bench()
    sent = bench.peer.output()
    for byte in sent:
        bench.protocol.data_received(bytes((byte,)))
    bench.peer.read(bench.transport.output)
    bench.transport.writes = []
    assert bench.peer.answers[bench.call(ECHO.decode())].code == 0
    other = MemoryTransport(Connection(bench.server, asyncio.get_running_loop()))
    for piece in (b"P", b"RI", b" /a HTTP/1.1\r\nHost: a\r\n\r\n", b"POST /b HTTP/1.1\r\nHost: a\r\n\r\n"):
        other.protocol.data_received(piece)
    assert [answer.body for answer in answers(other.output)] == [b"PRI /a", b"POST /b"]


async def test_without_methods_the_preface_is_a_version_that_is_not_served() -> None:
    server = LeanServer(echo, limits=LIMITS)
    transport = MemoryTransport(Connection(server, asyncio.get_running_loop()))
    transport.protocol.data_received(PREFACE)
    assert [answer.status for answer in answers(transport.output)] == [505]


async def test_problems_and_bugs_are_statuses() -> None:
    """A problem has its own; a bug is counted and logged, and says nothing to the client."""
    bench = Bench()
    problem = bench.peer.answers[bench.call("/test.Echo/Problem")]
    assert (problem.code, problem.detail) == (14, "no state: 100 %25")
    bug = bench.peer.answers[bench.call("/test.Echo/Bug")]
    assert (bug.code, bug.detail) == (13, "the sidecar failed to answer")
    assert bench.errors == [("application_failed", "b'x'")]
    assert bench.server.failures == 1


async def test_answers_that_come_later_overtake_each_other_and_leave_in_one_write() -> None:
    bench = Bench()
    first, second = bench.call("/test.Echo/Later"), bench.call("/test.Echo/Later")
    at_once = bench.call(ECHO.decode())
    await turn()
    assert bench.peer.answers[at_once].code == 0
    for future in reversed(bench.asked):
        future.set_result(b"late")
    await turn()
    assert len(bench.transport.writes) == 1
    bench.exchange()
    assert [bench.peer.answers[stream].messages for stream in (first, second)] == [[b"late"], [b"late"]]
    assert not bench.server.tasks


async def test_a_call_s_time_out_is_kept() -> None:
    """The caller gets DEADLINE_EXCEEDED; an answer that comes after it is dropped, and other calls go on."""
    bench = Bench()
    brief = bench.call("/test.Echo/Later", grpc_timeout="5m")
    long_ = bench.call("/test.Echo/Later", grpc_timeout="1H")
    async with asyncio.timeout(10):
        while brief not in bench.peer.answers:
            await asyncio.sleep(0.005)
            bench.exchange()
    assert bench.peer.answers[brief].code == 4
    for future in bench.asked:
        future.set_result(b"late")
    await turn()
    bench.exchange()
    assert bench.peer.answers[brief].messages == []
    assert bench.peer.answers[long_].messages == [b"late"]


async def test_a_call_that_its_client_gives_up_keeps_the_work() -> None:
    bench = Bench()
    stream = bench.call("/test.Echo/Later")
    await turn()
    bench.peer.h2.reset_stream(stream, 8)
    bench.exchange()
    assert len(bench.server.tasks) == 1
    bench.asked[0].set_result(b"late")
    await turn()
    assert (bench.transport.writes, len(bench.server.tasks)) == ([], 0)


async def test_a_stream_s_messages_end_and_bad_ones() -> None:
    bench = Bench()
    stream = bench.call(STREAM.decode(), framed(b"a"), end=False)
    bench.peer.h2.send_data(stream, framed(b"b"), end_stream=True)
    bench.exchange()
    await turn()
    bench.exchange()
    assert (bench.peer.answers[stream].messages, bench.peer.answers[stream].code) == ([b"a", b"b"], 0)
    bad = bench.call(STREAM.decode(), framed(b"bad"), end=False)
    await turn()
    bench.exchange()
    assert (bench.peer.answers[bad].code, bench.peer.answers[bad].detail) == (3, "a bad message")
    cut = bench.call(STREAM.decode(), framed(b"a") + b"\x07", end=False)
    bench.peer.h2.send_data(cut, b"1234")
    bench.exchange()
    assert bench.peer.answers[cut].code == 3
    assert bench.seen == ["closed"] * 3


@pytest.mark.parametrize(
    ("begin", "allowed"),
    [
        (lambda bench: bench.protocol.data_received(PREFACE[:10]), LIMITS.head_time),
        (lambda bench: bench.exchange() or bench.protocol.data_received(b"\0\0\x08\x06\0"), LIMITS.head_time),
    ],
    ids=["preface", "frame"],
)
async def test_time_outs_of_a_connection(begin: object, allowed: float) -> None:
    bench = Bench()
    begin(bench)
    bench.server.sweep(allowed)
    assert not bench.transport.ended
    bench.server.sweep(allowed + 0.1)
    assert bench.transport.ended
    assert not bench.transport.closed
    bench.server.sweep(allowed + LIMITS.linger + 0.2)
    assert bench.transport.aborted


async def test_an_idle_client_is_told_before_it_is_left() -> None:
    """So that no call is on its way when the connection closes."""
    bench = Bench()
    bench.call(ECHO.decode())
    bench.server.sweep(LIMITS.idle)
    assert bench.transport.writes == []
    bench.server.sweep(LIMITS.idle + 0.1)
    assert [payload[:4] for _, _, payload in frames_in(bench.transport.output)] == [b"\x7f\xff\xff\xff"]
    assert not bench.transport.ended
    bench.server.sweep(2 * LIMITS.idle + 0.2)
    assert bench.transport.ended


async def test_a_message_that_does_not_arrive_ends_its_call_alone() -> None:
    bench = Bench()
    slow = bench.call(ECHO.decode(), framed(b"x")[:3], end=False)
    for second in range(int(LIMITS.body_time) + 1):
        bench.server.sweep(float(second))
        bench.call(ECHO.decode())
    assert slow not in bench.peer.answers
    bench.server.sweep(LIMITS.body_time + 0.1)
    bench.exchange()
    assert bench.peer.answers[slow].code == 4
    assert bench.peer.answers[bench.call(ECHO.decode())].code == 0


async def test_answers_and_streams_may_take_long() -> None:
    """A call that is being answered, and a stream between two messages, have no time-out of the connection."""
    bench = Bench()
    bench.call("/test.Echo/Later")
    bench.call(STREAM.decode(), framed(b"a"), end=False)
    await turn()
    bench.exchange()
    bench.server.sweep(1e6)
    assert not bench.transport.ended
    assert not bench.transport.closed


async def test_a_client_that_does_not_read_is_cut() -> None:
    """Nothing is read from it meanwhile; also where only HTTP/2's window stops the answer."""
    bench = Bench()
    bench.call(ECHO.decode())
    bench.protocol.pause_writing()
    assert not bench.transport.reading
    bench.protocol.resume_writing()
    assert bench.transport.reading
    bench.protocol.pause_writing()
    bench.server.sweep(LIMITS.write_time + 0.1)
    assert bench.transport.aborted
    narrow = Bench(INITIAL_WINDOW_SIZE=0)
    narrow.exchange()
    narrow.call(ECHO.decode())
    narrow.server.sweep(LIMITS.write_time + 0.1)
    assert narrow.transport.aborted


async def test_control_frames_are_forgotten_with_time() -> None:
    bench = Bench()
    for second in range(4):
        for _ in range(IDLE_FRAMES // 2):
            bench.peer.h2.ping(b"12345678")
        bench.exchange()
        bench.server.sweep(float(second))
    assert bench.peer.pongs == 2 * IDLE_FRAMES
    for _ in range(IDLE_FRAMES + 100):
        bench.peer.h2.ping(b"12345678")
    bench.exchange()
    assert (bench.peer.gone[0], bench.transport.ended) == (0xB, True)
    assert bench.server.bad_requests == {"http2": 1}


async def test_draining_announces_finishes_and_closes() -> None:
    """Streams are ended, calls in flight are answered, and the last GOAWAY names the last call."""
    bench = Bench()
    stream = bench.call(STREAM.decode(), framed(b"a"), end=False)
    call = bench.call("/test.Echo/Later")
    await turn()
    drained = asyncio.create_task(bench.server.drain(30))
    await asyncio.wait_for(bench.drained.wait(), 10)
    assert not bench.transport.ended
    bench.asked[0].set_result(b"late")
    await turn()
    found = [(kind, number, payload[:4]) for kind, number, payload in frames_in(bench.transport.output)]
    assert found[0] == (7, 0, b"\x7f\xff\xff\xff")
    assert found[1] == (7, 0, call.to_bytes(4, "big"))
    assert [number for kind, number, _ in found if kind == 1] == [stream, call, call]
    assert bench.transport.ended
    bench.transport.close()
    assert await drained == 0


async def test_a_half_closed_client_gets_its_answers() -> None:
    bench = Bench()
    call = bench.call("/test.Echo/Later")
    await turn()
    assert bench.protocol.eof_received() is True
    bench.asked[0].set_result(b"late")
    await turn()
    bench.peer.read(bench.transport.output)
    assert bench.peer.answers[call].messages == [b"late"]
    assert bench.transport.closed
    assert bench.server.open == 0


async def test_a_lost_connection_closes_its_streams() -> None:
    bench = Bench()
    bench.call(STREAM.decode(), framed(b"a"), end=False)
    bench.call("/test.Echo/Later")
    await turn()
    bench.transport.close()
    bench.asked[0].set_result(b"late")
    await turn()
    assert (bench.seen, bench.server.open, len(bench.server.tasks)) == (["closed"], 0, 0)


async def test_a_drain_that_meets_a_connection_whose_end_is_not_told_yet() -> None:
    """The transport is closing, and nothing can be written to it any more."""
    bench = Bench()
    bench.call(ECHO.decode())
    bench.transport.closed = True
    bench.protocol.announce()
    bench.protocol.leave()
    bench.protocol.connection_lost(None)
    assert (bench.server.open, bench.transport.ended) == (0, False)


async def test_a_connection_that_has_ended_hears_nothing_more_of_the_drain() -> None:
    bench = Bench()
    bench.call(ECHO.decode())
    bench.protocol.data_received(b"\0\0\1\0\0\0\0\0\0x")  # DATA on the stream of the connection: a fault
    assert bench.transport.ended
    bench.protocol.announce()
    bench.protocol.leave()
    assert bench.transport.ended


async def test_connections_above_the_cap_are_refused_as_before() -> None:
    bench = Bench()
    for _ in range(LIMITS.connections):
        last = MemoryTransport(Connection(bench.server, asyncio.get_running_loop()))
    assert bench.server.refused == 1
    last.protocol.data_received(PREFACE)
    assert last.ended
