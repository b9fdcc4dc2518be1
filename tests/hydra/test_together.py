"""What newcomers take together: the usual share is learnt slowly, a surge is seen, and a cap teaches nothing."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from reputation.hydra.book import Book, ClusterMember, DayTogether, KeptCluster
from reputation.hydra.ledger import Ledger
from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import Held, LinkerSettings, Plans
from reputation.hydra.links import Cluster, Links
from reputation.hydra.rebuilding import rebuilt
from reputation.hydra.set_back import book_until
from reputation.hydra.sightings import Known, Sighting
from reputation.hydra.together import ENOUGH, LEAST_DAYS, MOST_DAYS, OVER, SPARE, START, look, usual_share

DAY = 86_400.0
FIRST = 20_000
PLANS = Plans({"free": 2.0}, 2.0, 1000.0, default_plan="free", plan_usd=10.0)
SETTINGS = LinkerSettings(plans=PLANS)
CAPPED = structs.replace(SETTINGS, together=Held(capped=True))


def used(ledger, account, units, day, *, stopped=False, **seen):
    ledger.see(Sighting((FIRST + day) * DAY + 600.0, account, cost=units, stopped=stopped, **seen))


def looked(ledger, book, day, setting=SETTINGS, old=(), clusters=None):
    now = (FIRST + day) * DAY + 700.0
    ledger.absorb()
    ledger.turn(now)
    members = np.zeros(ledger.size, bool)
    members[[ledger.accounts.ids[name] for name in old]] = True
    return look(ledger, book, setting, members, clusters or {}, now)


def played(days, *, newcomers=10.0, others=100.0, setting=SETTINGS):
    """Days on which newcomers of that day and one proven account use so much: the ledger, the book, the last look."""
    ledger, book, found = Ledger(), Book(), None
    ledger.turn(FIRST * DAY + 1.0)
    ledger.know(Known("old", (FIRST - 100) * DAY, "free", proven=True))
    for day in range(days):
        ledger.know(Known(f"new-{day}", (FIRST + day) * DAY, "free"))
        used(ledger, f"new-{day}", newcomers, day)
        used(ledger, "old", others, day)
        found = looked(ledger, book, day, setting)
    return ledger, book, found


def test_the_usual_share_is_known_after_a_week_of_whole_days():
    assert played(ENOUGH)[2].usual is None
    found = played(ENOUGH + 1)[2]
    assert found.usual == pytest.approx(0.1, rel=0.15)
    assert (found.days, found.since, found.common) == (ENOUGH, 0.0, ())
    assert found.taken == 10.0


def test_until_then_the_amount_is_a_documented_start_and_no_surge_is_reported():
    found = played(3, newcomers=500.0)[2]
    assert found.amount == pytest.approx(START * 100.0, rel=0.15)
    assert found.since == 0.0


def test_a_few_newcomers_may_always_take_a_few_newcomers_days():
    found = played(ENOUGH + 1, newcomers=0.1, others=1.0)[2]
    assert found.amount == LEAST_DAYS * 2.0


def test_the_operators_number_takes_the_place_of_what_is_learnt():
    found = played(2, newcomers=80.0, setting=structs.replace(SETTINGS, together=Held(units=77.0)))[2]
    assert found.amount == 77.0
    assert found.since > 0.0


def test_a_surge_begins_above_the_amount_and_is_over_well_below_it():
    ledger, book, found = played(ENOUGH + 1)
    amount = found.amount
    day = ENOUGH
    used(ledger, f"new-{day}", amount, day)
    began = looked(ledger, book, day)
    assert began.since == (FIRST + day) * DAY + 700.0
    used(ledger, f"new-{day + 1}", 1.0, day + 1)
    ledger.know(Known(f"new-{day + 1}", (FIRST + day + 1) * DAY, "free"))
    used(ledger, f"new-{day + 1}", (OVER + 0.05) * amount, day + 2)
    assert looked(ledger, book, day + 2).since == began.since
    assert looked(ledger, book, day + 4).since == 0.0


def test_days_under_a_cap_teach_nothing_and_what_was_learnt_outlives_a_long_one():
    ledger, book, found = played(ENOUGH + 1)
    for day in range(ENOUGH + 1, ENOUGH + MOST_DAYS + 10):
        ledger.know(Known(f"new-{day}", (FIRST + day) * DAY, "free"))
        used(ledger, f"new-{day}", 90.0, day)
        used(ledger, "old", 100.0, day)
        last = looked(ledger, book, day, CAPPED)
    assert last.usual == found.usual
    assert last.since > 0.0
    assert len(book.together) <= MOST_DAYS + 7


def test_who_counts_as_a_newcomer():
    ledger, book = Ledger(), Book()
    ledger.turn(FIRST * DAY + 1.0)
    born = FIRST * DAY
    others = [
        Known("proven", born, "free", proven=True), Known("payer", born, "free", payer=True),
        Known("paid", born, "free", settled_usd=10.0), Known("lately", born, "free", settled_30d_usd=10.0),
        Known("aged", born - 15 * DAY, "free"), Known("bare"), Known("member", born, "free"),
    ]  # fmt: skip
    newcomers = [
        Known("new", born, "free"), Known("cent", born, "free", settled_usd=9.0), Known("ageless", None, "free"),
        Known("disputed", born, "free", settled_usd=50.0, payment_status="disputed"), Known("mail", email_domain="a.b"),
    ]  # fmt: skip
    for known in (*others, *newcomers):
        ledger.know(known)
        used(ledger, known.account, 1.0, 0)
    used(ledger, "made up", 1000.0, 0)
    found = looked(ledger, book, 0, old=["member"])
    assert (found.taken, found.accounts, found.base) == (len(newcomers), len(newcomers), len(others))


def test_it_says_what_newcomers_of_a_surge_have_in_common():
    ledger, book, _ = played(ENOUGH + 1)
    day = ENOUGH
    for number in range(40):
        ledger.know(
            Known(f"x{number}", (FIRST + day) * DAY, "free", email_domain=f"{'farm' if number % 4 else 'any'}.example")
        )
        used(ledger, f"x{number}", 5.0, day, country="US", ja4="common", asn=64500 + number % 2)
    for number in range(60):
        ledger.know(Known(f"o{number}", (FIRST - 300) * DAY, "free", email_domain="any.example", proven=True))
        used(ledger, f"o{number}", 1.0, day, country="US", ja4="common", asn=number)
    found = looked(ledger, book, day)
    first, *rest = found.common
    assert (first.kind, first.value) in {
        ("mail", "an e-mail address at farm.example"),
        ("asn", "the network operator AS64500"),
    }
    assert {one.kind for one in (first, *rest)} == {"mail", "asn"}
    mail = next(one for one in found.common if one.kind == "mail")
    assert (mail.share, mail.usual) == (pytest.approx(30 / 41, abs=0.01), pytest.approx(1 / 63, abs=0.01))


def test_what_linked_accounts_cannot_get_lowers_no_other_ones_level():
    ledger, book, _ = played(ENOUGH + 1)
    day = ENOUGH
    for number in range(20):
        used(ledger, f"x{number}", 50.0, day, stopped=True)
        ledger.know(Known(f"x{number}", (FIRST + day) * DAY, "free"))
    members = {f"x{number}": ClusterMember(0.9, 0.0) for number in range(20)}
    book.clusters["h-1"] = KeptCluster("h-1", 0.0, 0.0, members=members)
    cluster = Cluster("h-1", 0.0, 20, 0.9, (), "shared", (), 0.0, 0.5)
    held = looked(ledger, book, day, clusters={"h-1": cluster})
    assert held.level > looked(ledger, book, day).level


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.5, 500.0), min_size=1, max_size=30), st.floats(5.0, 3000.0))
def test_the_level_shares_out_no_more_than_the_amount(wanted, amount):
    ledger, book = Ledger(), Book()
    ledger.turn(FIRST * DAY + 1.0)
    for number, units in enumerate(wanted):
        ledger.know(Known(f"a{number}", FIRST * DAY, "free"))
        used(ledger, f"a{number}", units, 0, stopped=True)
    level = looked(ledger, book, 0, structs.replace(SETTINGS, together=Held(units=amount, capped=True))).level
    got = sum(min(units, level) for units in wanted)
    if sum(wanted) <= (1 - SPARE) * amount:
        assert level == amount
    else:
        assert got == pytest.approx((1 - SPARE) * amount, rel=1e-4)


def test_it_outlives_the_linker_the_book_and_a_clock_that_was_ahead():
    _, book, found = played(ENOUGH + 1)
    linker = Linker(SETTINGS)
    linker.book = book
    after = Linker(SETTINGS)
    after.restore(linker.export())
    assert after.book.together == book.together
    links = Links((FIRST + ENOUGH + 1) * DAY, {}, {}, 1.0, together=found)
    again = msgspec.msgpack.decode(rebuilt(links), type=Book)
    assert usual_share(again) == (pytest.approx(found.usual), ENOUGH)
    book.surge = (FIRST + 300) * DAY
    book.together.append(DayTogether(FIRST + 300, 1.0, 1.0))
    book_until(book, (FIRST + ENOUGH + 1) * DAY)
    assert [day.day for day in book.together] == list(range(FIRST, FIRST + ENOUGH))
    assert book.surge == (FIRST + ENOUGH + 1) * DAY


def test_a_linker_publishes_it_in_each_epoch():
    linker = Linker(SETTINGS)
    linker.know(Known("a", FIRST * DAY, "free"))
    linker.see(Sighting(FIRST * DAY + 60.0, "a"))
    found = linker.epoch(FIRST * DAY + 120.0).together
    assert (found.taken, found.accounts, found.usual) == (1.0, 1, None)
