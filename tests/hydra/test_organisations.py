"""A verified organisation counts once it is old enough and has paid enough; its members share one quota before that."""

import msgspec
import numpy as np
import pytest

from reputation.hydra.book import Book, Standing
from reputation.hydra.ledger import Ledger
from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import LinkerSettings, Plans
from reputation.hydra.organisations import MOST_KEPT, Quotas, established
from reputation.hydra.overt import Places
from reputation.hydra.purse import Purses
from reputation.hydra.sightings import Known, Sighting
from tests.hydra.test_purse import NOW, PAID, RUNGS, TYPICAL, heavy, put

DAY = 86_400.0
FULL = {"free": 5000.0, "paid": 200_000.0}
PLANS = Plans({"free": 200.0}, 200.0, 1000.0, {"free": RUNGS, "paid": PAID}, RUNGS, "free", full=FULL)
SETTINGS = LinkerSettings(plans=PLANS)


def told(*members, verified=True):
    """A ledger of members: (age in days, settled dollars, payment status)."""
    ledger = Ledger()
    for number, (age, usd, status) in enumerate(members):
        ledger.know(
            Known(
                f"m{number}", NOW - age * DAY, "free", organisation="corp", organisation_verified=verified,
                settled_usd=usd, payment_status=status,
            )
        )  # fmt: skip
    return ledger


@pytest.mark.parametrize(
    ("members", "counts"),
    [
        ([(30, 60.0, "ok"), (1, 40.0, "ok")], True),
        ([(29, 60.0, "ok"), (1, 40.0, "ok")], False),
        ([(30, 60.0, "ok"), (1, 39.0, "ok")], False),
        ([(30, 60.0, "ok"), (1, 40.0, "disputed")], False),
        ([(30, None, None), (400, None, None)], False),
    ],
)
def test_an_organisation_counts_once_its_oldest_member_and_its_money_do(members, counts):
    assert established(told(*members), SETTINGS, {}, NOW).tolist() == [counts] * len(members)


def test_an_organisation_that_nobody_verified_never_counts_and_none_is_none():
    assert not established(told((90, 500.0, "ok"), verified=False), SETTINGS, {}, NOW).any()
    assert established(Ledger(), SETTINGS, {}, NOW).tolist() == []


def owned(usd=150.0, status="ok", organisation="corp"):
    """An owner that pays, who makes no requests."""
    return Known(
        "owner", NOW - 90 * DAY, "free", organisation=organisation, organisation_verified=True, settled_usd=usd,
        payment_status=status,
    )  # fmt: skip


def employee(later):
    """What is pushed and seen of a member that is in use."""
    known = Known("m", NOW - 60 * DAY, "free", organisation="corp", organisation_verified=True)
    return known, Sighting(NOW + later, "m")


def is_old(linker, later):
    known, seen = employee(later)
    linker.know(known)
    linker.see(seen)
    return linker.epoch(NOW + later).organisations["corp"][1]


def restarted(linker):
    after = Linker(SETTINGS)
    after.restore(linker.export())
    return after


def paid():
    linker = Linker(SETTINGS)
    linker.know(owned())
    assert is_old(linker, 60.0)
    return linker


def test_an_organisation_stays_established_after_its_owner_was_forgotten():
    linker = paid()
    for day in range(1, 60, 3):
        assert is_old(linker, day * DAY)
    assert "owner" not in linker.ledger.accounts.ids


def test_an_organisation_stays_established_after_a_restart_for_400_days():
    assert is_old(restarted(paid()), 399 * DAY)
    assert not is_old(restarted(paid()), 401 * DAY)


@pytest.mark.parametrize("owner", [owned(usd=50.0), owned(status="disputed"), owned(organisation="other")])
def test_what_was_established_ends_with_the_money_of_its_payer(owner):
    after = restarted(paid())
    after.know(owner)
    assert not is_old(after, DAY)
    assert not is_old(restarted(after), 2 * DAY)


def test_a_book_without_established_organisations_loads():
    book = msgspec.msgpack.decode(paid().export())
    place = Book.__struct_fields__.index("established")
    assert list(book[place]) == ["corp"]
    after = Linker(SETTINGS)
    after.restore(msgspec.msgpack.encode(book[:place]))
    assert not is_old(after, DAY)


def test_the_book_keeps_the_organisations_found_last():
    kept = {f"o{n}": Standing(NOW - n, {}) for n in range(MOST_KEPT + 5)}
    established(Ledger(), SETTINGS, kept, NOW)
    assert len(kept) == MOST_KEPT
    assert "o0" in kept


def quotas_of(ledger, bills=None, active=None):
    ledger.absorb()
    purses = Purses(ledger, SETTINGS, Places(ledger), TYPICAL, None, NOW)
    quotas = Quotas(ledger, purses, SETTINGS, bills or {}, established(ledger, SETTINGS, {}, NOW))
    return quotas.find(ledger.demand(), active or {}, NOW)


CORP = {"plan": "free", "organisation": "corp", "organisation_verified": True}


def staffed(*members, people=60, requests=heavy, hours=9):
    """Members with these facts in one verified organisation, next to so many proven accounts."""
    ledger, dice = Ledger(), np.random.default_rng(3)
    for number in range(people):
        put(ledger, f"k{number}", heavy(dice), 9, dice, plan="paid", proven=True, settled_usd=300.0)
    for number, facts in enumerate(members):
        put(ledger, f"m{number}", requests(dice), hours, dice, **CORP | facts)
    return ledger


def test_people_keep_their_own_allowances_and_have_a_typical_day_for_each_seat():
    ledger = staffed(*[{}] * 39, {"given": ("phone",)})
    alone = 39 * RUNGS["email"] + RUNGS["phone"]
    assert quotas_of(ledger)[0] == {"corp": (alone + 40 * TYPICAL, False)}
    assert quotas_of(ledger, active={"m0": 80.0})[0] == {"corp": (alone + 30.0 + 40 * TYPICAL, False)}


def test_proven_people_keep_their_own_limits_in_an_organisation():
    assert quotas_of(staffed({"proven": True}, *[{}] * 39))[0] == {
        "corp": (FULL["free"] + 39 * RUNGS["email"] + 40 * TYPICAL, False)
    }
    established_too = [{"proven": True, "settled_usd": 30.0}] * 40
    assert quotas_of(staffed(*established_too))[0] == {"corp": (40 * FULL["free"] + 40 * TYPICAL, True)}


@pytest.mark.parametrize("given", [(), ("phone",)])
def test_use_without_the_shape_of_people_has_what_the_best_member_has_alone(given):
    even = staffed(*[{}] * 39, {"given": given}, requests=lambda _: 88, hours=24)
    assert quotas_of(even)[0] == {"corp": (RUNGS["phone" if given else "email"], False)}
    proven = staffed(*[{}] * 39, {"proven": True}, requests=lambda _: 88, hours=24)
    assert quotas_of(proven)[0] == {"corp": (FULL["free"], False)}


@pytest.mark.parametrize(("seen_for_days", "units"), [(4, 0.0), (5, 40 * RUNGS["email"] + 40 * TYPICAL)])
def test_there_is_no_quota_before_members_were_seen_for_a_day(seen_for_days, units):
    """Members that are hours old seem to sleep, so nothing is known for or against them yet."""
    ledger = staffed(*[{}] * 40)
    ledger.absorb()
    young = [ledger.accounts.ids[f"m{number}"] for number in range(seen_for_days, 40)]
    ledger.floats["first"][young] = NOW - DAY / 2
    assert quotas_of(ledger)[0]["corp"][0] == units


def test_a_class_that_works_evenly_in_the_same_three_hours_is_of_people():
    ledger, dice = staffed(), np.random.default_rng(5)
    for number in range(40):
        put(ledger, f"m{number}", 88, 3, dice, start=13, **CORP)
    assert quotas_of(ledger)[0]["corp"][0] == 40 * RUNGS["email"] + 40 * TYPICAL


def test_there_is_no_quota_while_no_shape_of_people_can_be_learnt():
    assert quotas_of(staffed(*[{}] * 40, people=19))[0] == {"corp": (0.0, False)}
    assert quotas_of(staffed(*[{}] * 40, people=20))[0]["corp"][0] > 0.0


def test_an_established_organisation_has_what_a_proven_account_may_use_and_one_member_alone_has_no_quota():
    assert quotas_of(told((40, 80.0, "ok"), (2, 30.0, "ok")))[0] == {"corp": (5000.0, True)}
    assert quotas_of(told((2, 80.0, "ok")))[0] == {"corp": (0.0, False)}


def test_accounts_on_one_invoice_have_a_quota_too():
    ledger = staffed()
    for number in range(3):
        ledger.know(Known(f"m{number}", NOW - DAY, "free", card="fp", funding="credit", settled_usd=25.0))
    bills = dict.fromkeys(range(60, 63), 0)
    assert quotas_of(ledger, bills)[0] == {"card:fp": (150.0, False)}


@pytest.mark.parametrize(
    ("facts", "people", "quota"),
    [
        ({"proven": True, "settled_usd": 5000.0}, 60, 2 * FULL["paid"] + 2 * TYPICAL),
        ({"proven": True, "settled_usd": 5000.0}, 0, 2 * FULL["paid"] + 2 * TYPICAL),
        ({"settled_usd": 50.0}, 60, FULL["paid"]),
        ({"settled_usd": 49.0}, 60, 2 * PAID["email"] + 2 * TYPICAL),
    ],
)
def test_customers_on_one_card_have_at_least_the_plan_of_one(facts, people, quota):
    ledger, dice = staffed(people=people), np.random.default_rng(4)
    for name in ("a", "b"):
        put(ledger, name, 30, 9, dice, plan="paid", card="fp", funding="credit", **facts)
    bills = dict.fromkeys(range(people, people + 2), 0)
    assert quotas_of(ledger, bills)[0]["card:fp"][0] == quota


def test_one_customer_among_even_work_on_one_card_keeps_its_plan():
    ledger, dice = staffed(), np.random.default_rng(4)
    for number in range(40):
        facts = {"proven": True, "settled_usd": 5000.0} if number == 0 else {"settled_usd": 1.0}
        put(ledger, f"a{number}", 88, 24, dice, plan="paid", card="fp", funding="credit", **facts)
    assert quotas_of(ledger, dict.fromkeys(range(60, 100), 0))[0] == {"card:fp": (FULL["paid"], True)}


def test_what_members_have_earned_is_published_once_they_want_much_of_their_quota():
    for requests, earned in ((40, {}), (80, {"m0": 1000.0})):
        ledger = staffed({"settled_usd": 30.0}, {}, requests=lambda _: 1)
        ledger.know(Known("m0", NOW - 2 * DAY, **CORP, settled_usd=30.0))
        ledger.absorb()
        ledger.turn(NOW)
        ledger.see_many(Sighting(NOW - 60.0, f"m{number % 2}") for number in range(requests))
        assert quotas_of(ledger)[1] == earned
