"""The page about simulated worlds names everything that the tables hold."""

from pathlib import Path

import pytest

from benchmarks.hydra.attackers import LADDER, STRATEGIES, VARIANTS
from benchmarks.hydra.closed_loop import REACTIONS
from benchmarks.hydra.costs import PRICES
from benchmarks.hydra.honest import CLASSES, GATHERINGS, classes
from benchmarks.hydra.lines import VIEWS
from benchmarks.hydra.populations import LOOKALIKES

PAGE = (Path(__file__).parents[3] / "docs" / "worlds.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", [*CLASSES, *GATHERINGS, *LOOKALIKES, *STRATEGIES, *VARIANTS, *REACTIONS, *PRICES, *VIEWS]
)
def test_a_row_of_a_table_is_on_the_page(name):
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("level", LADDER)
def test_a_level_is_on_the_page(level):
    assert f"\n| {level} |" in PAGE


def test_shares_on_the_page_are_those_of_the_classes():
    for name, row in (CLASSES | GATHERINGS | LOOKALIKES).items():
        assert f"| `{name}` | {row.share * 100:.3g}% |" in PAGE
    for gathered in (False, True):
        assert sum(row.share for row in classes(gathered=gathered).values()) == pytest.approx(1)


def test_the_number_of_classes_on_the_page_is_theirs():
    assert (len(CLASSES), len(CLASSES | GATHERINGS)) == (12, 19)
    assert "honest accounts of twelve classes (nineteen with `--gatherings`)" in PAGE


def test_prices_on_the_page_are_those_of_the_bill():
    for name, price in PRICES.items():
        line = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
        assert float(line.split("|")[2].split()[0]) == price.dollars
