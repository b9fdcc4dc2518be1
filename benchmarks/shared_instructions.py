"""Instructions of a check over Redis in the sidecar, counted by valgrind's callgrind: they do not depend on the load.

    python benchmarks/shared_instructions.py [PYTHON ...]

PYTHON: that of an environment with Headcount in it, by default this one. The engine, without listeners, checks 130
accounts in turn, 13 in each turn of the loop, over a Redis of its own; then the same with embedded state. The start is
counted alone and subtracted.
"""

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

AT_ONCE, ACCOUNTS, COUNTED = 13, 130, 1300
WIDE = {"burst": 1e6, "rate": 1e5, "daily": 1e9}
LIMITS = {"entry": "off", "trusted": WIDE, "standard": WIDE, "limited": WIDE, "restricted": WIDE}
SETTINGS = {"tenants": {"default": {"plans": {"free": LIMITS}, "linking": {"enabled": False}}}}


async def check(place: str, count: int) -> None:
    """Make so many checks after two of each account. place: a Redis's URL; empty: embedded state."""
    # of the environment that runs this, which may have another release
    from geoip.book import AddressBook  # noqa: PLC0415
    from reputation.config.file import from_text  # noqa: PLC0415
    from reputation.replicas.checks import SharedChecks  # noqa: PLC0415
    from reputation.sidecar.build import build  # noqa: PLC0415
    from reputation.state.tenant import TenantState  # noqa: PLC0415
    from reputation.stores.memory import MemoryStore  # noqa: PLC0415
    from reputation.stores.redis.store import RedisStore  # noqa: PLC0415
    from reputation.wire.codec import verdict_bytes  # noqa: PLC0415
    from reputation.wire.ids import Ulids  # noqa: PLC0415
    from reputation.wire.reading import CheckReader  # noqa: PLC0415

    store: Any = RedisStore(place, TenantState, None, time.time) if place else MemoryStore(TenantState)
    book = AddressBook.open([], time.time(), embedded=None)
    limiter = build(from_text(json.dumps(SETTINGS)), book, b"a key", store.tenant)
    judge: Any = SharedChecks(limiter, store, 60.0).check if place else limiter.check
    reader, ids, bodies = CheckReader(), Ulids(), [body(number) for number in range(ACCOUNTS)]

    async def one(found: Any) -> None:
        verdict_bytes(await found)

    for turn in range((2 * ACCOUNTS + count) // AT_ONCE):
        now = time.time()
        asked = [bodies[(turn * AT_ONCE + i) % ACCOUNTS] for i in range(AT_ONCE)]
        found = [judge(reader.read(each, now), now, ids) for each in asked]
        if hasattr(found[0], "hear"):
            await heard(found, verdict_bytes)
        elif hasattr(found[0], "__await__"):  # a task for each, as the listener did before `Pending`
            await asyncio.gather(*[asyncio.create_task(one(each)) for each in found])
        else:
            for each in found:
                verdict_bytes(each)
    if place:
        await store.close()


async def heard(found: list[Any], finish: Any) -> None:
    """Wait for pending verdicts as the listener does."""
    waiting, done = len(found), asyncio.get_running_loop().create_future()

    def hear(verdict: Any, error: Exception | None) -> None:
        nonlocal waiting
        waiting -= 1
        if error is not None:
            done.set_exception(error)
        elif finish(verdict) and not waiting:
            done.set_result(None)

    for one in found:
        one.hear(hear)
    await done


def body(number: int) -> bytes:
    account = {"id": f"acct_{number}", "plan": "free", "created_at": 1.5e9}
    return json.dumps({"account": account, "client": {"ip": f"198.51.100.{number + 1}"}}).encode()


def counted(python: str, place: str, count: int) -> int:
    with tempfile.TemporaryDirectory() as directory:
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/out"]
        run = subprocess.run(
            [*tool, python, __file__, "--checks", place, str(count)], check=True, capture_output=True, text=True
        )
    line = next(line for line in run.stderr.splitlines() if "Collected" in line)
    return int(line.rpartition(":")[2])


def each(python: str, place: str) -> float:
    return (counted(python, place, COUNTED) - counted(python, place, 0)) / COUNTED


def main(pythons: list[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
    server = subprocess.Popen(["redis-server", "--port", str(port), *quiet], stdout=subprocess.DEVNULL)
    try:
        for python in pythons:
            shared, embedded = each(python, f"redis://127.0.0.1:{port}"), each(python, "")
            print(f"{python}: {shared:,.0f} instructions a check over Redis, {embedded:,.0f} with embedded state")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--checks"]:
        import uvloop

        uvloop.run(check(sys.argv[2], int(sys.argv[3])))
    else:
        main([str(Path(one).absolute()) for one in sys.argv[1:] or [sys.executable]])
