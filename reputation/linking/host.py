"""The linkers of all tenants at work: batches in, answers out. Only the linker's process imports this."""

import contextlib

from reputation.hydra.linker import Linker
from reputation.hydra.links import NOTHING, Links, difference
from reputation.linking.batches import Answer, Batch

ITS_OWN = 160 * 1_048_576
"""Bytes of the process before it has seen an account, and of notes that it has not sorted in yet."""
OF_LEDGERS = 0.55
"""Part of the rest that ledgers may fill: an epoch works on copies of a part of them."""


class LinkerHost:
    """The linkers of all tenants, as its process sees them. Also used without a process, in tests.

    memory: bytes that the process may take; 0 for no bound.
    """

    def __init__(self, memory: int = 0) -> None:
        self._room = int(max(memory - ITS_OWN, 0) * OF_LEDGERS)
        self._linkers: dict[str, Linker] = {}
        self._sent: dict[str, Links] = {}

    def take(self, batch: Batch) -> Answer | None:
        """Take a batch in; answer if it asked for an epoch."""
        if batch.fresh:
            self._linkers.pop(batch.tenant, None)
            self._sent.pop(batch.tenant, None)
        linker = self._linkers.get(batch.tenant) or self._begin(batch)
        linker.settings = batch.settings
        ledger = linker.ledger
        ledger.until, ledger.memory.most = batch.at, self._room_of(linker)
        for known in batch.known:
            linker.know(known)
        linker.see_many(batch.sightings)
        for outcome in batch.outcomes:
            linker.outcome(outcome.account, outcome.outcome, outcome.at)
        for ruling in batch.rulings:
            linker.apply_ruling(ruling, batch.at)
        if batch.partial:
            ledger.absorb()
        if batch.epoch is None:
            return None
        links = linker.epoch(batch.epoch)
        delta = difference(self._sent.get(batch.tenant, NOTHING), links)
        self._sent[batch.tenant] = links
        kept = linker.hand_over(batch.hand_over) if batch.hand_over else b""
        memory = linker.ledger.memory
        return Answer(delta, linker.export(), kept, linker.ledger.dropped, memory.used, memory.left_out)

    def _begin(self, batch: Batch) -> Linker:
        linker = self._linkers[batch.tenant] = Linker(batch.settings)
        if batch.book:
            linker.restore(batch.book)
        if batch.ledger:
            with contextlib.suppress(ValueError):  # of another version: then sightings are gathered again
                linker.take_over(batch.ledger)
        return linker

    def _room_of(self, linker: Linker) -> int:
        """Bytes that a tenant's ledger may take: what the others leave, and its share at least."""
        if not self._room:
            return 0
        others = sum(one.ledger.memory.used for one in self._linkers.values() if one is not linker)
        return max(self._room - others, self._room // len(self._linkers), 1)
