"""What sharing the links of many accounts costs: python -m benchmarks.shared_links [ACCOUNTS ...]

Two replicas over one Redis. Accounts are made up, and a tenth of them or all are linked, more than anybody has;
the linker works in this process, and what is looked at comes after its epoch.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.shared_servers import free_ports, running
from geoip.book import AddressBook
from reputation.config.file import DEFAULT
from reputation.hydra.sightings import Known, Sighting
from reputation.linking.batches import Answer, Batch
from reputation.linking.host import LinkerHost
from reputation.replicas.tenant_links import TenantLinking
from reputation.sidecar.build import build
from reputation.state.tenant import TenantState
from reputation.stores.redis.store import RedisStore

AT_ONCE = 5000
HEADS = 0.1
"""Share of accounts that are heads; the others have ages, cards and networks of their own."""


class Costs(NamedTuple):
    """Seconds, and bytes in Redis after two epochs; members: accounts linked, here and where it was taken over."""

    epoch: float
    put: float
    whole: float
    step: float
    state: float
    used: int
    members: tuple[int, int]


def notes_of(number: int, accounts: int, now: float) -> tuple[Known, Sighting]:
    """An account's facts and one check of it."""
    if number < accounts * HEADS:
        created, card, funding, iin = now - 3600 + number % 3600, f"fp_{number // 20}", "prepaid", "499999"
        net, client = f"203.0.{number % 40}", "script"
    else:
        created, card = now - 86_400 * (30 + number % 371), f"own_{number}"
        funding, iin = "credit", f"41{number % 997:04d}"
        net, client = f"198.{number % 100}.{number // 100 % 250}", f"browser {number % 40}"
    known = Known(f"a_{number}", created, "free", None, None, False, "ok", card, funding, iin, "US", 0.0)
    host = f"{net}.{number % 250}"
    return known, Sighting(now, f"a_{number}", host, f"{net}.0/24", 64_500, "US", None, client, client)


def opened(url: str) -> RedisStore:
    return RedisStore(url, TenantState, None, time.time)


def replica(url: str, number: int) -> TenantLinking:
    limiter = build(DEFAULT, AddressBook(), b"a key of sixteen bytes or more").tenant("default")
    return TenantLinking(limiter, opened(url), f"replica-{number}", print)


async def keep(linking: TenantLinking) -> None:
    """Look as often as a replica does, until cancelled."""
    while True:
        await linking.look()
        await asyncio.sleep(0.5)


async def lead(linking: TenantLinking) -> "asyncio.Task[None]":
    while not linking.is_ours:
        await linking.look()
    return asyncio.create_task(keep(linking))


async def timed(work: Awaitable[Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = await work
    return time.perf_counter() - start, found


async def linked(linking: TenantLinking, host: LinkerHost, batch: Batch) -> tuple[float, float]:
    """Return how long an epoch took, and putting its links in force."""
    epoch, answer = await timed(asyncio.to_thread(host.take, batch))
    assert isinstance(answer, Answer)  # noqa: S101 - for the type checker
    put, done = await timed(linking.put(answer))
    if not done:
        raise SystemExit("the links were refused")
    return epoch, put


async def measure(url: str, accounts: int) -> Costs:
    one, other, now, host = replica(url, 1), replica(url, 2), time.time(), LinkerHost()
    looking = await lead(one)
    for start in range(0, accounts, AT_ONCE):
        batch = await one.batch(now, epoch=False)
        for number in range(start, min(start + AT_ONCE, accounts)):
            known, sighting = notes_of(number, accounts, now)
            batch.known.append(known)
            batch.sightings.append(sighting)
        await asyncio.to_thread(host.take, batch)
    epoch, put = await linked(one, host, await one.batch(now, epoch=True))
    whole, _ = await timed(other.look())
    await linked(one, host, await one.batch(now + 1, epoch=True))
    step, _ = await timed(other.look())
    used = int((await opened(url).server.ask("INFO", "memory"))["used_memory"])
    looking.cancel()
    await one.leave()
    looking = await lead(other)
    state, batch = await timed(other.batch(now + 2, epoch=True))
    await linked(other, LinkerHost(), batch)
    looking.cancel()
    members = len(one.limiter.links.members), len(other.limiter.links.members)
    return Costs(epoch, put, whole, step, state, used, members)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("accounts", type=int, nargs="*", default=[20_000, 100_000])
    for accounts in parser.parse_args(arguments).accounts:
        with tempfile.TemporaryDirectory() as directory, running(Path(directory)) as started:
            (port,) = free_ports(1)
            started.redis(port)
            costs = asyncio.run(measure(f"redis://127.0.0.1:{port}", accounts))
        print(
            f"| {accounts:,} | {costs.members[0]:,} and {costs.members[1]:,} | {costs.epoch:.1f} s | {costs.put:.2f} s "
            f"| {costs.whole:.2f} s | {costs.step:.3f} s | {costs.state:.2f} s | {costs.used / 1e6:.1f} MB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
