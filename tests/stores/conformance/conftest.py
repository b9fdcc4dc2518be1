"""Every store that the suite holds to `reputation/stores/contract.py`: a new store adds its line to STORES."""

import shutil
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from redis_process import RedisServer
from store_place import Place

from reputation.state.records import Records
from reputation.state.stops import Stops
from reputation.stores.places import PLACES

Servers = Callable[[str], RedisServer]


class Kind(NamedTuple):
    """How a kind of store is tried.

    place: makes an empty place, given a directory and real servers, and returns what `--state` names. after: returns
    the place as a process finds it that starts after the one before was killed; None: the state ended with the process.
    """

    place: Callable[[Path, Servers], str]
    after: Callable[[str], str] | None = None
    marks: Any = ()


def a_file(directory: Path, _: Servers) -> str:
    return str(directory / "state" / "state.sqlite3")


def copied(file: str) -> str:
    """The files as they are at this instant: what a killed process leaves is what it had written."""
    left = Path(file).parent
    found = left.with_name(left.name + "-after")
    shutil.copytree(left, found)
    return str(found / Path(file).name)


def emptied(kind: str, _: Path, servers: Servers) -> str:
    with servers(kind).client() as client:
        client.flushall()
    return servers(kind).url


def the_same(place: str) -> str:
    return place


def in_dicts(directory: Path, _: Servers) -> str:
    return f"dict://{directory.name}"


STORES = {
    "dict": Kind(in_dicts),
    "memory": Kind(lambda _, __: ":memory:"),
    "sqlite": Kind(a_file, copied),
    "redis": Kind(partial(emptied, "redis"), the_same, pytest.mark.gateway),
    "valkey": Kind(partial(emptied, "valkey"), the_same, pytest.mark.gateway),
}


@pytest.fixture(params=[pytest.param(kind, id=name, marks=kind.marks) for name, kind in STORES.items()])
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    monkeypatch.setitem(PLACES, "dict", "dict_store.store")  # as a line of that table
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    kind: Kind = request.param
    found = Place(kind.place(tmp_path, servers), kind.after)
    yield found
    await found.close_all()


@pytest.fixture
def records(place: Place) -> Records:
    return place.open().records


@pytest.fixture
def stops(place: Place) -> Stops:
    return place.open().stops


@pytest.fixture
def shared_place(place: Place) -> Place:
    """A place that replicas share."""
    if place.open().shared is None:
        pytest.skip("the contract of one process's store has no such part")
    return place
