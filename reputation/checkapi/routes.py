"""The routes of the check listener: plain functions from a message to a reply, for both listeners."""

import re
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Final, NamedTuple

import msgspec

from plugins.gateway import Engine, Gateway
from plugins.shipped import GATEWAYS
from plugins.verdict_lines import TYPE, problem_line, verdict_line
from reputation.checkapi.batches import Batches
from reputation.checkapi.gateways import LimitersTenants
from reputation.engine.checks import Checks
from reputation.engine.groups import JudgedAccount
from reputation.engine.verdicts import Latency
from reputation.listeners.http2.health import Health
from reputation.listeners.http2.methods import Methods, Streaming, Unary
from reputation.wire.codec import PROBLEM_TYPE, encode, invalid, problem_body, problem_bytes, read, verdict_bytes
from reputation.wire.errors import BadRequest, NotFound, Problem, TooLarge
from reputation.wire.gateway import HttpMessage, Reply
from reputation.wire.ids import NewId
from reputation.wire.later import Later, afterwards, rescued, then
from reputation.wire.messages import Request, Settle, Settled, Verdict, wire_type
from reputation.wire.reading import CheckReader

JSON: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)
PROBLEM: tuple[tuple[bytes, bytes], ...] = ((b"content-type", PROBLEM_TYPE.encode()),)
MOST_CHECK: Final = 64 * 1024
MOST_BATCH: Final = 4 * 1024 * 1024
MOST_ITEMS: Final = 1000

_settlements: Final = msgspec.json.Decoder(Settle, dec_hook=wire_type)
_items: Final = msgspec.json.Decoder(list[msgspec.Raw])

_new: Final = tuple.__new__  # a third of the time of calling a NamedTuple

Handler = Callable[[HttpMessage], Reply | Later[Reply]]
Judge = Callable[[Request, float, NewId], Verdict | Later[Verdict]]
JudgeAll = Callable[[list[Request], float, NewId], list[JudgedAccount] | Later[list[JudgedAccount]]]
Settler = Callable[[Settle, float], Settled | Later[Settled]]
Clock = Callable[[], float]
OnVerdict = Callable[[Request, Verdict, float], None]
Ready = Callable[[], dict[str, Any] | None]


class Form(NamedTuple):
    """How the answer to a batch is written: a verdict, a problem in a verdict's place, and all of them."""

    verdict: Callable[[Verdict], bytes]
    problem: Callable[[Problem], bytes]
    reply: Callable[[list[bytes]], Reply]


JSON_LIST: Final = Form(
    verdict_bytes,
    lambda problem: encode({"error": problem_body(problem)}),
    lambda items: Reply(200, b"[" + b",".join(items) + b"]", JSON),
)
LINES: Final = Form(verdict_line, problem_line, lambda items: Reply(200, b"\n".join(items), ((b"content-type", TYPE),)))
"""For gateways that hold leases, if they accept it."""


def body_limit(target: bytes) -> int:
    """Return the maximum size of a request's body, in bytes."""
    return MOST_BATCH if target.startswith(b"/v1/check/batch") else MOST_CHECK


def problem_reply(problem: Problem) -> Reply:
    return Reply(problem.status, problem_bytes(problem), PROBLEM)


class CheckRoutes:
    """The application of the check listener. `ready` returns the body of /readyz, or None while not ready.

    gateways: by name; without, all that ship and ask over HTTP. Their own routes are in one table with ours, which win.
    """

    def __init__(
        self,
        checks: Checks,
        clock: Clock,
        new_id: NewId,
        ready: Ready,
        note: OnVerdict,
        gateways: Mapping[str, Gateway] | None = None,
        latency: Latency | None = None,
    ) -> None:
        self.limiter = checks.limiter
        self._latency = latency or Latency()
        self._judge: Judge = checks.check
        self._judge_all: JudgeAll = checks.check_all
        self._settle_at: Settler = checks.settle
        self._clock = clock
        self._new_id = new_id
        self._ready = ready
        self._note = note
        self._reader = CheckReader()
        self._batches = Batches()
        known = over_http(GATEWAYS) if gateways is None else gateways
        self._gateways = {name.encode(): gateway for name, gateway in known.items()}
        engine = self._engine()
        self._methods = {name: one.methods(engine) for name, one in known.items() if one.methods is not None}
        self._routes: Mapping[bytes, tuple[bytes, Handler]] = {
            **self._own_routes(engine),
            b"/v1/check": (b"POST", self._check),
            b"/v1/check/batch": (b"POST", self._batch),
            b"/v1/settle": (b"POST", self._settle),
            b"/healthz": (b"GET", _healthy),
            b"/readyz": (b"GET", self._readiness),
        }

    def __call__(self, message: HttpMessage) -> Reply | Later[Reply]:
        """Answer one message. Problems become problem documents; anything else is the listener's to catch."""
        path = message.target
        route = self._routes.get(path)
        if route is None:
            path = path.partition(b"?")[0]
            route = self._routes.get(path)
        try:
            if route is None:
                return _settled(self._gateway(message, path))
            method, handler = route
            if message.method == method or (message.method == b"HEAD" and method == b"GET"):
                return _settled(handler(message))
        except Problem as problem:
            return problem_reply(problem)
        return _not_allowed(method)

    def _engine(self) -> Engine:
        """Return what the gateways' own routes and methods see of the sidecar."""
        judge, settle, clock = self._verdict, self._settle_at, self._clock
        return Engine(
            LimitersTenants(self.limiter),
            lambda one: judge(one, clock()),
            lambda several: self._verdicts(several, clock()),
            lambda one: settle(one, clock()),
            clock,
        )

    def _own_routes(self, engine: Engine) -> dict[bytes, tuple[bytes, Handler]]:
        """Return the further routes of all gateways."""
        found: dict[bytes, tuple[bytes, Handler]] = {}
        for gateway in self._gateways.values():
            if gateway.routes is not None:
                found.update(gateway.routes(engine))
        return found

    def methods(self, *names: str) -> Methods:
        """Return the methods of gRPC of some gateways, else of all, and their health; none where they have none."""
        found: dict[bytes, Unary | Streaming] = {}
        for name in names or self._methods:
            found.update(self._methods.get(name, {}))
        services = [path.split(b"/")[1] for path in found]
        return {**found, **Health(services, lambda: self._ready() is not None).methods()} if found else {}

    def _check(self, message: HttpMessage) -> Reply | Later[Reply]:
        if len(message.body) > MOST_CHECK:
            raise TooLarge(f"a check has at most {MOST_CHECK} bytes", "")
        _refuse_charset(message)
        now = self._clock()
        found = self._verdict(self._reader.read(message.body, now), now)
        return _verdict_reply(found) if isinstance(found, Verdict) else then(found, _verdict_reply)

    def _verdict(self, request: Request, now: float) -> Verdict | Later[Verdict]:
        began = perf_counter()
        found = self._judge(request, now, self._new_id)
        if not isinstance(found, Verdict):
            return afterwards(found, lambda verdict: self._noted(request, verdict, now, began))
        return self._noted(request, found, now, began)

    def _verdicts(self, requests: list[Request], now: float) -> list[Verdict] | Later[list[Verdict]]:
        """One request in the names of several accounts."""
        began = perf_counter()
        judged = self._judge_all(requests, now, self._new_id)
        return then(judged, lambda found: self._note_all(requests, found, now, began))

    def _note_all(self, requests: list[Request], found: list[JudgedAccount], now: float, began: float) -> list[Verdict]:
        self._latency.add(perf_counter() - began)
        for request, judged in zip(requests, found, strict=True):
            if judged.noted:
                self._note(request, judged.verdict, now)
        return [judged.verdict for judged in found]

    def _noted(self, request: Request, verdict: Verdict, now: float, began: float) -> Verdict:
        self._latency.add(perf_counter() - began)
        self._note(request, verdict, now)
        return verdict

    def _batch(self, message: HttpMessage) -> Reply | Later[Reply]:
        _refuse_charset(message)
        items = read(_items, message.body)
        if len(items) > MOST_ITEMS:
            raise TooLarge(f"a batch has at most {MOST_ITEMS} items, this one has {len(items)}", "")
        form = LINES if any(name == b"accept" and value == TYPE for name, value in message.headers) else JSON_LIST
        answers = self._batches.answer([bytes(item) for item in items], lambda item: self._item(item, form))
        return then(answers, form.reply)

    def _item(self, item: bytes, form: Form) -> bytes | Later[bytes]:
        now = self._clock()
        try:
            if len(item) > MOST_CHECK:
                raise TooLarge(f"a check has at most {MOST_CHECK} bytes", "")
            found = self._verdict(self._reader.read(item, now), now)
        except Problem as problem:
            return form.problem(problem)
        if isinstance(found, Verdict):
            return form.verdict(found)
        return rescued(afterwards(found, form.verdict), form.problem)

    def _settle(self, message: HttpMessage) -> Reply | Later[Reply]:
        if len(message.body) > MOST_CHECK:
            raise TooLarge(f"a settlement has at most {MOST_CHECK} bytes", "")
        _refuse_charset(message)
        body = read(_settlements, message.body)
        return then(self._settle_at(body, self._clock()), _settled_reply)

    def _readiness(self, _: HttpMessage) -> Reply:
        detail = self._ready()
        if detail is None:
            return Reply(503, b'{"ready":false}', JSON)
        return Reply(200, encode({"ready": True, **detail}), JSON)

    def _gateway(self, message: HttpMessage, path: bytes) -> Reply | Later[Reply]:
        parts = path.split(b"/", 4)
        if len(parts) < 4 or parts[1] != b"gateway":
            raise NotFound("no such route; the route for checks is POST /v1/check")
        gateway = self._named(parts[2])
        if len(parts) > 4 and not gateway.takes_path:
            raise NotFound("this gateway's route ends with the tenant")
        tenant = self.limiter.tenant(parts[3].decode("utf-8", "replace"))
        try:
            request = gateway.read(message, tenant.tenant.name, tenant.tenant.settings.gateway)
        except msgspec.ValidationError as error:
            raise invalid(error, Request) from None
        except ValueError as error:
            raise BadRequest(str(error)) from None
        return then(self._verdict(request, self._clock()), gateway.answer)

    def _named(self, name: bytes) -> Gateway:
        found = self._gateways.get(name)
        if found is None:
            raise NotFound(f"no gateway has this name; known are {b', '.join(self._gateways).decode()}")
        return found


def over_http(gateways: Mapping[str, Gateway]) -> dict[str, Gateway]:
    """Return those that have a route of the check listener."""
    return {name: gateway for name, gateway in gateways.items() if gateway.asks_over_http}


def _settled(reply: Reply | Later[Reply]) -> Reply | Later[Reply]:
    return reply if isinstance(reply, Reply) else rescued(reply, problem_reply)


def _verdict_reply(verdict: Verdict) -> Reply:
    return _new(Reply, (200, verdict_bytes(verdict), JSON))


def _settled_reply(settled: Settled) -> Reply:
    return Reply(200, encode(settled), JSON)


def _healthy(_: HttpMessage) -> Reply:
    return Reply(200, b'{"ok":true}', JSON)


def _not_allowed(method: bytes) -> Reply:
    allowed = b"GET, HEAD" if method == b"GET" else method
    body = encode(
        {
            "type": "about:blank",
            "title": "Method not allowed",
            "status": 405,
            "detail": f"use {method.decode()}",
        }
    )
    return Reply(405, body, (*PROBLEM, (b"allow", allowed)))


_CHARSET: Final = re.compile(rb";\s*charset\s*=\s*['\"]?([^'\";\s]*)")


def _refuse_charset(message: HttpMessage) -> None:
    """Refuse a charset other than UTF-8, the charset of JSON (RFC 8259)."""
    for name, value in message.headers:
        if name != b"content-type" or value == b"application/json":
            continue
        charset = _CHARSET.search(value.lower())
        if charset is not None and charset[1] not in (b"utf-8", b"utf8"):
            raise BadRequest("the body must be UTF-8; leave charset out of Content-Type", "")
