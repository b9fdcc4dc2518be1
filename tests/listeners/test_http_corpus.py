"""Every case of the corpus against both listeners, in one piece and byte by byte."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from http_corpus import CASES
from http_differences import DIFFERENCES, table, under_aiohttp
from http_exchange import END, MemoryTransport, echo, outcome, talk

from reputation.listeners.connection import Connection
from reputation.listeners.grammar import REFUSALS, HttpLimits
from reputation.listeners.lean import LeanServer

PAGE = Path(__file__).parents[2] / "docs" / "listener.md"
BYTEWISE = 2000  # longer cases would take minutes byte by byte


def _methods(case: str) -> list[bytes]:
    return [b"HEAD"] if CASES[case].raw.startswith(b"HEAD") else []


@pytest.mark.parametrize("case", CASES)
async def test_outcome(case: str, served: tuple[str, Any]) -> None:
    """A request that may be read in two ways has the outcome that the table says, and no later one."""
    name, server = served
    expected = CASES[case].outcome
    if name == "aiohttp":
        expected = under_aiohttp().get(case, expected)
    stream = await talk(server.sockets[0].getsockname(), [CASES[case].raw + END])
    assert outcome(stream, _methods(case)) == expected


@pytest.mark.parametrize("case", [name for name, case in CASES.items() if len(case.raw) < BYTEWISE])
async def test_outcome_byte_by_byte(case: str) -> None:
    """The check listener gives the same outcome when every byte comes alone."""
    server = LeanServer(echo, limits=HttpLimits())
    transport = MemoryTransport(Connection(server, asyncio.get_running_loop()))
    for byte in CASES[case].raw + END:
        if not transport.closed:
            transport.protocol.data_received(bytes([byte]))
    assert outcome(transport.output, _methods(case)) == CASES[case].outcome


def test_differences_are_of_the_corpus() -> None:
    """No difference is stated that is none."""
    for case, found in under_aiohttp().items():
        assert found != CASES[case].outcome, case
    assert all(difference.why for difference in DIFFERENCES)


def test_page_has_the_differences() -> None:
    """docs/listener.md has the table as the tests know it."""
    assert table({name: case.outcome for name, case in CASES.items()}) in PAGE.read_text()


def test_page_has_the_refusals_and_limits() -> None:
    """docs/listener.md lists every refusal with its status, and every limit with its default."""
    page = PAGE.read_text()
    for refusal in REFUSALS.values():
        assert f"| {refusal.reason} | {refusal.status} | {refusal.title} |" in page
    for name in HttpLimits.__struct_fields__:
        assert f"| {name} | {getattr(HttpLimits(), name)} |".replace(".0 |", " |") in page, name


def test_corpus_is_large_enough() -> None:
    """Names are unique, so that no case hides another, and there are plenty."""
    assert len(CASES) >= 200
