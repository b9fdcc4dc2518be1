"""docs/settings.md is what the code says, and says something of every setting."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from click.testing import CliRunner
from msgspec import Meta, Struct

from reputation.commands.cli import headcount
from reputation.config.file import from_text
from tools import settings_page as settings_doc
from tools.settings_page import Undescribed, render, table

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


class Half(Struct):
    told: Annotated[int, Meta(description="A number.")] = 1
    untold: int = 2


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m tools.settings_page > docs/settings.md"


def test_a_setting_without_a_description_is_an_error_that_names_it(monkeypatch):
    monkeypatch.setattr(settings_doc, "Settings", Half)
    with pytest.raises(Undescribed, match="untold"):
        render()


@pytest.mark.parametrize(
    "words",
    [
        "tenants.TENANT.linking",
        "tenants.TENANT.plans.PLAN",
        "tokens[]",
        "`trusted_hops` | whole number, ≥ 0 | 1 |",
        "| balanced | free | standard | 2 | 20 | 5,000 |",
        "HEADCOUNT_LISTEN",
    ],
)
def test_nested_settings_presets_and_options_are_on_the_page(words):
    assert words in render()


def test_an_option_is_read_from_the_variable_that_the_page_names(monkeypatch):
    """The value is one that the option refuses, so that the refusal shows that it was read."""
    monkeypatch.setenv("HEADCOUNT_LISTENER", "nonesuch")
    result = CliRunner().invoke(headcount, ["serve", "--state", "nowhere"])
    assert "`HEADCOUNT_LISTENER`" in render()
    assert (result.exit_code, "nonesuch" in result.output) == (2, True)


def test_the_example_is_a_configuration_that_loads():
    assert set(from_text(settings_doc.EXAMPLE).tenants) == {"acme"}


def test_a_bar_inside_a_cell_does_not_end_it():
    assert table(("a",), [("x|y",)]).splitlines()[-1] == "| x\\|y |"


class Unexplained(Struct):
    way: Annotated[Literal["in", "out"], Meta(description="Which way. `out`: away.")] = "in"


class Explained(Struct):
    way: Annotated[Literal["in", "out", "by"], Meta(description="`out`: away; `by`: past it; `in`: into it.")] = "in"


def test_a_word_of_a_setting_that_is_not_explained_is_an_error_that_names_it(monkeypatch):
    monkeypatch.setattr(settings_doc, "Settings", Unexplained)
    with pytest.raises(Undescribed, match="`in`"):
        render()


def test_words_of_a_setting_stand_in_the_order_in_which_they_are_explained(monkeypatch):
    monkeypatch.setattr(settings_doc, "Settings", Explained)
    assert "| `way` | `out`, `by`, `in` | `in` | `out`: away; `by`: past it; `in`: into it. |" in render()


@pytest.mark.parametrize(
    ("setting", "word", "meaning"),
    [
        ("on_state_loss", "closed", "503"),
        ("on_state_loss", "open", "no limits"),
        ("role", "reader", "read"),
        ("role", "admin", "everything"),
        ("owner", "api", "the admin API"),
        ("format", "console", "for people"),
    ],
)
def test_each_word_stands_beside_its_own_sentence(setting, word, meaning):
    row = next(line for line in render().splitlines() if line.startswith(f"| `{setting}` |"))
    assert f"`{word}`: " in row
    assert meaning in row.partition(f"`{word}`: ")[2].partition(";")[0]
