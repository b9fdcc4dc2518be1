"""Lines to the nodes of a Cluster. Its client finds the nodes and follows slots that move; these only carry scripts."""

import asyncio
from typing import Any

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from reputation.stores.redis.line import Line, open_line

MOVED, MOVING = ("MOVED ",), ("ASK ", "TRYAGAIN ")
"""How a node begins its answer to a command that it does not carry out, because of the slot of its keys."""


def has_moved(error: BaseException | None) -> bool:
    """Whether a command did not run because another node has the slot."""
    return isinstance(error, ResponseError) and str(error).startswith(MOVED)


def is_moving(error: BaseException | None) -> bool:
    """Whether a command did not run because the slot is on its way to another node."""
    return isinstance(error, ResponseError) and str(error).startswith(MOVING)


class _Node:
    """Connections to one node, for `open_line`."""

    def __init__(self, node: ClusterNode) -> None:
        self._node = node

    async def get_connection(self) -> AbstractConnection:
        options: dict[str, Any] = {**self._node.connection_kwargs, "retry": Retry(NoBackoff(), 0)}
        connection = self._node.connection_class(**options)
        await connection.connect()  # type: ignore[no-untyped-call] # redis-py leaves it without
        return connection


class NodeLines:
    """Lines to the nodes that a client has found. Not `sure`: the client has to find them again first."""

    def __init__(self, client: RedisCluster) -> None:
        self.sure = False
        self._client = client
        self._found = False
        self._finding = asyncio.Lock()
        self._free: dict[str, list[Line]] = {}

    async def _node_of(self, key: bytes) -> ClusterNode:
        if not self.sure:
            async with self._finding:
                if not self.sure:
                    await self._find()
        return self._client.nodes_manager.get_node_from_slot(self._client.keyslot(key))

    async def _find(self) -> None:
        await self._client.initialize()
        if self._found:
            await self._client.nodes_manager.initialize()
        self._found = self.sure = True

    async def take(self, key: bytes) -> tuple[ClusterNode, Line]:
        """Return the node with a key's slot, and a line to it that is not in use. Raises what redis-py does."""
        node = await self._node_of(key)
        free = self._free.setdefault(node.name, [])
        return node, free.pop() if free else await open_line(_Node(node))

    async def put(self, node: ClusterNode, line: Line) -> None:
        """Return a line for its next use, or close it for good."""
        if line.open:
            self._free.setdefault(node.name, []).append(line)
        else:
            await line.disconnect()

    async def renew(self) -> None:
        """Close those that are not in use."""
        lines, self._free = [line for free in self._free.values() for line in free], {}
        for line in lines:
            await line.disconnect()
