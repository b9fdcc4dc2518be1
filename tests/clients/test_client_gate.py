"""The gate of the client's middlewares: what it sends on, and what it makes of each answer."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from headcount_client import Gate, Headcount, Passed
from headcount_client.gate import Message

SLOW = 20.0
FORGED = [
    (b"authorization", b"Bearer sk-1"),
    (b"x-headcount-ja4", b"forged"),
    (b"x_headcount_tier", b"trusted"),
    (b"x-forwarded-for", b"198.51.100.1"),
    (b"x-forwarded-uri", b"/forged"),
    (b"cookie", b"secret=1"),
    (b"transfer-encoding", b"chunked"),
    (b"x-name", "Zoë".encode()),
]
MESSAGE = Message("POST", b"/v1/messages?key=1", FORGED, "192.0.2.9")
TOLD = ("X-Headcount-Verdict: v1", "X-Headcount-Tier: limited", "X-Headcount-Risk: 31.5", "X-Headcount-Actions: a, b")


@asynccontextmanager
async def answering(answer, asked, **options):
    """A gate before a sidecar that gives one answer; `asked` gets the heads of the calls."""

    async def serve(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Headcount(url, timeout=SLOW, **options) as headcount:
        yield Gate(headcount, "acme/x")


def answer(status, *lines, body=""):
    head = [f"HTTP/1.1 {status} X", *lines, f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*head, "", body]).encode()


async def test_what_a_client_wrote_in_headcount_s_name_is_not_sent_on():
    asked = []
    async with answering(answer(200, *TOLD, 'RateLimit: "burst";r=1'), asked) as gate:
        judged = await gate.judge(MESSAGE)
    head, *sent = asked[0].decode().lower().split("\r\n")
    assert head == "get /gateway/application/acme%2fx http/1.1"
    assert not [line for line in sent if "forged" in line or line.startswith(("x-headcount", "x_headcount", "cookie"))]
    assert [line for line in sent if line.startswith("x-forwarded-for")][-1] == "x-forwarded-for: 192.0.2.9"
    assert "x-forwarded-uri: /v1/messages?key=1" in sent
    assert "x-name: zoë" in sent
    assert judged.stop is None
    assert judged.passed == Passed("v1", "limited", 31.5, None, ("a", "b"))
    assert [name for name, _ in judged.headers] == [b"X-Headcount-Verdict", b"RateLimit"]


@pytest.mark.parametrize("policy", ["allow", "deny"])
@pytest.mark.parametrize(
    ("given", "status", "cause"),
    [
        (answer(429, "Retry-After: 3", "X-Headcount-Tier: limited", body="stop"), 429, None),
        (answer(403, body="stop"), 403, None),
        (answer(400, body="detail"), 400, "refused"),
        (answer(404, body="no tenant acme"), 400, "refused"),
        (answer(503), None, "failed"),
        (answer(302, "Location: /"), None, "failed"),
        (b"not HTTP at all\r\n\r\n", None, "unreachable"),
    ],
)
async def test_each_answer_has_one_meaning(given, status, cause, policy):
    async with answering(given, [], on_failure=policy) as gate:
        judged = await gate.judge(MESSAGE)
        failures = gate.headcount.failures
    expected = status or (503 if policy == "deny" else None)
    assert (judged.stop and judged.stop.status) == expected
    assert dict(failures) == ({cause: 1} if cause else {})
    if judged.stop:
        assert b"tenant" not in judged.stop.body
        assert not [name for name, _ in judged.stop.headers if b"tier" in name.lower()]


@pytest.mark.parametrize("value", [b"a\r\nX-Forwarded-For: 1.1.1.1", b"a\nb"])
async def test_a_header_that_cannot_be_sent_on_is_refused(value):
    async with answering(answer(200), []) as gate:
        judged = await gate.judge(MESSAGE._replace(headers=[(b"x-api-key", value)]))
    assert judged.stop is not None
    assert judged.stop.status == 400


@pytest.mark.parametrize("value", ["k", None])
async def test_a_preflight_passes_without_a_call_unless_it_has_a_key(value):
    asked = []
    lines = [(b"origin", b"https://app.example"), (b"access-control-request-method", b"POST")]
    lines += [(b"x-api-key", value.encode())] if value else []
    async with answering(answer(200), asked) as gate:
        await gate.judge(Message("OPTIONS", b"/", lines, "192.0.2.9"))
    assert len(asked) == (1 if value else 0)
