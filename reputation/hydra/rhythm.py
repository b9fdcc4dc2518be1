"""Use that does not sleep, and how much use: evidence of the families `rhythm` and `load`.

People sleep, and their use is uneven. A dispatcher gives its heads even work around the clock. Sleep is learnt from
proven accounts and payers. Servers do not sleep either, so accounts used from networks for hire are left out. These
two families link only with a third one: a wave of sign-ups that no program explains, or another shared value.
"""

import numpy as np

from reputation.hydra.columns import Floats, Ints, Mask, Rows
from reputation.hydra.families import DAY
from reputation.hydra.ledger import PAYER, PROVEN, Ledger
from reputation.hydra.overt import hired

ENOUGH = 24
"""Requests, within a day or more, from which on the hours of an account show whether it sleeps."""
NIGHT = 6
"""Hours: people who use a service all day pause longer than this every night."""
SLEEPLESS = 1 / 50
"""Share of the accounts above suspicion that use the hours of their night as much as a sleepless account does."""
PEOPLE = 48
"""Accounts above suspicion that are needed to learn that, by the rule of succession."""
OCTAVE = 2
"""Steps to an octave of use; a value spans an octave, so that no group is cut in two."""


def rhythms(ledger: Ledger) -> list[Rows]:
    """Return which accounts do not sleep, and in which octaves the daily use of accounts is."""
    used = ledger.column("last") - ledger.column("first")
    enough: Mask = (ledger.requests[: ledger.size] >= ENOUGH) & (used >= DAY)
    established = ledger.flagged(PROVEN | PAYER)
    if (enough & established).sum() < PEOPLE:
        return []
    firm = np.flatnonzero(enough & ~hired(ledger))
    people = established[firm]
    if people.sum() < PEOPLE:
        return []
    busy = at_night(ledger.by_hour[firm].astype(np.float64))
    awake = busy > np.quantile(busy[people], 1.0 - SLEEPLESS)
    step = np.floor(OCTAVE * np.log2(np.maximum(daily_use(ledger, firm), 1.0))).astype(np.int64)
    octaves = np.concatenate([step, step - 1]).clip(0)
    return [
        Rows("sleepless", firm[awake], np.zeros(int(awake.sum()), np.int64)),
        Rows("sleeps", firm[~awake], np.zeros(int((~awake).sum()), np.int64)),
        Rows("load", np.concatenate([firm, firm]), octaves),
    ]


def at_night(by_hour: Floats) -> Floats:
    """Return the share of each account's requests that lie in its quietest hours, as many as a NIGHT has."""
    ring = np.concatenate([np.zeros((len(by_hour), 1)), by_hour, by_hour[:, :NIGHT]], axis=1).cumsum(axis=1)
    share: Floats = (ring[:, NIGHT:-1] - ring[:, : -NIGHT - 1]).min(axis=1) / by_hour.sum(axis=1)
    return share


def daily_use(ledger: Ledger, accounts: Ints) -> Floats:
    """Return the requests a day of accounts, over a day or more."""
    used = ledger.column("last")[accounts] - ledger.column("first")[accounts]
    daily: Floats = ledger.requests[accounts] / np.maximum(used / DAY, 1.0)
    return daily
