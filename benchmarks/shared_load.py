"""The client of the shared-state runs: a steady stream of checks over several sidecars, and what came back of each."""

import asyncio
import math
import time
from collections import Counter, defaultdict
from functools import partial
from typing import Any, NamedTuple

import msgspec

HEAD = b"POST /v1/check HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Came(NamedTuple):
    """One answer: seconds since the start, latency in seconds, status."""

    at: float
    took: float
    status: int


class Result:
    """What a run came to. admitted: requests let through, by account; well: when each sidecar answered undegraded."""

    def __init__(self) -> None:
        self.well: defaultdict[int, list[float]] = defaultdict(list)
        self.admitted: Counter[int] = Counter()
        self.answers: list[Came] = []
        self.degraded = 0
        self.lost = 0
        self.started = 0.0

    def p99(self, since: float = 0.0, until: float = float("inf")) -> float:
        """99th percentile of latency in milliseconds, of answers within a time."""
        took = sorted(came.took for came in self.answers if since <= came.at < until)
        return took[int(len(took) * 0.99)] * 1000 if took else 0.0

    def recovery(self, since: float) -> float:
        """Seconds from a time until every sidecar has answered undegraded again."""
        never = float("inf")
        return max(
            (next((at for at in well if at >= since), never) - since for well in self.well.values()), default=never
        )

    def failures(self) -> Counter[int]:
        """Answers by status, but for 200."""
        return Counter(came.status for came in self.answers if came.status != 200)


class _Caller(asyncio.Protocol):
    """One kept connection; asks at its times, or as soon as it has its answer where that is later."""

    def __init__(
        self, result: Result, asks: list[bytes], plan: tuple[int, int, float], started: float, sidecar: int
    ) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._result = result
        self._asks = asks
        self._number, self._step, self._every = plan
        self._started = started
        self._sidecar = sidecar
        self._sent = 0.0
        self._due = started + self._number * self._every / self._step
        self._data = b""
        self._transport: Any = None
        self._until = float("inf")

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def run(self, until: float) -> None:
        self._until = until
        self._next()

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        if max(self._due, time.perf_counter()) >= self._until:
            self._finish()
        else:
            loop.call_at(loop.time() + max(self._due - time.perf_counter(), 0.0), self._ask)

    def _ask(self) -> None:
        self._sent = time.perf_counter()
        self._due += self._every
        self._transport.write(self._asks[self._number % len(self._asks)])

    def data_received(self, data: bytes) -> None:
        self._data += data
        head = self._data.find(b"\r\n\r\n")
        at = self._data.lower().find(b"content-length:")
        if head < 0 or len(self._data) < head + 4 + int(self._data[at + 15 : self._data.find(b"\r\n", at)]):
            return
        now, data, self._data = time.perf_counter(), self._data, b""
        self._result.answers.append(Came(now - self._started, now - self._sent, int(data[9:12])))
        if b'"decision":"allow"' in data:
            self._result.admitted[self._number % len(self._asks)] += 1
        if b'"degraded":true' in data:
            self._result.degraded += 1
        else:
            self._result.well[self._sidecar].append(now - self._started)
        self._number += self._step
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it by position
        if not self.done.done():
            self._result.lost += 1
            self._finish()

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self._transport.abort()


def asks(accounts: int) -> list[bytes]:
    """One check for each account, over an address of its own."""
    made = []
    for number in range(accounts):
        account = {"id": f"acct_{number}", "plan": "free", "created_at": 1_500_000_000}
        check = {"account": account, "client": {"ip": f"198.51.{number // 250 % 250}.{number % 250 + 1}"}}
        body = msgspec.json.encode(check)
        made.append(HEAD % len(body) + body)
    return made


async def run(ports: list[int], accounts: int, rate: float, seconds: float, connections: int = 16) -> Result:
    """Ask all sidecars together `rate` times a second; every account in turn, and each at every sidecar in turn.

    connections: to each sidecar, but for a few fewer at the end: the number of all and that of the accounts must have
    no common divisor, or an account would meet one sidecar alone.
    """
    loop, result, requests = asyncio.get_running_loop(), Result(), asks(accounts)
    count = connections * len(ports)
    while math.gcd(count, accounts) > 1:
        count -= 1
    callers, started = [], time.perf_counter() + 0.1
    result.started = started
    for number in range(count):
        plan, port = (number, count, count / rate), ports[number % len(ports)]
        _, caller = await loop.create_connection(
            partial(_Caller, result, requests, plan, started, port), "127.0.0.1", port
        )
        callers.append(caller)
    for caller in callers:
        caller.run(started + seconds)
    await asyncio.gather(*[caller.done for caller in callers])
    return result
