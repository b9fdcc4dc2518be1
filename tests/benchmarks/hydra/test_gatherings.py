"""Honest people who look like heads: each class has the shape that its description says."""

import ipaddress
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from benchmarks.hydra import gatherings, ground, networks
from benchmarks.hydra.clock import DAY, HOUR, START, WEEK
from benchmarks.hydra.honest import GATHERINGS
from benchmarks.hydra.model import is_payer
from benchmarks.hydra.world import Spec, make, stream

NEW = tuple(GATHERINGS)
ONE_GROUP = {"school": 25, "hackathon": 40, "company_trial": 40, "application": 150, "agency": 20, "launch": 150}


@cache
def people_of(klass, count=None, seed=1):
    """One batch of a class: [(account, its senders)]."""
    land = ground.lay(np.random.default_rng([seed, 0]), 3000, 6000)
    return list(GATHERINGS[klass].make(land, np.random.default_rng(seed), count or ONE_GROUP.get(klass, 150)))


@cache
def kinds():
    """Networks of the table as (first, last, kind), to say what an address is."""
    return [
        (first, first + (1 << (32 - bits)) - 1, source.kind) for source in networks.table() for first, bits in source.v4
    ]


def kinds_of(address):
    value = int(ipaddress.ip_address(address))
    return {kind for first, last, kind in kinds() if first <= value <= last}


def lines_of(klass):
    """(account id, check's client) of a class in a whole world's first days."""
    world = make(Spec(honest=2000, heads=0, levels=(), days=5, gatherings=True))
    names = {account.id for account in world.accounts if account.klass == klass}
    checks = (msgspec.json.decode(line) for _, line in stream(world))
    return [(c["account"]["id"], c["client"]) for c in checks if "kind" not in c and c["account"]["id"] in names]


def clients(found):
    return {(client.user_agent, client.ja4) for _, senders in found for s in senders for client in s.clients}


def created(found):
    return sorted(owner.created for owner, _ in found)


@pytest.mark.parametrize("klass", NEW)
def test_as_many_accounts_come_as_were_asked_for_and_all_of_their_class(klass):
    for count in (0, 1, 4, 31, 200):
        found = people_of(klass, count) if count else []
        assert len(found) == count
        assert all(owner.label == "honest" and owner.klass == klass and senders for owner, senders in found)


@pytest.mark.parametrize(("low", "high"), [(20, 30), (10, 30), (40, 400)])
def test_groups_have_their_size_but_for_the_last(low, high):
    for count in (1, low, high, high + 1, 5 * high + 7):
        sizes = list(gatherings._groups(np.random.default_rng(count), count, low, high))
        assert sum(sizes) == count
        assert all(low <= size <= high for size in sizes[:-1])
        assert sizes[-1] <= high


def test_pupils_share_one_line_and_one_model_of_tablet_and_none_pays():
    found = people_of("school")
    assert len({s.place for _, senders in found for s in senders if s.load.fixed}) == 1
    assert len(clients(found)) == 1
    assert len({senders[0].clients[0].device for _, senders in found}) == len(found)
    assert all(owner.facts["payment"]["status"] == "none" for owner, _ in found)
    assert created(found)[-1] - created(found)[0] <= 25 * 60


def test_pupils_have_two_lessons_a_day_for_some_days_and_a_few_go_on_at_home():
    found = people_of("school", 300)
    for _, senders in found:
        days = Counter(int((s.end - START) // DAY) for s in senders if s.load.fixed)
        assert 2 <= len(days) <= 4
        assert set(days.values()) == {2}
    assert 0.1 < sum(len(senders) % 2 for _, senders in found) / len(found) < 0.3


def test_hackathon_people_share_the_starter_kit_and_the_venue():
    found = people_of("hackathon")
    assert len(clients(found)) == 1
    assert len({senders[0].place for _, senders in found}) == 1
    assert all(client.device is None for _, senders in found for s in senders for client in s.clients)


def test_a_third_of_a_hackathon_has_a_hosted_machine_each_and_a_third_goes_on_from_home():
    found = people_of("hackathon", 400)
    rented = [s.place.address for _, senders in found for s in senders[1:] if s.load.fixed]
    later = [s for _, senders in found for s in senders if not s.load.fixed]
    assert 0.25 < len(rented) / len(found) < 0.42
    assert 0.25 < len(later) / len(found) < 0.42
    assert len(set(rented)) == len(rented)
    assert all("hosting" in kinds_of(address) for address in rented)
    assert all(s.end == START + WEEK for s in later)


def test_seats_on_trial_are_unpaid_of_one_week_and_of_two_models_of_laptop():
    found = people_of("company_trial")
    assert len(clients(found)) == 2
    assert all(owner.facts["plan"] == "free" for owner, _ in found)
    assert all("fingerprint" not in owner.facts["payment"] for owner, _ in found)
    assert created(found)[-1] - created(found)[0] <= 5 * DAY
    assert len({s.place(START + 3 * HOUR, 0.0) for _, [s] in found}) > 1


def test_companies_on_trial_have_an_unverified_organisation_or_none():
    organisations = [owner.facts.get("organisation") for owner, _ in people_of("company_trial", 1000)]
    assert None in organisations
    assert {o["verified"] for o in organisations if o} == {False}


def test_users_of_an_application_share_it_and_not_their_addresses():
    found = people_of("application")
    assert len(clients(found)) == 1
    models = Counter(s.model for _, senders in found for s in senders)
    assert models.most_common(1)[0][1] > 0.85 * models.total()
    launched = min(s.start for _, senders in found for s in senders)
    soon = sum(launched - HOUR <= owner.created <= launched + 2 * DAY for owner, _ in found)
    assert 0.5 < soon / len(found) < 0.9
    assert 0 < sum(owner.facts["plan"] == "paid" for owner, _ in found) < 0.25 * len(found)


def test_agency_accounts_share_a_card_a_server_and_an_office():
    found = people_of("agency")
    assert len({owner.facts["payment"]["fingerprint"] for owner, _ in found}) == 1
    assert all(owner.settled >= 40 for owner, _ in found)
    assert {len({senders[n].place for _, senders in found}) for n in (0, 1)} == {1}
    assert "hosting" in kinds_of(found[0][1][0].place.address)


def test_agencies_signed_up_over_months_or_this_week_and_the_old_ones_are_payers():
    by_card = defaultdict(list)
    for owner, _ in people_of("agency", 400):
        by_card[owner.facts["payment"]["fingerprint"]].append(owner)
    fresh = {card for card, owners in by_card.items() if min(o.created for o in owners) >= START}
    assert 0 < len(fresh) < len(by_card)
    for card, owners in by_card.items():
        assert all(is_payer(owner, START) == (card not in fresh) for owner in owners)


def test_launch_sign_ups_lie_within_hours_and_half_leave_after_a_day():
    found = people_of("launch", 300)
    times = created(found)
    assert times[-1] - times[0] <= 8 * HOUR
    assert max(later - sooner for sooner, later in pairwise(times)) < 2 * HOUR
    assert 0.4 < sum(s.end == owner.created + DAY for owner, [s] in found) / len(found) < 0.6
    assert len(clients(found)) > 20


def test_customers_of_a_service_share_its_addresses_and_sdk_and_are_of_all_ages():
    found = people_of("saas", 100)
    services = {tuple(s.place.addresses) for _, [s] in found}
    assert len(clients(found)) <= len(services) <= 4
    cards = [owner.facts["payment"].get("fingerprint") for owner, _ in found]
    assert len(set(filter(None, cards))) == len(list(filter(None, cards))) > 20
    ages = [START - owner.created for owner, _ in found]
    assert min(ages) < 30 * DAY < 365 * DAY < max(ages)


def test_a_service_leaves_through_two_to_eight_hosted_addresses_without_device_or_session():
    checks = lines_of("saas")
    addresses = {client["ip"] for _, client in checks}
    assert 2 <= len(addresses) <= 8
    assert all("hosting" in kinds_of(address) for address in addresses)
    assert all("device" not in client and "session" not in client for _, client in checks)
    users = defaultdict(set)
    for name, client in checks:
        users[client["ip"]].add(name)
    assert all(len(found) > 1 for found in users.values())
