"""The parts of an epoch are those of the linker, and their shares add up."""

import importlib
import pkgutil

import pytest

import reputation.hydra
from benchmarks.hydra import parts, worlds
from benchmarks.hydra.world import Spec, make, stream


def test_every_part_names_functions_of_the_linker():
    there = set()
    for module in pkgutil.iter_modules(reputation.hydra.__path__, "reputation.hydra."):
        for name, one in vars(importlib.import_module(module.name)).items():
            there |= {name, *(f"{name}.{method}" for method in vars(one))} if isinstance(one, type) else {name}
    assert {name for names in parts.PARTS.values() for name in names} <= there


def test_shares_of_an_epoch_add_up(tmp_path):
    lines = tmp_path / "world.jsonl"
    worlds.write(stream(make(Spec(honest=40, heads=8, days=1))), lines)
    _, _, rows = "\n".join(parts.measure(lines)).partition("| --- | ---: | ---: |\n")
    shares = [float(row.split("|")[3].strip().rstrip("%")) for row in rows.splitlines()[:-1]]
    assert len(shares) == len(parts.PARTS) + 1
    assert sum(shares) == pytest.approx(100, abs=1)
