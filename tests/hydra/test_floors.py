"""What an account used before it shared anything with a cluster is its own; what it used since then is not earned."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation.hydra.book import Book, ClusterMember, Floor, KeptCluster
from reputation.hydra.earned import KEPT, Days, unscaled
from reputation.hydra.floors import HOLDERS, beginnings, earned_floors
from reputation.hydra.ledger import Ledger
from reputation.hydra.linker_settings import Plans
from reputation.hydra.sightings import Known, Sighting
from reputation.state.facts import Facts, ReadFacts, Standards
from reputation.wire.messages import Payment

DAY, HOUR = 86_400.0, 3600.0
FIRST = 20_000
PLANS = Plans({"paid": 1000.0}, 1000.0, 1000.0)


def at(day):
    return (FIRST + day) * DAY + 60.0


def ledger_of(*sightings, created=5):
    """A ledger that began to count on day 0, with the proven account `a` and others."""
    ledger = Ledger()
    ledger.turn(at(0))
    ledger.know(Known("a", at(created), "paid", proven=True, payer=True))
    ledger.see_many(sorted(sightings, key=lambda one: one.at))
    ledger.absorb()
    return ledger


def used(day, units, name="a", **values):
    return Sighting(at(day), name, cost=units, **values)


def handed(day, value="stolen", heads=HOLDERS - 1):
    """Heads that show a device of the account's from a day on."""
    return [Sighting(at(day) + n, f"head{n}", device=value) for n in range(heads)]


def linked(*names):
    return {"h-1": KeptCluster("h-1", 0.0, 0.0, ("device",), {name: ClusterMember(0.99, 0.0) for name in names})}


def floor_of(ledger, book, day):
    ledger.turn(at(day))
    return earned_floors(ledger, book, PLANS, at(day)).get("a", 0.0)


def test_use_counts_until_three_share_a_value():
    own = [used(day, 40.0, device="stolen") for day in range(6, 20)]
    risen = [used(day, 900.0, device="stolen") for day in range(20, 26)]
    heads = ("head0", "head1")
    assert floor_of(ledger_of(*own, *risen, *handed(20)), Book(linked("a", *heads)), 26) == pytest.approx(40, rel=0.15)
    assert floor_of(ledger_of(*own, *risen, *handed(20, heads=1)), Book(linked("a", "head0")), 26) > 500.0
    others = Book(linked("a", "someone"))  # two that are no members share it too, which is no evidence against members
    assert floor_of(ledger_of(*own, *risen, *handed(20)), others, 26) > 500.0


def test_an_account_that_shared_from_its_first_day_has_earned_nothing_by_use():
    ledger = ledger_of(*[used(day, 900.0, device="stolen") for day in range(5, 26)], *handed(5))
    assert floor_of(ledger, Book(linked("a", "head0", "head1")), 26) == 0.0


def test_of_an_account_older_than_the_count_all_days_count_if_none_is_known_before():
    ledger = ledger_of(*[used(day, 90.0, device="stolen") for day in range(26)], *handed(0), created=-200)
    assert floor_of(ledger, Book(linked("a", "head0", "head1")), 26) == pytest.approx(90, rel=0.15)


def test_a_cluster_that_dissolved_leaves_the_first_beginning_in_force_for_a_month():
    book = Book(linked("a", "head0", "head1"))
    ledger = ledger_of(*[used(day, 40.0) for day in range(6, 20)])
    first = floor_of(ledger, book, 20)
    book.clusters = {}
    ledger.see_many([used(day, 900.0) for day in range(21, 30)])
    ledger.absorb()
    assert floor_of(ledger, book, 30) == 0.0
    book.clusters = linked("a", "head0", "head1")
    assert floor_of(ledger, book, 40) == first == pytest.approx(40, rel=0.15)


def test_a_floor_is_found_once():
    book = Book(linked("a"), floors={"a": Floor(7.0, at(20))})
    assert floor_of(ledger_of(*[used(day, 900.0) for day in range(6, 26)]), book, 26) == 7.0


def test_sessions_tell_the_beginning_too_and_the_earliest_counts():
    shown = [Sighting(at(day), name, session="one") for day, name in ((9, "a"), (10, "x"), (12, "y"), (14, "z"))]
    ledger = ledger_of(*shown, *[Sighting(at(13), name, device="d") for name in ("a", "x", "z")])
    members = np.array(sorted(ledger.accounts.ids[name] for name in ("a", "x", "y", "z")))
    found = dict(zip(members.tolist(), beginnings(ledger, members).tolist(), strict=True))
    assert [found[ledger.accounts.ids[name]] for name in ("a", "x", "y", "z")] == [at(12), at(12), at(12), at(13)]


def test_what_no_three_members_share_tells_nothing():
    ledger = ledger_of(used(9, 1.0, device="own"), used(9, 1.0, name="b", device="other"), used(9, 1.0, name="c"))
    assert np.isnan(beginnings(ledger, np.arange(3))).all()
    assert len(beginnings(ledger, np.zeros(0, np.int64))) == 0


@settings(max_examples=80)
@given(
    st.lists(st.sampled_from([0.0, 3.0, 40.0, 900.0]), min_size=1, max_size=60),
    st.integers(0, 70),
)
def test_use_from_the_beginning_on_never_counts(units, began):
    days, before = Days(), Days()
    for day, some in enumerate(units):
        for one, kept in ((days, some), (before, some if day < began else 0.0)):
            one.add(np.array([0]), np.array([day * DAY + 5.0]), np.array([kept]))
    days.turn(len(units))
    before.turn(len(units))
    found = days.usual_before(0, began)
    active = [some for some in units[-KEPT:][: max(began - max(len(units) - KEPT, 0), 0)] if some]
    assert found == before.usual_before(0, len(units))
    assert (found > 0) == bool(active)
    if active:
        usual = sorted(active)[math.ceil(0.9 * len(active)) - 1]
        assert usual <= found <= (usual + 1) * math.exp(1 / 8)
        assert found in unscaled(np.arange(256))


@pytest.mark.parametrize(
    ("status", "disputes", "floor"),
    [("ok", None, 1000.0), ("ok", 2, 1000.0), ("disputed", None, 0.0), ("disputed", 1, 0.0)],
)
def test_an_open_dispute_takes_the_money_of_a_linked_account_and_of_an_allowance_alike(status, disputes, floor):
    ledger, book = Ledger(), Book()
    ledger.know(Known("a", payment_status=status, settled_usd=30.0, disputes=disputes))
    book.clusters = linked("a")
    assert earned_floors(ledger, book, Plans(per_usd=1000.0), 40 * DAY).get("a", 0.0) == floor
    payment = Payment(status=status, settled_usd=30.0, disputes=disputes)
    assert ReadFacts(Facts(payment=payment), Standards()).settled_a_day(40 * DAY) * 1000.0 == floor
