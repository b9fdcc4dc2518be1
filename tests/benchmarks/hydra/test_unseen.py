"""Honest people behind few addresses, odd customers, and hydras that copy people: each is what its row says."""

from collections import Counter, defaultdict
from functools import cache
from statistics import median

import msgspec
import numpy as np
import pytest

from benchmarks.hydra import ground, networks
from benchmarks.hydra.clock import DAY, HOUR, START
from benchmarks.hydra.populations import LOOKALIKES
from benchmarks.hydra.world import Spec, make, stream


@cache
def group(klass):
    """One group of a class at its full size: [(account, its senders)]."""
    land = ground.lay(np.random.default_rng([1, 0]), 3000, 600)
    return list(LOOKALIKES[klass].make(land, np.random.default_rng(1), 10 * round(LOOKALIKES[klass].share * 300)))


def addresses(klass):
    """Addresses that each account may leave through in the first days."""
    hours = [START + hour * HOUR for hour in range(96)]
    return {
        owner.id: {s.place(at, draw) for s in senders for at in hours for draw in np.arange(0.05, 1.0, 0.1)}
        for owner, senders in group(klass)
    }


def shared(klass):
    """How many accounts leave through each address."""
    return Counter(address for used in addresses(klass).values() for address in used)


def holders(klass, what):
    """Accounts by a value of their clients."""
    found = defaultdict(set)
    for owner, senders in group(klass):
        for sender in senders:
            found[getattr(sender.clients[0], what)].add(owner.id)
    return found


@pytest.mark.parametrize(
    ("klass", "exits"), [("call_centre", 2), ("school_district", 4), ("government", 2), ("satellite", 10)]
)
def test_all_leave_through_as_few_addresses_as_the_row_says(klass, exits):
    assert len(shared(klass)) == exits


def test_loaned_laptops_go_round_and_demo_accounts_are_used_on_many():
    assert len(holders("hack_days", "device")) >= 40
    most = max(len(accounts) for device, accounts in holders("hack_days", "device").items() if device)
    assert most > 10
    old = [senders for owner, senders in group("hack_days") if owner.created < START]
    assert len(old) == 18
    assert min(map(len, old)) > 3


def test_three_shifts_share_a_seat_and_never_work_at_once():
    assert {len(accounts) for accounts in holders("call_centre", "device").values()} == {3}
    assert len({(s.load.offset // HOUR) % 24 for _, [s] in group("call_centre")}) == 3


@pytest.mark.parametrize("klass", ["school_district", "government", "repositories", "reseller"])
def test_one_image_or_program_has_one_handshake(klass):
    assert len(holders(klass, "ja4")) == 1


def test_a_managed_image_has_a_device_for_each_pupil_and_the_filter_is_in_a_data_centre():
    assert len(holders("school_district", "device")) == 600
    assert {networks.holder(address).kind for address in shared("school_district")} == {"hosting"}


def test_passengers_are_aboard_for_some_hours():
    for _, senders in group("airline"):
        assert senders[1].end - senders[1].start < 12 * HOUR


def test_users_of_a_countrys_app_are_behind_its_carriers():
    assert len(holders("country_app", "user_agent")) == 1
    assert max(shared("country_app").values()) > 100
    assert {owner.facts["plan"] for owner, _ in group("country_app")} == {"free"}


@pytest.mark.parametrize(("klass", "cards"), [("reseller", 1), ("labelling", 1), ("repositories", 1)])
def test_one_company_pays_with_one_card(klass, cards):
    assert len({owner.facts["payment"]["fingerprint"] for owner, _ in group(klass)}) == cards


def test_one_account_of_a_fleet_pays_for_all_repositories():
    assert sorted({owner.settled for owner, _ in group("repositories")}) == [0.0, 900.0]


def test_queues_run_at_night():
    spec = Spec(honest=300, heads=0, levels=(), days=2, populations=("night_batch",))
    local = {account.id: senders[0].load.offset for account, senders in group("night_batch")}
    assert len(local) == 120
    world = make(spec)
    clocks = {s.account.id: s.load.offset + DAY / 2 for s in world.beside.senders}
    checks = [line for line in (msgspec.json.decode(text) for _, text in stream(world)) if "kind" not in line]
    hours = Counter(
        int((c["at"] + clocks[c["account"]["id"]]) % DAY // HOUR) for c in checks if c["account"]["id"] in clocks
    )
    assert set(hours) <= {1, 2, 3, 4}


def test_a_company_moves_in_one_day_and_takes_new_laptops():
    moved = {s.start for _, senders in group("migration") for s in senders if s.start > START + 2 * DAY}
    assert len(moved) < 30  # others sign up later
    assert all(len({s.clients[0].device for s in senders}) == len(senders) for _, senders in group("migration"))


def test_a_family_shares_a_card_a_line_and_a_tablet_and_one_pays():
    families = defaultdict(list)
    for owner, _ in group("family_plan"):
        families[owner.facts["payment"]["fingerprint"]].append(owner.settled)
    assert {sum(usd > 0 for usd in family) for family in families.values()} == {1}
    assert 4 <= median(len(family) for family in families.values()) <= 6
    assert {len(accounts) for accounts in holders("family_plan", "device").values()} <= {1, 2, 3, 4}


def test_a_template_has_one_first_prompt_and_an_apps_browser():
    assert len({senders[0].shapes for _, senders in group("template")}) == 1
    inside = sum("reel_" in senders[0].clients[0].user_agent for _, senders in group("template"))
    assert 0.6 < inside / 250 < 0.9


def test_a_private_browser_shows_another_device_each_time():
    for _, senders in group("privacy"):
        assert len({s.clients[0].device for s in senders}) == len(senders) == 12
        assert not any(s.clients[0].sessions for s in senders)


def test_cards_of_shops_are_prepaid_and_of_two_issuers():
    payments = [owner.facts["payment"] for owner, _ in group("gift_cards")]
    assert {payment["funding"] for payment in payments} == {"prepaid"}
    assert len({payment["iin"] for payment in payments}) == 2


def heads(level, **changes):
    world = make(Spec(honest=600, heads=60, levels=(level,), **changes))
    return world, world.hydra


def test_heads_that_copy_the_heavy_tail_are_used_unevenly_at_the_hours_of_their_country():
    _, hydra = heads("heavy_tail")
    daily = sorted(sender.load.daily for sender in hydra.senders)
    assert daily[-1] > 10 * median(daily)
    assert [account.wish for account in hydra.accounts] == [sender.load.daily for sender in hydra.senders]
    assert len({sender.load.offset for sender in hydra.senders}) > 4


def test_heads_come_over_a_month():
    _, hydra = heads("one_a_day")
    days = Counter((account.created - START) // DAY for account in hydra.accounts)
    assert len(days) > 20
    assert max(days.values()) < 10


def test_heads_are_bought_and_fresh():
    _, hydra = heads("mixed_purchase")
    old = sum(account.created < START - 50 * DAY for account in hydra.accounts)
    assert 0.2 < old / 60 < 0.6


def test_infected_devices_have_a_client_and_a_home_each():
    _, hydra = heads("infected_devices")
    assert len({sender.clients[0].device for sender in hydra.senders}) == 60
    assert len({sender.place(START, 0.99) for sender in hydra.senders}) == 60


def test_heads_in_a_campus_leave_through_its_addresses_and_its_students_are_victims():
    world, hydra = heads("in_a_campus")
    victims = {account.id for account in world.accounts if account.victim_of}
    students = [s for s in world.honest.senders if s.account.id in victims]
    there = {address for s in students for address in s.place.work.addresses}
    assert {address for s in hydra.senders for address in s.place.addresses} == there


def test_heads_work_on_one_day_of_ten_and_take_ten_days_worth():
    world, hydra = heads("days_off", days=7)
    days = defaultdict(list)
    names = {account.id for account in hydra.accounts}
    for at, text in stream(world):
        line = msgspec.json.decode(text)
        if "kind" not in line and line["account"]["id"] in names:
            days[line["account"]["id"]].append((at - START) // DAY)
    assert len(days) < 0.8 * len(names)
    assert median(len(set(found)) for found in days.values()) == 1
    assert median(map(len, days.values())) > 100
