"""The linker as a whole: who is linked, who is not, and that it says the same twice."""

import random
import subprocess
import sys

import pytest

from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.links import NOTHING, decode, difference, encode, follow
from reputation.hydra.sightings import Known, OperatorRuling, Sighting
from tests.hydra.crowd import DAY, HOUR, NOW, application, classroom, company, honest, hydra, room, sightings


def linked(links, names):
    return [name for name in names if name in links.members]


def test_a_hydra_is_one_cluster_and_nobody_else_is_in_one():
    linker = Linker()
    people, heads = honest(linker), hydra(linker)
    links = linker.epoch(NOW)
    assert len(linked(links, heads)) == len(heads)
    assert not linked(links, people)
    (cluster,) = links.clusters.values()
    assert cluster.size == len(heads)
    assert len(cluster.families) >= 3
    assert cluster.standing == "restricted"
    assert cluster.evidence[0].nats > cluster.evidence[-1].nats
    assert 0 < cluster.level * cluster.size <= links.typical_daily_use * 1.001


def test_evidence_names_the_members_to_draw_that_hold_it():
    """For a picture: a value that all members have is held by all that are drawn, and nobody else is named."""
    linker = Linker()
    honest(linker)
    heads = hydra(linker, 80)
    (cluster,) = linker.epoch(NOW).clusters.values()
    assert len(cluster.drawn) == len(set(cluster.drawn) & set(heads)) == min(cluster.size, 60)
    common = [evidence for evidence in cluster.evidence if evidence.members == cluster.size]
    assert common
    assert all(evidence.holders == tuple(range(len(cluster.drawn))) for evidence in common)
    assert all(set(evidence.holders) <= set(range(len(cluster.drawn))) for evidence in cluster.evidence)


def test_a_workshop_room_is_not_linked():
    linker = Linker()
    honest(linker)
    people = room(linker)
    assert not linked(linker.epoch(NOW), people)


def test_a_hydra_beside_a_room_does_not_pull_it_in():
    linker = Linker()
    honest(linker)
    people, heads = room(linker), hydra(linker)
    links = linker.epoch(NOW)
    assert not linked(links, people)
    assert len(linked(links, heads)) == len(heads)


def test_a_verified_organisation_is_not_linked():
    linker = Linker()
    honest(linker)
    assert not linked(linker.epoch(NOW), company(linker, verified=True, settled=0.0))


def test_one_invoice_is_overt_and_named_as_such():
    linker = Linker()
    honest(linker)
    seats = company(linker, verified=False, settled=25.0)
    links = linker.epoch(NOW)
    assert not linked(links, seats)
    assert {links.invoices[seat] for seat in seats} == {"corp-card"}


def test_seats_without_a_paid_invoice_are_linked_in_a_data_centre_and_left_alone_in_an_office():
    linker = Linker()
    honest(linker)
    seats = company(linker, verified=False, settled=0.0, network="hosting")
    assert len(linked(linker.epoch(NOW), seats)) > 90
    linker = Linker()
    honest(linker)
    seats = company(linker, verified=False, settled=0.0, network="business")
    links = linker.epoch(NOW)
    assert not linked(links, seats)


def test_reserves_grow_with_the_accounts_above_suspicion_in_use():
    linker = Linker(LinkerSettings(reserves={"free/email": 100.0}, reserve_accounts=60))
    honest(linker)  # 200 of them are proven
    links = linker.epoch(NOW)
    assert links.reserves == 3.0
    assert links.levels == {"free/email": 300.0}


def test_a_class_on_identical_machines_is_not_linked_and_the_same_in_a_data_centre_is():
    linker = Linker()
    honest(linker)
    people = classroom(linker)
    assert not linked(linker.epoch(NOW), people)
    linker = Linker()
    honest(linker)
    heads = classroom(linker, network="hosting")
    assert len(linked(linker.epoch(NOW), heads)) == len(heads)


def test_users_of_one_application_are_not_linked_by_what_it_and_its_day_have_in_common():
    linker = Linker()
    honest(linker)
    people = application(linker)
    assert not linked(linker.epoch(NOW), people)


def behind_homes(linker, count=12, **card):
    """New accounts in homes of their own with a handshake that nobody else has, too few for a cell of three values."""
    rng = random.Random(8)
    honest(linker, 150)
    names = [f"r{n}" for n in range(count)]
    for n, name in enumerate(names):
        linker.know(Known(name, NOW - 5 * HOUR - rng.uniform(0, 2 * HOUR), "free", **card))
        linker.see_many(
            sightings(
                name, rng, 8, spread=5 * HOUR, host=f"10.8.{n}.7", net=f"10.8.{n}.0/24", asn=100 + 3 * n % 40,
                country="US", ja4="ja4-relay", user_agent="Mozilla/5.0 (Windows NT 10.0) Chrome/140.0",
            )
        )  # fmt: skip
    return names


def test_a_small_hydra_with_a_handshake_of_its_own_is_linked_by_what_else_its_heads_share():
    linker = Linker(LinkerSettings(without=("cells",)))
    heads = behind_homes(linker, iin="533333", funding="prepaid")
    assert sorted(linker.epoch(NOW).members) == sorted(heads)
    without = Linker(LinkerSettings(without=("cells", "fingerprints")))
    assert not linked(without.epoch(NOW), behind_homes(without, iin="533333", funding="prepaid"))


def test_newcomers_with_a_handshake_and_a_day_of_their_own_are_users_of_one_application():
    linker = Linker()
    assert not linked(linker.epoch(NOW), behind_homes(linker))


def test_proven_accounts_and_payers_are_not_linked_by_network_and_software_alone():
    linker = Linker()
    honest(linker)
    heads = hydra(linker)
    for name in heads[:10]:
        linker.know(Known(name, NOW - 500 * DAY, "paid", proven=True))
    for name in heads[10:20]:
        linker.know(Known(name, NOW - 20 * DAY, "paid", payer=True))
    assert not linked(linker.epoch(NOW), heads[:20])


@pytest.mark.parametrize("kind", ["session", "device"])
def test_what_is_not_bound_links_unproven_accounts_only(kind):
    for bound, proven, count in (((kind,), 2, 30), ((), 2, 0), ((), 31, 29)):
        linker = Linker(LinkerSettings(bound=bound))
        honest(linker)
        heads = relayed(linker, kind, proven)
        assert len(linked(linker.epoch(NOW), heads)) == count


def test_sessions_that_go_from_account_to_account_link_even_proven_ones():
    linker = Linker()
    people = honest(linker)
    heads = relayed(linker)
    links = linker.epoch(NOW)
    assert len(linked(links, heads)) == 30
    assert not linked(links, people)


def relayed(linker, kind="session", proven=2):
    """Aged accounts on a relay, every so many-th one proven; each shares a session or device with the two after it."""
    rng = random.Random(5)
    heads = [f"r{n}" for n in range(30)]
    for n, name in enumerate(heads):
        linker.know(Known(name, NOW - (100 + n) * DAY, "paid", proven=n % proven == 0))
        for peer in (n, (n + 1) % 30, (n + 2) % 30):
            linker.see_many(
                sightings(
                    name,
                    rng,
                    4,
                    host=f"10.9.{n}.1",
                    net=f"10.9.{n}.0/24",
                    asn=200 + n,
                    ja4="go",
                    user_agent="Mozilla/5.0 (X11; Linux) Chrome/1.0",
                    **{kind: f"s{peer}"},
                )
            )
    return heads


def test_ids_stay_while_a_cluster_grows_and_its_members_go_on():
    linker = Linker()
    honest(linker)
    hydra(linker, 40)
    first = linker.epoch(NOW)
    hydra(linker, 30, seed=9, prefix="y")
    second = linker.epoch(NOW + 900)
    assert list(first.clusters) == list(second.clusters)
    assert second.clusters[next(iter(first.clusters))].size == 70
    assert second.clusters[next(iter(first.clusters))].since == NOW


def test_membership_outlasts_a_quiet_epoch_and_ends_after_two_days_without_evidence():
    linker = Linker()
    honest(linker)
    heads = hydra(linker)
    linker.epoch(NOW)
    strict = LinkerSettings(without=("cells", "fingerprints"))
    linker.settings = strict
    assert linked(linker.epoch(NOW + HOUR), heads)
    for name in heads:
        linker.see(Sighting(NOW + 50 * HOUR, name))
    assert not linked(linker.epoch(NOW + 50 * HOUR), heads)


def test_operators_release_pin_bless_and_split():
    linker = Linker()
    honest(linker)
    heads = hydra(linker)
    (cluster,) = linker.epoch(NOW).clusters
    linker.apply_ruling(OperatorRuling("release", account=heads[0], until=NOW + DAY), NOW)
    linker.apply_ruling(OperatorRuling("pin", cluster, "h3"), NOW)
    linker.apply_ruling(OperatorRuling("bless", cluster), NOW)
    links = linker.epoch(NOW + 900)
    assert heads[0] not in links.members
    assert links.members["h3"] == (cluster, 1.0)
    assert links.clusters[cluster].standing == "blessed"
    linker.apply_ruling(OperatorRuling("split", cluster), NOW + 900)
    assert not linked(linker.epoch(NOW + 1800), heads)


def test_labels_beside_links_are_what_challenges():
    linker = Linker()
    honest(linker)
    heads = hydra(linker)
    for name in heads[:6]:
        linker.outcome(name, "chargeback", NOW)
    (cluster,) = linker.epoch(NOW).clusters.values()
    assert cluster.standing == "challenged"


def test_with_key_address_and_user_agent_alone_one_script_on_one_address_is_found_and_homes_are_not():
    rng = random.Random(1)
    linker = Linker()
    for n in range(300):
        for at in (50, 30, 10):
            linker.see(
                Sighting(
                    NOW - at * HOUR + n,
                    f"k{n}",
                    host=f"10.1.{n % 250}.{n // 250}",
                    net=f"10.1.{n % 250}.0/24",
                    asn=n % 30,
                    user_agent=f"Mozilla/5.0 ({rng.choice('abcdef')})",
                )
            )
    heads = [f"x{n}" for n in range(100)]
    for name in heads:
        linker.see_many(
            sightings(
                name, rng, 6, spread=5 * HOUR, host="172.16.0.1", net="172.16.0.0/24", asn=64500, user_agent="script/1"
            )
        )
    links = linker.epoch(NOW)
    assert not linked(links, [f"k{n}" for n in range(300)])


def test_nothing_known_gives_an_empty_snapshot():
    links = Linker().epoch(NOW)
    assert not links.members
    assert links.typical_daily_use == LinkerSettings().prior_use


SCRIPT = """
import hashlib, msgspec
from reputation.hydra.linker import Linker
from tests.hydra.crowd import NOW, honest, hydra, room
linker = Linker(); honest(linker); hydra(linker); room(linker)
out = msgspec.json.encode([linker.epoch(NOW + n * 900).members for n in range(3)]) + linker.export()
print(hashlib.sha256(out).hexdigest())
"""


def test_two_runs_give_the_same_bytes_whatever_the_hash_seed():
    runs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_clusters_survive_a_restart_with_their_ids():
    linker = Linker()
    honest(linker)
    hydra(linker)
    before = linker.epoch(NOW)
    after = Linker()
    after.restore(linker.export())
    assert after.epoch(NOW + 60).members == before.members
    assert list(after.epoch(NOW + 60).clusters) == list(before.clusters)


def test_a_delta_says_what_changed_and_nothing_else():
    linker = Linker()
    honest(linker)
    hydra(linker, 40)
    first = linker.epoch(NOW)
    hydra(linker, 30, seed=9, prefix="y")
    second = linker.epoch(NOW + 900)
    delta = decode(encode(difference(first, second)))
    assert follow(first, delta) == second
    assert follow(NOTHING, decode(encode(difference(NOTHING, second)))) == second
    assert len(delta.members) < len(second.members)


def test_a_flood_of_made_up_accounts_and_values_pushes_nothing_out():
    linker = Linker(LinkerSettings(most_accounts=1000, most_unconfirmed=500))
    people, heads = honest(linker), hydra(linker)
    for n in range(30_000):
        linker.see(Sighting(NOW - 60, f"made-{n}", host=f"10.{n}", ja4=f"j{n}", user_agent=f"u{n}", session=f"s{n}"))
    links = linker.epoch(NOW)
    ledger = linker.ledger
    assert len(linked(links, heads)) == len(heads)
    assert not linked(links, people)
    assert ledger.unconfirmed <= 500
    assert len(ledger.accounts) <= 1500
    assert ledger.dropped > 0
    assert all(len(table) <= 1500 * table.keep for table in ledger.pairs.values())


def firm(linker, count=30):
    """Seats on one card of which billing tells before anybody has worked."""
    for n in range(count):
        made = NOW - HOUR + 60 * n
        linker.know(Known(f"s{n}", made, organisation="corp.example", card="corp", iin="377777", funding="credit"))
    return [f"s{n}" for n in range(count)]


def test_a_firm_is_not_linked_before_anybody_was_seen_nor_when_they_are_at_work():
    linker = Linker()
    honest(linker)
    seats = firm(linker)
    assert not linked(linker.epoch(NOW), seats)
    rng = random.Random(1)
    for name in seats:
        linker.see_many(sightings(name, rng, 4, spread=HOUR / 2, host="198.51.100.4", net="198.51.100.0/24", asn=9))
    assert not linked(linker.epoch(NOW + 1), seats)


def test_a_cluster_that_turns_out_to_be_people_in_one_place_is_let_go_at_once():
    linker = Linker()
    honest(linker)
    seats = firm(linker)
    rng = random.Random(1)
    for n, name in enumerate(seats):
        linker.see_many(sightings(name, rng, 2, spread=HOUR / 2, host=f"10.9.{n}.7", net=f"10.9.{n}.0/24", asn=9))
    assert len(linked(linker.epoch(NOW), seats)) == len(seats)
    for name in seats:
        linker.see_many(sightings(name, rng, 4, spread=HOUR / 2, host="198.51.100.4", net="198.51.100.0/24", asn=9))
    assert not linked(linker.epoch(NOW + 60), seats)


def grown_home(linker, count=30):
    """A core away from home, on one device, whose heads at one home line are more than a third of the whole."""
    rng = random.Random(1)
    heads = [f"x{n}" for n in range(20 + count)]
    for n, name in enumerate(heads):
        linker.know(Known(name, NOW - 5 * HOUR, "free", iin="533333", funding="prepaid"))
        home = {"host": "203.0.113.9", "net": "203.0.113.0/24", "asn": 7, "network": "residential"}
        away = {"host": f"10.8.{n}.7", "net": f"10.8.{n}.0/24", "asn": 500 + n, "network": "residential"}
        where = {**away, "device": "one"} if n < 20 else home
        linker.see_many(sightings(name, rng, 9, spread=4 * HOUR, ja4="ja4-x", user_agent="sdk/1", **where))
    return heads


def test_what_grows_into_a_place_is_not_let_go_and_made_anew_in_turns():
    """Each new id would be a full purse."""
    linker = Linker()
    honest(linker)
    grown_home(linker)
    ids = {name for turn in range(6) for name in linker.epoch(NOW + 60 * turn).clusters}
    assert len(ids) <= 1


def test_a_restored_cluster_is_kept_until_enough_of_it_was_seen_to_tell_where_it_is():
    linker = Linker()
    honest(linker)
    heads = hydra(linker)
    linker.epoch(NOW)
    after = Linker()
    after.restore(linker.export())
    honest(after)
    for name in heads[:2]:
        after.see(Sighting(NOW, name, host="203.0.113.9", net="203.0.113.0/24", asn=7, network="residential"))
    assert len(linked(after.epoch(NOW + 60), heads)) == len(heads)


def test_a_family_that_this_version_does_not_know_is_passed_over():
    linker = Linker()
    honest(linker)
    heads = hydra(linker)
    linker.epoch(NOW)
    for kept in linker.book.clusters.values():
        kept.families = (*kept.families, "astrology")
    assert len(linked(linker.epoch(NOW + 60), heads)) == len(heads)
