"""Connections to Redis: clients by the URL's scheme, and scripts, sent again if the server has lost them.

Nothing here retries: a script may have run although its answer was lost, and who called it knows what to do then.
Settings that redis-py's defaults would make harmful: ten retries would charge ten times, its time-outs are 5 s, and
with RESP3 and no retries a connection that the server closed is not replaced.
"""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import NoScriptError, RedisClusterException, RedisError

from reputation.stores.redis.line import LAST_LOOKS, Line, open_line
from reputation.stores.redis.node_lines import NodeLines, has_moved, is_moving
from reputation.stores.shared_values import AwayError
from reputation.wire.errors import ConfigError

Client = Redis | RedisCluster
FAULTS = (RedisError, RedisClusterException, OSError, TimeoutError, AttributeError)
"""Whatever says that Redis is not there as it should be. AttributeError comes from redis-py's client of a Cluster: it
closes all connections while another command opens one of them."""
SLOW = 2.0
"""Seconds for whatever no check waits for."""
WRONG_TYPE = "WRONGTYPE"
"""How Redis begins its answer about a key of another type."""
PORT, SENTINEL_PORT = 6379, 26379
OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "ssl_ca_certs": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
    "ssl_check_hostname": lambda text: text != "false",
    "sentinel_username": str,
    "sentinel_password": str,
    "tls": lambda text: text == "true",
}
"""What a URL's query may say."""


SOUND = "sound.lua"


class Script:
    """A script and its name; if it has several files, the last one calls functions of the first ones."""

    def __init__(self, *names: str) -> None:
        self.text = b"\n".join(Path(__file__).with_name(name).read_bytes() for name in (SOUND, *names))
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest()


class RedisServer:
    """One client for a whole sidecar. damaged: is called with the key of an unreadable value."""

    def __init__(self, client: Client, damaged: Callable[[bytes], None] = lambda _: None) -> None:
        self.client = client
        self.damaged = damaged
        self._lines: list[Line] = []  # those not in use
        self._nodes = NodeLines(client) if isinstance(client, RedisCluster) else None

    @property
    def is_cluster(self) -> bool:
        """Whether keys are spread over nodes by their slots."""
        return self._nodes is not None

    async def run(self, script: Script, keys: Sequence[bytes], *args: bytes | float, within: float = SLOW) -> Any:
        """Run a script; send its text if the server has lost it (after a restart, a failover). Raises AwayError."""
        return await _in_time(_run(self.client.execute_command, script, (len(keys), *keys, *args)), within)

    async def run_at_once(self, script: Script, keys: Sequence[bytes], *args: bytes | float, within: float) -> Any:
        """Run a script like `run`, in less time, for a caller that repeats it where `is_cut`. Raises AwayError.

        redis-py looks whether a connection still stands before each command, and packs each argument in Python: more
        work than the rest of a small batch. A Line that does not stand is noticed when it is used.
        """
        client: Any = self.client
        if self._nodes is not None:
            return await self._run_on_node(self._nodes, script, keys, *args, within=within)
        line = self._lines.pop() if self._lines else await _in_time(open_line(client.connection_pool), within)
        try:
            return await _run(partial(line.ask, within), script, (len(keys), *keys, *args))
        except FAULTS as error:
            raise AwayError(said(error)) from error
        finally:
            self._lines.append(line)
            if not line.open:
                await self.renew()  # the others lead to the same server

    async def _run_on_node(
        self, nodes: NodeLines, script: Script, keys: Sequence[bytes], *args: bytes | float, within: float
    ) -> Any:
        """Run a script on the node of its keys, or on another one if the slot has moved there meanwhile."""
        call = len(keys), *keys, *args
        try:
            return await self._on_line(nodes, script, keys[0], call, within)
        except AwayError as away:
            nodes.sure = False
            if has_moved(away.__cause__):
                return await self._on_line(nodes, script, keys[0], call, within)
            if is_moving(away.__cause__):
                return await self.run(script, keys, *args, within=within)
            raise

    async def _on_line(
        self, nodes: NodeLines, script: Script, key: bytes, call: tuple[bytes | float, ...], within: float
    ) -> Any:
        node, line = await _in_time(nodes.take(key), within)
        try:
            return await _run(partial(line.ask, within), script, call)
        except FAULTS as error:
            raise AwayError(said(error)) from error
        finally:
            await nodes.put(node, line)

    async def renew(self) -> None:
        """Let the next scripts open new connections: the present ones may lead to a server that is gone."""
        if self._nodes is not None:
            await self._nodes.renew()
        client: Any = self.client
        lines, self._lines = self._lines, []
        for line in lines:
            await line.release(client.connection_pool)

    async def ask(self, *command: bytes | str | float, within: float = SLOW) -> Any:
        """Carry out one command on a key of ours; one of another type is dropped, as scripts do. Raises AwayError."""
        try:
            return await _in_time(self.client.execute_command(*command), within)
        except AwayError as away:
            if not str(away.__cause__).startswith(WRONG_TYPE):
                raise
        key = command[1]
        self.damaged(key if isinstance(key, bytes) else str(key).encode())
        await _in_time(self.client.execute_command("DEL", key), within)
        return await _in_time(self.client.execute_command(*command), within)

    async def ask_all(self, *command: str) -> list[Any]:
        """Run one command on every node for writes. Raises AwayError."""
        client: Any = self.client
        if not isinstance(client, RedisCluster):
            return [await _in_time(client.execute_command(*command), SLOW)]
        await _in_time(_known(client), SLOW)
        nodes = client.get_primaries()
        return [await _in_time(client.execute_command(*command, target_nodes=node), SLOW) for node in nodes]

    async def aclose(self) -> None:
        await self.renew()
        await self.client.aclose()


async def _run(ask: Callable[..., Awaitable[Any]], script: Script, args: tuple[bytes | float, ...]) -> Any:
    try:
        return await ask("EVALSHA", script.sha, *args)
    except NoScriptError:
        return await ask("EVAL", script.text, *args)


async def _known(cluster: RedisCluster) -> None:
    """Have a client find the nodes, if it has not yet."""
    await cluster.initialize()


async def _in_time(work: Coroutine[Any, Any, Any], within: float) -> Any:
    """Wait for an answer. Raises AwayError.

    A loop that was held up runs its timers before it reads what has come meanwhile, and the machine's own delay is not
    Redis's: so when the time is over, what is there is read first.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait((task,), timeout=within)
        for _ in range(LAST_LOOKS):
            if not task.done():
                await asyncio.sleep(0)
        if not task.done():
            raise TimeoutError
        return task.result()
    except FAULTS as error:
        raise AwayError(said(error)) from error
    finally:
        task.cancel()


def said(error: BaseException) -> str:
    """Describe an error; some errors have no message."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def is_cut(away: AwayError) -> bool:
    """Whether a connection was lost, so another attempt on a new one is worthwhile; after a time-out it is not."""
    return isinstance(away.__cause__, LostConnection | ConnectionError)


def connect(url: str) -> Client:
    """Make a client; it connects at its first use. Raises ConfigError for an invalid URL."""
    parts = _split(url)
    kind = KINDS.get(parts.scheme)
    if kind is None:
        raise ConfigError(f"--state: {parts.scheme}: is not known; known are {', '.join(KINDS)}")
    try:
        return kind(parts, _options(parts))
    except ValueError as error:
        raise ConfigError(f"--state: not a URL of a Redis: {error}") from None


def _split(url: str) -> SplitResult:
    """Split a URL that may name several hosts, which newer releases of urllib refuse where one is in brackets."""
    scheme, mark, rest = url.partition("://")
    hosts = re.split("[/?#]", rest, maxsplit=1)[0]
    return urlsplit(f"{scheme}{mark}hosts{rest[len(hosts) :]}")._replace(netloc=hosts)


def _options(parts: SplitResult) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in parse_qsl(parts.query):
        if name not in OPTIONS:
            raise ConfigError(f"--state: {name}: is not known; known are {', '.join(OPTIONS)}")
        found[name] = OPTIONS[name](text)
    if found.pop("tls", parts.scheme == "rediss"):
        found["ssl"] = True
    if parts.username:
        found["username"] = unquote(parts.username)
    if parts.password:
        found["password"] = unquote(parts.password)
    return {
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": None,  # `_in_time` ends each command that takes too long
        "socket_connect_timeout": SLOW,
        "client_name": "headcount",
        **found,
    }


def _hosts(parts: SplitResult, port: int) -> list[tuple[str, int]]:
    """Return every `host:port` of a URL; IPv6 addresses stand in brackets."""
    named = [urlsplit("//" + text) for text in parts.netloc.rpartition("@")[2].split(",")]
    if any(found.hostname is None for found in named):
        raise ValueError("the host is missing")
    return [(found.hostname or "", found.port or port) for found in named]


def _number(path: str) -> int:
    text = path.strip("/") or "0"
    if not text.isdecimal():
        raise ValueError(f"a database must be a number, not {text!r}")
    return int(text)


def _single(parts: SplitResult, options: dict[str, Any]) -> Client:
    ((host, port),) = _hosts(parts, PORT)
    return Redis(host=host, port=port, db=_number(parts.path), **options)


def _sentinel(parts: SplitResult, options: dict[str, Any]) -> Client:
    name, _, database = parts.path.strip("/").partition("/")
    if not name:
        raise ValueError("the path must name the master, such as redis+sentinel://host:26379/mymaster")
    own = {to: options.pop(of) for of, to in SENTINELS_OWN.items() if of in options}
    shared = {key: value for key, value in options.items() if key not in ("username", "password", "client_name")}
    sentinel = Sentinel(  # type: ignore[no-untyped-call] # redis-py leaves it without
        _hosts(parts, SENTINEL_PORT), sentinel_kwargs={**shared, **own, "socket_timeout": SLOW}, **options
    )
    client: Redis = sentinel.master_for(name, db=_number(database))
    return client


SENTINELS_OWN = {"sentinel_username": "username", "sentinel_password": "password"}


def _cluster(parts: SplitResult, options: dict[str, Any]) -> Client:
    if parts.path.strip("/"):
        raise ValueError("a Redis Cluster has only one database, so the URL must not name one")
    nodes = [ClusterNode(host, port) for host, port in _hosts(parts, PORT)]
    return RedisCluster(startup_nodes=nodes, require_full_coverage=False, **{**options, "socket_timeout": SLOW})


KINDS: Mapping[str, Callable[[SplitResult, dict[str, Any]], Client]] = {
    "redis": _single,
    "rediss": _single,
    "redis+sentinel": _sentinel,
    "redis+cluster": _cluster,
}
