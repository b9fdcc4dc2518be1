"""Servers for the shared-state runs: Redis alone, under Sentinel, as a Cluster, in a network namespace; sidecars."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import redis

HEADCOUNT = str(Path(sys.executable).with_name("headcount"))
QUIET = ["--save", "", "--appendonly", "no", "--protected-mode", "no"]
TIERS = ("trusted", "standard", "limited", "restricted")
DOWN = 2.0
"""Seconds that a fault lasts."""
NAMESPACE, OUTSIDE, INSIDE = "headcount-bench", "10.213.47.1", "10.213.47.2"

Fault = Callable[[], Awaitable[None]]


class Place(NamedTuple):
    """A Redis to run against: what `--state` says, what happens to it in the middle, and how many outages that is."""

    url: str
    fault: Fault
    outages: int


def free_ports(count: int) -> list[int]:
    """Free ports, low enough for a Cluster's second port."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class Processes:
    """Processes of one run, ended with it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        name = f"{len(self._running)}.log"
        with (self.directory / name).open("wb") as log:
            process = subprocess.Popen(
                command, cwd=self.directory, stdout=log, stderr=log, env={**os.environ, **environment}
            )
        self._running.append(process)
        return process

    def redis(self, port: int, *options: str, bind: str = "127.0.0.1", before: tuple[str, ...] = ()) -> Any:
        process = self.start(*before, "redis-server", "--bind", bind, "--port", str(port), *QUIET, *options)
        _until(lambda: _client(port, bind).ping())
        return process

    def close(self) -> None:
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self._running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _client(port: int, host: str = "127.0.0.1") -> Any:
    return redis.Redis(host=host, port=port, protocol=2, socket_timeout=5)


def _until(ready: Callable[[], Any], within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while True:
        with contextlib.suppress(redis.RedisError, OSError, KeyError):
            if ready():
                return
        if time.monotonic() > deadline:
            raise SystemExit("a server did not become ready")
        time.sleep(0.05)


async def _nothing() -> None:
    return None


def _alone(fault: Callable[[Processes, int, Any], Fault], outages: int) -> Callable[[Processes], Place]:
    def place(processes: Processes) -> Place:
        (port,) = free_ports(1)
        process = processes.redis(port)
        return Place(f"redis://127.0.0.1:{port}", fault(processes, port, process), outages)

    return place


def _kill(processes: Processes, port: int, process: Any) -> Fault:
    async def fault() -> None:
        process.kill()
        await asyncio.sleep(DOWN)
        await asyncio.to_thread(processes.redis, port)

    return fault


def _pause(_: Processes, port: int, __: Any) -> Fault:
    async def fault() -> None:
        await asyncio.to_thread(_client(port).execute_command, "CLIENT", "PAUSE", int(DOWN * 1000), "ALL")
        await asyncio.sleep(DOWN)

    return fault


def _stop(_: Processes, __: int, process: Any) -> Fault:
    """The kernel still accepts connections, but the process does not answer."""

    async def fault() -> None:
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(DOWN)
        process.send_signal(signal.SIGCONT)

    return fault


def _reset(_: Processes, port: int, __: Any) -> Fault:
    async def fault() -> None:
        client = _client(port)
        for _ in range(int(DOWN / 0.1)):
            await asyncio.to_thread(client.execute_command, "CLIENT", "KILL", "TYPE", "normal")
            await asyncio.sleep(0.1)

    return fault


def _sentinel(processes: Processes) -> Place:
    main, other, watcher = free_ports(3)
    process = processes.redis(main)
    processes.redis(other, "--replicaof", f"127.0.0.1 {main}")
    config = processes.directory / "sentinel.conf"
    config.write_text(
        f"port {watcher}\nsentinel monitor hc 127.0.0.1 {main} 1\nsentinel down-after-milliseconds hc 500\n"
        "sentinel failover-timeout hc 3000\n"
    )
    processes.start("redis-server", str(config), "--sentinel", "--bind", "127.0.0.1")
    _until(lambda: _client(watcher).execute_command("SENTINEL REPLICAS", "hc"))
    _until(lambda: _client(main).info("replication")["slave0"]["state"] == "online")

    async def fault() -> None:
        process.kill()
        await asyncio.to_thread(_until, lambda: _client(other).info("replication")["role"] == "master")

    return Place(f"redis+sentinel://127.0.0.1:{watcher}/hc", fault, 1)


def _cluster(processes: Processes) -> Place:
    ports = free_ports(6)
    for number, (port, bus) in enumerate(zip(ports[:3], ports[3:], strict=True)):
        nodes = str(processes.directory / f"nodes-{number}.conf")
        processes.redis(port, "--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-config-file", nodes)
    addresses = [f"127.0.0.1:{port}" for port in ports[:3]]
    subprocess.run(["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"], check=True, capture_output=True)
    clients = [_client(port) for port in ports[:3]]
    _until(lambda: all(c.execute_command("CLUSTER INFO")["cluster_state"] == "ok" for c in clients))

    async def fault() -> None:
        await asyncio.to_thread(_move_slot, clients, ports[:3])

    return Place("redis+cluster://" + ",".join(addresses), fault, 1)


def _move_slot(clients: list[Any], ports: list[int]) -> None:
    """Move the tenant's slot from the node that has it, by the steps that redis-cli takes."""
    slot = clients[0].execute_command("CLUSTER KEYSLOT", "hc1:{default}:owners")
    ids = [client.execute_command("CLUSTER MYID").decode() for client in clients]
    old = next(i for i, client in enumerate(clients) if client.execute_command("CLUSTER COUNTKEYSINSLOT", slot))
    new = (old + 1) % 3
    clients[new].execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[old])
    clients[old].execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[new])
    while keys := clients[old].execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
        clients[old].execute_command("MIGRATE", "127.0.0.1", ports[new], "", 0, 5000, "KEYS", *keys)
    for client in (clients[new], clients[old], *clients):
        client.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[new])


def _partition(processes: Processes) -> Place:
    """Redis in a network namespace whose link goes down; needs root."""
    (port,) = free_ports(1)
    ip = ["ip", "netns", "exec", NAMESPACE]
    subprocess.run(["ip", "netns", "del", NAMESPACE], check=False, capture_output=True)
    for command in (
        ["ip", "netns", "add", NAMESPACE],
        ["ip", "link", "add", "hc-out", "type", "veth", "peer", "name", "hc-in", "netns", NAMESPACE],
        ["ip", "addr", "add", f"{OUTSIDE}/30", "dev", "hc-out"],
        ["ip", "link", "set", "hc-out", "up"],
        [*ip, "ip", "addr", "add", f"{INSIDE}/30", "dev", "hc-in"],
        [*ip, "ip", "link", "set", "hc-in", "up"],
    ):
        subprocess.run(command, check=True, capture_output=True)
    processes.redis(port, bind=INSIDE, before=tuple(ip))

    async def fault() -> None:
        subprocess.run([*ip, "ip", "link", "set", "hc-in", "down"], check=True)  # noqa: ASYNC221 - a millisecond
        await asyncio.sleep(DOWN)
        subprocess.run([*ip, "ip", "link", "set", "hc-in", "up"], check=True)  # noqa: ASYNC221 - the same

    return Place(f"redis://{INSIDE}:{port}", fault, 1)


PLACES: dict[str, Callable[[Processes], Place]] = {
    "no fault": _alone(lambda *_: _nothing, 0),
    "killed, restarted empty after 2 s": _alone(_kill, 1),
    "CLIENT PAUSE, 2 s": _alone(_pause, 1),
    "stopped, 2 s": _alone(_stop, 1),
    "all connections reset, every 0.1 s for 2 s": _alone(_reset, 1),
    "partition by network namespace, 2 s": _partition,
    "Sentinel failover": _sentinel,
    "Cluster slot migration": _cluster,
}


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 1):
        return True


@contextlib.asynccontextmanager
async def sidecars(
    processes: Processes, url: str, count: int, limits: dict[str, float], before: tuple[str, ...] = ()
) -> AsyncIterator[list[int]]:
    """So many sidecars over one state, all answering; their ports."""
    tier = dict.fromkeys(TIERS, limits)
    settings = {
        "tenants": {"default": {"plans": {"free": tier, "paid": tier}, "linking": {"enabled": False}}},
        "log": {"stops": 0},
    }
    config = processes.directory / "headcount.yaml"
    config.write_text(json.dumps(settings))
    ports = free_ports(2 * count)
    for check, admin in zip(ports[:count], ports[count:], strict=True):
        listen = ("--listen", f"127.0.0.1:{check}", "--admin", f"127.0.0.1:{admin}")
        processes.start(*before, HEADCOUNT, "serve", "--config", str(config), "--state", url, *listen)
    for port in ports[:count]:
        await asyncio.to_thread(_until, partial(_listens, port))
    yield ports[:count]


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Processes]:
    """Processes that end with the block, and the namespace with them."""
    processes = Processes(directory)
    try:
        yield processes
    finally:
        processes.close()
        subprocess.run(["ip", "netns", "del", NAMESPACE], check=False, capture_output=True)
