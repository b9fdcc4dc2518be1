"""Each parser bears the inputs that are kept of its fuzzing, and a little random damage to them at every run."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import fuzz_parsers, fuzz_targets
from benchmarks.fuzz_parsers import LONGEST, MOST_BYTES, MOST_KEPT, keep, kept
from benchmarks.fuzz_targets import TARGETS, Target
from benchmarks.fuzzing import Dice, mutated


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_bears_what_its_fuzzing_found_and_some_damage_to_it(name: str) -> None:
    """`make fuzz SECONDS=600` goes on, guided by coverage."""
    target, inputs = TARGETS[name], [*kept(name), *TARGETS[name].seeds]
    for data in inputs:
        target.run(data)
    dice = Dice(7)
    for _ in range(60):
        target.run(bytes(mutated(dice, dice.choice(inputs), dice.randint(1, 4)))[:LONGEST])


def test_each_parser_has_kept_inputs_that_are_small() -> None:
    files = {file.stem for file in fuzz_parsers.CORPORA.glob("*.json")}
    assert files == set(TARGETS)
    for name in TARGETS:
        assert 0 < len(kept(name)) <= MOST_KEPT
        assert max(map(len, kept(name))) <= MOST_BYTES


def test_a_parser_that_gives_way_is_a_finding_with_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without atheris, which may not be there: what it raises ends the run with code 1."""

    def fragile(data: bytes) -> None:
        if b"\xff" in data:
            raise KeyError("unexpected")

    monkeypatch.setitem(fuzz_targets.TARGETS, "fragile", Target(fragile, (b"sturdy",)))
    monkeypatch.setattr(fuzz_parsers, "guide", lambda: None)
    done = CliRunner().invoke(fuzz_parsers.main, ["fragile", "--seconds", "20"])
    assert done.exit_code == 1
    assert "KeyError('unexpected')" in str(done.output)
    assert "\\xff" in str(done.output)
    well = CliRunner().invoke(fuzz_parsers.main, ["hpack", "--seconds", "0.2"])
    assert (well.exit_code, "nothing found" in well.output) == (0, True)


def test_what_is_kept_has_all_lengths_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_parsers, "CORPORA", tmp_path)
    inputs = [bytes([n]) * (n + 1) for n in range(MOST_KEPT + 10)] + [b"x" * (MOST_BYTES + 1), b"\x00"]
    assert keep("some", inputs) == 35
    assert kept("some") == inputs[: MOST_KEPT + 10 : 2]
    assert kept("none") == []
    assert len(json.loads((tmp_path / "some.json").read_text())) == 35
    assert keep("few", [b"a", b"b"]) == 2
