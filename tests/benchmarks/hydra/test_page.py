"""The page's figures come from kept results and from nothing else."""

import msgspec
import pytest

from benchmarks.hydra.page import BEGIN, END, figures, main, put
from benchmarks.hydra.runs import Result, append


def result(level, seed, leak, system="headcount", stopped=0.0):
    report = {
        "leak": leak, "leak_by_day": [leak], "first_stop": 2.0, "honest_stopped": stopped, "payers_stopped": 0.0,
        "stopped_by_class": {"home": stopped, "vpn": 0.0}, "honest_linked": 0.0,
        "honest_linked_by_class": {"home": 0.0, "vpn": 0.01}, "heads_linked": 1.0, "clusters": 1,
        "nat_against_homes": None, "dollars_per_million": 7000.0, "honest_checks": 10, "hydra_checks": 10,
    }  # fmt: skip
    world = {"seed": seed, "levels": [level] if level else []}
    plain = {"system": system, "world": world, "lines": 20, "seconds": 2.0, "peak_mb": 1.0, "report": report}
    return msgspec.convert(plain, Result)


RESULTS = [
    result("L3", 1, 0.01), result("L3", 2, 0.03), result("", 1, None),
    result("L3", 1, 0.9, "account 30/day", 0.2), result("", 1, None, "account 30/day", 0.3),
]  # fmt: skip


def test_a_level_shows_its_mean_its_spread_and_what_it_was_to_be():
    text = figures(RESULTS)
    assert "| L3 | 2.00% (1.00% to 3.00%) | 8.00% | 2.0 | 0.00% |" in text
    assert "| no hydra | - |" in text


def test_limits_of_today_stand_beside_it_on_the_same_worlds():
    text = figures(RESULTS)
    assert "| L3 | 2.00% / 0.00% | 90.0% / 20.0% |" in text
    assert "| none | - / 0.00% | - / 30.0% |" in text
    assert "| `home` | 0.00% | 20.0% | 0.00% | 0.00% |" in text


def test_figures_are_put_between_the_marks_and_nowhere_else(tmp_path):
    page, kept = tmp_path / "page.md", tmp_path / "results.jsonl"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    append(kept, RESULTS)
    assert main([str(kept), "--into", str(page)]) == 0
    assert page.read_text() == f"before\n{BEGIN}\n{figures(RESULTS)}\n{END}\nafter\n"


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="no <!-- figures"):
        put("a page", "text")
