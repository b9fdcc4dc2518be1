"""The short measurement counts a hydra's leak beyond one allowance, and names worlds by their parts."""

import argparse

import pytest

from benchmarks.hydra.measure import ALLOWANCE, PER_USD, Beyond, main, settled, spec_of
from benchmarks.hydra.world import Spec

LIKE = Spec(honest=60, heads=12, days=1)


def test_what_one_account_may_take_and_what_money_pays_for_is_no_leak():
    assert Beyond(asked=1000, passed=ALLOWANCE * 2 + 500, paid=100, days=2).leak == pytest.approx(0.4)
    assert Beyond(asked=1000, passed=ALLOWANCE, paid=0.0, days=1).leak == 0.0


def test_money_is_that_of_the_heads_by_the_last_line_about_each():
    line = b'{"kind":"account","id":"%s","payment":{"settled_usd":%s}}\n'
    lines = [line % (b"a", b"5"), line % (b"b", b"7"), line % (b"a", b"20"), b'{"account":{"id":"a"}}\n']
    assert settled(lines, {"a"}) == 20.0
    assert PER_USD > 0


def test_a_world_is_named_by_its_hydra_and_its_populations():
    assert spec_of("none", LIKE).heads == 0
    both = spec_of("drain_ja4+rare_client", LIKE)
    assert (both.levels, both.populations, both.heads) == (("drain_ja4",), ("rare_client",), 12)
    slow = spec_of("L4+slow+gatherings", LIKE)
    assert (slow.levels, slow.variants, slow.gatherings) == (("L4",), ("slow",), True)
    with pytest.raises(argparse.ArgumentTypeError, match="no world"):
        spec_of("L99", LIKE)


def test_honest_accounts_lose_what_they_lose_in_the_worst_seed_and_the_leak_is_a_mean(capsys):
    options = ["--worlds", "L0", "--honest", "60", "--heads", "12", "--days", "1"]
    lines = []
    for seeds in ("1", "2", "1,2"):
        main([*options, "--seeds", seeds, "--jobs", "2"])
        lines.append([cell.strip(" %") for cell in capsys.readouterr().out.splitlines()[-1].split("|")])
    one, two, both = lines
    assert float(both[2]) == pytest.approx((float(one[2]) + float(two[2])) / 2, abs=0.06)
    assert float(both[6]) == max(float(one[6]), float(two[6]))


def test_a_line_says_what_a_small_world_comes_to(capsys):
    main(["--worlds", "L0", "--honest", "60", "--heads", "12", "--days", "1"])
    head, _, line = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in head.split("|")][1:4] == ["world", "leak", "beyond"]
    assert line.startswith("| L0 | ")
    assert "| free 200 (0), paid 1000 (0) |" in line
