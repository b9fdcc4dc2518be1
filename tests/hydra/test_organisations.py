"""A verified organisation counts once it is old enough and has paid enough; its members share one quota before that."""

import numpy as np
import pytest

from reputation.hydra.ledger import Ledger
from reputation.hydra.linker_settings import LinkerSettings, Plans
from reputation.hydra.organisations import Quotas, established
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
    assert established(told(*members), SETTINGS, NOW).tolist() == [counts] * len(members)


def test_an_organisation_that_nobody_verified_never_counts_and_none_is_none():
    assert not established(told((90, 500.0, "ok"), verified=False), SETTINGS, NOW).any()
    assert established(Ledger(), SETTINGS, NOW).tolist() == []


def quotas_of(ledger, bills=None):
    ledger.absorb()
    purses = Purses(ledger, SETTINGS, Places(ledger), TYPICAL, None, NOW)
    quotas = Quotas(ledger, purses, SETTINGS, bills or {}, established(ledger, SETTINGS, NOW))
    return quotas.find(ledger.demand(), NOW)


def test_members_have_the_allowance_of_the_best_of_them_and_a_typical_day_for_each_seat():
    ledger, dice = Ledger(), np.random.default_rng(3)
    for number in range(60):
        put(ledger, f"k{number}", heavy(dice), 9, dice, plan="paid", proven=True, settled_usd=300.0)
    for number in range(40):
        given = ("phone",) if number == 7 else ()
        put(
            ledger, f"m{number}", heavy(dice), 9, dice, plan="free", organisation="corp", organisation_verified=True,
            given=given,
        )  # fmt: skip
    found, _ = quotas_of(ledger)
    assert found == {"corp": (RUNGS["phone"] + 40 * TYPICAL, False)}


def test_an_established_organisation_has_what_a_proven_account_may_use_and_one_member_alone_has_no_quota():
    assert quotas_of(told((40, 80.0, "ok"), (2, 30.0, "ok")))[0] == {"corp": (5000.0, True)}
    assert quotas_of(told((2, 80.0, "ok")))[0] == {"corp": (0.0, False)}


def test_accounts_on_one_invoice_have_a_quota_too():
    ledger = Ledger()
    for number in range(3):
        ledger.know(Known(f"m{number}", NOW - DAY, "free", card="fp", funding="credit", settled_usd=25.0))
    assert quotas_of(ledger, {0: 0, 1: 0, 2: 0})[0] == {"card:fp": (50.0, False)}


def test_what_members_have_earned_is_published_once_they_want_much_of_their_quota():
    quiet, busy = told((2, 30.0, "ok"), (2, None, None)), told((2, 30.0, "ok"), (2, None, None))
    busy.see_many(Sighting(NOW - 60.0, f"m{number % 2}") for number in range(40))
    busy.turn(NOW)
    assert quotas_of(quiet)[1] == {}
    assert quotas_of(busy)[1] == {"m0": 1000.0}
