"""What sign-ups showed is evidence where use does not show it, beside other families, and never alone."""

import random

import numpy as np
import pytest

from reputation.hydra.families import KINDS
from reputation.hydra.items import collect, describe
from reputation.hydra.ledger import Ledger
from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.origin import origins
from reputation.hydra.sightings import Known, Origin, Sighting
from tests.hydra.crowd import DAY, HOUR, NOW

CHROME = "Mozilla/5.0 (Windows NT 10.0) Chrome/142.0"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64) Firefox/144.0"
HOME = Origin("192.0.2.0/24", 7, "US", "residential", "t13d", CHROME, "free")
RENTED = Origin("198.51.100.0/24", 64500, "DE", "hosting", "t13x", FIREFOX, "disposable")
OPERA = Origin("203.0.113.0/24", 99, "BR", "residential", "t13o", "Mozilla/5.0 (Windows NT 10.0) OPR/120.0", "free")
POOL = Origin("203.0.113.0/24", 99, "BR", "residential", "t13d", CHROME, "free")


def at_home(account, agent=CHROME, **where):
    seen = {"host": "192.0.2.9", "net": "192.0.2.0/24", "asn": 7, "country": "US", "network": "residential"} | where
    return Sighting(NOW, account, ja4="t13d", user_agent=agent, **seen)


def shown(signup, sightings, count=3, unknown=0, **facts):
    """{(kind, words)} of sign-up evidence that accounts with this sign-up and these sightings hold."""
    ledger = Ledger()
    for n in range(count + unknown):
        ledger.know(Known(f"a{n}", NOW - DAY, "free", signup=signup if n < count else None, **facts))
        for sighting in sightings:
            ledger.see(sighting(f"a{n}"))
    ledger.absorb()
    found = collect(ledger, np.ones(ledger.size, bool), NOW)
    kinds = [(KINDS[found.kind[item]], int(found.value[item])) for item in found.items.tolist()]
    signups = {"elsewhere", "native"}
    return {
        (kind.name, describe(ledger, kind.name, value))
        for kind, value in kinds
        if kind.family == "origin" or kind.name in signups
    }


def test_a_sign_up_from_where_and_with_what_the_account_is_used_links_nobody():
    assert shown(HOME, [at_home], email_domain="mail.example") == {("as_signed_up", ""), ("native", "")}


def test_a_rented_address_and_a_browser_that_is_never_used_show_and_the_mail_beside_them():
    assert shown(RENTED, [at_home], email_domain="bulk.example") == {
        ("signup_net", "198.51.100.0/24"),
        ("signup_asn", "64500"),
        ("signup_network", "hosting"),
        ("signup_product", "Firefox Linux"),
        ("signup_ja4", "t13x"),
        ("mail", "bulk.example"),
        ("mail_kind", "disposable"),
    }


def test_a_sign_up_in_another_country_shows_where_people_use_the_account():
    kinds = {kind for kind, _ in shown(POOL, [at_home])}
    assert "elsewhere" in kinds
    assert "native" not in kinds


@pytest.mark.parametrize("network", ["hosting", "vpn", "relay", "proxy"])
def test_a_server_is_not_where_its_owner_signs_up(network):
    assert not shown(RENTED, [lambda name: at_home(name, network=network)])


def test_one_use_where_it_signed_up_is_enough():
    there = [at_home, lambda name: at_home(name, asn=99, country="BR")]
    assert {kind for kind, _ in shown(POOL, there)} == {"as_signed_up", "native"}


def test_a_handshake_that_is_never_shown_again_shows():
    automated = Origin("192.0.2.0/24", 7, "US", "residential", "t13x", CHROME, "free")
    assert ("signup_ja4", "t13x") in shown(automated, [at_home])
    assert ("signup_ja4", "t13d") not in shown(HOME, [at_home])


def test_a_program_is_no_other_browser():
    script = [lambda name: at_home(name, "python-requests/2.32")]
    assert shown(HOME, script) == {("as_signed_up", ""), ("native", "")}


def test_sign_ups_say_nothing_while_few_are_known():
    assert shown(RENTED, [at_home], count=4, unknown=2)
    assert not shown(RENTED, [at_home], count=4, unknown=3)


@pytest.mark.parametrize("facts", [{"organisation": "corp.example", "organisation_verified": True}, {"card": "c1"}])
def test_a_firm_signs_its_people_up_in_one_place(facts):
    assert not shown(RENTED, [at_home], count=5, email_domain="corp.example", **facts)


@pytest.mark.parametrize("facts", [{"organisation": "corp.example", "organisation_verified": True}, {"card": "c1"}])
def test_four_are_no_firm(facts):
    assert shown(RENTED, [at_home], count=4, **facts)


def test_an_organisation_that_was_not_verified_is_no_firm():
    assert shown(RENTED, [at_home], count=5, organisation="workspace")


def test_members_of_an_established_organisation_show_no_sign_up_evidence():
    ledger = Ledger()
    for name in ("a", "b"):
        ledger.know(Known(name, NOW - DAY, "free", signup=RENTED, organisation="corp", organisation_verified=True))
        ledger.see(at_home(name))
    ledger.absorb()
    everyone = np.ones(ledger.size, bool)
    assert any(len(rows.accounts) for rows in origins(ledger, everyone))
    assert not any(len(rows.accounts) for rows in origins(ledger, everyone, established=everyone))


def test_heads_each_with_a_workspace_of_its_own_are_found_by_their_sign_ups():
    linker = Linker()
    people, heads = crowd(linker), bulk(linker, workspaces=True)
    assert linked(linker, people + heads) == heads


def crowd(linker, count=400, age=lambda rng: rng.uniform(0, 600) * DAY, prefix="h", origin=None, workspaces=False):
    """People at home: each at an address of its own, with everybody's browsers, who signed up there or at `origin`."""
    rng = random.Random(prefix)
    names = [f"{prefix}{n}" for n in range(count)]
    for n, name in enumerate(names):
        agent, net = rng.choice((CHROME, FIREFOX)), f"10.{n // 250}.{n % 250}.0/24"
        where = Origin(net, 100 + n % 40, "US", "residential", f"ja4 of {agent}", agent, "free")
        proven = origin is None and n % 2 == 0
        own = {"organisation": f"workspace of {name}"} if workspaces else {}
        linker.know(Known(name, NOW - age(rng), "free", proven=proven, email_domain="m", signup=origin or where, **own))
        for _ in range(8):
            linker.see(
                Sighting(
                    NOW - rng.uniform(0, 5 * HOUR), name, net.replace(".0/24", ".7"), net, 100 + n % 40, "US",
                    "residential", f"ja4 of {agent}", agent, model="m-1",
                )
            )  # fmt: skip
    return names


def bulk(linker, count=60, **more):
    """Heads on clean home exits with common browsers, signed up within hours through a pool in another country."""
    return crowd(linker, count, lambda rng: rng.uniform(5, 11) * HOUR, "x", OPERA, **more)


def linked(linker, names):
    links = linker.epoch(NOW)
    return [name for name in names if name in links.members]


def test_heads_on_clean_home_exits_are_found_by_their_sign_ups_and_nobody_else_is():
    linker = Linker()
    people, heads = crowd(linker), bulk(linker)
    assert linked(linker, people + heads) == heads


def test_without_the_family_they_are_not_found():
    linker = Linker(LinkerSettings(without=("origin",)))
    crowd(linker)
    assert not linked(linker, bulk(linker))


def test_sign_ups_alone_link_nobody():
    """In one country, at any time: who used one browser of a library's machines to sign up has no more in common."""
    linker = Linker()
    crowd(linker)
    library = Origin("203.0.113.0/24", 99, "US", "residential", "t13o", OPERA.user_agent, "free")
    assert not linked(linker, crowd(linker, 60, lambda rng: rng.uniform(0, 600) * DAY, "l", library))


def test_a_linker_that_takes_over_knows_sign_ups_too():
    before, after = Linker(), Linker()
    crowd(before)
    heads = bulk(before)
    after.take_over(before.hand_over(1 << 20))
    assert linked(after, heads) == heads
