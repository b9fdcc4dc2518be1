"""Real Redis servers on free loopback ports: started, asked until they answer, paused, killed and started again."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from sidecar_process import end, free_ports, wait_for

QUIET = ("--save", "", "--appendonly", "no", "--daemonize", "no", "--protected-mode", "no", "--bind", "127.0.0.1")


class RedisServer:
    """One server on a port of its own; `kill` and `start` lose what it held, as an unclean failover does."""

    def __init__(self, directory: Path, port: int, *options: str) -> None:
        self.port = port
        self._directory = directory
        self._command = ["redis-server", *options]
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
            self._process = subprocess.Popen(self._command, cwd=self._directory, stdout=output, stderr=output)
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
def running_redis(directory: Path, *options: str) -> Iterator[RedisServer]:
    """A server with nothing in it; options are those of its command line."""
    (port,) = free_ports(1)
    server = RedisServer(directory, port, *QUIET, "--port", str(port), *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
