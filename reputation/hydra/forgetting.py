"""What a ledger lets go of, so that its windows and bounds hold: idle accounts, old pairs, names that nothing has."""

import numpy as np

from reputation.hydra.columns import Interner, Ints, Mask
from reputation.hydra.families import DAY, SEEN
from reputation.hydra.ledger import CONFIRMED, Ledger
from reputation.hydra.named import NAMED

IDLE = 30 * DAY
"""An account unseen for so long is forgotten, and an unconfirmed one after UNCONFIRMED_IDLE."""
UNCONFIRMED_IDLE = 2 * DAY
MOST_NAMES = 1.25
"""Names for each pair or account from which on unused ones are let go: a name takes as much as seven pairs."""
SPARE_NAMES = 1024
"""Unused names that are not worth a search."""


def forget(ledger: Ledger, now: float) -> None:
    """Keep windows and bounds; called once an hour, and in each epoch while memory is tight."""
    gone = _idle(ledger, now)
    for kind in SEEN:
        ledger.pairs[kind.name].trim(now - max(kind.window, kind.memory), gone)
    ledger.worn.trim(now - 7 * DAY, gone)
    ledger.release(np.flatnonzero(gone[: len(ledger.accounts.names)]))
    _forget_names(ledger, *((1.0, 0) if ledger.memory.is_tight else (MOST_NAMES, SPARE_NAMES)))
    ledger.weigh()


def _idle(ledger: Ledger, now: float) -> Mask:
    confirmed = ledger.flagged(CONFIRMED)
    noted_at = ledger.column("noted")
    noted_at[noted_at == 0.0] = now
    known_at = np.fmax(ledger.column("last"), noted_at)
    quiet: Mask = ~(known_at >= now - np.where(confirmed, IDLE, UNCONFIRMED_IDLE))
    there = np.array([name is not None for name in ledger.accounts.names], bool)
    quiet &= there
    return quiet


def _forget_names(ledger: Ledger, most: float, spare: int) -> None:
    for kind in SEEN:
        _thin(ledger.names[kind.name], ledger.pairs[kind.name].values, most, spare)
    for name in NAMED:
        held = ledger.number_column(name)
        _thin(ledger.names[name], held[held >= 0], most, spare)
    _thin(ledger.clients, ledger.worn.values, most, spare)


def _thin(names: Interner, used: Ints, most: float, spare: int) -> None:
    if len(names) > most * len(used) + spare:
        names.keep_only(used)
