"""Programs that are measured next to each other: all running, each in a folder of its own, with alternating turns."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

Running = TypeVar("Running")
Measured = TypeVar("Measured")
Start = Callable[[str, Path], contextlib.AbstractContextManager[Running]]
"""Starts the program at a path, with a folder for its files."""


def named_paths(given: list[str]) -> dict[str, str]:
    """Read NAME=PATH, as options give it."""
    return dict(one.split("=", 1) for one in given)


@contextlib.contextmanager
def all_running(paths: Mapping[str, str], start: Callable[[str], Start[Running]]) -> Iterator[dict[str, Running]]:
    """Run every program during the block. start: what starts the program of a name."""
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as life:
        found = {}
        for name, path in paths.items():
            directory = Path(place, name)
            directory.mkdir()
            found[name] = life.enter_context(start(name)(path, directory))
        yield found


def rounds_of(count: int, names: list[str], turn: Callable[[str], Measured]) -> list[dict[str, Measured]]:
    """Give each name a turn in every round, forwards and backwards by turns."""
    rounds = []
    for number in range(count):
        done = {name: turn(name) for name in names[:: -1 if number % 2 else 1]}
        rounds.append({name: done[name] for name in names})
    return rounds
