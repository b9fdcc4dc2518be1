"""What an account has earned follows from its own use and money, and from nothing that others do."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.hydra.book import Book, Floor
from reputation.hydra.earned import KEPT, STANDS, Days, by_money, by_use, kept_floors, scaled, unscaled
from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import LinkerSettings, Plans
from reputation.hydra.set_back import book_until
from reputation.hydra.sightings import Known, Sighting

DAY, HOUR = 86_400.0, 3600.0
NOW = 20_000 * DAY + 12 * HOUR
NAN = float("nan")


def used(days, *units, first=0):
    """One account's units on days one after the other."""
    for number, some in enumerate(units):
        days.add(np.array([0]), np.array([(first + number) * DAY + 5.0]), np.array([some]))


@given(st.just(0.0) | st.floats(0.01, 1e12))
def test_a_byte_stands_for_no_less_than_was_used_and_hardly_more(units):
    kept = float(unscaled(scaled(np.array([units])))[0])
    assert units * (1 - 1e-9) <= kept <= (units + 1) * math.exp(1 / 8)
    assert (kept == 0) == (units == 0)


def test_the_usual_day_is_the_ninetieth_percentile_of_days_with_use():
    days = Days()
    used(days, *[10.0] * 18, *[500.0] * 2, 0.0)
    assert days.usual(0) == pytest.approx(10.0, rel=0.2)
    days = Days()
    used(days, 10.0, 0.0, 80.0, 0.0)
    assert days.usual(0) == pytest.approx(80.0, rel=0.15)


def test_days_without_use_between_and_older_than_thirty_are_forgotten():
    days = Days()
    used(days, 500.0)
    used(days, 10.0, first=KEPT - 1)
    days.turn(KEPT)
    assert days.usual(0) > 100
    days.turn(KEPT + 1)
    assert days.usual(0) == pytest.approx(10.0, rel=0.2)
    days.turn(200)
    assert days.usual(0) == 0.0


def test_an_account_that_is_let_go_leaves_nothing_to_the_next_of_its_number():
    days = Days()
    used(days, 500.0, 1.0)
    days.release(np.array([0]))
    assert days.usual(0) == 0.0


def test_money_is_that_of_thirty_days_else_a_share_by_age():
    assert by_money(60.0, 30.0, 90 * DAY, 1000.0) == 1000.0
    assert by_money(60.0, NAN, 90 * DAY, 900.0) == 600.0
    assert by_money(60.0, NAN, DAY, 1000.0) == by_money(60.0, NAN, NAN, 1000.0) == 2000.0
    assert by_money(NAN, NAN, DAY, 1000.0) == 0.0


def test_use_counts_up_to_what_money_or_a_newcomers_day_allows():
    assert by_use(5000.0, NAN, 200.0, 1000.0) == 200.0
    assert by_use(5000.0, 2.0, 200.0, 1000.0) == 2000.0
    assert by_use(30.0, 2.0, 200.0, 1000.0) == 30.0


def test_a_floor_stands_for_thirty_days_after_its_account_was_linked():
    floors = {"in": Floor(9.0, 0.0), "out": Floor(9.0, 0.0)}
    assert kept_floors(floors, {"in"}, STANDS * DAY).keys() == {"in", "out"}
    assert kept_floors(floors, {"in"}, STANDS * DAY + 1).keys() == {"in"}
    book = Book(floors={"a": Floor(9.0, 500.0)})
    book_until(book, 100.0)
    assert book.floors["a"].linked == 100.0


def framed(evidence=True, settled=300.0):
    """A proven account of a month with 40 requests a day, and twelve free accounts on its device."""
    linker = Linker(LinkerSettings(plans=Plans({"free": 200.0, "paid": 1000.0}, 200.0, 1000.0)))
    dice = random.Random(3)
    for number in range(150):
        linker.know(Known(f"k{number}", NOW - 200 * DAY, "paid", settled_usd=300.0, proven=True, payer=True))
    linker.know(Known("victim", NOW - 200 * DAY, "paid", settled_usd=settled, proven=True, payer=True))
    for day in range(10, 0, -1):
        names = [f"k{number}" for number in range(150)] + ["victim"] * 40
        linker.see_many(
            Sighting(
                NOW - day * DAY + dice.uniform(0, 8 * HOUR), name, host=f"10.{i % 200}.0.7",
                net=f"10.{i % 200}.0.0/24", asn=i % 30, network="residential", ja4=f"ja4-{i % 7}",
                user_agent=f"agent/{i % 7}", device="own " + name,
            )
            for i, name in enumerate(names)
        )  # fmt: skip
        linker.epoch(NOW - day * DAY + 9 * HOUR)
    names = [f"x{number}" for number in range(12)]
    for name in names if evidence else []:
        linker.know(Known(name, NOW - HOUR, "free"))
    for i, name in enumerate([*names, "victim"] * 9 if evidence else []):
        linker.see(
            Sighting(
                NOW - HOUR + 60.0 * i / 4, name, host=f"172.16.{i % 9}.1", net=f"172.16.{i % 9}.0/24", asn=900,
                network="hosting", ja4="ja4-x", user_agent="script/1", device="one",
            )
        )  # fmt: skip
    return linker, linker.epoch(NOW)


def test_a_framed_customer_keeps_what_it_used_before():
    linker, links = framed()
    if "victim" not in links.members:  # then nothing of it is withheld either
        linker.book.clusters[next(iter(links.clusters))].members["victim"] = linker.book.clusters[
            next(iter(links.clusters))
        ].members["x0"]
        links = linker.epoch(NOW + 60)
    assert links.earned["victim"] >= 40.0
    assert not [name for name in links.earned if name.startswith("x")]


def test_what_was_earned_does_not_grow_with_use_while_linked():
    linker, _ = framed()
    home = next(iter(linker.book.clusters.values()))
    home.members["victim"] = home.members["x0"]
    before = linker.epoch(NOW + 60).earned["victim"]
    linker.see_many(Sighting(NOW + 120 + i, "victim", device="own victim") for i in range(5000))
    assert linker.epoch(NOW + 2 * DAY).earned.get("victim", before) == pytest.approx(before, rel=0.01)


def test_heads_without_money_and_standing_have_earned_nothing():
    linker, links = framed()
    assert links.members
    assert links.earned.keys() <= {"victim", *(f"k{number}" for number in range(150))}
    assert linker.book.floors.keys() == links.members.keys()
