"""Growth, counted by hand: signatures and likeness by their definition, and each threshold just below and at it."""

import math

import numpy as np
import pytest

from reputation.hydra.background import DISGUISE, Habits
from reputation.hydra.cores import LOYAL, LOYAL_TO_A_WAVE, loyal
from reputation.hydra.families import FAMILIES, FAMILY, MINED
from reputation.hydra.growth import (
    CEILING,
    IDENTIFIED,
    IDENTIFYING,
    NOTABLE,
    SURE,
    Likeness,
    likeness,
    likeness_of,
    passing,
    several,
    signature,
)
from tests.hydra.crowd import items

KINDS = ("ja4", "client", "asn", "net", "iin", "session", "device", "disguise", "country", "signup_day")


def random_population(seed, size=800):
    """A core whose habits others have in part; returns its members and what is normal."""
    rng = np.random.default_rng(seed)
    held = {}
    for n in range(size):
        faithful = 0.6 if n < 32 else 0.012
        values = [90 + n % 2 if rng.random() < faithful else int(rng.integers(4 + 4 * i)) for i in range(len(KINDS))]
        held[n] = [(kind, value) for kind, value in zip(KINDS, values, strict=True) if rng.random() < 0.8]
    base = (np.arange(size) >= 30) & (rng.random(size) < 0.9)
    background = Habits(items(held, size), (np.arange(size) % 3,)).among(base, rng.random(size) < 0.6)
    return np.flatnonzero(np.arange(size) < 30), background


def holders(known):
    return [frozenset(known.items.accounts[known.items.items == i].tolist()) for i in range(len(known.items.kind))]


def typical(members, known):
    """Values of a signature with their shares, in sets."""
    found, inside = {}, set(members.tolist())
    for item, who in enumerate(holders(known)):
        count = len(who & inside)
        share = count / (len(inside) + 1.0)
        often = count >= min(3, len(inside)) and (count >= 0.04 * len(inside) or count >= 6)
        if often and share >= 3 * known.general[item] and MINED[known.items.kind[item]] > 0:
            found[item] = share
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [2, 3, 30])
def test_a_signature_is_what_counting_by_hand_says(seed, count):
    members, known = random_population(seed)
    members = members[:count]
    core, expected = signature(members, known), typical(members, known)
    assert dict(zip(core.items.tolist(), core.share.tolist(), strict=True)) == expected
    inside, who = set(members.tolist()), holders(known)
    for family in range(len(FAMILIES)):
        having = set().union(*[who[item] & inside for item in expected if FAMILY[known.items.kind[item]] == family])
        assert core.cover[family] == len(having) / (count + 1.0)
    assert core.size == count


@pytest.mark.parametrize("seed", range(4))
def test_likeness_is_what_counting_by_hand_says(seed):
    members, known = random_population(seed)
    core, who = signature(members, known), holders(known)
    share = dict(zip(core.items.tolist(), core.share.tolist(), strict=True))
    found = likeness(core, known)
    assert found.accounts.tolist() == sorted(set().union(*[who[item] for item in share]))
    for i, account in enumerate(found.accounts.tolist()):
        best, disguised = {}, False
        for item in [item for item in share if account in who[item]]:
            family = FAMILY[known.items.kind[item]]
            expected = known.expected(np.array([account]), np.array([item]))[0]
            ratio = min(math.log(share[item] / expected), CEILING[family])
            best[family] = max(best.get(family, -math.inf), ratio)
            disguised |= known.items.kind[item] == DISGUISE and ratio >= IDENTIFIED
        lacking = [min(math.log(1.0 - cover + 1.0 / (core.size + 2.0)), 0.0) for cover in core.cover]
        scores = [best.get(f, lacking[f] if known.known[f, account] else 0.0) for f in range(len(FAMILIES))]
        assert found.nats[i] == pytest.approx(sum(scores))
        assert found.families[i] == sum(score >= NOTABLE for score in scores)
        assert found.identified[i] == any(scores[f] >= IDENTIFIED for f in IDENTIFYING)
        assert found.disguised[i] == disguised
    assert len(set(found.families.tolist())) > 3
    assert set(found.identified.tolist()) == {True, False}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("count", [12, 30])
def test_accounts_that_are_left_out_would_not_have_passed(seed, count):
    members, known = random_population(seed)
    suspects = np.random.default_rng(seed).random(800) < 0.7
    core, group = signature(members[:count], known), np.append(members, 799)
    every, some = likeness(core, known), likeness_of(core, known, group, suspects)
    for whole, part in zip(passing(every, count, suspects), passing(some, count, suspects), strict=True):
        assert whole.tolist() == part.tolist()
    there = np.isin(every.accounts, some.accounts)
    assert set(group.tolist()) & set(every.accounts.tolist()) <= set(some.accounts.tolist())
    for whole, part in zip(every, some, strict=True):
        assert whole[there].tolist() == part.tolist()
    assert there.sum() < len(there)


def population_of(count, size, others=0, total=1000, kind="asn"):
    """A core of `size`, of which `count` have a value that `others` of the `total` who are normal have too."""
    held = {
        n: [("ja4", n % 50)] + [(kind, 900)] * (n < count or size <= n < size + others) for n in range(size + total)
    }
    base = np.arange(size + total) >= size
    known = Habits(items(held, size + total), ()).among(base, base)
    core = signature(np.arange(size), known)
    wanted = [i for i, value in enumerate(known.items.value) if value == 900]
    return known, core, bool(set(core.items.tolist()) & set(wanted))


@pytest.mark.parametrize(
    ("count", "size", "is_typical"),
    [
        (2, 10, False), (3, 10, True),  # three members
        (2, 2, True),  # of whom there may be only two
        (3, 75, True), (3, 76, False), (4, 76, True),  # a twenty-fifth of them
        (5, 150, False), (6, 150, True), (7, 250, True), (5, 250, False),  # or six
    ],
)  # fmt: skip
def test_a_value_is_typical_from_three_members_and_a_twenty_fifth_or_six_on(count, size, is_typical):
    assert population_of(count, size)[2] == is_typical


def test_a_value_is_typical_at_three_times_everybodys_share():
    """(5 + 0.5) / (21 + 1) is a quarter, and 9 of 11 members are three quarters of twelve."""
    assert population_of(9, 11, others=5, total=21)[2]
    assert not population_of(9, 11, others=6, total=21)[2]
    assert not population_of(8, 11, others=5, total=21)[2]


def test_where_people_come_from_is_never_typical():
    """A kind that is not mined, such as a country, is evidence against a link alone."""
    assert population_of(20, 20)[2]
    assert not population_of(20, 20, kind="country")[2]


@pytest.mark.parametrize(("kind", "most"), [("asn", 7.0), ("session", 9.0), ("device", 9.0)])
def test_no_family_gives_more_than_its_ceiling(kind, most):
    known, core, _ = population_of(20, 20, total=20_000, kind=kind)
    marked = core._replace(items=core.items[-1:], share=core.share[-1:])
    assert likeness(marked, known).nats.max() == pytest.approx(most)


def test_a_family_is_notable_from_a_ratio_of_three_on():
    """Here the ratio is exactly three: 9 of 12 above 5.5 of 22."""
    known, core, _ = population_of(9, 11, others=5, total=21)
    found = likeness(core, known)
    assert found.families[found.accounts == 0] == 1
    slightly_less = core._replace(share=np.nextafter(core.share, 0.0))
    found = likeness(slightly_less, known)
    assert found.families[found.accounts == 0] == 0


@pytest.mark.parametrize(
    ("kind", "which"), [("session", "identified"), ("device", "identified"), ("disguise", "disguised")]
)
def test_a_mark_identifies_from_a_ratio_of_thirty_on(kind, which):
    known, core, _ = population_of(20, 20, others=3, total=100, kind=kind)
    spot = [i for i, item in enumerate(core.items) if known.items.value[item] == 900]
    (item,) = core.items[spot]
    exactly = core._replace(items=core.items[spot], share=30.0 * known.general[[item]])
    while math.log(exactly.share[0] / known.general[item]) < IDENTIFIED:
        exactly = exactly._replace(share=np.nextafter(exactly.share, 9.0))
    less = exactly._replace(share=exactly.share * (1 - 1e-12))
    assert getattr(likeness(exactly, known), which).all()
    assert not getattr(likeness(less, known), which).any()


def looks(families=(3,), nats=10.0, identified=False, disguised=False, sleepless=False):
    """How one account looks, by its families, or several accounts."""
    count = len(families)
    ways = [np.full(count, way) for way in (identified, disguised, sleepless)]
    return Likeness(np.arange(count), np.full(count, nats), np.array(families), *ways)


@pytest.mark.parametrize(
    ("given", "enough"),
    [
        ({}, [False, False, False, True, True]),
        ({"identified": True}, [False, False, True, True, True]),
        ({"disguised": True}, [False, False, True, True, True]),
        ({"identified": True, "disguised": True}, [False, False, True, True, True]),
    ],
)
def test_three_families_or_two_with_a_mark_of_their_own(given, enough):
    assert several(looks((0, 1, 2, 3, 4), **given)).tolist() == enough


@pytest.mark.parametrize(
    ("given", "wave", "enough"),
    [
        ({"nats": LOYAL}, False, [False, False, True]),
        ({"nats": LOYAL - 0.1}, True, [False, False, False]),
        ({"nats": LOYAL, "sleepless": True}, False, [False, False, True]),
        ({"nats": LOYAL_TO_A_WAVE, "sleepless": True}, True, [False, True, True]),
        ({"nats": LOYAL_TO_A_WAVE - 0.1, "sleepless": True}, True, [False, False, False]),
    ],
)
def test_sleepless_members_of_a_wave_need_less(given, wave, enough):
    assert loyal(looks((1, 2, 3), **given), wave=wave).tolist() == enough


def passes(found, size=10, suspects=(True,) * 20, sure=SURE):
    accounts, odds = passing(found, size, np.array(suspects), sure)
    return accounts.tolist(), odds.tolist()


def test_odds_are_of_the_core_among_the_suspects():
    """Ten of twenty suspects: even. Ten of a hundred: one to nine. A core that is larger than half of them: even."""
    assert passes(looks()) == ([0], [10.0])
    assert passes(looks(), suspects=[True] * 100)[1] == pytest.approx([10.0 - math.log(9.0)])
    assert passes(looks(), size=15)[1] == [10.0]
    assert passes(looks(), size=0, suspects=[True])[1] == [10.0]
    assert passes(looks(), size=0, suspects=[True] * 4)[1] == pytest.approx([10.0 - math.log(4.0)])


def test_an_account_passes_at_a_thousand_to_one():
    assert passes(looks(nats=SURE))[0] == [0]
    assert passes(looks(nats=math.nextafter(SURE, 0.0)))[0] == []
    assert passes(looks(nats=2.0), sure=2.0)[0] == [0]
    assert math.log(1000.0) == SURE


def test_only_a_suspect_passes_without_a_mark_that_identifies():
    trusted = [False] + [True] * 19
    assert passes(looks((3,)), suspects=trusted)[0] == []
    assert passes(looks((3,), disguised=True), suspects=trusted)[0] == []
    assert passes(looks((2,), identified=True), suspects=trusted)[0] == [0]
    assert passes(looks((1,), identified=True), suspects=trusted)[0] == []
