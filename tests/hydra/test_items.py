"""What an account's sightings and facts say about it, as values that others may have too."""

import numpy as np
import pytest

from reputation.hydra.families import FAMILIES, KINDS
from reputation.hydra.items import collect, describe
from reputation.hydra.ledger import Ledger
from reputation.hydra.sightings import Known, Sighting
from reputation.hydra.software import software
from reputation.hydra.table import mined

NOW, DAY, HOUR = 1_790_000_000.0, 86_400.0, 3600.0


def values(known=(), sightings=(), without=()):
    """{account: {(kind, words)}} of all values that two accounts or more have."""
    ledger = Ledger()
    for facts in known:
        ledger.know(facts)
    for sighting in sightings:
        ledger.see(sighting)
    ledger.absorb()
    found = collect(ledger, np.ones(ledger.size, bool), NOW, without)
    held = {}
    for account, item in zip(found.accounts.tolist(), found.items.tolist(), strict=True):
        kind = KINDS[found.kind[item]].name
        words = describe(ledger, kind, int(found.value[item]))
        held.setdefault(ledger.accounts.names[account], set()).add((kind, words))
    return held


def both(**seen):
    return [Sighting(NOW, name, **seen) for name in "ab"]


def test_a_value_that_one_account_has_alone_links_nobody():
    held = values(sightings=[*both(host="h"), Sighting(NOW, "a", host="own")])
    assert held["a"] == held["b"] == {("host", "h")}


def test_a_value_is_forgotten_after_its_window():
    old = [Sighting(NOW - 4 * DAY, name, host="h", asn=7) for name in "ab"]
    assert values(sightings=old)["a"] == {("asn", "7")}


def test_a_family_that_is_switched_off_gives_no_values():
    held = values(sightings=both(host="h", asn=7, ja4="j"), without=("network",))
    assert held["a"] == {("ja4", "j")}


@pytest.mark.parametrize(
    ("sightings", "kind"),
    [
        (both(session="s"), "handoff"),
        ([Sighting(NOW, name, asn=n) for name in "ab" for n in range(4)], "rotation"),
        ([Sighting(NOW - n * DAY, name, country="DFU"[n]) for name in "ab" for n in range(3)], "roaming"),
        ([Sighting(NOW - hour, name) for name in "ab" for hour in range(20)], "active"),
        ([Sighting(NOW - n * HOUR, name, country="DF"[n]) for name in "ab" for n in range(2)], "crossing"),
        (both(ja4="j", user_agent="curl/8"), "client"),
        ([Sighting(at, name, model=m) for name in "ab" for at, m in ((NOW - 3 * DAY, "x"), (NOW, "y"))], "pivot"),
    ],
)
def test_what_follows_from_what_was_seen(sightings, kind):
    assert kind in {name for name, _ in values(sightings=sightings)["a"]}


def test_each_rung_of_rotation_that_was_passed_is_a_value():
    held = values(sightings=[Sighting(NOW, name, asn=n) for name in "ab" for n in range(5)])
    assert {words for kind, words in held["a"] if kind == "rotation"} == {"1", "2"}


def clients(users, ja4="chrome", agent="Mozilla/5.0 (Windows NT 10.0) Chrome/140.0"):
    """Facts and sightings of so many proven users of Chrome, and of two newcomers with another handshake."""
    known = [Known(f"p{n}", proven=True) for n in range(users)]
    seen = [Sighting(NOW, f"p{n}", ja4=ja4, user_agent=agent) for n in range(users)]
    return known, seen + [Sighting(NOW, name, ja4="relay", user_agent=agent) for name in "ab"]


def test_a_handshake_that_established_users_of_that_browser_do_not_have_is_a_disguise():
    worn = {kind for kind, _ in values(*clients(48))["a"]}
    assert "disguise" in worn
    assert "disguise" not in {kind for kind, _ in values(*clients(48))["p0"]}


def test_too_few_users_of_a_browser_and_what_is_no_browser_tell_of_no_disguise():
    assert "disguise" not in {kind for kind, _ in values(*clients(47))["a"]}
    assert "disguise" not in {kind for kind, _ in values(*clients(60, agent="PhotoPal/2.3"))["a"]}


def test_a_journey_from_one_country_to_another_is_no_roaming():
    there = [Sighting(NOW - hour * HOUR, name, asn=7, country="DF"[hour < 9]) for name in "ab" for hour in range(20)]
    before = [Sighting(NOW - 80 * HOUR, name, country="U") for name in "ab"]
    assert {"roaming", "crossing", "stays"} & {kind for kind, _ in values(sightings=there + before)["a"]} == {
        "crossing"
    }


def test_a_card_of_a_country_where_the_account_never_was_is_foreign():
    known = [Known(name, issuer_country="US") for name in "abcd"]
    held = values(known, [Sighting(NOW, name, country=where) for name, where in zip("abcd", "DDUU", strict=True)])
    assert {("foreign", "US"), ("abroad", "")} <= held["a"]
    at_home = values(known, [Sighting(NOW, name, country="US") for name in "abcd"])
    assert "foreign" not in {name for name, _ in at_home["a"]}


def test_sign_ups_share_bins_that_overlap_and_a_made_up_date_is_none():
    known = [Known("a", NOW - 100), Known("b", NOW - 1900), Known("c", 1e15), Known("d", 1e15)]
    held = values(known)
    assert {"signup_hour", "signup_day", "signup_week"} <= {kind for kind, _ in held["a"] & held["b"]}
    assert "c" not in held


def test_what_is_known_of_an_account_counts_even_where_nobody_shares_it():
    ledger = Ledger()
    ledger.see(Sighting(NOW, "a", ja4="own"))
    ledger.absorb()
    found = collect(ledger, np.ones(1, bool), NOW)
    assert found.known[FAMILIES.index("software"), 0]
    assert not found.known[FAMILIES.index("payment"), 0]


def test_an_account_enters_the_search_with_its_most_suspicious_values():
    ledger = Ledger()
    for name in "ab":
        for n in range(10):
            ledger.see(Sighting(NOW, name, ja4=f"j{n}"))
    ledger.absorb()
    found = collect(ledger, np.ones(2, bool), NOW)
    kept = found.items[mined(found, np.arange(len(found.items)), np.arange(len(found.kind), dtype=float))]
    assert sorted(set(kept.tolist())) == [len(found.kind) - 2, len(found.kind) - 1]


def test_the_product_behind_a_user_agent_has_no_version():
    assert software("python-requests/2.32.5") == "python-requests"
    assert software("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/142.0.0.0 Safari/537.36") == "Chrome Windows"
    assert software("Mozilla/5.0 (X11; Linux x86_64) Firefox/144.0") == "Firefox Linux"
