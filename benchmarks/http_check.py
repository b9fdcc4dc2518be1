"""What the check listener costs, beside what it is measured against, on one core of loopback TCP.

    python -m benchmarks.http_check [--rounds 5] [--seconds 2] [--sidecar 'headcount serve --listen {listen}']

Servers are pinned to one core and the client to another. In every round each server has its turn, so that a
machine that gets slower meanwhile slows all of them; the table has medians, and ratios are taken in each round.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shlex
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NamedTuple

import httptools
import msgspec
import uvloop
from aiohttp import web

from reputation.gateway import HttpMessage, Reply
from reputation.http import listener
from reputation.http.listener_sockets import bind

YARDSTICK = "aiohttp"
NEW_HEADS = "listener, new heads"
JSON = ((b"Content-Type", b"application/json"),)
TICK = os.sysconf("SC_CLK_TCK")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Sample(NamedTuple):
    """One server's turn: answers a second, the server's CPU microseconds an answer, p99 latency in ms."""

    rate: float
    cpu: float
    p99: float


# servers


async def _aiohttp(listen: str) -> None:
    """Serve the yardstick: aiohttp's low-level server, the same JSON by the same library."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(body=_encode(_decode(await request.read())), content_type="application/json")

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.SockSite(runner, bind(listen)).start()


class _Echo(asyncio.Protocol):
    """The least that httptools can do: no headers are looked at, nothing is refused, nothing times out."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        out = _encode(_decode(self._body))
        self._body = b""
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(out), out)
        )


class _EchoFields(_Echo):
    """The same, gathering the header fields as every application needs them."""

    def on_message_begin(self) -> None:
        self._fields: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value))


def _protocol(protocol: type[asyncio.Protocol]) -> Callable[[str], Coroutine[Any, Any, None]]:
    async def serve(listen: str) -> None:
        await asyncio.get_running_loop().create_server(protocol, sock=bind(listen))

    return serve


def _trivial(message: HttpMessage) -> Reply:
    return Reply(200, _encode(_decode(message.body)), JSON)


async def _listener(listen: str) -> None:
    await listener.start(_trivial, bind(listen))


SERVERS = {
    YARDSTICK: _aiohttp,
    "httptools": _protocol(_Echo),
    "httptools+fields": _protocol(_EchoFields),
    "listener": _listener,
}
LABELS = {
    YARDSTICK: "aiohttp low-level server",
    "httptools": "httptools under a bare protocol",
    "httptools+fields": "the same, gathering headers",
    "listener": "check listener, trivial application",
    NEW_HEADS: "the same, every head new",
    "sidecar": "the sidecar",
}


def _serve(name: str, listen: str) -> None:
    async def forever() -> None:
        await SERVERS[name](listen)
        await asyncio.Event().wait()

    uvloop.run(forever())


# the client


def _requests(count: int) -> list[bytes]:
    """Checks as a gateway plug-in sends them, by as many accounts and addresses."""
    made = []
    for number in range(count):
        check = {
            "tenant": "default",
            "account": {"id": f"acct_{number}", "plan": "free", "created_at": 1790000000 - number},
            "client": {"ip": f"198.51.{number // 250 % 250}.{number % 250 + 1}", "user_agent": "bench/1"},
            "request": {"route": "/v1/messages", "cost": 1},
        }
        body = _encode(check)
        made.append(
            b"POST /v1/check HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1\r\nAccept: */*\r\n"
            b"Accept-Encoding: gzip, deflate\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
    return made


class _Load(asyncio.Protocol):
    """One keep-alive connection that asks, waits for the whole answer, and asks again."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float]) -> None:
        self.wrong = 0
        self._requests = requests
        self._latencies = latencies
        self._data = b""
        self._asked = 0.0
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._data += data
        head = self._data.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._data.lower().find(b"content-length:")
        length = int(self._data[at + 15 : self._data.find(b"\r\n", at)])
        if len(self._data) < head + 4 + length:
            return
        self.wrong += not self._data.startswith(b"HTTP/1.1 200 ")
        self._data = b""
        self._latencies.append(time.perf_counter() - self._asked)
        self.ask()

    def stop(self) -> None:
        self._transport.abort()


def _cycle(requests: list[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests


def _numbered(requests: list[bytes]) -> Iterator[bytes]:
    """The same requests, each with a header of its own."""
    for number, request in enumerate(_cycle(requests)):
        yield request.replace(b"bench/1\r\n", b"bench/%d\r\n" % number, 1)


async def _load(name: str, server: tuple[int, int], connections: int, seconds: float) -> Sample:
    loop = asyncio.get_running_loop()
    port, pid = server
    requests = (_numbered if name == NEW_HEADS else _cycle)(_requests(1000))
    latencies: list[float] = []
    made = [
        (await loop.create_connection(lambda: _Load(requests, latencies), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    for connection in made:
        connection.ask()
    await asyncio.sleep(min(0.3, seconds))
    latencies.clear()
    cpu, start = _cpu(pid), time.perf_counter()
    await asyncio.sleep(seconds)
    took, cpu, count = time.perf_counter() - start, _cpu(pid) - cpu, len(latencies)
    for connection in made:
        connection.stop()
    wrong = sum(connection.wrong for connection in made)
    if wrong or not count:
        raise SystemExit(f"{count} answers, {wrong} of them not 200")
    return Sample(count / took, cpu / count * 1e6, sorted(latencies)[int(count * 0.99)] * 1000)


def _cpu(pid: int) -> float:
    """CPU seconds of one process, user and system."""
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - one read
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


# the comparison


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(name: str, port: int, sidecar: str) -> list[str]:
    if name != "sidecar":
        return [sys.executable, "-m", "benchmarks.http_check", "--serve", name, f"127.0.0.1:{port}"]
    places = {"listen": f"127.0.0.1:{port}", "admin": f"127.0.0.1:{_free_port()}"}
    return [part.format(**places) for part in shlex.split(sidecar)]


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.1)
    raise SystemExit(f"{process.args!r} does not listen on port {port}")


@contextlib.contextmanager
def _running(names: list[str], sidecar: str, core: int) -> Iterator[dict[str, tuple[int, int]]]:
    """Start every server on its core; give its port and process id."""
    processes: list[subprocess.Popen[bytes]] = []
    found: dict[str, tuple[int, int]] = {}
    try:
        for name in names:
            if name == NEW_HEADS:
                found[name] = found["listener"]
                continue
            port = _free_port()
            process = subprocess.Popen(
                ["taskset", "-c", str(core), *_command(name, port, sidecar)], stderr=subprocess.DEVNULL
            )
            processes.append(process)
            _wait_for(port, process)
            found[name] = (port, process.pid)
        yield found
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


@contextlib.contextmanager
def _pinned(core: int) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cores() -> tuple[int, int]:
    """The server's core and the client's; the same one where there is no other."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def measure(names: list[str], options: argparse.Namespace) -> list[dict[str, Sample]]:
    """Give every server its turn, `rounds` times."""
    server_core, client_core = options.cores
    rounds = []
    with _pinned(client_core), _running(names, options.sidecar, server_core) as servers:
        for number in range(options.rounds):
            turn = names if number % 2 == 0 else names[::-1]
            rounds.append(
                {name: uvloop.run(_load(name, servers[name], options.connections, options.seconds)) for name in turn}
            )
    return rounds


def summary(names: list[str], rounds: list[dict[str, Sample]]) -> list[dict[str, Any]]:
    """Medians over the rounds; ratios are medians of each round's ratio."""

    def ratio(name: str, other: str) -> float:
        return statistics.median(each[name].rate / each[other].rate for each in rounds)

    return [
        {
            "server": name,
            "what": LABELS[name],
            "rate": round(statistics.median(each[name].rate for each in rounds)),
            "cpu_us": round(statistics.median(each[name].cpu for each in rounds), 2),
            "p99_ms": round(statistics.median(each[name].p99 for each in rounds), 3),
            "of_aiohttp": round(ratio(name, YARDSTICK), 3),
            "of_httptools": round(ratio(name, "httptools"), 3),
        }
        for name in names
    ]


def _print(rows: list[dict[str, Any]]) -> None:
    print("| server | answers/s | CPU µs each | p99 ms | of aiohttp | of httptools |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        print(
            f"| {row['what']} | {row['rate']:,} | {row['cpu_us']:.1f} | {row['p99_ms']:.2f} "
            f"| {row['of_aiohttp']:.0%} | {row['of_httptools']:.0%} |"
        )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each server's turn")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--cores", type=int, nargs=2, default=cores(), metavar=("SERVER", "CLIENT"))
    parser.add_argument("--sidecar", default="", help="its command line, with {listen} and {admin} in it")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", nargs=2, metavar=("NAME", "LISTEN"), help="be one of the servers")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    if options.serve:
        _serve(*options.serve)
        return
    names = [*SERVERS, NEW_HEADS, *(["sidecar"] if options.sidecar else [])]
    rows = summary(names, measure(names, options))
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        _print(rows)


if __name__ == "__main__":
    main()
