"""A clock that was set back: what was seen and found at times to come would otherwise stay until they come."""

import numpy as np

from reputation.hydra import reaction
from reputation.hydra.bins import BIN
from reputation.hydra.book import Book
from reputation.hydra.families import DAY, HOUR
from reputation.hydra.ledger import Ledger


def ledger_until(ledger: Ledger, now: float) -> None:
    """Let nothing have been seen later than `now`."""
    if ledger.hour <= now // HOUR and not (ledger.column("last") > now).any():
        return
    for name in ("first", "last", "noted", "accused", "cleared"):
        ledger.floats[name] = np.minimum(ledger.floats[name], now)
    for pairs in (*ledger.pairs.values(), ledger.worn):
        pairs.first, pairs.last = np.minimum(pairs.first, now), np.minimum(pairs.last, now)
    ledger.sat = np.minimum(ledger.sat, int(now // reaction.SITTING))
    ledger.hour = min(ledger.hour, int(now // HOUR))
    ledger.days.day = min(ledger.days.day, int(now // DAY))
    ledger.bins.bin = min(ledger.bins.bin, int(now // BIN))
    ledger.days.begun = min(ledger.days.begun, ledger.days.day)


def book_until(book: Book, now: float) -> None:
    """Let nothing have been found later than `now`."""
    for floor in book.floors.values():
        floor.linked = min(floor.linked, now)
    book.together = [day for day in book.together if day.day < now // DAY]
    book.surge = min(book.surge, now)
    for standing in book.established.values():
        standing.at = min(standing.at, now)
    for day in book.days.values():
        day.moved = min(day.moved, now)
    for kept in book.clusters.values():
        if max(kept.found, kept.apart) > now:
            kept.since, kept.found, kept.apart = (min(at, now) for at in (kept.since, kept.found, kept.apart))
            for member in kept.members.values():
                member.found = min(member.found, now)
