"""The Lua module of nginx, Kong and APISIX: its own tests under LuaJIT, and its rules held to the Python adapters'."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_verdicts import verdict as verdict_of
from hypothesis import given
from hypothesis import strategies as st

from plugins.answers import for_client, for_upstream, problem, stop_status
from plugins.headers import check
from plugins.lines import text
from reputation.events import ClusterRef, LimitState
from reputation.gateway import GatewaySettings, HttpMessage
from reputation.wire import verdict_bytes

ROOT = Path(__file__).parents[2]
LUA = ROOT / "tests" / "plugins" / "lua"
SCRIPTS = sorted(path.name for path in LUA.glob("test_*.lua"))
PATHS = (
    f"{LUA}/?.lua",
    f"{ROOT}/plugins/nginx/lua/?.lua",
    f"{ROOT}/plugins/kong/?.lua",
    f"{ROOT}/plugins/apisix/?.lua",
)
ENVIRONMENT = {**os.environ, "LUA_PATH": ";".join((*PATHS, ";"))}


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_lua_tests_pass(script):
    """Each prints a line a test; every file has some."""
    done = subprocess.run(
        ["luajit", LUA / script], check=False, env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if not line.startswith("ok "))
    assert done.stdout.count("\nok ") + done.stdout.startswith("ok ") >= 3, done.stderr


class Driver:
    """One interpreter for all examples."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(["luajit", LUA / "driver.lua"], env=ENVIRONMENT, stdin=pipe, stdout=pipe)

    def ask(self, line):
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def lua() -> Iterator[Driver]:
    driver = Driver()
    yield driver
    driver.process.stdin.close()
    driver.process.wait(10)


keys = st.sampled_from([b"sk-1", b"a b", b"k,l", b"", b"QWxhZGRpbjpvcGVu", b"QWxhZGRpbjo=", b"QQ==", b"Q", b"x" * 300])
schemes = st.sampled_from([b"", b"Bearer ", b"bearer  ", b"Basic ", b"Token ", b"Digest a=1, ", b"Bearer"])
# bytes that a header may hold; adapters strip what Unicode calls a space, nginx does not, so there is none at an end
anything = (
    st.binary(max_size=300)
    .map(lambda b: b.translate(None, bytes(range(32))).strip())
    .filter(lambda b: all(part == part.strip() for part in text(b).split(" ")))
)
authorizations = st.one_of(st.builds(bytes.__add__, schemes, keys), anything)
hops = st.sampled_from(
    ["203.0.113.7", "2001:db8::1", "[2001:db8::1]:443", "203.0.113.7:80", "[2001:db8::2]", "unknown", "", "_hidden"]
)
forwarded = st.lists(hops, max_size=5).map(lambda several: ", ".join(several).encode())
requests = st.fixed_dictionaries(
    {"peer": st.just(b"198.51.100.9")},
    optional={
        "authorization": authorizations,
        "api_key": st.one_of(keys, anything),
        "forwarded": forwarded,
        "user_agent": st.one_of(anything, st.just("é".encode() * 1100), st.just(b"\xe9" * 900)),
        "ja4": st.sampled_from([b"t13d1516h2_8daaf6152771_d8a2da3f94cd", b"-", b"", b"x" * 300]),
    },
)
HEADERS = {"authorization": b"authorization", "api_key": b"x-api-key", "user_agent": b"user-agent", "ja4": b"x-ja4"}


def by_python(request, trusted_hops):
    """What the adapters make of the headers that nginx would send them."""
    lines = [(HEADERS[name], value) for name, value in request.items() if name in HEADERS]
    hops = [value for value in (request.get("forwarded"), request["peer"]) if value]
    lines.append((b"x-forwarded-for", b", ".join(hops)))
    settings = GatewaySettings(trusted_hops=trusted_hops, ja4_header="X-JA4")
    try:
        found = check(HttpMessage(b"GET", b"/", lines), "default", settings, "/")
    except ValueError:
        return None
    client = found.client
    told = {"key": found.account.key, "ip": client.ip, "ja4": client.ja4, "user_agent": client.user_agent}
    return {name: value for name, value in told.items() if value is not None}


@given(request=requests, trusted_hops=st.integers(1, 4))
def test_nginx_reads_a_caller_as_the_adapters_do(lua, request, trusted_hops):
    """The same key, address, JA4 and user agent, or refused by both, whatever bytes a client sends."""
    hexed = {name: value.hex() for name, value in request.items()}
    found = lua.ask({"request": hexed, "options": {"trusted_hops": trusted_hops, "tenant": "default"}})
    expected = by_python(request, trusted_hops)
    assert (None if "refused" in found else {k: v for k, v in found.items() if v != ""}) == expected


limits = st.builds(
    lambda name, rate, burst, share, scope: LimitState(name, rate, burst, burst * share, scope),
    st.sampled_from(["burst", "daily", 'a "quoted" one', "ünsafe"]),
    st.one_of(st.just(0.0), st.floats(1e-3, 1e6)),
    st.floats(1, 1e9),
    st.floats(-1, 1),
    st.sampled_from(["account", "cluster"]),
)
verdicts = st.builds(
    verdict_of,
    st.sampled_from(["allow", "throttle", "challenge", "deny"]),
    mode=st.sampled_from(["enforce", "shadow"]),
    limits=st.lists(limits, max_size=4).map(tuple),
    retry_after=st.floats(0, 86_400),
    risk=st.floats(0, 100),
    cluster=st.one_of(
        st.none(), st.builds(ClusterRef, st.sampled_from(["h-5f2c", "a\r\nb"]), st.just(3), st.just(0.9))
    ),
    actions=st.lists(st.sampled_from(["watermark", "smaller_model"]), max_size=2).map(tuple),
)


@given(verdict=verdicts)
def test_nginx_tells_of_a_verdict_what_the_adapters_tell(lua, verdict):
    """Headers, status and body, from the verdict's own bytes."""
    found = lua.ask({"verdict": json.loads(verdict_bytes(verdict)), "at": 0})
    names = {
        b"X-Headcount-Verdict": "verdict",
        b"RateLimit-Policy": "policy",
        b"RateLimit": "left",
        b"Retry-After": "retry_after",
        b"X-Headcount-Tier": "tier",
        b"X-Headcount-Risk": "risk",
        b"X-Headcount-Cluster": "cluster",
        b"X-Headcount-Actions": "actions",
    }
    told = {names[name]: value.decode() for name, value in (*for_client(verdict), *for_upstream(verdict))}
    status = stop_status(verdict)
    if status is not None:
        told |= {"status": str(status), "problem": problem(status).decode()}
    assert {name: str(value) for name, value in found.items()} == told
