"""nginx as it ships, with and without Headcount, an API behind it, and a sidecar with accounts."""

import asyncio
import contextlib
import csv
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from benchmarks.http_load import cpu_seconds

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "plugins" / "nginx"
MEASURED = ROOT.parent / "shared" / "data" / "llm_clients.csv"
INSTALLED = "/etc/nginx/headcount"
ROOMY = {"rate": 1e6, "burst": 1e6, "daily": 1e9}
OURS = re.compile(
    r"^ *(?:\S+_by_lua\w* .*|lua_\S+ .*|.*X-Headcount.*|\S+_header RateLimit.*|.*\$headcount.*)\n", re.MULTILINE
)

TOLD = re.compile(r"^.*# told\n", re.MULTILINE)
"""Lines that nginx-leases.conf has for those who read Headcount's headers, as its first comment says."""

API = """
worker_processes 1;
events {{}}
http {{
    access_log off;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 "an answer"; }} }}
}}
"""


class Key(NamedTuple):
    name: str
    key: str
    address: str
    weight: float


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rates(how: str) -> list[float]:
    """Relative request rates to draw keys' weights from: all the same, or as real clients of a model service have them.

    Without the file of measured rates, a log-normal with their median, 0.6 a second, and their spread stands in.
    """
    if how == "uniform":
        return [1.0]
    if MEASURED.exists():
        with MEASURED.open(newline="") as lines:
            return [float(row["mean_per_s"]) for row in csv.DictReader(lines)]
    chance = random.Random(1)
    return [0.6 * chance.lognormvariate(0.0, 2.0) for _ in range(1000)]


def keys(count: int, how: str) -> list[Key]:
    """Accounts with a key and an address each, and their relative rates of requests."""
    chance, drawn = random.Random(7), rates(how)
    return [
        Key(
            f"acct-{i}", f"sk-bench-{i}", f"11.{i // 62_500 % 250}.{i // 250 % 250}.{i % 250 + 1}", chance.choice(drawn)
        )
        for i in range(count)
    ]


@contextlib.contextmanager
def running(command: list[str], core: int, directory: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A server on its core during the block; its output is in a file next to it."""
    with (directory / f"{Path(command[0]).name}-{port}.log").open("ab") as log:
        process = subprocess.Popen(["taskset", "-c", str(core), *command], stdout=log, stderr=log, cwd=ROOT)
    try:
        deadline = time.monotonic() + 30
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command} does not listen on port {port}; see {directory}")
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


def nginx(directory: Path, name: str, text: str) -> list[str]:
    """The command of an nginx with this configuration, its files in a directory of its own."""
    place = directory / name
    place.mkdir()
    private = (
        f"http {{\n    access_log off;\n    client_body_temp_path {place}/body;\n    keepalive_requests 1000000000;"
    )
    for kind in ("proxy", "fastcgi", "uwsgi", "scgi"):
        private += f"\n    {kind}_temp_path {place}/{kind};"
    file = place / "nginx.conf"
    file.write_text(text.replace("http {", private, 1))
    switches = f"daemon off; user root; pid {place}/pid;"
    return ["nginx", "-e", str(place / "error.log"), "-c", str(file), "-g", switches]


def configured(text: str, *, listen: int, sidecar: int, api: int) -> str:
    """A shipped configuration with these ports, behind one proxy that tells the client's address."""
    ports = {"8080": listen, "8470": sidecar, "8000": api, "8479": free_port()}
    text = re.sub(r"\b(?:8080|8470|8000|8479)\b", lambda found: str(ports[found[0]]), text)
    text = text.replace(INSTALLED, f"{SHIPPED}/lua").replace("-- trusted_hops = 2", "trusted_hops = 2")
    return text.replace("keepalive 32;", "keepalive 64;\n        keepalive_requests 1000000000;")


def without_headcount(text: str) -> str:
    """The same nginx without a trace of Headcount: no Lua, no headers of ours."""
    text = re.sub(r"^ *init_by_lua_block \{.*?^ {4}\}\n", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^load_module .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^ *map .*?^ {4}\}\n", "", text, flags=re.MULTILINE | re.DOTALL)
    text = text.replace("$headcount_connection", '""')
    return OURS.sub("", re.sub(r"^ {4}# What the gate did.*?^ {4}\}\n", "", text, flags=re.MULTILINE | re.DOTALL))


def texts() -> dict[str, str]:
    """The configurations that are compared."""
    leases = (SHIPPED / "nginx-leases.conf").read_text(encoding="utf-8")
    leases = re.sub(r'^( +default ".*remote_addr)";$', r'\1\\n$http_x_forwarded_for";', leases, flags=re.MULTILINE)
    asking = (SHIPPED / "nginx.conf").read_text(encoding="utf-8")
    idle = re.sub(r"\{ headcount(?:_access|:start)\(\) \}", "{ local nothing }", leases)
    return {
        "plain": without_headcount(leases),
        "idle": idle,
        "leases": leases,
        "lean": TOLD.sub("", leases),
        "auth_request": asking,
    }


def before(checkout: Path) -> dict[str, str]:
    """The leases of another checkout, with its own Lua files."""
    shipped = checkout.resolve() / "plugins" / "nginx"
    text = (shipped / "nginx-leases.conf").read_text(encoding="utf-8")
    return {"before": text.replace(INSTALLED, f"{shipped}/lua")}


def sidecar(directory: Path, listen: int, admin: int, plans: dict[str, Any], state: str = ":memory:") -> list[str]:
    """The command of a sidecar whose one tenant has these plans."""
    tiers = ("trusted", "standard", "limited", "restricted", "blocked")
    tenant = {
        "plans": {plan: dict.fromkeys(tiers, allowance) for plan, allowance in plans.items()},
        "gateway": {"trusted_hops": 2},
    }
    file = directory / "headcount.yaml"
    file.write_text(json.dumps({"tenants": {"default": tenant}}))
    headcount = [sys.executable, "-m", "reputation"]
    addresses = ["--listen", f"127.0.0.1:{listen}", "--admin", f"127.0.0.1:{admin}"]
    return [*headcount, "serve", "--config", str(file), "--state", state, *addresses]


def processor_time(pid: int) -> float:
    """CPU seconds used by a process and by all its child processes, of all its threads."""
    lists = [listed.read_text() for listed in Path(f"/proc/{pid}/task").glob("*/children")]
    return cpu_seconds(pid) + sum(processor_time(int(child)) for listed in lists for child in listed.split())


async def push(admin: int, several: list[Key], plan: str) -> None:
    """Tell the sidecar of the accounts and their keys."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{admin}") as session:
        for at in range(0, len(several), 50):
            await asyncio.gather(*(_push(session, key, plan) for key in several[at : at + 50]))


async def _push(session: aiohttp.ClientSession, key: Key, plan: str) -> None:
    paid = {"status": "ok", "settled_usd": 1000}  # proven: else so many alike would be linked, and share a budget
    body = {"keys": [key.key], "plan": plan, "created_at": "2026-01-01T00:00:00Z", "payment": paid}
    async with session.put(f"/v1/accounts/{key.name}", json=body) as answer:
        if answer.status >= 300:
            raise SystemExit(await answer.text())


async def metric(admin: int, name: str) -> float:
    """The sum of a metric over its labels."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{admin}/metrics") as answer:
        found = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", await answer.text(), re.MULTILINE)
    return sum(map(float, found))


@contextlib.contextmanager
def api(directory: Path, core: int) -> Iterator[int]:
    """What nginx protects: another nginx, which answers at once."""
    port = free_port()
    with running(nginx(directory, "api", API.format(port=port)), core, directory, port):
        yield port


def cores() -> tuple[int, int]:
    """One core for nginx and the sidecar, one for the load and the API."""
    there = sorted(os.sched_getaffinity(0))
    return there[-1], there[0]
