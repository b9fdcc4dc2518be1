"""Counts of pairs and triples are those that one would count by hand, whatever the size of the blocks."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation.hydra import counting
from reputation.hydra.columns import LOW
from reputation.hydra.counting import FEWEST, Table, count_among, count_pairs, count_triples

ITEMS = 8
FAMILY = np.array([0, 0, 1, 1, 2, 2, 3, 3])
HOLDINGS = st.lists(st.sets(st.integers(0, ITEMS - 1)), min_size=1, max_size=40)


def table(holdings):
    rows = [(account, item) for account, held in enumerate(holdings) for item in sorted(held)]
    accounts, held = (np.array(column, np.int64) for column in zip(*rows, strict=True)) if rows else (empty(), empty())
    return Table(accounts, held, FAMILY)


def empty():
    return np.zeros(0, np.int64)


def pools(size):
    numbers = np.arange(size)
    return [numbers % 3 > 0, numbers % 2 == 0, numbers >= 0, numbers % 5 == 0]


def by_hand(holdings, among, size):
    found = {}
    for account in np.flatnonzero(among).tolist():
        for group in combinations(sorted(holdings[account]), size):
            if len({FAMILY[item] for item in group}) == size:
                found.setdefault(group, []).append(account)
    return found


@settings(deadline=None)
@given(HOLDINGS, st.sampled_from([1, 7, 10**6]), st.sampled_from([0, 10**3]))
def test_pairs_and_triples_are_those_counted_by_hand(holdings, block, in_square):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "BLOCK", block)
        patch.setattr(counting, "MOST_IN_SQUARE", in_square)
        who = pools(len(holdings))
        rows = table(holdings)
        of_suspects = rows.only(who[0][rows.accounts])
        pairs = count_among(count_pairs(of_suspects, int(who[0].sum())), rows, who[1:])
        expected = {pair: held for pair, held in by_hand(holdings, who[0], 2).items() if len(held) >= FEWEST}
        assert [(key >> LOW, key & ((1 << LOW) - 1)) for key in pairs.keys.tolist()] == sorted(expected)
        for number, pool in enumerate(who):
            counted = by_hand(holdings, pool, 2)
            assert pairs.counts[number].tolist() == [len(counted.get(pair, [])) for pair in sorted(expected)]
        if not expected:
            return
        triples = count_triples(of_suspects, pairs, who[1])
        of_three = {t: held for t, held in by_hand(holdings, who[0], 3).items() if len(held) >= FEWEST}
        assert sorted(map(tuple, triples.items.T.tolist())) == sorted(of_three)
        spots = np.arange(len(triples.holders))[::-1]
        for spot, members in zip(spots.tolist(), triples.members(spots), strict=True):
            triple = tuple(triples.items[:, spot].tolist())
            assert members.tolist() == of_three[triple]
            assert triples.unlinked[spot] == sum(who[1][members])


def test_where_there_is_too_much_the_newest_accounts_are_looked_at_first(monkeypatch):
    holdings = [{0, 2, 4}] * 10 + [{1, 3, 5}] * 10
    monkeypatch.setattr(counting, "BLOCK", 30)
    monkeypatch.setattr(counting, "MOST_ROWS", 9)
    everybody = np.ones(20, bool)
    pairs = count_pairs(table(holdings), len(holdings))
    triples = count_triples(table(holdings), pairs, everybody)
    assert triples.items.T.tolist() == [[1, 3, 5]]
