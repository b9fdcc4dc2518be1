"""Who had a device or a session first: victims that others copy are not linked, accounts that follow others are."""

import random

import numpy as np
import pytest

from reputation.hydra.ledger import Ledger
from reputation.hydra.linker import Linker
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.precedence import had_first
from reputation.hydra.sightings import Known, Sighting
from tests.hydra.crowd import DAY, HOUR, NOW, honest

AGENT = "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0"
LATELY = (0.5, 3, 6, 9, 12, 15, 18, 21)
HANDED = {"device": "d1", "session": "s1"}


def seen(linker, account, hours, **shown):
    """See an account so many hours before now."""
    common = {"country": "US", "ja4": "ja4-0", "user_agent": AGENT, "model": "m-1"}
    linker.see_many(Sighting(NOW - hour * HOUR, account, **(common | shown)) for hour in hours)


def victim(linker, hours, kind):
    """A proven account in the ledger's first week, with a device, or a session, of its own."""
    linker.know(Known("victim", NOW - 500 * DAY, "paid", proven=True))
    where = {"host": "10.8.0.7", "net": "10.8.0.0/24", "asn": 300}
    seen(linker, "victim", hours, **where, **{kind: HANDED[kind]})


def copies(linker, kind, count=8):
    """Free accounts of today in homes of one provider, in the victim's browser, that show what it shows."""
    rng = random.Random(7)
    for n in range(count):
        linker.know(Known(f"x{n}", NOW - 26 * HOUR - n, "free"))
        where = {"host": f"10.9.{n}.7", "net": f"10.9.{n}.0/24", "asn": 300}
        seen(linker, f"x{n}", [rng.uniform(0, 22) for _ in range(8)], **where, ja4="odd", **{kind: HANDED[kind]})


def framed(kind, hours, without=()):
    linker = Linker(LinkerSettings(without=without))
    honest(linker)
    victim(linker, hours, kind)
    copies(linker, kind)
    return linker.epoch(NOW).members.keys()


@pytest.mark.parametrize("kind", ["device", "session"])
def test_a_proven_account_whose_device_or_session_others_copy_is_not_linked_and_they_are(kind):
    linked = framed(kind, [24, *LATELY])
    assert linked == {f"x{n}" for n in range(8)}
    assert "victim" in framed(kind, [24, *LATELY], ("precedence",))


def test_a_proven_account_that_is_handed_a_session_is_linked():
    assert "victim" in framed("session", LATELY[:1])


def test_a_proven_account_older_than_the_ledger_had_the_device_of_the_first_week_all_along():
    assert framed("device", LATELY[:2]) == {f"x{n}" for n in range(8)}


def test_a_proven_account_that_takes_up_the_device_of_others_is_linked():
    linker = Linker()
    honest(linker)
    seen(linker, "victim", [20 * 24, 40], host="10.8.0.7", net="10.8.0.0/24", asn=300, device="own")
    victim(linker, LATELY[:2], "device")
    copies(linker, "device")
    assert "victim" in linker.epoch(NOW).members


@pytest.mark.parametrize(("operator", "linked"), [(301, True), (300, False)])
def test_a_bought_account_that_moves_to_its_buyers_device_before_the_others_is_linked(operator, linked):
    """A new laptop in the same home is no change of hands."""
    linker = Linker()
    honest(linker)
    linker.know(Known("bought", NOW - 500 * DAY, "paid", proven=True))
    home = {"host": "10.8.0.7", "net": "10.8.0.0/24", "asn": 300}
    seen(linker, "bought", [20 * 24, 19 * 24], **home, device="former", ja4="ja4-1")
    there = home if operator == 300 else {"host": "10.7.0.7", "net": "10.7.0.0/24", "asn": operator}
    seen(linker, "bought", [25, *LATELY], **there, device="d1", ja4="odd")
    copies(linker, "device")
    assert ("bought" in linker.epoch(NOW).members) is linked


def first_holders(ledger):
    return {
        kind: [str(ledger.accounts.names[n]) for n in ledger.pairs[kind].accounts[rows]]
        for kind, rows in had_first(ledger, np.ones(ledger.size, bool)).items()
    }


@pytest.mark.parametrize(("late", "first"), [(6, ["old"]), (8, ["new"])])
def test_an_old_account_had_its_device_since_sign_up_if_that_was_seen_in_the_ledgers_first_week(late, first):
    ledger = Ledger()
    ledger.turn(NOW)
    for name, age in (("old", 300), ("new", 1)):
        ledger.know(Known(name, NOW - age * DAY, "free"))
    ledger.see(Sighting(NOW + 2 * HOUR, "new", device="d1", session="s1"))
    ledger.see(Sighting(NOW + late * DAY, "old", device="d1", session="s1"))
    ledger.absorb()
    assert first_holders(ledger) == {"device": first, "session": ["new"]}


def test_nobody_was_first_of_two_accounts_seen_at_once_and_nobody_alone():
    ledger = Ledger()
    for name in ("a", "b"):
        ledger.see(Sighting(NOW, name, device="d1", session=f"s{name}"))
    ledger.absorb()
    assert first_holders(ledger) == {"device": [], "session": []}


def test_nothing_seen_has_no_first_holder():
    assert first_holders(Ledger()) == {"device": [], "session": []}
