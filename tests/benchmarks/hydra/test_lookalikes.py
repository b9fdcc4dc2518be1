"""Honest populations beside the ordinary classes: each has the shape of its description, and changes nobody else."""

import ipaddress
from collections import Counter, defaultdict
from functools import cache
from statistics import median

import msgspec
import numpy as np
import pytest

from benchmarks.hydra import ground, networks, truth, worlds
from benchmarks.hydra.clock import DAY, HOUR, START, WEEK, weekday
from benchmarks.hydra.model import is_payer
from benchmarks.hydra.populations import LOOKALIKES
from benchmarks.hydra.world import Spec, make, stream

ALONE = Spec(honest=150, heads=12, levels=("L3",), days=2)
BESIDE = msgspec.structs.replace(ALONE, populations=tuple(LOOKALIKES))
SIZES = {
    "remote_company": 110, "charity": 100, "course": 200, "verified_course": 200, "accelerator": 60,
    "freelancer": 25, "front_page": 300, "rare_client": 30,
    "arrears": 500, "sdk_servers": 180, "mislabelled_office": 115, "mislabelled_room": 40,
    "cron": 150, "remote_course": 120, "shift": 90, "outage": 150, "followers": 90, "night_shift": 90, "appliance": 90,
    "antivirus": 240, "inspected": 120,
    "hack_days": 180, "call_centre": 270, "school_district": 600, "government": 240, "airline": 90, "satellite": 120,
    "country_app": 300, "reseller": 120, "labelling": 150, "repositories": 200, "night_batch": 120, "migration": 150,
    "family_plan": 200, "template": 250, "privacy": 120, "gift_cards": 100,
    "forks": 90, "support_desk": 90, "shared_prompts": 100, "relief_team": 80, "comeback": 150,
}  # fmt: skip


@cache
def group(klass):
    """One group of a class at its full size: [(account, its senders)]."""
    land = ground.lay(np.random.default_rng([1, 0]), 300, 600)
    return list(LOOKALIKES[klass].make(land, np.random.default_rng(1), SIZES[klass]))


@cache
def lines(spec):
    return [line for _, line in stream(make(spec))]


def payments(klass, what):
    return {owner.facts["payment"].get(what) for owner, _ in group(klass)}


def clients(klass):
    return {client for _, senders in group(klass) for s in senders for client in s.clients}


def span(klass):
    times = sorted(owner.created for owner, _ in group(klass))
    return times[-1] - times[0]


def is_hosting(address):
    found = ipaddress.ip_address(address)
    nets = ((first, bits) for n in networks.table() if n.kind == "hosting" for first, bits in n.v4)
    return any(int(found) >> (32 - bits) == first >> (32 - bits) for first, bits in nets)


@pytest.mark.parametrize("klass", LOOKALIKES)
def test_as_many_come_as_were_asked_for_and_beside_3000_each_has_its_full_size(klass):
    assert len(group(klass)) == SIZES[klass]
    assert round(LOOKALIKES[klass].share * 3000) == pytest.approx(SIZES[klass], abs=1)
    assert all(owner.label == "honest" and owner.klass == klass and senders for owner, senders in group(klass))


def test_the_others_lines_are_the_same_with_populations_beside_them():
    known = set(truth.of(make(ALONE)).accounts)
    read = [msgspec.json.decode(line) for line in lines(BESIDE)]
    names = [line["id"] if "kind" in line else line["account"]["id"] for line in read]
    kept = [line for line, name in zip(lines(BESIDE), names, strict=True) if name in known]
    assert kept == lines(ALONE)
    assert set(names) - known


def test_the_same_seed_gives_the_same_populations_and_a_population_does_not_depend_on_the_others():
    assert lines(BESIDE) == [line for _, line in stream(make(BESIDE))]
    alone = make(msgspec.structs.replace(BESIDE, populations=("arrears",)))
    together = [account for account in make(BESIDE).accounts if account.klass == "arrears"]
    assert [account.id for account in alone.beside.accounts] == [account.id for account in together]


@pytest.mark.parametrize("klass", LOOKALIKES)
def test_loads_are_not_cut_off(klass):
    stay = [[s for s in senders if s.end == START + WEEK] or senders for _, senders in group(klass)]
    daily = sorted(sum(s.load.daily for s in senders) for senders in stay)
    assert daily[-1] > 3 * median(daily)
    assert all(s.load.fixed for _, senders in group(klass) for s in senders)


def test_ordinary_loads_are_cut_off_unless_the_spec_says_not():
    def heaviest(**changed):
        spec = Spec(honest=1500, heads=0, levels=(), **changed)
        return max(s.load.daily for s in make(spec).honest.senders if not s.load.fixed and s.account.settled < 1)

    assert heaviest() <= 60 < heaviest(uncapped=True)


@pytest.mark.parametrize("klass", ["remote_company", "arrears"])
def test_seats_in_arrears_are_of_one_week_on_one_credit_card_with_nothing_settled(klass):
    assert len(payments(klass, "fingerprint")) == 1
    assert (payments(klass, "funding"), payments(klass, "status")) == ({"credit"}, {"failed"})
    assert payments(klass, "settled_usd") == {0.0}
    assert span(klass) < 5 * DAY
    assert {owner.facts["plan"] for owner, _ in group(klass)} == {"paid"}


def test_a_remote_company_has_no_office_and_homes_in_three_countries():
    assert len({s.load.offset for _, [s] in group("remote_company")}) <= 3
    assert len({s.place(START, 0.9) for _, [s] in group("remote_company")}) == SIZES["remote_company"]


def test_an_office_in_arrears_is_one_address_in_office_hours():
    offset = group("arrears")[0][1][0].load.offset
    there = Counter(s.place(START + 12 * HOUR - offset, 0.5) for _, [s] in group("arrears"))
    assert there == {there.most_common(1)[0][0]: SIZES["arrears"]}


def test_cloned_laptops_have_one_device_id_and_half_of_the_charities_pay_25_each():
    assert len({client.device for client in clients("charity")}) == 2
    paying = [owner for owner, _ in group("charity") if is_payer(owner, START)]
    assert len(paying) == 50
    assert {owner.settled for owner, _ in group("charity")} == {0.0, 25.0}


def test_students_come_on_two_afternoons_a_week_from_one_campus_network():
    spec = Spec(honest=300, heads=0, levels=(), days=7, populations=("course",))
    world = make(spec)
    names = {account.id for account in world.beside.accounts}
    checks = [c for c in map(msgspec.json.decode, lines(spec)) if "kind" not in c and c["account"]["id"] in names]
    offset = world.beside.senders[0].load.offset
    # a session that began in the afternoon may run on
    assert {weekday(c["at"] + offset) for c in checks} == {1, 3}
    assert all(13 <= (c["at"] + offset) % DAY / HOUR < 19 for c in checks)
    assert len({c["client"]["ip"].rpartition(".")[0] for c in checks}) == 1
    each = Counter((c["account"]["id"], weekday(c["at"] + offset)) for c in checks)
    assert 20 < median(each.values()) < 120


def test_students_of_a_verified_university_differ_from_the_others_in_that_alone():
    (plain, _), (verified, _) = (group(klass)[0] for klass in ("course", "verified_course"))
    assert verified.facts.pop("organisation") == {"id": verified.domain, "verified": True}
    assert plain.facts == verified.facts


def test_startups_share_the_wifi_two_issuers_and_two_clouds():
    assert len(payments("accelerator", "iin")) == 2
    assert len(payments("accelerator", "fingerprint")) == SIZES["accelerator"]
    assert len({desk.place.work for _, (desk, _) in group("accelerator")}) == 1
    servers = [server.place.address for _, (_, server) in group("accelerator")]
    assert len(set(servers)) == SIZES["accelerator"]
    assert all(map(is_hosting, servers))


def test_a_freelancer_has_one_card_one_laptop_and_one_home_and_most_accounts_are_payers():
    assert len(payments("freelancer", "fingerprint")) == len(clients("freelancer")) == 1
    assert len({s.place for _, [s] in group("freelancer")}) == 1
    assert 15 <= sum(is_payer(owner, START) for owner, _ in group("freelancer")) < 25


def test_a_front_page_brings_sign_ups_within_30_hours_most_on_one_sdk():
    assert 12 * HOUR < span("front_page") <= 30 * HOUR
    ways = Counter((s.clients[0].user_agent, s.clients[0].ja4) for _, [s] in group("front_page"))
    assert 0.6 < ways.most_common(1)[0][1] / SIZES["front_page"] < 0.85


def test_a_rare_client_is_used_by_payers_alone_who_make_some_150_a_day():
    assert len({(client.user_agent, client.ja4) for client in clients("rare_client")}) == 1
    assert all(is_payer(owner, START) for owner, _ in group("rare_client"))
    assert 75 < median(s.load.daily for _, [s] in group("rare_client")) < 300


def test_servers_have_five_handshakes_and_one_makes_5000_a_day():
    assert len({client.ja4 for client in clients("sdk_servers")}) == 5
    assert max(s.load.daily for _, [s] in group("sdk_servers")) >= 5000
    assert all(is_hosting(s.place.address) for _, [s] in group("sdk_servers"))


def test_a_mislabelled_office_is_on_a_hosting_address_with_people_of_all_ages():
    assert is_hosting(group("mislabelled_office")[0][1][0].place.work.address)
    assert len({s.place.work for _, [s] in group("mislabelled_office")}) == 1
    ages = [START - owner.created for owner, _ in group("mislabelled_office")]
    assert min(ages) < 30 * DAY < 365 * DAY < max(ages)


def test_a_mislabelled_room_signs_up_within_25_minutes_on_a_hosting_address():
    assert span("mislabelled_room") <= 25 * 60
    rooms = {there.place for _, (there, _) in group("mislabelled_room")}
    assert len(rooms) == 1
    assert is_hosting(next(iter(rooms)).address)


def checks_of(klass, days=4, honest=300):
    """Times of requests by account, of a class in a world, and a sender of each account."""
    spec = Spec(honest=honest, heads=0, levels=(), days=days, populations=(klass,))
    world, found = make(spec), defaultdict(list)
    names = {account.id for account in world.beside.accounts}
    for at, line in stream(world):
        check = msgspec.json.decode(line)
        if "kind" not in check and check["account"]["id"] in names:
            found[check["account"]["id"]].append(at)
    return found, {s.account.id: s for s in world.beside.senders}


def test_a_schedule_starts_programs_on_the_quarters_of_an_hour():
    found, senders = checks_of("cron")
    after = [at % (HOUR / 4) for times in found.values() for at in times]
    assert median(after) < 300
    assert min(after) < 1
    assert {is_hosting(sender.place(START, 0.9)) for sender in senders.values()} == {True, False}


def test_a_remote_course_and_shifts_pause_together():
    for klass, lunch in (("remote_course", 12), ("shift", 12), ("night_shift", 1), ("night_shift", 4)):
        found, senders = checks_of(klass)
        hours = Counter(
            int((at + senders[name].load.offset) % DAY // HOUR) for name, times in found.items() for at in times
        )
        assert hours[lunch] < 0.3 * hours[lunch + 1], klass
        homes = len({senders[name].place(START, 0.9) for name in found})
        assert homes == (1 if klass == "night_shift" else len(found))


def test_phones_of_a_carrier_that_is_out_of_service_are_silent_twice():
    found, _ = checks_of("outage", honest=3000)
    times = np.sort(np.concatenate(list(found.values())))
    days = np.diff(times[(times - START) % DAY > 0])
    assert np.sort(days)[-2] > 0.75 * HOUR
    assert len({sender.place.addresses[0] for _, senders in group("outage") for sender in senders}) == 1


def test_an_extension_reads_events_at_once_and_not_at_night():
    found, senders = checks_of("followers", honest=1500)
    slots = Counter(int(at // 600) for times in found.values() for at in times)
    assert sum(count for _, count in slots.most_common(96)) > 0.95 * sum(slots.values())
    hours = Counter(
        int((at + senders[name].load.offset) % DAY // HOUR) for name, times in found.items() for at in times
    )
    assert sum(hours[hour] for hour in range(1, 7)) < 0.15 * sum(hours.values())


def test_a_program_at_home_reads_events_at_night_too():
    found, senders = checks_of("appliance", honest=1500)
    assert len({client.user_agent for client in clients("appliance")}) == 1
    hours = Counter(
        int((at + senders[name].load.offset) % DAY // HOUR) for name, times in found.items() for at in times
    )
    assert sum(hours[hour] for hour in range(6)) > 0.1 * sum(hours.values())


def test_products_on_the_way_have_one_handshake_over_many_browsers():
    for klass, handshakes in (("antivirus", 3), ("inspected", 1)):
        opened = {
            client for client in clients(klass) if "Mobile" not in client.user_agent and "App" not in client.user_agent
        }
        by_ja4 = defaultdict(set)
        for client in opened:
            by_ja4[client.ja4].add(client.user_agent)
        assert len(by_ja4) == handshakes, klass
        assert all(len(agents) > 5 for agents in by_ja4.values()), klass


def test_a_companys_gateway_is_in_three_hosting_networks_and_its_seats_are_of_all_ages():
    addresses = {sender.place(START + hour * HOUR, 0.5) for _, (sender,) in group("inspected") for hour in range(48)}
    assert len(addresses) <= 9
    assert all(map(is_hosting, addresses))
    ages = sorted(START - owner.created for owner, _ in group("inspected"))
    assert ages[len(ages) // 4] < 14 * DAY < ages[-len(ages) // 3]


def test_the_command_takes_all_populations_or_some_and_says_which_there_are(tmp_path, capsys):
    small = ["--level", "none", "--honest", "150", "--days", "1", "--out", str(tmp_path / "w.jsonl")]
    classes = defaultdict(set)
    for words in ([], ["--populations", "charity,course"], ["--populations"]):
        worlds.main([*small, *words])
        found = truth.read(tmp_path / "w.truth.json").accounts.values()
        classes[len(words), len(classes)] = {fact.klass for fact in found} & set(LOOKALIKES)
    assert list(classes.values()) == [set(), {"charity", "course"}, set(LOOKALIKES)]
    with pytest.raises(SystemExit):
        worlds.main([*small, "--populations", "chariti"])
    assert "remote_company" in capsys.readouterr().err
