"""The client of the comparison: kept connections, each asking when it has its answer."""

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

TICK = os.sysconf("SC_CLK_TCK")


class Sample(NamedTuple):
    """One server's turn: answers a second, the server's CPU microseconds an answer, p99 latency in ms."""

    rate: float
    cpu: float
    p99: float


def checks(count: int) -> list[bytes]:
    """Checks as a gateway plug-in sends them, by as many accounts and addresses."""
    made = []
    for number in range(count):
        check = {
            "tenant": "default",
            "account": {"id": f"acct_{number}", "plan": "free", "created_at": 1790000000 - number},
            "client": {"ip": f"198.51.{number // 250 % 250}.{number % 250 + 1}", "user_agent": "bench/1"},
            "request": {"route": "/v1/messages", "cost": 1},
        }
        body = msgspec.json.encode(check)
        made.append(
            b"POST /v1/check HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1\r\nAccept: */*\r\n"
            b"Accept-Encoding: gzip, deflate\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
    return made


class Caller(asyncio.Protocol):
    """One keep-alive connection that asks, waits for the whole answer, and asks again."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float]) -> None:
        self.failed = 0
        self._requests = requests
        self._latencies = latencies
        self._data = b""
        self._asked = 0.0
        self._transport: Any = None

    @property
    def answered(self) -> int:
        return len(self._latencies)

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
        self.failed += not self._data.startswith(b"HTTP/1.1 200 ")
        self._data = b""
        self._latencies.append(time.perf_counter() - self._asked)
        self.ask()

    def stop(self) -> None:
        self._transport.abort()


def cycle(requests: list[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests


def numbered(requests: list[bytes]) -> Iterator[bytes]:
    """The same requests, each with a header of its own."""
    for number, request in enumerate(cycle(requests)):
        yield request.replace(b"bench/1\r\n", b"bench/%d\r\n" % number, 1)


async def load(
    server: tuple[int, int],
    connections: int,
    seconds: float,
    *,
    new_heads: bool = False,
    asked: Iterator[bytes] | None = None,
) -> Sample:
    """Ask a server, by its port and process, over so many connections; checks by default."""
    loop = asyncio.get_running_loop()
    port, pid = server
    requests = asked or (numbered if new_heads else cycle)(checks(1000))
    latencies: list[float] = []
    made = [
        (await loop.create_connection(lambda: Caller(requests, latencies), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    for connection in made:
        connection.ask()
    await asyncio.sleep(min(0.3, seconds))
    latencies.clear()
    cpu, start = cpu_seconds(pid), time.perf_counter()
    await asyncio.sleep(seconds)
    took, cpu, count = time.perf_counter() - start, cpu_seconds(pid) - cpu, len(latencies)
    for connection in made:
        connection.stop()
    wrong = sum(connection.failed for connection in made)
    if wrong or not count:
        raise SystemExit(f"{count} answers, {wrong} of them not 200")
    return Sample(count / took, cpu / count * 1e6, sorted(latencies)[int(count * 0.99)] * 1000)


def cpu_seconds(pid: int) -> float:
    """CPU seconds of one process, user and system."""
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - one read
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK
