"""The runner writes a world, lets systems judge it, scores them, and shows one table and one picture."""

import contextlib
import subprocess
import sys

import msgspec
import pytest

from benchmarks.hydra import __main__ as runner
from benchmarks.hydra import picture, table, worlds
from benchmarks.hydra.product import Product
from benchmarks.hydra.runs import Result, default_system, load, specs
from benchmarks.hydra.world import Spec, make, stream

# A system of its own: stops every other request, and links nobody.
EVERY_OTHER = """
import json, sys
stop = False
with open(sys.argv[1]) as world, open(sys.argv[2], "w") as out:
    for line in world:
        if '"kind"' not in line:
            stop = not stop
            print(json.dumps({"decision": "throttle" if stop else "allow"}), file=out)
"""
TINY = ["--levels", "L1,none", "--views", "full", "--seeds", "1,2", "--honest", "60", "--days", "1"]


def engine(tmp_path, source):
    script = tmp_path / "system.py"
    script.write_text(source)
    return f"other={sys.executable} {script} {{world}} {{verdicts}}"


def ran(tmp_path, *more):
    out = tmp_path / "out"
    status = runner.main([*TINY, "--out", str(out), *more])
    return status, out


def test_a_command_and_the_baselines_land_in_one_table(tmp_path, capsys):
    status, out = ran(tmp_path, "--engine", engine(tmp_path, EVERY_OTHER), "--baselines", "address 200/day")
    results = load(out / "results.jsonl")
    assert status == 0
    assert {(r.system, r.level, r.world.seed) for r in results} == {
        (system, level, seed) for system in ("other", "address 200/day") for level in ("L1", "none") for seed in (1, 2)
    }
    halves = [r.report.leak for r in results if r.system == "other" and r.level == "L1"]
    assert all(0.4 < leak < 0.6 for leak in halves)
    assert capsys.readouterr().out.strip() == (out / "table.md").read_text().strip()
    assert len((out / "table.md").read_text().splitlines()) == 2 + 4


def test_the_picture_is_an_svg_with_every_system_on_it(tmp_path):
    _, out = ran(tmp_path, "--engine", engine(tmp_path, EVERY_OTHER), "--baselines", "account 30/day")
    drawn = (out / "hydra.svg").read_text()
    assert drawn.startswith("<?xml")
    assert "other" in drawn
    assert "account 30/day" in drawn


def test_a_system_that_fails_ends_the_run_with_what_it_said(tmp_path, capsys):
    status, _ = ran(tmp_path, "--engine", engine(tmp_path, "raise SystemExit('no such world')"), "--baselines", "")
    assert status == 1
    assert "no such world" in capsys.readouterr().err


def test_two_worlds_at_a_time_give_the_same_results_as_one(tmp_path):
    def reports(jobs):
        _, out = ran(tmp_path, "--no-engine", "--baselines", "account 30/day", "--jobs", jobs)
        return [r.report for r in load(out / "results.jsonl")]

    assert reports("1") == reports("2")


def test_a_run_that_was_cut_short_goes_on_where_it_was(tmp_path):
    _, out = ran(tmp_path, "--no-engine", "--baselines", "account 30/day")
    kept = out / "results.jsonl"
    first, second = kept.read_bytes().splitlines(keepends=True)[:2]
    marked = first.replace(b'"seconds":', b'"seconds":1000')
    kept.write_bytes(marked + second[:40])
    ran(tmp_path, "--no-engine", "--baselines", "account 30/day", "--resume")
    again = load(kept)
    assert len(again) == 4
    assert [result.seconds >= 1000 for result in again] == [True, False, False, False]


def test_the_product_without_a_detector_stands_beside_the_whole_of_it(tmp_path):
    _, out = ran(tmp_path, "--levels", "L0", "--seeds", "1", "--baselines", "", "--ablate", "cells")
    assert [result.system for result in load(out / "results.jsonl")] == ["headcount", "without cells"]


def test_an_engine_without_places_for_the_files_is_refused(capsys):
    with pytest.raises(SystemExit):
        runner.main(["--engine", "headcount=headcount replay"])
    assert "{verdicts}" in capsys.readouterr().err


def test_worlds_of_other_sizes_have_a_fifth_as_many_heads_and_honest_worlds_none():
    made = list(specs(["L3", "none"], ["full"], [1], [3000, 300], Spec(heads=500)))
    assert [(s.honest, s.heads) for s in made] == [(3000, 500), (3000, 0), (300, 60), (300, 0)]


def result(seed, leak, first_stop):
    report = {
        "leak": leak, "leak_by_day": [leak], "first_stop": first_stop, "honest_stopped": 0.0, "payers_stopped": 0.0,
        "stopped_by_class": {"home": 0.0, "vpn": 0.5}, "honest_linked": 0.0, "honest_linked_by_class": {},
        "heads_linked": 1.0, "clusters": 1, "nat_against_homes": None, "dollars_per_million": 7.0,
        "honest_checks": 10, "hydra_checks": 10,
    }  # fmt: skip
    plain = {"system": "s", "world": {"seed": seed}, "lines": 20, "seconds": 2.0, "peak_mb": 1.0, "report": report}
    return msgspec.convert(plain, Result)


def test_a_row_is_the_mean_over_seeds_and_never_stopped_stays_never():
    (row,) = table.rows([result(1, 0.1, 3.0), result(2, 0.3, None)])
    assert row.leak == pytest.approx(0.2)
    assert row.first_stop is None
    assert row.worst_class == ("vpn", 0.5)
    assert row.seeds == 2
    assert "vpn 50.0%" in table.markdown([row])


def test_a_picture_of_nothing_is_still_a_picture(tmp_path):
    picture.draw([], tmp_path / "empty.svg")
    assert (tmp_path / "empty.svg").stat().st_size > 0


def test_a_hydra_that_reacts_plays_against_the_product_and_a_baseline(tmp_path):
    _, out = ran(tmp_path, "--reactions", "replace", "--baselines", "account 30/day")
    results = load(out / "results.jsonl")
    assert {(r.system, r.level, r.reaction) for r in results} == {
        (system, level, "replace") for system in ("headcount", "account 30/day") for level in ("L1", "none")
    }


def test_the_product_as_a_callable_gives_the_verdicts_of_its_command(tmp_path):
    world = tmp_path / "w.jsonl"
    spec = Spec(honest=60, heads=60, levels=("L0",), days=1)
    worlds.write(stream(make(spec)), world)
    command = default_system().command.format(world=world, verdicts=tmp_path / "v.jsonl")
    subprocess.run(command.split(), check=True, capture_output=True)
    told = [msgspec.json.decode(line)["decision"] for line in (tmp_path / "v.jsonl").read_bytes().splitlines()]
    with contextlib.closing(Product()) as product:
        answers = [product(msgspec.json.decode(line)) for line in world.read_bytes().splitlines()]
    assert [answer["decision"] for answer in answers if answer] == told
    assert len(set(told)) > 1
