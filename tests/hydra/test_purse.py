"""A cluster's purse is one allowance; seats of people that share openly add to it, and heads never do."""

import msgspec
import numpy as np
import pytest

from reputation.hydra.ledger import Ledger
from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import LinkerSettings, Plans
from reputation.hydra.links import NOTHING, decode, difference, encode, follow
from reputation.hydra.overt import Places
from reputation.hydra.purse import Purses
from reputation.hydra.sightings import Known, Sighting
from tests.hydra import crowd

DAY, HOUR = 86_400.0, 3600.0
NOW = 20_000 * DAY
TYPICAL = 10.0
RUNGS = {"email": 50.0, "phone": 100.0, "prepaid": 100.0, "card": 200.0, "money": 50.0}
PAID = {rung: 5 * units for rung, units in RUNGS.items()}
SETTINGS = LinkerSettings(plans=Plans({}, 200.0, 1000.0, {"free": RUNGS, "paid": PAID}, RUNGS))
OPEN = ("geography", "payment", "time")
CARD = {"plan": "paid", "card": "corp", "funding": "credit"}


def put(ledger, name, requests, hours, dice, device=None, start=None, **facts):
    """An account at a home of its own that is awake for so many hours a day, from `start` or an hour of its own on."""
    ledger.know(Known(name, NOW - 90 * DAY, **facts))
    begins = dice.integers(24) if start is None else start
    at = NOW - dice.integers(1, 5, size=requests) * DAY + ((begins + dice.uniform(0, hours, size=requests)) % 24) * HOUR
    where = {"host": f"10.{name}", "net": f"10.{name}/24", "asn": 7, "network": "residential"}
    ledger.see_many(Sighting(float(one), name, **where, device=device or name) for one in sorted(at))


def heavy(dice):
    return int(3 + 40 * np.exp(1.3 * dice.normal()))


def purse(
    members, families=OPEN, *, people=60, even=False, hours=9, settings=SETTINGS, disguised=0, device=None, seed=5
):
    """Size the purse of members with these facts, next to so many proven accounts."""
    ledger, dice = Ledger(), np.random.default_rng(seed)
    for number in range(people):
        put(ledger, f"k{number}", heavy(dice), 9, dice, plan="paid", proven=True, settled_usd=300.0)
    for number, facts in enumerate(members):
        put(ledger, f"m{number}", 88 if even else heavy(dice), hours, dice, device, **facts)
    ledger.absorb()
    numbers = np.array(sorted(ledger.accounts.ids[f"m{number}"] for number in range(len(members))))
    worn = crowd.items({int(n): [("disguise", 1)] for n in numbers[:disguised]}, ledger.size) if disguised else None
    return Purses(ledger, settings, Places(ledger), TYPICAL, worn, NOW).size(numbers, families)


def test_covert_evidence_leaves_one_typical_day():
    for family in ("session", "reaction", "rhythm", "origin"):
        assert purse([CARD] * 40, (*OPEN, family)) == TYPICAL
    assert purse([{"plan": "free"}] * 40) == TYPICAL
    twice = msgspec.structs.replace(SETTINGS, purse=2.0)
    assert purse([CARD] * 40, (*OPEN, "session"), settings=twice) == 2 * TYPICAL


def test_seats_of_people_on_one_credit_card_add_a_typical_day_each():
    assert purse([CARD] * 40) == PAID["email"] + 40 * TYPICAL
    assert purse([{"plan": "free", "organisation": "corp"}] * 40) == RUNGS["email"] + 40 * TYPICAL


def test_a_company_runs_one_program_on_its_clouds_machines():
    assert purse([CARD] * 40, (*OPEN, "software", "rotation", "model")) == PAID["email"] + 40 * TYPICAL
    assert purse([{"plan": "free", "organisation": "corp"}] * 40, ("organisation", "software")) == TYPICAL


def test_money_on_the_card_that_its_payer_does_not_want_is_for_all_accounts_on_it():
    payer = CARD | {"settled_usd": 900.0, "settled_30d_usd": 60.0}
    assert purse([CARD] * 40, even=True) == PAID["email"]
    assert purse([payer] + [CARD] * 39, even=True) == pytest.approx(PAID["email"] + 2000.0, abs=100)
    assert purse([payer | {"payment_status": "disputed"}] + [CARD] * 39, even=True) == TYPICAL


def test_colleagues_in_a_country_share_a_few_network_operators():
    assert purse([CARD] * 40, (*OPEN, "network")) == PAID["email"] + 40 * TYPICAL


def test_seats_end_at_the_setting():
    few = msgspec.structs.replace(SETTINGS, seats=15)
    assert purse([CARD] * 40, settings=few) == PAID["email"] + 15 * TYPICAL
    assert purse([CARD] * 40, settings=msgspec.structs.replace(SETTINGS, seats=0)) == PAID["email"]


@pytest.mark.parametrize("shape", [{"even": True}, {"hours": 24}, {"even": True, "hours": 24}])
def test_heads_on_one_credit_card_with_no_shape_of_people_have_no_seats(shape):
    assert purse([CARD] * 40, **shape) == PAID["email"]


def test_without_proven_accounts_no_shape_is_known():
    assert purse([CARD] * 40, people=19) == PAID["email"]
    assert purse([CARD] * 4, people=19) == PAID["email"] + 4 * TYPICAL


@pytest.mark.parametrize("facts", [{"funding": "prepaid"}, {"funding": "debit"}, {"disputes": 1}])
def test_only_an_undisputed_credit_card_is_overt(facts):
    assert purse([CARD | facts] * 40) == TYPICAL


def test_a_card_of_fewer_than_four_fifths_is_not_shared():
    assert purse([CARD] * 31 + [{"plan": "paid"}] * 9) == TYPICAL
    assert purse([CARD] * 32 + [{"plan": "paid"}] * 8) == PAID["email"] + 40 * TYPICAL


def test_a_company_whose_first_invoice_is_open_has_the_purse_of_its_plan():
    plans = msgspec.structs.replace(SETTINGS.plans, unsettled={"paid": "free"}, plan_usd=10.0)
    owing = msgspec.structs.replace(SETTINGS, plans=plans)
    members = [CARD | {"given": ("card",), "settled_usd": 0.0}] * 40
    assert purse(members, settings=owing) == purse(members) == PAID["card"] + 40 * TYPICAL


def test_one_disk_image_has_the_allowance_of_the_best_member():
    free, families = {"plan": "free"}, ("device", "software")
    assert purse([free] * 20, families, device="image") == RUNGS["email"]
    assert purse([free] * 19 + [free | {"given": ("phone", "card")}], families, device="image") == RUNGS["card"]
    assert purse([free] * 20, families) == TYPICAL


def test_disguise_on_more_than_a_fifth_is_covert():
    assert purse([CARD] * 40, disguised=8) > TYPICAL
    assert purse([CARD] * 40, disguised=9) == TYPICAL


def test_the_linker_publishes_the_purse_with_the_links():
    linker = Linker()
    crowd.honest(linker)
    crowd.hydra(linker)
    links = linker.epoch(crowd.NOW)
    (cluster,) = links.clusters.values()
    assert cluster.purse == links.typical_daily_use > 0
    assert follow(NOTHING, decode(encode(difference(NOTHING, links)))).clusters == links.clusters
