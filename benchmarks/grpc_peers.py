"""Other limiters that answer over gRPC, for `benchmarks.grpc_calls`: envoyproxy/ratelimit, and gubernator.

They come from the Go module proxy, and need Go:
    go install github.com/envoyproxy/ratelimit/src/service_cmd@latest
    go install github.com/gubernator-io/gubernator/v2/cmd/gubernator@v2.13.0
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks import nginx_setups as setups

RULES = """\
domain: default
descriptors:
  - key: authorization
    rate_limit: {unit: hour, requests_per_unit: 1000000000}
"""
"""One limit for each key, that no load reaches. The other descriptors of a call have no rule."""


class Peer(NamedTuple):
    """A running limiter: its port, its process and its Redis's (None: it has none), and the call that it answers."""

    port: int
    process: int
    redis: int | None
    call: str


@contextlib.contextmanager
def ratelimit(path: str, directory: Path, core: int) -> Iterator[Peer]:
    """envoyproxy/ratelimit with a Redis of its own, which it cannot do without."""
    port, http, debug, redis = (setups.free_port() for _ in range(4))
    rules = directory / "config"
    rules.mkdir()
    (rules / "rules.yaml").write_text(RULES)
    settings = {
        "USE_STATSD": "false", "LOG_LEVEL": "error", "REDIS_SOCKET_TYPE": "tcp", "REDIS_URL": f"127.0.0.1:{redis}",
        "RUNTIME_ROOT": str(directory), "RUNTIME_SUBDIRECTORY": "", "RUNTIME_WATCH_ROOT": "false",
        "HOST": "127.0.0.1", "GRPC_HOST": "127.0.0.1", "DEBUG_HOST": "127.0.0.1",
        "PORT": str(http), "GRPC_PORT": str(port), "DEBUG_PORT": str(debug),
    }  # fmt: skip
    quiet = ["--port", str(redis), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with (
        setups.running(["redis-server", *quiet], core, directory, redis) as kept,
        setups.running(_command(path, settings), core, directory, port) as process,
    ):
        yield Peer(port, process.pid, kept.pid, "rls")


@contextlib.contextmanager
def gubernator(path: str, directory: Path, core: int) -> Iterator[Peer]:
    """gubernator as one node, which keeps its state in memory."""
    port, http = setups.free_port(), setups.free_port()
    settings = {
        "GUBER_GRPC_ADDRESS": f"127.0.0.1:{port}", "GUBER_HTTP_ADDRESS": f"127.0.0.1:{http}",
        "GUBER_PEER_DISCOVERY_TYPE": "none", "GUBER_LOG_LEVEL": "error",
    }  # fmt: skip
    with setups.running(_command(path, settings), core, directory, port) as process:
        yield Peer(port, process.pid, None, "gubernator")


def _command(path: str, settings: Mapping[str, str]) -> list[str]:
    return ["env", *(f"{name}={value}" for name, value in settings.items()), path]


PEERS: Mapping[str, Callable[[str, Path, int], contextlib.AbstractContextManager[Peer]]] = {
    "ratelimit": ratelimit,
    "gubernator": gubernator,
}


def asked(key: setups.Key) -> bytes:
    """gubernator's GetRateLimitsReq: one hit on a token bucket of the key."""
    one = b"".join(
        (_text(1, b"requests"), _text(2, key.key.encode()), _number(3, 1), _number(4, 10**9), _number(5, 3_600_000))
    )
    return _text(1, one)


def _text(field: int, value: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    return bytes([field << 3]) + _varint(value)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
