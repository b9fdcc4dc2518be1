"""Worlds whose figures are published stay the same to the byte, whatever is added beside them."""

import hashlib

import msgspec
import pytest

from benchmarks.hydra import truth
from benchmarks.hydra.world import Spec, make, stream

TWO = Spec(honest=120, heads=24, days=2, levels=("L1", "L5"))
GATHERED = Spec(honest=200, heads=20, days=7, levels=("L3",), gatherings=True)
BANNED = Spec(honest=120, heads=24, days=5, levels=("L4",), variants=("second-pool",), view="bare", content=True)


@pytest.mark.parametrize(
    ("spec", "lines", "facts"),
    [
        (TWO, "4425c1857e2af238", "7e6c4771a7300677"),
        (GATHERED, "fcc95fa593461a0e", "1fb659a651d4e396"),
        (BANNED, "e7fb7f881d846d7c", "514b6a310f9dd088"),
    ],
    ids=["two-hydras", "gatherings", "banned"],
)
def test_lines_and_truth_of_a_world_are_those_that_were_measured(spec, lines, facts):
    world = make(spec)
    assert hashlib.sha256("".join(line for _, line in stream(world)).encode()).hexdigest().startswith(lines)
    assert hashlib.sha256(msgspec.json.encode(truth.of(world))).hexdigest().startswith(facts)
