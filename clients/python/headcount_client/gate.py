"""What the middlewares share: a client's request in, a stop or the headers of the answer out.

The sidecar's route for applications does the work, so it reads keys and addresses as it does for every gateway.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from .checks import Headcount
from .connection import Answer, NoAnswerError

Headers = tuple[tuple[bytes, bytes], ...]

OURS = "x-headcount-"
CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"cookie"})
FOR_CLIENTS = frozenset({b"x-headcount-verdict", b"ratelimit-policy", b"ratelimit"})
FOR_STOPPED = FOR_CLIENTS | {b"retry-after", b"content-type"}
STOPS = frozenset({403, 429})
KEPT_HERE = frozenset(
    b"connection content-encoding content-length content-type cookie expect host keep-alive proxy-connection te trailer"
    b" transfer-encoding upgrade x-forwarded-uri".split()
)
"""Headers of a client that are not sent on: those of its connection and body, and what the gate writes."""


class Message(NamedTuple):
    """A client's request. target: path and query as they were sent; names of headers are in lower case."""

    method: str
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    peer: str


class Stop(NamedTuple):
    """The answer for a client whose request is stopped."""

    status: int
    body: bytes
    headers: Headers


@dataclass(frozen=True, slots=True)
class Passed:
    """What Headcount says to the application about a request that passes. In shadow mode it says the id alone."""

    id: str
    tier: str | None
    risk: float | None
    cluster: str | None
    actions: tuple[str, ...]


class Judged(NamedTuple):
    """The result for a request: answer it with `stop`, or let it pass with `headers` on its answer."""

    stop: Stop | None
    headers: Headers = ()
    passed: Passed | None = None


def in_our_name(header: str) -> bool:
    """Whether a header's name is Headcount's, also as an application behind CGI or WSGI would read it."""
    return header.lower().replace("_", "-").startswith(OURS)


class Gate:
    """One tenant's gate in an application.

    pass_preflights: pass CORS preflights without a check. credentials: names of headers that hold a key or an account,
    in addition to Authorization and X-Api-Key; a request with one of them is not a preflight.
    """

    def __init__(
        self,
        headcount: Headcount,
        tenant: str = "default",
        *,
        pass_preflights: bool = True,
        credentials: Sequence[str] = (),
    ) -> None:
        self.headcount = headcount
        self._path = f"/gateway/application/{quote(tenant, safe='')}"
        self._pass_preflights = pass_preflights
        self._credentials = CREDENTIALS | {name.lower().encode() for name in credentials}

    async def judge(self, message: Message) -> Judged:
        """Ask about one request. It never raises because of the sidecar."""
        if self._pass_preflights and self._is_preflight(message):
            return Judged(None)
        try:
            answer = await self.headcount.call("GET", self._path, headers=_forwarded(message))
        except NoAnswerError as error:
            return self._without(error.cause)
        except ValueError:  # a header that cannot be sent on: what a client wrote never opens the gate
            return self._refused()
        if answer.status == 200:
            return Judged(None, _named(answer, FOR_CLIENTS), _passed(answer))
        if answer.status in STOPS:
            return Judged(Stop(answer.status, answer.body, _named(answer, FOR_STOPPED)))
        return self._refused() if 400 <= answer.status < 500 else self._without("failed")

    def _refused(self) -> Judged:
        self.headcount.failures["refused"] += 1
        return Judged(_own_stop(400))

    def _without(self, cause: str) -> Judged:
        self.headcount.failures[cause] += 1
        return Judged(None) if self.headcount.on_failure == "allow" else Judged(_own_stop(503, (b"Retry-After", b"1")))

    def _is_preflight(self, message: Message) -> bool:
        """Whether browsers send such a preflight: OPTIONS with both headers, no key, no cookie, no body."""
        if message.method != "OPTIONS":
            return False
        lines = dict(message.headers)
        asks = lines.get(b"origin") and lines.get(b"access-control-request-method")
        has_body = b"transfer-encoding" in lines or lines.get(b"content-length", b"0") != b"0"
        return bool(asks) and not has_body and not self._credentials & lines.keys()


def _forwarded(message: Message) -> list[tuple[str, str]]:
    """The client's headers for the sidecar, with the peer as the last hop of X-Forwarded-For."""
    kept = [(name, value) for name, value in message.headers if name not in KEPT_HERE]
    lines = [(name.decode("latin-1"), _text(value)) for name, value in kept]
    hop = [("X-Forwarded-For", message.peer)] if message.peer else []
    return [*(line for line in lines if not in_our_name(line[0])), *hop, ("X-Forwarded-Uri", _text(message.target))]


def _text(value: bytes) -> str:
    """Bytes of a header as text: UTF-8, as it is sent on, else Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _named(answer: Answer, names: frozenset[bytes]) -> Headers:
    return tuple(line for line in answer.headers if line[0].lower() in names)


def _passed(answer: Answer) -> Passed:
    found = {name.decode("latin-1").lower().removeprefix(OURS): value.decode() for name, value in answer.headers}
    risk = found.get("risk")
    actions = tuple(filter(None, found.get("actions", "").split(", ")))
    return Passed(
        found.get("verdict", ""), found.get("tier"), float(risk) if risk else None, found.get("cluster"), actions
    )


def _own_stop(status: int, *headers: tuple[bytes, bytes]) -> Stop:
    kind = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    body = json.dumps({"type": kind, "title": "Request stopped", "status": status}).encode()
    return Stop(status, body, ((b"Content-Type", b"application/problem+json"), *headers))
