"""What is normal, and who says so."""

import numpy as np
import pytest

from reputation.hydra.background import LEAN
from reputation.hydra.families import INDEX
from tests.hydra.test_growth import SIZE, background

HELD = {n: [("ja4", 1 if n < 100 else 2), ("asn", n % 31), ("iin", n % 7)] for n in range(SIZE)}


def item(known, kind, value):
    return int(np.flatnonzero((known.items.kind == INDEX[kind]) & (known.items.value == value))[0])


def test_the_share_among_ones_like_is_counted_and_leans_on_the_general_one():
    """Account n is of class n % 3, and the core (0 to 19) counts for nobody."""
    known = background(HELD)
    value = item(known, "iin", 3)
    like = [n for n in range(20, SIZE) if n % 3 == 1]
    general = (sum(n % 7 == 3 for n in range(20, SIZE)) + 0.5) / (SIZE - 20 + 1)
    among = (sum(n % 7 == 3 for n in like) + LEAN * general) / (len(like) + LEAN)
    assert known.general[value] == general
    assert known.expected(np.array([1]), np.array([value]))[0] == max(general, among)


def test_who_is_left_out_is_as_if_they_had_never_been_there():
    out = background(HELD, apart=range(40, 90))
    value = item(out, "iin", 3)
    there = [n for n in range(20, SIZE) if not 40 <= n < 90]
    assert out.general[value] == (sum(n % 7 == 3 for n in there) + 0.5) / (len(there) + 1)


def test_how_frequent_a_fingerprint_is_the_trusted_alone_say():
    known = background(HELD)
    assert known.general[item(known, "ja4", 1)] == 0.5 / 151
    assert known.general[item(known, "ja4", 2)] == 150.5 / 151


def test_all_rows_of_some_items_are_found():
    known = background(HELD)
    wanted = np.array([item(known, "iin", 3), item(known, "asn", 30)])
    rows = known.items.rows_of(wanted)
    assert sorted(rows.tolist()) == np.flatnonzero(np.isin(known.items.items, wanted)).tolist()


def test_a_family_that_says_something_about_some_alone_has_shares_among_these():
    """Every tenth account is sleepless, and as many are known to sleep: one in two, not one in ten."""
    held = {n: [*HELD[n], ("sleepless" if n % 2 else "sleeps", 0)] if n % 5 == 0 else HELD[n] for n in range(SIZE)}
    known = background(held)
    value = item(known, "sleepless", 0)
    assert known.general[value] == pytest.approx(0.5, abs=0.05)
    assert known.expected(np.array([1]), np.array([value]))[0] == pytest.approx(0.5, abs=0.1)
