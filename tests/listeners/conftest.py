"""Both listeners, serving the echo application on loopback."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvloop
from http_exchange import BRIEF, LISTENERS, echo

from reputation.listeners.sockets import bind


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """These tests run on the loop that the sidecar runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def _quiet_reference() -> None:
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


@pytest.fixture(params=LISTENERS)
async def served(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, Any]]:
    """One of the listeners: its name and its server."""
    server = await LISTENERS[request.param](echo, bind("127.0.0.1:0"), limits=BRIEF)
    yield request.param, server
    await server.drain(0)
