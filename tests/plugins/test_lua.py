"""The Lua module of nginx, Kong and APISIX: its own tests under LuaJIT, and its rules held to the Python adapters'."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from gateway_verdicts import verdict as verdict_of
from hypothesis import given
from hypothesis import strategies as st
from key_spellings import VECTORS, lines_of

from plugins.answers import for_client, for_upstream, problem, stop_status
from plugins.headers import check
from plugins.verdict_lines import verdict_line
from reputation.wire.gateway import GatewaySettings, HttpMessage
from reputation.wire.messages import ClusterRef, Lease, LimitState

pytestmark = pytest.mark.slow

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


keys = st.sampled_from(
    [b"sk-1", b"a b", b"k,l", b"", b"QWxhZGRpbjpvcGVu", b"QWxhZGRpbjo=", b"QQ==", b"Q", b"x" * 300, b"Q-_Q!zo",
     b"Qjp4=Q", b"hk1_" + b"a" * 26, b"sha256:" + b"0" * 64, b"eyJ.e.s", b'"q"', b"'q", b"q;", b"t=q", b"a\tb",
     b"a\xc2\xa0"]
)  # fmt: skip
schemes = st.sampled_from(
    [b"", b"Bearer ", b"bearer  \t", b"Basic ", b"bASIC\t", b"Token ", b"Digest a=1, ", b"Bearer", b"Token a, Bearer "]
)
# signs that base64, quoting or a scheme have a meaning for, so that most values are nearly a credential
near = st.lists(st.sampled_from([*b"Az09+/=-_.:;,\"' \t", *b"QWxh\xc3\xa9\xa0\x85\x00"]), max_size=24).map(bytes)
anything = st.one_of(st.binary(max_size=300), near)
authorizations = st.one_of(st.builds(bytes.__add__, schemes, st.one_of(keys, near)), anything)
hops = st.sampled_from(
    [
        "203.0.113.7",
        "2001:db8::1",
        "[2001:db8::1]:443",
        "203.0.113.7:80",
        "[2001:db8::2]",
        "unknown",
        "",
        "_hidden",
        '"203.0.113.8"',
        '"[2001:db8::3]:443"',
        "fe80::1%eth0",
        "[fe80::1%25eth0]:80",
        '"',
        "[",
    ]
)
forwarded = st.lists(hops, max_size=5).map(lambda several: ", ".join(several).encode())
requests = st.fixed_dictionaries(
    {"peer": st.just(b"198.51.100.9")},
    optional={
        "authorization": authorizations,
        "api_key": st.one_of(keys, anything),
        "named": st.one_of(keys, authorizations),
        "forwarded": forwarded,
        "user_agent": st.one_of(anything, st.just("é".encode() * 1100), st.just(b"\xe9" * 900)),
        "ja4": st.sampled_from([b"t13d1516h2_8daaf6152771_d8a2da3f94cd", b"-", b"", b"x" * 300]),
    },
)
HEADERS = {"authorization": b"authorization", "api_key": b"x-api-key", "user_agent": b"user-agent", "ja4": b"x-ja4"}


def by_python(request, options):
    """What the adapters make of the headers that nginx would send them."""
    key_header = options.get("key_header")
    names = HEADERS if key_header is None else {**HEADERS, "named": key_header.lower().encode()}
    lines = [(names[name], value) for name, value in request.items() if name in names]
    hops = [value for value in (request.get("forwarded"), request["peer"]) if value]
    lines.append((b"x-forwarded-for", b", ".join(hops)))
    settings = GatewaySettings(options["trusted_hops"], ja4_header="X-JA4", key_header=key_header)
    try:
        found = check(HttpMessage(b"GET", b"/", lines), "default", settings, "/")
    except ValueError:
        return None
    client = found.client
    told = {**account_of(found.account), "ip": client.ip, "ja4": client.ja4, "user_agent": client.user_agent}
    return {name: value for name, value in told.items() if value is not None}


def account_of(account):
    """The members of a check's account that are said, as Lua says them."""
    said = {
        "key": account.key,
        "jwt": account.jwt or None,
        "credentials": account.credentials and [bare(struct) for struct in account.credentials],
    }
    return {name: value for name, value in said.items() if value is not None}


def bare(credential):
    return {name: value for name, value in msgspec.to_builtins(credential).items() if value is not None}


@given(request=requests, trusted_hops=st.integers(1, 4), key_header=st.sampled_from([None, "X-Key", "Apikey"]))
def test_nginx_reads_a_caller_as_the_adapters_do(lua, request, trusted_hops, key_header):
    """The same key, address, JA4 and user agent, or refused by both, whatever bytes a client sends."""
    hexed = {name: value.hex() for name, value in request.items()}
    options = {"trusted_hops": trusted_hops, "tenant": "default", "key_header": key_header}
    options = {name: value for name, value in options.items() if value is not None}
    found = lua.ask({"request": hexed, "options": options})
    expected = by_python(request, options)
    assert (None if "refused" in found else {k: v for k, v in found.items() if v != ""}) == expected


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_nginx_reads_every_spelling_of_a_key_as_the_adapters_do(lua, vector):
    lines = [(name.lower(), value) for name, value in lines_of(vector, lambda key: "hk1_" + "b" * 26)]
    named = vector.get("key_header", "").lower()
    # nginx before 1.23 has the first line of several, and a later one joins them
    sent = {name: b", ".join(dict.fromkeys(value for other, value in lines if other == name)) for name, _ in lines}
    request = {"peer": b"192.0.2.1"}
    for name, value in sent.items():
        request[{"authorization": "authorization", "x-api-key": "api_key"}[name]] = value
    if named in sent:
        request["named"] = sent[named]
    options = {"trusted_hops": 1, "tenant": "default"} | ({"key_header": vector["key_header"]} if named else {})
    found = lua.ask({"request": {name: value.hex() for name, value in request.items()}, "options": options})
    expected = by_python({name: value for name, value in request.items() if name != "named"}, options)
    assert (None if "refused" in found else found) == expected
    assert ("refused" in found) == ("status" in vector)


@pytest.mark.parametrize(
    "name", ["acct_1", "ip:192.0.2.1", "key:hk1_x", "IP:1", " acct_1\t", "x" * 300, "hk1_" + "a" * 26, ""]
)
def test_nginx_reads_an_account_s_id_as_the_adapters_do(lua, name):
    """Keys do not count beside it, and an id that Headcount gives to addresses and unknown keys is refused."""
    sent = {"account": name.encode().hex(), "authorization": b"Bearer k".hex(), "peer": b"192.0.2.1".hex()}
    options = {"trusted_hops": 1, "tenant": "default", "account_header": "X-Account"}
    found = lua.ask({"request": sent, "options": options})
    lines = [(b"x-account", name.encode()), (b"authorization", b"Bearer k"), (b"x-forwarded-for", b"192.0.2.1")]
    try:
        made = check(HttpMessage(b"GET", b"/", lines), "default", GatewaySettings(account_header="X-Account"), "/")
    except ValueError:
        assert "may not begin with ip: or key:" in found["refused"]
    else:
        assert (found.get("account"), found.get("key")) == (made.account.id, None)


limits = st.builds(
    lambda name, rate, burst, share, scope: LimitState(name, rate, burst, burst * share, scope),
    st.sampled_from(["burst", "daily", "earned", "allow", 'a "quoted" one', "ünsafe", "a\tb"]),
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
    lease=st.one_of(st.none(), st.builds(Lease, st.just("01J-a_B"), st.integers(1, 2**31), st.floats(0.001, 60))),
)


@given(verdict=verdicts)
def test_nginx_tells_of_a_verdict_what_the_adapters_tell(lua, verdict):
    """Headers, status, body and lease, from the verdict's line."""
    found = lua.ask({"verdict": verdict_line(verdict).decode("ascii"), "at": 0})
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
    granted = found.pop("lease", None)
    assert (granted and Lease(granted["id"], granted["tokens"], float(granted["ttl"]))) == verdict.lease
    assert {name: str(value) for name, value in found.items()} == told
