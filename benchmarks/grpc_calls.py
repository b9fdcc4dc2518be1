"""The cost of a call of Envoy's gRPC: the sidecar's CPU a decision, for ext_authz and the rate limit service.

    python -m benchmarks.grpc_calls [--headcount old=/path/to/bin/headcount ...] [--state redis] [--rounds 5]
        [--peer ratelimit=/path/to/service_cmd] [--peer gubernator=/path/to/gubernator]

Each sidecar has its turn in every round, forwards and backwards by turns, pinned to one core with all that it starts;
the load has the other core. The load is a client of our own over HTTP/2: some connections, on each so many calls at
once; a call that is answered makes room for the next. Its header blocks are as Envoy sends them: whole once, then
indexes. The accounts have limits that they do not reach, and every call must pass. With `--state redis` a Redis of its
own, on the sidecar's core, keeps the state, and its CPU is listed too. Ratios are taken in each round, to the first
sidecar named. Peers (`benchmarks.grpc_peers`) have their turn in the calls of the rate limit service; gubernator has a
call of its own, of the same meaning.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import grpc_peers
from benchmarks import nginx_setups as setups
from benchmarks.http_load import cpu_seconds
from benchmarks.machine import describe
from benchmarks.turns import all_running, named_paths, rounds_of
from plugins.envoy.messages_pb2 import CheckRequest, RateLimitRequest
from reputation.listeners.http2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
)
from reputation.listeners.http2.hpack import string

HERE = Path(sys.executable).with_name("headcount")
PATHS = {
    "rls": b"/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit",
    "authz": b"/envoy.service.auth.v3.Authorization/Check",
}
PEER_PATHS = {"gubernator": b"/pb.gubernator.V1/GetRateLimits"}
LEAST_ANSWER = {"rls": 100, "authz": 100}
"""Bytes of an answer of ours that passes; a stop is shorter."""
FIELDS = (
    (b":authority", b"headcount"),
    (b"te", b"trailers"),
    (b"grpc-timeout", b"500m"),
    (b"content-type", b"application/grpc"),
    (b"x-envoy-internal", b"true"),
    (b"x-forwarded-for", b"10.0.0.1"),
)
ACCOUNTS = 1000
WIDE = 0x7FFF_0000
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"


class Turn(NamedTuple):
    """One sidecar's turn: calls a second, CPU microseconds a call of the sidecar and of Redis."""

    rate: float
    sidecar: float
    redis: float


class Server(NamedTuple):
    """A running sidecar or peer: ports, processes whose CPU counts, its Redis's port, and its own call if it has one.

    least: a short answer is a stop.
    """

    port: int
    http: int
    sidecar: int
    redis: int | None
    store: int = 0
    call: str | None = None
    least: bool = True


def rls(key: setups.Key) -> bytes:
    """A message as envoy-rls.yaml makes it: a descriptor for each member of a check."""
    named = {
        "authorization": f"Bearer {key.key}",
        "user_agent": AGENT,
        "path": "/v1/messages",
        "remote_address": key.address,
    }
    descriptors = [{"entries": [{"key": name, "value": value}]} for name, value in named.items()]
    return RateLimitRequest(domain="default", descriptors=descriptors).SerializeToString()


def authz(key: setups.Key) -> bytes:
    message = CheckRequest()
    http = message.attributes.request.http
    http.method, http.path = "POST", "/v1/messages"
    headers = {"authorization": f"Bearer {key.key}", "x-forwarded-for": f"{key.address},10.0.0.1", "user-agent": AGENT}
    for name, value in headers.items():
        http.headers[name] = value
    return message.SerializeToString()


MESSAGES = {"rls": rls, "authz": authz, "gubernator": grpc_peers.asked}


def blocks(call: str) -> tuple[bytes, bytes]:
    """A header block of literals for the table, and the same in indexes."""
    fields = ((b":path", {**PATHS, **PEER_PATHS}[call]), *FIELDS)
    literals = b"".join(b"\x40" + string(name) + string(value) for name, value in fields)
    indexes = bytes(0x80 | 61 + place for place in range(len(fields), 0, -1))
    return b"\x83\x86" + literals, b"\x83\x86" + indexes


class Load(asyncio.Protocol):
    """One connection that keeps so many calls open, and counts the answers."""

    def __init__(self, call: str, bodies: Iterator[bytes], calls: int, least: int = 100) -> None:
        """least: bytes of an answer that passes."""
        self.answered = self.failed = 0
        self._least = least
        self._first, self._block = blocks(call)
        self._bodies = bodies
        self._calls = calls
        self._next = 1
        self._data = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        hello = PREFACE + frame(SETTINGS, 0, 0, b"\0\4\x7f\xff\xff\xff") + frame(WINDOW_UPDATE, 0, 0, WIDE.to_bytes(4))
        transport.write(
            hello + self._call(self._first) + b"".join(self._call(self._block) for _ in range(self._calls - 1))
        )

    def _call(self, block: bytes) -> bytes:
        number = self._next
        self._next += 2
        return frame(HEADERS, END_HEADERS, number, block) + frame(DATA, END_STREAM, number, next(self._bodies))

    def data_received(self, data: bytes) -> None:
        data = self._data + data
        at, end, out = 0, len(data), list[bytes]()
        while end - at >= 9:
            size = int.from_bytes(data[at : at + 3])
            if end - at < 9 + size:
                break
            kind, flags = data[at + 3], data[at + 4]
            if kind == HEADERS and flags & END_STREAM:
                self.answered += 1
                out.append(self._call(self._block))
            elif kind == SETTINGS and not flags:
                out.append(frame(SETTINGS, 1, 0))
            elif kind not in (DATA, HEADERS, SETTINGS, WINDOW_UPDATE, 6):
                self.failed += 1
            if kind == DATA and size < self._least:
                self.failed += 1
            at += 9 + size
        self._data = data[at:]
        if out:
            self._transport.write(b"".join(out))

    def stop(self) -> None:
        self._transport.abort()


def bodies(call: str, keys: list[setups.Key]) -> Iterator[bytes]:
    made = [MESSAGES[call](key) for key in keys]
    return itertools.cycle([b"\0" + len(one).to_bytes(4) + one for one in made])


async def turn(server: Server, call: str, asked: argparse.Namespace, sent: Iterator[bytes]) -> Turn:
    """Load one sidecar; the first 0.5 s do not count."""
    loop, least = asyncio.get_running_loop(), LEAST_ANSWER.get(call, 0) if server.least else 0
    made = [
        (await loop.create_connection(lambda: Load(call, sent, asked.calls, least), "127.0.0.1", server.port))[1]
        for _ in range(asked.connections)
    ]
    await asyncio.sleep(0.5)
    before = spent(server, made)
    await asyncio.sleep(asked.seconds)
    after = spent(server, made)
    for one in made:
        one.stop()
    if any(one.failed for one in made):
        raise SystemExit("a call failed")
    took, sidecar, redis, count = (new - old for new, old in zip(after, before, strict=True))
    return Turn(count / took, sidecar / count * 1e6, redis / count * 1e6)


def spent(server: Server, made: list[Load]) -> tuple[float, float, float, int]:
    redis = 0.0 if server.redis is None else cpu_seconds(server.redis)
    return time.perf_counter(), cpu_seconds(server.sidecar), redis, sum(one.answered for one in made)


@contextlib.contextmanager
def serving(path: str, directory: Path, core: int, state: str) -> Iterator[Server]:
    """A sidecar with its accounts, and its Redis."""
    listen, admin, grpc, redis = (setups.free_port() for _ in range(4))
    tiers = ("trusted", "standard", "limited", "restricted", "blocked")
    tenant = {"plans": {"roomy": dict.fromkeys(tiers, setups.ROOMY)}}
    (directory / "headcount.yaml").write_text(json.dumps({"tenants": {"default": tenant}}))
    addresses = ["--listen", f"127.0.0.1:{listen}", "--admin", f"127.0.0.1:{admin}", "--grpc", f"127.0.0.1:{grpc}"]
    with contextlib.ExitStack() as life:
        kept: int | None = None
        if state == "redis":
            quiet = ["--port", str(redis), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
            kept = life.enter_context(setups.running(["redis-server", *quiet], core, directory, redis)).pid
        place = ":memory:" if kept is None else f"redis://127.0.0.1:{redis}"
        command = [path, "serve", "--config", str(directory / "headcount.yaml"), "--state", place, *addresses]
        process = life.enter_context(setups.running(command, core, directory, grpc))
        asyncio.run(setups.push(admin, setups.keys(ACCOUNTS, "uniform"), "roomy"))
        yield Server(grpc, listen, process.pid, kept, redis)


def report(call: str, rounds: list[dict[str, Turn]]) -> None:
    first = next(iter(rounds[0]))
    print(f"\n{call}: medians of {len(rounds)} rounds\n")
    print(f"| sidecar | calls/s | CPU µs a call | Redis µs a call | CPU of {first} |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name in rounds[0]:
        turns = [each[name] for each in rounds]
        rate, cpu, redis = (statistics.median(column) for column in zip(*turns, strict=True))
        ratio = statistics.median(each[name].sidecar / each[first].sidecar for each in rounds)
        print(f"| {name} | {rate:,.0f} | {cpu:.1f} | {redis:.1f} | {ratio:.1%} |")


def measure(call: str, servers: Mapping[str, Server], asked: argparse.Namespace) -> None:
    """Give each server its turns, and report them."""
    keys = setups.keys(ACCOUNTS, "uniform")
    calls = {name: server.call or call for name, server in servers.items()}
    sent = {one: bodies(one, keys) for one in set(calls.values())}

    def one(name: str) -> Turn:
        return asyncio.run(turn(servers[name], calls[name], asked, sent[calls[name]]))

    report(call, rounds_of(asked.rounds, list(servers), one))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--headcount", action="append", metavar="NAME=PATH", help="a sidecar to measure; default: this one"
    )
    parser.add_argument("--state", choices=["memory", "redis"], default="memory")
    parser.add_argument("--call", choices=list(PATHS), action="append", help="default: both")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--calls", type=int, default=8, help="at once, on each connection")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PATH", help=", ".join(grpc_peers.PEERS))
    asked = parser.parse_args()
    print(describe())
    core, load_core = setups.cores()
    os.sched_setaffinity(0, {load_core})
    sidecars, peers = named_paths(asked.headcount or [f"this={HERE}"]), named_paths(asked.peer)
    with (
        all_running(sidecars, lambda _: partial(serving, core=core, state=asked.state)) as servers,
        all_running(peers, lambda name: lambda path, place: grpc_peers.PEERS[name](path, place, core)) as others,
    ):
        beside = {
            name: Server(peer.port, 0, peer.process, peer.redis, call=peer.call, least=False)
            for name, peer in others.items()
        }
        for call in asked.call or PATHS:
            measure(call, {**servers, **(beside if call == "rls" else {})}, asked)


if __name__ == "__main__":
    main()
