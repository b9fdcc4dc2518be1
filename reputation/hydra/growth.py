"""From strict cores to whole hydras: an account joins when it looks like the core and not like all others.

For each family the core's signature is the set of values that its members have far more often than others. An account's
likelihood ratio is a naive Bayes sum over families, one value a family, and a family in which it has other values than
the core counts against it. Values of one family are never summed, so correlated values do not count twice.
"""

from typing import NamedTuple

import numpy as np

from reputation.hydra.background import DISGUISE, Background
from reputation.hydra.columns import Floats, Ints, Mask, numbered, tallied
from reputation.hydra.families import FAMILIES, MINED

FEW_FAMILIES = 3
NOTABLE = np.log(3.0)
"""A family counts as one of the three when its value is three times as frequent in the core."""
SURE = np.log(1000.0)
"""Odds of 1000:1 after the prior (the core's share of the suspects): one stranger in 1000 at worst."""
SLACK = 1e-6
"""Nats that no order of additions moves."""
IDENTIFYING = (FAMILIES.index("session"), FAMILIES.index("device"))
DRIVEN = (FAMILIES.index("rhythm"), FAMILIES.index("synchrony"))
IDENTIFIED = np.log(30.0)
SIGNATURE_SHARE = 0.04
SIGNATURE_HOLDERS = 3
CEILING = np.full(len(FAMILIES), 7.0)
"""No family gives more nats than this: its independence of the others is an assumption, not a fact."""
CEILING[list(IDENTIFYING)] = 9.0


class Signature(NamedTuple):
    """items: values typical of a core; share: among its members; cover: per family, members with any of them."""

    items: Ints
    share: Floats
    cover: Floats
    size: int


class Likeness(NamedTuple):
    """accounts: those with any value of the signature; nats: log likelihood ratio; families: how many are notable.

    identified: an identifying family (a session, a device) is among them; disguised: a disguise of the core's is;
    driven: they do not sleep or are in step with others, and so is the core.
    """

    accounts: Ints
    nats: Floats
    families: Ints
    identified: Mask
    disguised: Mask
    driven: Mask


def signature(members: Ints, known: Background) -> Signature:
    """Values that at least three members and a twenty-fifth of them have, three times as often as everybody."""
    inside = np.zeros(known.known.shape[1], bool)
    inside[members] = True
    rows = inside[known.items.accounts]
    held, who = known.items.items[rows], known.items.accounts[rows]
    values, count = tallied(held, len(known.general))
    share = count / (len(members) + 1.0)
    typical = (count >= np.minimum(SIGNATURE_HOLDERS, len(members))) & (share >= 3 * known.general[values])
    typical &= (count >= SIGNATURE_SHARE * len(members)) | (count >= 2 * SIGNATURE_HOLDERS)
    typical &= np.array(MINED)[known.items.kind[values]] > 0
    values, share = values[typical], share[typical]
    chosen = np.zeros(len(known.general), bool)
    chosen[values] = True
    marked = chosen[held]
    cover = _cover(who[marked], known.family[held[marked]]) / (len(members) + 1.0)
    return Signature(values, share, cover, len(members))


def _cover(who: Ints, family: Ints) -> Floats:
    covered = np.zeros((int(who.max(initial=-1)) + 1, len(FAMILIES)), bool)
    covered[who, family] = True
    families: Floats = covered.sum(axis=0).astype(float)
    return families


def likeness(core: Signature, known: Background) -> Likeness:
    """How much more each account looks like the core than like the others of its class of network."""
    return _likeness(core, known, known.items.rows_of(core.items))


def likeness_of(core: Signature, known: Background, group: Ints, suspects: Mask) -> Likeness:
    """As `likeness`, of the accounts of a group and of those others alone that may pass.

    No account is expected to hold a value less often than all are, and one passes by no family that it does not show.
    So most are left out before they are compared with their like.
    """
    rows = known.items.rows_of(core.items)
    who, family = known.items.accounts[rows], known.family[core.items]
    most = np.minimum(np.log(core.share / known.general[core.items]), CEILING[family])
    count = known.items.start[core.items + 1] - known.items.start[core.items]
    nats = np.bincount(who, np.repeat(most, count), len(suspects))
    kept = suspects.copy()
    kept[who[np.repeat(np.isin(family, IDENTIFYING), count)]] = True
    kept &= nats + _prior(core.size, suspects) >= SURE - SLACK
    kept[group] = True
    return _likeness(core, known, rows[kept[who]])


def _likeness(core: Signature, known: Background, rows: Ints) -> Likeness:
    rows = rows[~known.items.own[rows]]
    held, who = known.items.items[rows], known.items.accounts[rows]
    shares = np.zeros(len(known.general))
    shares[core.items] = core.share
    ratio = np.minimum(np.log(shares[held] / known.expected(who, held)), CEILING[known.family[held]])
    accounts, local = numbered(who)
    flat = np.full(len(FAMILIES) * len(accounts), -np.inf)
    np.maximum.at(flat, known.family[held] * len(accounts) + local, ratio)
    best = flat.reshape(len(FAMILIES), len(accounts))
    lacking = np.log(1.0 - core.cover + 1.0 / (core.size + 2.0))[:, None]
    against = np.where(known.known[:, accounts], np.minimum(lacking, 0.0), 0.0)
    scores = np.where(np.isfinite(best), best, against)
    identified = (scores[list(IDENTIFYING)] >= IDENTIFIED).any(axis=0)
    disguised = np.zeros(len(accounts), bool)
    disguised[local[(known.items.kind[held] == DISGUISE) & (ratio >= IDENTIFIED)]] = True
    driven = (scores[list(DRIVEN)] >= NOTABLE).any(axis=0)
    nats = np.cumsum(scores, axis=0)[-1]  # one after the other, however many accounts there are
    return Likeness(accounts, nats, (scores >= NOTABLE).sum(axis=0), identified, disguised, driven)


def several(looks: Likeness) -> Mask:
    """Who resembles the core in three families, or in two of which one identifies or is a disguise."""
    enough: Mask = (looks.families >= FEW_FAMILIES) | _paired(looks) | (looks.families >= 2) & looks.disguised
    return enough


def _paired(looks: Likeness) -> Mask:
    pair: Mask = (looks.families >= 2) & looks.identified
    return pair


def passing(looks: Likeness, size: int, suspects: Mask, sure: float = SURE) -> tuple[Ints, Floats]:
    """Accounts who pass as a core's of that size, with the log odds that they are.

    A suspect needs three families, or two of which one identifies or is a disguise; other accounts an identifying one.
    """
    odds = looks.nats + _prior(size, suspects)
    passed = (odds >= sure) & several(looks) & (suspects[looks.accounts] | _paired(looks))
    return looks.accounts[passed], odds[passed]


def _prior(size: int, suspects: Mask) -> float:
    return float(np.log(max(size, 1) / max(int(suspects.sum()) - size, size, 1)))
