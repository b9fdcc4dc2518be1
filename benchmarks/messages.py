"""CPU of a check from bytes to bytes, without a socket, and how long a batch holds the loop.

    python -m benchmarks.messages [--accounts 20000] [--rounds 5]

Facts are in the bodies. They repeat, or one of them changes with each check, so that no account can be recognised by
its bytes. Time passes as at 25,000 checks a second.
"""

import argparse
import asyncio
import gc
import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import structs

from benchmarks.engine import START, address
from geoip.book import AddressBook
from reputation.checkapi.routes import CheckRoutes, body_limit
from reputation.config.file import RecordingSettings
from reputation.config.tenants import TenantSettings, compile_tenant
from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.listeners.fast_path import PlainMessages
from reputation.listeners.grammar import HttpLimits
from reputation.listeners.writer import Answers
from reputation.recordings.tenant_recorder import Recorder
from reputation.sidecar.embedded import EmbeddedChecks
from reputation.state.tenant import TenantState
from reputation.stores.memory import MemoryStore
from reputation.wire.gateway import HttpMessage, Reply
from reputation.wire.ids import Ulids

SECRET = b"benchmark"
STEP = 1 / 25_000
CHUNK = 50
HEAD = b"POST /v1/check HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


def body(number: int, which: int, changed: float = 0.0) -> bytes:
    """Return a check with full facts; changed: US dollars more than usual."""
    payment = {
        "status": "ok", "fingerprint": f"fp_{number:08x}", "funding": "credit", "iin": str(400000 + number % 5000),
        "issuer_country": "US", "settled_usd": 20.0 + number % 977 / 7 + changed, "declines_30d": 0, "disputes": 0,
    }  # fmt: skip
    account = {
        "id": f"acct_{number}", "plan": ("free", "paid")[number % 3 == 0], "verified": ["email", "phone"],
        "created_at": START - 86_400 * (number % 700) - number % 86_400, "payment": payment,
    }  # fmt: skip
    client = {"ip": address(number, which), "user_agent": "python-requests/2.32", "ja4": "t13d1516h2_8daaf6152771"}
    return msgspec.json.encode({"account": account, "client": client, "request": {"route": "/v1/messages", "cost": 1}})


class Bench:
    """A check listener's work on a clock of its own, with the linker's notes and recorded decisions as in a sidecar."""

    def __init__(self, accounts: int) -> None:
        self.now = START
        self.accounts = accounts
        tenant = structs.replace(compile_tenant("default", TenantSettings()), revision=1)
        self.limiter = TenantLimiter(tenant, TenantState(), AddressBook.open(), SECRET)
        self.limiter.verdict_hooks = (Recorder(tenant, RecordingSettings(), SECRET, Ulids()).watch,)
        self.limiter.outbox.listening = True
        checks = EmbeddedChecks(Limiter({tenant.name: self.limiter}), MemoryStore(), lambda: self.now)
        self.routes = CheckRoutes(checks, lambda: self.now, Ulids(), dict, lambda *_: None)
        self._read = PlainMessages(HttpLimits(), body_limit).read
        self._render = Answers().render

    def answer(self, data: bytes) -> bytes:
        message = self._read(data, "127.0.0.1")
        assert message is not None  # noqa: S101 - these are plain
        reply = self.routes(message)
        assert isinstance(reply, Reply)  # noqa: S101 - embedded state answers at once
        return self._render(reply, message.method, b"")

    def spend(self, bodies: Sequence[bytes]) -> float:
        """Answer checks, and return the CPU seconds that it took."""
        wanted = [HEAD % (len(one), one) for one in bodies]
        started = time.process_time()
        for one in wanted:
            self.now += STEP
            self.answer(one)
        return time.process_time() - started

    def drawn(self, draw: random.Random, *, changing: bool) -> list[bytes]:
        changed = draw.random() if changing else 0.0
        return [body(draw.randrange(self.accounts), draw.randrange(3), changed) for _ in range(CHUNK)]


def cpu(bench: Bench, checks: int, facts: str, seed: int) -> float:
    """Return microseconds of CPU a check."""
    draw, spent = random.Random(seed), 0.0
    bench.now += 1000.0
    for _ in range(0, checks, CHUNK):
        spent += bench.spend(bench.drawn(draw, changing=facts == "changing"))
    bench.limiter.outbox.collect()
    return spent / checks * 1e6


async def held(bench: Bench, size: int, count: int) -> float:
    """Return for how many milliseconds of CPU at most the loop was held while so many batches were answered."""
    batches = [b"[" + b",".join(body(i + size * k, 0) for i in range(size)) + b"]" for k in range(count)]
    longest = 0.0

    async def ask(data: bytes) -> None:
        found: Any = bench.routes(HttpMessage(b"POST", b"/v1/check/batch", [], data))
        if not isinstance(found, Reply):
            await found

    asked = [asyncio.ensure_future(ask(data)) for data in batches]
    last = time.process_time()
    while not all(one.done() for one in asked):
        await asyncio.sleep(0)
        last, before = time.process_time(), last
        longest = max(longest, last - before)
    return longest * 1000


async def all_held(bench: Bench, rounds: int) -> None:
    """Print it for one batch and for several, without the pauses of the garbage collector."""
    gc.disable()
    for count in (1, 5):
        times = [await held(bench, 1000, count) for _ in range(rounds)]
        print(
            f"batches of 1,000, {count} at once: the loop is held for {statistics.median(times):.1f} ms of CPU at most"
            f" (best {min(times):.1f})"
        )


def median(measured: Callable[[int], float], rounds: int) -> tuple[float, float]:
    times = [measured(number) for number in range(rounds)]
    return statistics.median(times), min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--checks", type=int, default=20_000, help="checks a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    gc.set_threshold(50_000, 50, 50)
    bench = Bench(options.accounts)
    for which in range(3):
        bench.spend([body(number, which) for number in range(options.accounts)])
    bench.limiter.outbox.collect()
    gc.freeze()
    for facts in ("the same", "changing"):
        middle, best = median(partial(cpu, bench, options.checks, facts), options.rounds)
        print(f"a check with {facts} facts: {middle:.1f} µs of CPU (best {best:.1f}), {options.accounts:,} accounts")
    asyncio.run(all_held(bench, options.rounds))


if __name__ == "__main__":
    main()
