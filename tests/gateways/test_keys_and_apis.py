"""Every spelling of a key, sent raw through the real nginx, with a real Django REST framework and Express behind it.

An API that reads the credential of an account in a request must find that account charged for it, and no other.
"""

import base64
import itertools
import json
import math
import os
import random
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import gateway_wire as wire
import pytest
from gateway_processes import listening, running
from gateway_shipped import NGINX, NGINX_LEASES, Shipped, gateway
from key_spellings import ACCOUNTS, API_KEYS, VECTORS, Lines, lines_of
from ports import free_port
from sidecar_process import HASH_KEY, Sidecar, running_sidecar

from reputation.wire.ids import of_text, printed

pytestmark = pytest.mark.gateway

HERE = Path(__file__).parent
ROOM = 100_000
"""The burst of the first account; each has one more than the one before it, so that its limit tells whose it is."""
TIERS = ("trusted", "standard", "limited", "restricted", "blocked")
OWNERS = sorted(set(ACCOUNTS.values()))
BURSTS = {name: ROOM + place for place, name in enumerate(OWNERS)}
PLANS = {
    name: {tier: {"rate": 0.001, "burst": burst, "daily": 10**6} for tier in TIERS} for name, burst in BURSTS.items()
}
UNKNOWN = {"rate": 0.001, "burst": ROOM - 1, "daily": 10**6}
TENANT = {
    "plans": {**PLANS, "free": dict.fromkeys(TIERS, UNKNOWN)},
    "unconfirmed": UNKNOWN,
    "linking": {"enabled": False},
}
TENANTS = {
    "default": TENANT,
    "x-api-key": {**TENANT, "gateway": {"key_header": "X-Api-Key"}},
    "authorization": {**TENANT, "gateway": {"key_header": "Authorization"}},
}


class Front(NamedTuple):
    """An nginx whose tenant is `tenant`; `by_leases`: the module in nginx reads the key."""

    port: int
    tenant: str
    by_leases: bool


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with running_sidecar(tmp_path_factory.mktemp("sidecar"), {"tenants": TENANTS}) as found:
        for tenant in TENANTS:
            for name in OWNERS:
                facts = {"plan": name, "keys": [key for key, owner in ACCOUNTS.items() if owner == name]}
                assert found.tell("PUT", f"/v1/accounts/{name}?tenant={tenant}", facts).status == 204
        yield found


def changes(shipped: Shipped, tenant: str) -> list[tuple[str, str]]:
    """What makes the shipped file that of a tenant, as its page says."""
    if tenant == "default":
        return []
    if shipped is NGINX:
        return [("/gateway/nginx/default", f"/gateway/nginx/{tenant}")]
    return [('tenant  = "default",', f'tenant  = "{tenant}", key_header = "{tenant}",')]


@contextmanager
def front(shipped: Shipped, directory: Path, sidecar: Sidecar, api: int, tenant: str = "default") -> Iterator[Front]:
    with gateway(shipped, directory / shipped.name / tenant, sidecar.check, api, *changes(shipped, tenant)) as port:
        yield Front(port, tenant, shipped is NGINX_LEASES)


@pytest.fixture(scope="module", params=[NGINX, NGINX_LEASES], ids=lambda shipped: shipped.name)
def fronts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sidecar: Sidecar, api: wire.Api
) -> Iterator[dict[str, Front]]:
    """One nginx for each tenant."""
    directory = tmp_path_factory.mktemp("fronts")
    with ExitStack() as life:
        yield {name: life.enter_context(front(request.param, directory, sidecar, api.port, name)) for name in TENANTS}


def ask(port: int, lines: Lines, source: str) -> wire.Answer:
    """Send header values as the bytes that they are."""
    head = [b"GET / HTTP/1.1", b"Host: api.example", b"Connection: close"]
    head += [name.encode() + b": " + value for name, value in lines]
    with socket.create_connection(("127.0.0.1", port), 20, (source, 0)) as connection:
        connection.sendall(b"\r\n".join([*head, b"", b""]))
        return wire.parsed(wire.read_all(connection))


def judged_as(answer: wire.Answer) -> str | None:
    """The account whose limit an answer shows; None: nobody's."""
    found = re.search(r'"burst";q=(\d+)', answer.one("RateLimit-Policy"))
    assert found is not None
    return next((name for name, burst in BURSTS.items() if burst == int(found[1])), None)


def stored(key: str) -> str:
    return printed(of_text(key, HASH_KEY.encode()))


def left(sidecar: Sidecar, account: str, tenant: str) -> float:
    """What is left of an account's burst; all of it before its first request."""
    found = sidecar.tell("GET", f"/v1/accounts/{quote(account)}?tenant={tenant}")
    buckets = {} if found.status == 404 else found.json["buckets"]
    return buckets["burst"]["remaining"] if buckets else math.inf


def expected(vector: dict[str, Any]) -> list[str]:
    """The accounts that must pay for a vector."""
    known = [vector[name] for name in ("account", "first_line") if name in vector] or vector.get("accounts", [])
    unknown = [vector["key"]] if "key" in vector else vector.get("keys", [])
    return [*known, *(f"key:{stored(key)}" for key in unknown)]


_sources = itertools.cycle(f"127.{high}.{low}.1" for high in range(80, 120) for low in range(1, 250))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_nginx_charges_the_account_of_every_spelling_or_answers_400(
    fronts: dict[str, Front], sidecar: Sidecar, vector: dict[str, Any]
) -> None:
    """With leases too: each request comes from another address, for which there is no lease yet."""
    front = fronts[vector.get("key_header", "default").lower()]
    accounts = expected(vector)
    spared = [vector["not_account"]] if "not_account" in vector else []
    before = {name: left(sidecar, name, front.tenant) for name in (*accounts, *spared)}
    answer = ask(front.port, lines_of(vector, stored), next(_sources))
    if refused := vector.get("nginx") or (vector.get("status") if "first_line" not in vector else None):
        assert answer.status == refused
        return
    assert answer.status == 200
    for name in accounts:
        assert left(sidecar, name, front.tenant) < before[name], name
    for name in spared:
        assert left(sidecar, name, front.tenant) == pytest.approx(before[name], abs=0.01)
    assert judged_as(answer) in [name if name in BURSTS else None for name in accounts or [None]]


APIS = {
    "django": [sys.executable, "-m", "uvicorn", "django_api:application", "--log-level", "warning", "--port"],
    "express": ["node", str(HERE / "express" / "api.js")],
}


@contextmanager
def api_of(kind: str, directory: Path) -> Iterator[int]:
    """The port of a real API that tells whose credential it read."""
    port = free_port()
    command = [*APIS[kind], *([str(port)] if kind == "django" else [])]
    plain = {name: os.environ.get(name) for name in ("KEYS", "PORT", "PYTHONPATH")}
    os.environ.update(KEYS=json.dumps(API_KEYS), PORT=str(port), PYTHONPATH=str(HERE))
    try:
        with running(command, directory, lambda: listening(port)):
            yield port
    finally:
        for name, value in plain.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="module", params=sorted(APIS))
def real_api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with api_of(request.param, tmp_path_factory.mktemp(request.param)) as port:
        yield port


@pytest.fixture(scope="module", params=[NGINX, NGINX_LEASES], ids=lambda shipped: shipped.name)
def before_api(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sidecar: Sidecar, real_api: int
) -> Iterator[Front]:
    with front(request.param, tmp_path_factory.mktemp("front"), sidecar, real_api) as found:
        yield found


def who_is_read(answer: wire.Answer) -> str | None:
    """The account whose credential the API read, if it read one; Django's answer is in chunks."""
    found = re.search(rb'{"account":"([a-z]+)"}', answer.body) if answer.status == 200 else None
    return None if found is None else found[1].decode()


SCHEMES = (b"Bearer", b"bearer", b"BEARER", b"Basic", b"bASIC", b"Token")
BETWEEN = (b"\t", b"  ", b" \t ", b"\xa0", b"\xc2\xa0", b"\x0b", b"\x0c", b"\x1f", b"\x85", b",", b";", b"")
AROUND = (b" ", b"\t", b'"', b"'", b";", b",", b"=", b"\x00", b"\xa0", b"-", b"_", b" x", b"\t=", b"\x1c", b"/", b"A")


def near(draw: random.Random) -> bytes:
    """A value of Authorization that is a credential, or nearly one."""

    def seldom(usual: bytes, others: tuple[bytes, ...]) -> bytes:
        return draw.choice(others) if draw.random() < 0.25 else usual

    key = draw.choice([key for key in API_KEYS if len(key) < 30]).encode()
    scheme = draw.choice(SCHEMES)
    if scheme.lower() == b"basic":
        packed = base64.b64encode(draw.choice([key, key + b":", key + b":x", key + b":\xff", b":" + key]))
        place = draw.randrange(len(packed) + 1)
        packed = packed[:place] + seldom(b"", AROUND) + packed[place:]
        key = packed.rstrip(b"=") if draw.random() < 0.3 else packed
    return seldom(b"", (b" ", b"x ", b"\t")) + scheme + seldom(b" ", BETWEEN) + key + seldom(b"", AROUND)


@pytest.mark.parametrize("drawn", [300, pytest.param(6000, marks=pytest.mark.long)])
def test_no_spelling_that_an_api_reads_as_an_account_s_is_judged_as_another(before_api: Front, drawn: int) -> None:
    """All spellings of the file, and some that are drawn; each from an address of its own."""
    draw = random.Random(drawn)
    spellings = [lines_of(vector, stored) for vector in VECTORS if "key_header" not in vector]
    spellings += [[("Authorization", near(draw))] for _ in range(drawn)]
    read = 0
    for lines in spellings:
        answer = ask(before_api.port, lines, next(_sources))
        account = who_is_read(answer)
        if account is not None:
            read += 1
            assert judged_as(answer) == account, lines
    assert read >= len(spellings) / 4
