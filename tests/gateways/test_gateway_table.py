"""One table that every shipped configuration passes: each way of asking is judged, limited, and takes no time-out."""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

import gateway_envoy as envoy
import gateway_wire as wire
import pytest
from gateway_haproxy import NEWER
from gateway_sidecar import BURST, DISPUTED, SETTINGS, TIERS
from gateway_ways import WAYS, Ports, Way
from gateway_wire import Answer, ask, upgrade
from ports import free_port

pytestmark = pytest.mark.gateway

NO_TIME_OUT = 0.2
"""Seconds: the shortest time-out that any shipped configuration has for a check is longer."""
TRIES = 3
"""A busy machine may be slow once; what waits for a time-out is slow each time."""
SPENT = {"rate": 0.0001, "burst": BURST, "daily": 1000}
DEFAULT = SETTINGS["tenants"]["default"]
TELLING = {
    tier: {"from_risk": risk, **DEFAULT["tiers"].get(tier, {}), "actions": ["watermark"]}
    for tier, risk in {"trusted": 0, "standard": 5, "limited": 0, "restricted": 0, "blocked": 0}.items()
}
PLANS = {**DEFAULT["plans"], "spent": dict.fromkeys((*TIERS, "blocked"), SPENT)}
PREFLIGHT = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST")]
PREFLIGHT += [("Access-Control-Request-Headers", "authorization")]
SMALL, LARGE, LARGER = b"12345", b"a" * 200_000, b"a" * 1_100_000


_networks = itertools.count()


class Front(NamedTuple):
    """A running way."""

    way: Way
    port: int
    places: envoy.Places

    def account(self, plan: str, **facts: object) -> str:
        """The key of a new account."""
        name = f"acct-{uuid.uuid4().hex}"
        self.places.sidecar.put(name, f"sk-{name}", plan=plan, created_at="2026-01-01T00:00:00Z", **facts)
        return f"sk-{name}"


def asking(**request: object) -> Callable[[int, wire.Headers], Answer]:
    return lambda port, headers: ask(port, headers, **request)


REQUESTS = {
    "GET": asking(),
    "GET with a body": asking(body=SMALL),
    "HEAD": asking(method="HEAD"),
    "DELETE": asking(method="DELETE"),
    "OPTIONS": asking(method="OPTIONS"),
    "OPTIONS like a preflight, but with a key": lambda port, headers: ask(
        port, [*PREFLIGHT, *headers], method="OPTIONS"
    ),
    "PUT": asking(method="PUT", body=SMALL),
    "PATCH": asking(method="PATCH", body=SMALL),
    "POST without a body": asking(method="POST"),
    "POST of no bytes": lambda port, headers: ask(port, [*headers, ("Content-Length", "0")], method="POST"),
    "POST that waits to be let on": lambda port, headers: ask(
        port, [*headers, ("Expect", "100-continue")], method="POST", body=SMALL
    ),
    "POST of 5 bytes": asking(method="POST", body=SMALL),
    "POST of 200 KB": asking(method="POST", body=LARGE),
    "POST of 1.1 MB": asking(method="POST", body=LARGER),
    "POST in chunks": asking(method="POST", body=SMALL, chunked=True),
    "POST of 200 KB in chunks": asking(method="POST", body=LARGE, chunked=True),
    "WebSocket": upgrade,
}


LENGTHS = {name: len(SMALL) for name in ("GET with a body", "PUT", "PATCH", "POST in chunks")}
LENGTHS |= {name: len(SMALL) for name in ("POST of 5 bytes", "POST that waits to be let on")}
LENGTHS |= {name: len(LARGE) for name in ("POST of 200 KB", "POST of 200 KB in chunks")}
LENGTHS |= {"POST of 1.1 MB": len(LARGER)}


@pytest.fixture(scope="module")
def ports(api: wire.Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    spoe = free_port()
    tenant = {"tiers": TELLING, "plans": PLANS}
    with envoy.serving(tmp_path_factory.mktemp("sidecar"), spoe=spoe, tenant=tenant) as places:
        yield Ports(places, spoe, api.port)


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: way.name)
def front(request: pytest.FixtureRequest, ports: Ports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    way: Way = request.param
    if way.name == "haproxy-3.1" and not NEWER.exists():
        pytest.skip("requirements/newer-haproxy could not get one here")
    with way.start(tmp_path_factory.mktemp(way.name), ports) as port:
        yield Front(way, port, ports.places)


@pytest.fixture(scope="module")
def rich(front: Front) -> str:
    """The key of an account that no limit stops."""
    return front.account("roomy")


@pytest.fixture(scope="module")
def spent(front: Front) -> str:
    """The key of an account that has nothing left."""
    key = front.account("spent")
    for _ in range(BURST):
        assert ask(front.port, bearer(key)).status == 200
    return key


def bearer(key: str) -> wire.Headers:
    return [("Authorization", f"Bearer {key}")]


def timely(request: Callable[[], Answer]) -> Answer:
    """The first answer that took no time-out, or the last."""
    for _ in range(TRIES):
        begun = time.monotonic()
        answer = request()
        if time.monotonic() - begun < NO_TIME_OUT:
            return answer
    raise AssertionError(f"{answer.status} after {time.monotonic() - begun:.2f} s, {TRIES} times")


def carried(front: Front, name: str) -> None:
    if name == "WebSocket" and not front.way.sockets:
        pytest.skip("its server has no WebSockets here; tests/gateways/test_middlewares.py asks without one")


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_judged_and_arrives(front: Front, api: wire.Api, rich: str, name: str) -> None:
    carried(front, name)
    before = len(api.reached)
    answer = timely(lambda: REQUESTS[name](front.port, bearer(rich)))
    assert answer.status == (101 if name == "WebSocket" else 200)
    if name == "WebSocket":
        assert b"frame" in answer.body
    if front.way.proxy:
        reached = api.reached[-1]
        assert len(api.reached) > before
        assert len(reached.all("X-Headcount-Verdict")) == front.way.tells
        assert len(reached.body) == LENGTHS.get(name, 0)
    elif name != "WebSocket":
        assert answer.one("X-Headcount-Verdict")


@pytest.mark.parametrize("name", REQUESTS)
def test_over_the_limit_it_is_429(front: Front, api: wire.Api, spent: str, name: str) -> None:
    carried(front, name)
    before = len(api.reached)
    answer = timely(lambda: REQUESTS[name](front.port, bearer(spent)))
    assert answer.status == 429
    assert int(answer.one("Retry-After")) >= 1
    assert len(api.reached) == before


@pytest.mark.parametrize("name", ["GET", "POST of 5 bytes", "WebSocket"])
def test_a_denied_account_is_stopped(front: Front, api: wire.Api, name: str) -> None:
    carried(front, name)
    before = len(api.reached)
    key = front.account("roomy", payment=DISPUTED)
    answer = timely(lambda: REQUESTS[name](front.port, bearer(key)))
    assert (answer.status, len(api.reached)) == (front.way.denied, before)


def judged(front: Front, api: wire.Api, answer: Answer) -> bool:
    """Whether the last request was: by what the API was told of it, or the client where there is no API behind."""
    if not front.way.tells and answer.status == 200:
        pytest.skip("nobody is told of what passes")
    if front.way.proxy and answer.status == 200:
        return bool(api.reached[-1].all("X-Headcount-Verdict"))
    return bool(answer.all("X-Headcount-Verdict"))


@pytest.fixture
def source() -> str:
    """An address of its own, since what nobody knows a key of shares an allowance by address."""
    number = next(_networks)
    return f"127.{1 + number % 250}.{90 + number // 250}.1"


def test_a_preflight_passes_unjudged_however_many_there_are(front: Front, api: wire.Api, source: str) -> None:
    answers = [timely(lambda: ask(front.port, PREFLIGHT, method="OPTIONS", source=source)) for _ in range(BURST + 2)]
    assert {answer.status for answer in answers} == {200}
    assert not any(judged(front, api, answer) for answer in answers)
    assert ask(front.port, [], source=source).status == 200


NOT_PREFLIGHTS = {
    "OPTIONS without an origin": ("OPTIONS", PREFLIGHT[1:], b""),
    "OPTIONS without a method": ("OPTIONS", PREFLIGHT[:1], b""),
    "OPTIONS with an empty origin": ("OPTIONS", [("Origin", ""), *PREFLIGHT[1:]], b""),
    "OPTIONS with an empty method": ("OPTIONS", [*PREFLIGHT[:1], ("Access-Control-Request-Method", "")], b""),
    "OPTIONS with a key": ("OPTIONS", [*PREFLIGHT, ("X-Api-Key", "k")], b""),
    "OPTIONS with a cookie": ("OPTIONS", [*PREFLIGHT, ("Cookie", "session=1")], b""),
    "OPTIONS with a body": ("OPTIONS", PREFLIGHT, SMALL),
    "GET with a preflight's headers": ("GET", PREFLIGHT, b""),
    "POST with a preflight's headers": ("POST", PREFLIGHT, SMALL),
}


@pytest.mark.parametrize("name", NOT_PREFLIGHTS)
def test_what_only_looks_like_a_preflight_is_judged(front: Front, api: wire.Api, source: str, name: str) -> None:
    method, headers, body = NOT_PREFLIGHTS[name]
    assert judged(front, api, ask(front.port, headers, method=method, body=body, source=source))


def test_a_preflight_with_a_chunked_body_is_judged(front: Front, api: wire.Api, source: str) -> None:
    if not front.way.sees_chunks:
        pytest.skip("its rules do not see whether a body in chunks follows; the page says so")
    answer = ask(front.port, PREFLIGHT, method="OPTIONS", body=SMALL, chunked=True, source=source)
    assert judged(front, api, answer) or answer.status >= 400


TOLD = ("X-Headcount-Verdict", "X-Headcount-Tier", "X-Headcount-Risk", "X-Headcount-Actions")
NOMINATED: dict[str, tuple[str, wire.Headers]] = {
    "in one line": (f"close, {', '.join(TOLD)}", []),
    "without blanks, in lower case": (f"close,{','.join(TOLD).lower()}", []),
    "in a second line": ("close", [("Connection", ", ".join(TOLD))]),
    "in a line of its own name's case": ("close", [("cOnNeCtIoN", ", ".join(TOLD).upper())]),
    "beside keep-alive": (f"keep-alive, {', '.join(TOLD)} , close", []),
    "beside an upgrade": (f"Upgrade, {', '.join(TOLD)}, close", [("Upgrade", "h2c")]),
    "in the other header": ("close", [("Proxy-Connection", ", ".join(TOLD)), ("Keep-Alive", ", ".join(TOLD))]),
}


@pytest.mark.parametrize("name", NOMINATED)
def test_a_client_cannot_nominate_away_what_the_api_is_told(front: Front, api: wire.Api, rich: str, name: str) -> None:
    """By Connection, which tells each hop what to take out (RFC 9110, 7.6.1); nor may the next hop hear."""
    if not front.way.proxy:
        pytest.skip("there is no hop: the program reads the verdict itself")
    line, more = NOMINATED[name]
    before = len(api.reached)
    answer = ask(front.port, [*bearer(rich), *more], connection=line)
    if answer.status in (400, 403):  # refused is safe too
        assert len(api.reached) == before
        return
    reached = api.reached[-1]
    for told in TOLD:
        assert len(reached.all(told)) == front.way.tells, told
    assert "headcount" not in ", ".join(reached.all("Connection")).lower()


def test_a_websocket_cannot_nominate_away_what_the_api_is_told(front: Front, api: wire.Api, rich: str) -> None:
    if not front.way.proxy:
        pytest.skip("there is no hop")
    answer = upgrade(front.port, bearer(rich), connection=f"Upgrade, {', '.join(TOLD)}")
    if answer.status == 101:
        reached = api.reached[-1]
        assert [told for told in TOLD if len(reached.all(told)) != front.way.tells] == []
        assert "headcount" not in ", ".join(reached.all("Connection")).lower()


@pytest.mark.parametrize("header", ["Authorization", "X-Forwarded-For", "X-Api-Key, X-Forwarded-For, Authorization"])
def test_a_client_cannot_nominate_away_who_it_is(front: Front, api: wire.Api, spent: str, header: str) -> None:
    """If the API gets the key, the limit of its account holds."""
    before = len(api.reached)
    answer = ask(front.port, bearer(spent), connection=f"close, {header}")
    keys = [one.all("Authorization") for one in api.reached[before:]]
    assert answer.status in (400, 429) or keys == [[]]


def test_a_client_cannot_nominate_its_address_away(front: Front, source: str) -> None:
    """Keys that nobody knows share the allowance of their address."""
    connection = "close, X-Forwarded-For, X-Forwarded-Host, X-Real-Ip"
    statuses = [
        ask(front.port, bearer(f"sk-{uuid.uuid4().hex}"), source=source, connection=connection).status
        for _ in range(BURST + 1)
    ]
    assert statuses in ([200] * BURST + [429], [400] * (BURST + 1))


SPOOFED = (
    "X-Headcount-{0}",
    "x-headcount-{0}",
    "X-HEADCOUNT-{0}",
    "X_Headcount_{0}",
    "X-Headcount_{0}",
    "X_Headcount-{0}",
)
WRITTEN = ("Verdict", "Tier", "Risk", "Cluster", "Actions", "Status", "JA4")


@pytest.mark.parametrize("spelling", SPOOFED)
def test_a_client_adds_nothing_in_headcount_s_name(front: Front, api: wire.Api, rich: str, spelling: str) -> None:
    """Neither on what is judged nor on a preflight."""
    headers = [(spelling.format(word), "spoofed") for word in WRITTEN]
    headers += [(spelling.format(word).lower(), "spoofed") for word in WRITTEN]
    for more, method in ((bearer(rich), "GET"), (PREFLIGHT, "OPTIONS")):
        before = len(api.reached)
        answer = ask(front.port, [*more, *headers], method=method)
        assert answer.status in (200, 400)
        assert not [value for one in api.reached[before:] for _, value in one.headers if "spoofed" in value]
        assert b"spoofed" not in answer.raw


@pytest.mark.parametrize("protocol", ["h2c", "TLS/1.0", "websocket, h2c", "websockets", "h2c, websocket"])
def test_nothing_but_a_websocket_takes_the_connection_over(
    front: Front, api: wire.Api, rich: str, protocol: str
) -> None:
    """What follows an upgrade passes unjudged, and of h2c that is any number of requests."""
    headers = [("Upgrade", protocol), ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")]
    answer = upgrade(front.port, bearer(rich), protocol=headers, connection="Upgrade, HTTP2-Settings, close")
    assert answer.status != 101


def test_of_rate_limits_the_client_sees_ours_or_the_api_s_and_never_both(
    front: Front, api: wire.Api, rich: str
) -> None:
    if not front.way.proxy:
        pytest.skip("there is no API behind")
    for headers, method in ((bearer(rich), "GET"), (PREFLIGHT, "OPTIONS")):
        answer = ask(front.port, headers, method=method, path="/own-limits")
        ours = front.way.limits_on_pass and method == "GET"
        assert (answer.one("RateLimit") == wire.OWN_LIMIT) != ours
        assert (answer.one("RateLimit-Policy") == wire.OWN_POLICY) != ours


def test_a_key_with_an_underscore_in_its_header_s_name_does_not_reach_the_api(
    front: Front, api: wire.Api, rich: str
) -> None:
    """An API behind CGI or WSGI would read a key there that Headcount never saw."""
    if not front.way.proxy:
        pytest.skip("the program reads what its server hands it")
    before = len(api.reached)
    for name in ("X_Api_Key", "x_api-key", "X-Api_Key"):
        ask(front.port, [*bearer(rich), (name, "other")])
    assert [one.all("X-Api-Key") for one in api.reached[before:]] in ([], [[]] * 3)


def test_requests_on_one_connection_are_judged_one_by_one(front: Front, api: wire.Api, rich: str) -> None:
    """Also after a body, which no gateway may leave behind on the connection."""
    one = wire.request_bytes(bearer(rich), method="POST", path="/first", body=SMALL, connection="keep-alive")
    last = wire.request_bytes(bearer(rich), path="/second")
    before = len(api.reached)
    raw = wire.exchange(front.port, one + last)
    assert raw.count(b"HTTP/1.1 200") == 2
    if front.way.proxy:
        reached = api.reached[before:]
        assert [(each.path, each.body) for each in reached] == [("/first", SMALL), ("/second", b"")]
        assert all(bool(each.all("X-Headcount-Verdict")) == front.way.tells for each in reached)
