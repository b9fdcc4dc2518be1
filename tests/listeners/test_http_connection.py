"""One connection of the check listener on a transport in memory: order, time-outs, back-pressure, endings."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from http_exchange import TEXT, Answer, MemoryTransport, answers, echo, outcome

from reputation.listeners.connection import HELD, TURN, Connection
from reputation.listeners.grammar import HttpLimits
from reputation.listeners.lean import Application, LeanServer
from reputation.wire.gateway import HttpMessage, Reply

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
LIMITS = HttpLimits(idle=30, head_time=10, body_time=20, write_time=15, linger=2, connections=16)


class Bench:
    """A server with one connection, at a time that the test sets."""

    def __init__(self, application: Application = echo, limits: HttpLimits = LIMITS) -> None:
        self.errors: list[tuple[str, str]] = []
        self.server = LeanServer(application, limits=limits, log=self._note, clock=lambda: 0.0)
        self.transport = self.connect()

    def _note(self, event: str, error: BaseException) -> None:
        self.errors.append((event, str(error)))

    def connect(self) -> MemoryTransport:
        return MemoryTransport(Connection(self.server, asyncio.get_running_loop()))

    def send(self, data: bytes) -> None:
        self.transport.protocol.data_received(data)

    @property
    def seen(self) -> str:
        return outcome(self.transport.output)

    @property
    def answers(self) -> list[Answer]:
        return answers(self.transport.output)


class Later:
    """An application that answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[HttpMessage, asyncio.Future[Reply]]] = []

    def __call__(self, message: HttpMessage) -> Reply | asyncio.Future[Reply]:
        if message.target == b"/now":
            return echo(message)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.asked.append((message, future))
        return future

    async def answer(self) -> None:
        message, future = self.asked.pop(0)
        future.set_result(echo(message))
        await turn()


async def turn() -> None:
    """Let the loop run what is ready."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_plain_answer_needs_no_turn() -> None:
    """A Reply that is there at once is written at once, with all that HTTP asks for."""
    bench = Bench()
    bench.send(POST)
    (answer,) = bench.answers
    assert answer.body == b"POST /a abc"
    assert answer.headers[b"content-length"] == b"11"
    assert answer.headers[b"content-type"] == b"text/plain"
    assert b"date" in answer.headers
    assert b"connection" not in answer.headers
    assert not bench.transport.ended


async def test_pipelined_answers_are_one_write() -> None:
    """Answers to requests that came in one piece leave in one piece, in order."""
    bench = Bench()
    bench.send(GET + POST + b"HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
    assert len(bench.transport.writes) == 1
    found = answers(bench.transport.output, [b"GET", b"POST", b"HEAD", b"GET"])
    assert [answer.body for answer in found] == [b"GET /a", b"POST /a abc", b"", b"GET /a"]
    assert found[2].headers[b"content-length"] == b"7"


async def test_long_pipelines_take_turns() -> None:
    """One connection cannot keep the loop: after a turn's worth of answers others come first."""
    bench = Bench()
    bench.send(GET * (2 * TURN + 1))
    assert len(bench.answers) == TURN
    bench.send(GET)
    assert len(bench.answers) == TURN
    await turn()
    assert len(bench.answers) == 2 * TURN + 2


async def test_awaited_answers_stay_in_order() -> None:
    """A quick answer waits for the slow one that was asked before it."""
    later = Later()
    bench = Bench(later)
    bench.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /now HTTP/1.1\r\nHost: a\r\n\r\n")
    bench.send(b"GET /slower HTTP/1.1\r\nHost: a\r\n\r\n")
    await turn()
    assert bench.seen == ""
    await later.answer()
    assert bench.seen == "GET /slow; GET /now"
    await later.answer()
    assert bench.seen == "GET /slow; GET /now; GET /slower"


async def test_client_that_leaves_keeps_the_work() -> None:
    """An awaited answer is finished, and dropped, when its client has gone."""
    later = Later()
    bench = Bench(later)
    bench.send(GET)
    bench.transport.close()
    await turn()
    await later.answer()
    assert bench.transport.writes == []
    assert bench.server.open == 0
    assert not bench.server.tasks


async def test_half_closed_client_gets_its_answers() -> None:
    """A client may stop sending and still read: an answer in flight reaches it, then the connection closes."""
    later = Later()
    bench = Bench(later)
    bench.send(GET + GET)
    await turn()
    assert bench.transport.protocol.eof_received() is True
    await later.answer()
    await later.answer()
    assert bench.seen == "GET /a; GET /a"
    assert bench.transport.closed


async def test_continue_before_the_body() -> None:
    """100 Continue is sent once, when the body is waited for, and not when it is too large."""
    bench = Bench()
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    bench.send(head % 3)
    assert bench.transport.output == b"HTTP/1.1 100 Continue\r\n\r\n"
    bench.send(b"a")
    bench.send(b"bc" + head % 100_000)
    assert bench.transport.output.count(b"100 Continue") == 1
    assert bench.seen == "POST /a abc; 413"


async def test_head_of_an_error_has_no_body() -> None:
    """HEAD gets no body, whatever is wrong."""
    bench = Bench()
    bench.send(b"HEAD /a HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n")
    (answer,) = answers(bench.transport.output, [b"HEAD"])
    assert (answer.status, answer.body) == (400, b"")


async def test_refusal_is_a_problem_and_closes() -> None:
    """What cannot be read is answered with a problem document, after the answers before it, and counted."""
    bench = Bench()
    bench.send(GET + b"GET /a HTTP/1.1\r\n\r\n" + GET)
    first, second = bench.answers
    assert first.status == 200
    assert second.status == 400
    assert second.headers[b"connection"] == b"close"
    assert second.headers[b"content-type"] == b"application/problem+json"
    assert msgspec.json.decode(second.body) == {
        "type": "about:blank",
        "title": "Exactly one valid Host is needed",
        "status": 400,
        "detail": "Exactly one valid Host is needed",
    }
    assert bench.server.bad_requests == {"host": 1}
    assert bench.transport.ended
    bench.send(GET)
    assert len(bench.answers) == 2


def _bug(message: HttpMessage) -> Reply:
    raise KeyError(message.target)


async def _late_bug(message: HttpMessage) -> Reply:
    raise KeyError(message.target)


@pytest.mark.parametrize(
    "application",
    [
        _bug,
        _late_bug,
        lambda message: None,
        lambda message: Reply(99),
        lambda message: Reply(200, b"", ((b"X", b"a\r\nSet-Cookie: b"),)),
        lambda message: Reply(200, b"", ((b"X\n", b"a"),)),
        lambda message: Reply(200, b"", ((b"X", b"\0"),)),
        lambda message: Reply(200, "text"),
    ],
)
async def test_application_bug_is_a_500(application: Callable[[HttpMessage], Reply]) -> None:
    """A bug of the application is logged and counted; the client learns nothing of it, and may go on."""
    bench = Bench(application)
    bench.send(GET)
    await turn()
    (answer,) = bench.answers
    assert answer.status == 500
    assert msgspec.json.decode(answer.body)["title"] == "The sidecar failed to answer"
    assert [name for name, _ in bench.errors] == ["application_failed"]
    assert bench.server.failures == 1
    assert not bench.transport.ended


@pytest.mark.parametrize(
    ("sent", "allowed", "answer"),
    [
        (b"", LIMITS.head_time, ""),
        (GET, LIMITS.idle, "GET /a"),
        (b"GET /a HTTP", LIMITS.head_time, "408"),
        (GET + b"GET", LIMITS.head_time, "GET /a; 408"),
        (POST[:-1], LIMITS.body_time, "408"),
        (b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", LIMITS.body_time, "408"),
    ],
)
async def test_time_outs(sent: bytes, allowed: float, answer: str) -> None:
    """What takes too long is ended, with 408 if a request had begun; until then it is left alone."""
    bench = Bench()
    if sent:
        bench.send(sent)
    bench.server.sweep(allowed)
    assert not bench.transport.closed
    assert not bench.transport.ended
    bench.server.sweep(allowed + 0.1)
    assert bench.transport.closed or bench.transport.ended
    assert bench.seen == answer
    bench.server.sweep(allowed + LIMITS.linger + 0.2)
    assert bench.transport.closed


async def test_trickle_does_not_extend_the_time() -> None:
    """A client that sends a byte now and then gets no more time than one that sends none."""
    bench = Bench()
    for second, byte in enumerate(b"GET /a HTTP/1.1\r\n"):
        bench.server.sweep(float(second))
        if not bench.transport.ended:
            bench.send(bytes([byte]))
    assert bench.seen == "408"


async def test_requests_extend_the_idle_time() -> None:
    """Each request starts the idle time again, also where it came in pieces."""
    bench = Bench()
    for second in range(0, 200, 20):
        bench.server.sweep(float(second))
        bench.send(GET[:5])
        bench.send(GET[5:] + GET)
    assert not bench.transport.closed
    assert len(bench.answers) == 20


async def test_working_has_no_time_out() -> None:
    """How long the application may take is for the application to say."""
    later = Later()
    bench = Bench(later)
    bench.send(GET)
    bench.server.sweep(1e6)
    await later.answer()
    assert bench.seen == "GET /a"


async def test_lingering_reads_and_drops() -> None:
    """After the last answer the client's bytes are read, so that no reset takes the answer; but not for ever."""
    bench = Bench()
    bench.send(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET)
    assert bench.seen == "GET /a"
    assert bench.transport.ended
    assert bench.transport.reading
    assert not bench.transport.closed
    bench.send(GET * 1000)
    bench.server.sweep(LIMITS.linger + 0.1)
    assert bench.transport.aborted
    assert bench.seen == "GET /a"


async def test_lingering_waits_for_a_slow_reader() -> None:
    """A last answer that is still being written has the time of writing, not that of lingering."""
    bench = Bench()
    bench.send(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    bench.transport.unsent = 10
    bench.server.sweep(LIMITS.linger + 1)
    assert not bench.transport.closed
    bench.server.sweep(LIMITS.write_time + 0.1)
    assert bench.transport.aborted


async def test_back_pressure() -> None:
    """Who does not read its answers is not read from, nothing more is handled, and in time it is cut."""
    bench = Bench()
    bench.transport.protocol.pause_writing()
    assert not bench.transport.reading
    bench.send(GET)
    assert bench.seen == ""
    bench.transport.protocol.resume_writing()
    assert bench.transport.reading
    assert bench.seen == "GET /a"
    bench.transport.protocol.pause_writing()
    bench.server.sweep(LIMITS.write_time + 0.1)
    assert bench.transport.aborted


async def test_back_pressure_stops_a_pipeline() -> None:
    """Large answers are written as they come, and handling stops when the transport says so."""
    bench = Bench(lambda message: Reply(200, b"x" * HELD, TEXT))
    write = bench.transport.write

    def full(data: bytes) -> None:
        write(data)
        bench.transport.protocol.pause_writing()

    bench.transport.write = full  # type: ignore[method-assign]
    bench.send(GET * 3)
    assert len(bench.answers) == 1
    for count in (2, 3, 3):
        bench.transport.protocol.resume_writing()
        assert len(bench.answers) == count


async def test_held_input_is_bounded() -> None:
    """While an answer is awaited, no more is read than one step's worth."""
    later = Later()
    bench = Bench(later)
    bench.send(GET)
    bench.send(GET * (HELD // len(GET)))
    assert bench.transport.reading
    bench.send(GET)
    assert not bench.transport.reading
    await later.answer()
    assert bench.transport.reading


async def test_cap() -> None:
    """Over the cap a connection may ask once and reads 503; of few of those the newest stay, the rest is cut."""
    bench = Bench()
    extra = [bench.connect() for _ in range(LIMITS.connections + 4)]
    inside, outside = extra[: LIMITS.connections - 1], extra[LIMITS.connections - 1 :]
    assert all(transport.writes == [] for transport in inside)
    assert [transport.aborted for transport in outside] == [True, True, True, False, False]
    outside[3].protocol.data_received(GET)
    assert [outcome(transport.output) for transport in outside[3:]] == ["503", ""]
    assert outside[3].ended
    assert (bench.server.open, bench.server.accepted, bench.server.refused) == (16, 16, 5)
    bench.server.sweep(LIMITS.linger + 0.1)
    assert outcome(outside[4].output) == "503"
    bench.server.sweep(2 * LIMITS.linger + 0.2)
    assert all(transport.closed for transport in outside)
    inside[0].close()
    assert bench.connect().writes == []


@pytest.mark.parametrize("probe", [b"/healthz", b"/readyz?a=b"])
async def test_a_probe_is_answered_over_the_cap_and_nothing_after_it(probe: bytes) -> None:
    bench = Bench()
    over = [bench.connect() for _ in range(LIMITS.connections)][-1]
    over.protocol.data_received(GET.replace(b"/a", probe) + GET)
    (answer,) = answers(over.output)
    assert (outcome(over.output), answer.headers[b"connection"]) == ("GET " + probe.decode(), b"close")


async def test_half_read_bodies_are_bounded_together_and_whole_requests_pass() -> None:
    """Those that wait longest are cut, down to three quarters of the bound; what they held is free again."""
    body = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n"
    bench = Bench(limits=msgspec.structs.replace(LIMITS, buffered=400_000))
    slow = []
    for second in range(10):
        bench.server.sweep(float(second))
        slow.append(bench.connect())
        slow[-1].protocol.data_received(body + b"x" * 50_000)
    cut = [outcome(one.output) for one in slow]
    assert cut == ["503"] * 3 + [""] * 7, "the ninth was one too many"
    assert bench.server.held == 350_000
    assert bench.server.bad_requests["memory"] == 3
    bench.send(POST)
    assert bench.seen == "POST /a abc"
    for one in slow[3:]:
        one.protocol.data_received(b"x" * 10_000)
        assert outcome(one.output).startswith("POST /a")
    assert bench.server.held == 0


async def test_many_connections_that_hold_a_byte_are_cut_for_one_that_holds_much() -> None:
    """One after the other: a cut that frees a byte asks for no cut of its own."""
    body = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n"
    bench = Bench(limits=msgspec.structs.replace(LIMITS, buffered=50_000, connections=4000))
    small = [bench.connect() for _ in range(3000)]
    for one in small:
        one.protocol.data_received(b"G")
    bench.server.sweep(1.0)
    large = bench.connect()
    large.protocol.data_received(body + b"x" * 55_000)
    assert {outcome(one.output) for one in small} == {"503"}
    assert outcome(large.output) == "503", "alone it is above the bound"
    assert (bench.server.held, bench.server.bad_requests["memory"]) == (0, 3001)


@pytest.mark.parametrize("split", [1, 20, 50])
async def test_what_was_held_is_free_after_an_answer_and_after_an_end(split: int) -> None:
    bench = Bench()
    bench.send(POST[:split])
    assert bench.server.held == len(POST[:split]) - (POST.index(b"abc") if split > POST.index(b"abc") else 0)
    bench.send(POST[split:] + POST[:5])
    assert bench.server.held == 5
    bench.transport.close()
    assert bench.server.held == 0


async def test_one_address_cannot_take_every_place() -> None:
    bench = Bench(limits=msgspec.structs.replace(LIMITS, of_a_peer=3))
    mine = [bench.connect() for _ in range(3)]
    assert (bench.server.open, bench.server.refused) == (3, 1)
    other = MemoryTransport(Connection(bench.server, asyncio.get_running_loop()), peer=("198.51.100.9", 1))
    assert not other.ended
    mine[0].close()
    bench.connect()
    assert (bench.server.open, bench.server.refused) == (4, 1)


async def test_drain() -> None:
    """Idle connections close, answers in flight say that they are the last, and nothing is cut off."""
    later = Later()
    bench = Bench(later)
    idle, head = bench.connect(), bench.connect()
    idle.protocol.fresh = False  # it was answered before
    bench.send(GET + GET)
    head.protocol.data_received(GET.replace(b"/a", b"/now")[:9])
    draining = asyncio.create_task(bench.server.drain(5))
    await turn()
    assert idle.ended
    assert not idle.closed, "its next request may be on its way, and must not be answered by a reset"
    idle.close()
    assert bench.connect().writes[0].startswith(b"HTTP/1.1 503")
    head.protocol.data_received(GET.replace(b"/a", b"/now")[9:])
    await later.answer()
    for transport in (bench.transport, head):
        (answer,) = answers(transport.output)
        assert answer.headers[b"connection"] == b"close"
        transport.close()
    assert await draining == 0


async def test_drain_ends() -> None:
    """What does not finish in time is cut, and counted."""
    bench = Bench(Later())
    bench.send(GET)
    assert await bench.server.drain(0.01) == 1
    assert bench.transport.aborted


async def test_counters() -> None:
    """What /metrics reads adds up."""
    bench = Bench()
    bench.send(GET * 3)
    bench.connect().protocol.data_received(b"\0\r\n")
    bench.transport.close()
    server = bench.server
    assert (server.open, server.accepted, server.requests, server.failures) == (1, 2, 3, 0)
    assert dict(server.bad_requests) == {"request_line": 1}


async def test_peer() -> None:
    """The application learns the peer's address."""
    seen: list[str] = []

    def application(message: HttpMessage) -> Reply:
        seen.append(message.peer)
        return Reply(204)

    bench = Bench(application)
    bench.send(GET)
    bench.send(POST[:9])
    bench.send(POST[9:])
    assert seen == ["192.0.2.1", "192.0.2.1"]
    assert b"Content-Length" not in bench.transport.output
