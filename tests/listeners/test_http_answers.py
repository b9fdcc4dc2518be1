"""The written answer: its parts, what is kept between answers, and what cannot be written."""

import pytest
from http_exchange import answers

from reputation.listeners.grammar import CLOSE, REFUSALS
from reputation.listeners.writer import Answers, ReplyError, problem
from reputation.wire.gateway import Headers, Reply

JSON = ((b"Content-Type", b"application/json"),)


@pytest.mark.parametrize(
    ("reply", "method", "connection", "expected"),
    [
        (Reply(200, b"{}", JSON), b"GET", b"", b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"),
        (Reply(200, b"{}", JSON), b"HEAD", b"", b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n"),
        (Reply(200), b"GET", CLOSE, b"Content-Length: 0\r\nConnection: close\r\n\r\n"),
        (Reply(204, b"ignored", JSON), b"GET", b"", b"Content-Type: application/json\r\n\r\n"),
        (Reply(304), b"GET", CLOSE, b"Connection: close\r\n\r\n"),
        (Reply(429, b"", ((b"A", b"1"), (b"A", b"2"))), b"GET", b"", b"A: 1\r\nA: 2\r\nContent-Length: 0\r\n\r\n"),
    ],
)
def test_parts(reply: Reply, method: bytes, connection: bytes, expected: bytes) -> None:
    """Length, connection and body follow the status and the method; the fields stay in order."""
    first, date, rest = Answers().render(reply, method, connection).split(b"\r\n", 2)
    assert first.startswith(b"HTTP/1.1 %d " % reply.status)
    assert date.startswith(b"Date: ")
    assert rest == expected


def test_what_is_kept_does_not_leak() -> None:
    """An answer's status and fields are its own, whatever was answered before it."""
    answers_ = Answers()
    replies = [Reply(200, b"a", JSON), Reply(404, b"b", JSON), Reply(200, b"c", ()), Reply(200, b"d", JSON), Reply(404)]
    found = [answers(answers_.render(reply, b"GET", b""))[0] for reply in replies]
    assert [answer.status for answer in found] == [200, 404, 200, 200, 404]
    assert [b"content-type" in answer.headers for answer in found] == [True, True, False, True, False]
    assert [answer.body for answer in found] == [b"a", b"b", b"c", b"d", b""]


def test_date_follows_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Date is made again after a refresh, and not for every answer."""
    times = iter(["first", "second"])
    monkeypatch.setattr("email.utils.formatdate", lambda usegmt: next(times))
    answers_ = Answers()
    for _ in range(3):
        assert b"Date: first\r\n" in answers_.render(Reply(200, b"", JSON), b"GET", b"")
    answers_.refresh()
    assert b"Date: second\r\n" in answers_.render(Reply(200, b"", JSON), b"GET", b"")


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (100, ()),
        (99, ()),
        (600, ()),
        (200, ((b"X", b"a\r\nY: b"),)),
        (200, ((b"X", b"a\nY: b"),)),
        (200, ((b"X", b"a\rb"),)),
        (200, ((b"X\r\nY", b"a"),)),
        (200, ((b"X", b"a\0"),)),
    ],
)
def test_unusable(status: int, headers: Headers) -> None:
    """What would not be one HTTP message is an error, also the second time."""
    answers_ = Answers()
    for _ in range(2):
        with pytest.raises(ReplyError):
            answers_.render(Reply(status, b"", headers), b"GET", b"")


def test_refusals_fail_closed() -> None:
    """No client can make a gateway that fails open take a malformed request for an outage."""
    assert [refusal.reason for refusal in REFUSALS.values() if refusal.status >= 500] == ["version"]


def test_problem() -> None:
    """A problem document has what the API's description asks for, and the pointer of a large body is all of it."""
    assert problem(413, "The body is too large").body == (
        b'{"type":"about:blank","title":"The body is too large","status":413,'
        b'"detail":"The body is too large","pointer":""}'
    )
    assert b"pointer" not in problem(503, "Too many connections").body
