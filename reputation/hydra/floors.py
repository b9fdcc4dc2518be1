"""The earned floors of linked accounts: by the days before the evidence against each began, and by money.

What an account used while it already shared sessions or devices with the cluster is no part of what it had earned.
"""

import numpy as np

from reputation.hydra.book import Book, Floor
from reputation.hydra.columns import Floats, Ints, run_lengths, run_starts
from reputation.hydra.earned import by_money, by_use, kept_floors
from reputation.hydra.families import DAY
from reputation.hydra.ledger import PAYER, PROVEN, Ledger
from reputation.hydra.linker_settings import Plans

HANDED = ("device", "session")
"""Values that go from account to account, so that they tell when the sharing began."""
HOLDERS = 3
"""Members of a cluster with one such value from which on it is evidence: two may be one household or colleagues."""


def earned_floors(ledger: Ledger, book: Book, plans: Plans, now: float) -> dict[str, float]:
    """Return what each linked account has earned, in units a day; the book keeps what it was by use."""
    home = book.home()
    book.floors = kept_floors(book.floors, set(home), now)
    _find_new(ledger, book, home, plans, now)
    found: dict[str, float] = {}
    for account in home:
        floor = book.floors[account]
        floor.linked = now
        if (units := max(floor.units, _by_money(ledger, account, plans, now))) > 0.0:
            found[account] = round(units, 3)
    return found


def beginnings(ledger: Ledger, members: Ints) -> Floats:
    """Return for each member when it and two others of them had one device or session; NaN where none was."""
    began = np.full(len(members), np.nan)
    for kind in HANDED:
        table = ledger.pairs[kind]
        rows = table.rows_of(members)
        values, first = table.values[rows], table.first[rows]
        order = np.lexsort((first, values))
        rows, values, first = rows[order], values[order], first[order]
        starts = run_starts(values)
        lengths = run_lengths(starts, len(values))
        shared = lengths >= HOLDERS
        third = np.full(len(starts), np.nan)
        third[shared] = first[starts[shared] + HOLDERS - 1]
        since = np.maximum(first, np.repeat(third, lengths))  # NaN stays NaN
        np.fmin.at(began, np.searchsorted(members, table.accounts[rows]), since)
    return began


def _find_new(ledger: Ledger, book: Book, home: dict[str, str], plans: Plans, now: float) -> None:
    """Find the floors by use of accounts that were not linked lately."""
    new: dict[str, list[str]] = {}
    for account, cluster in home.items():
        if account not in book.floors:
            new.setdefault(cluster, []).append(account)
    for cluster, accounts in new.items():
        ids = ledger.accounts.ids
        members = np.array(sorted(n for name in book.clusters[cluster].members if (n := ids.get(name, -1)) >= 0), int)
        began = dict(zip(members.tolist(), beginnings(ledger, members).tolist(), strict=True))
        for account in accounts:
            number = ids.get(account, -1)
            book.floors[account] = Floor(_by_use(ledger, number, began.get(number, np.nan), plans), now)


def standing_floor(ledger: Ledger, number: int, plans: Plans, now: float) -> float:
    """Return what an account that nothing links has earned until now."""
    name = str(ledger.accounts.names[number])
    return max(_by_use(ledger, number, np.nan, plans), _by_money(ledger, name, plans, now))


def _by_use(ledger: Ledger, number: int, began: float, plans: Plans) -> float:
    """Return units a day for the use of a proven account or a payer; began: when the evidence began, NaN if that
    is not known.

    If the account is older than the count and no day before the evidence is known, all days count.
    """
    if number < 0 or not ledger.flags[number] & (PROVEN | PAYER):
        return 0.0
    newcomer = plans.newcomer.get(ledger.name_of("plan", int(ledger.ints["plan"][number])), plans.default)
    settled = float(ledger.floats["settled"][number])
    usual = ledger.days.usual(number)
    if not np.isnan(began):
        before, created = ledger.days.usual_before(number, int(began // DAY)), float(ledger.floats["created"][number])
        seen_whole = created >= ledger.days.begun * DAY
        usual = before if before or seen_whole else usual
    return by_use(usual, settled, newcomer, plans.per_usd)


def money_floors(ledger: Ledger, numbers: Ints, plans: Plans, now: float) -> Floats:
    """Return what the money of each account buys, in units a day."""
    units: Floats = np.array([_of_number(ledger, number, plans, now) for number in numbers.tolist()], np.float64)
    return units


def _by_money(ledger: Ledger, account: str, plans: Plans, now: float) -> float:
    number = ledger.accounts.ids.get(account, -1)
    return _of_number(ledger, number, plans, now) if number >= 0 else 0.0


def _of_number(ledger: Ledger, number: int, plans: Plans, now: float) -> float:
    if ledger.ints["disputed"][number]:
        return 0.0
    settled, lately, created = (float(ledger.floats[name][number]) for name in ("settled", "settled_30d", "created"))
    return by_money(settled, lately, now - created, plans.per_usd)
