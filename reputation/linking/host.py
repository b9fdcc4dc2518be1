"""The linkers of all tenants at work: batches in, answers out. Only the linker's process imports this."""

import contextlib

from reputation.hydra.linker import Linker
from reputation.hydra.links import NOTHING, Links, difference
from reputation.linking.batches import Answer, Batch


class LinkerHost:
    """The linkers of all tenants, as its process sees them. Also used without a process, in tests."""

    def __init__(self) -> None:
        self._linkers: dict[str, Linker] = {}
        self._sent: dict[str, Links] = {}

    def take(self, batch: Batch) -> Answer | None:
        """Take a batch in; answer if it asked for an epoch."""
        if batch.fresh:
            self._linkers.pop(batch.tenant, None)
            self._sent.pop(batch.tenant, None)
        linker = self._linkers.get(batch.tenant)
        if linker is None:
            linker = self._linkers[batch.tenant] = Linker(batch.settings)
            if batch.book:
                linker.restore(batch.book)
            if batch.ledger:
                with contextlib.suppress(ValueError):  # of another version: then sightings are gathered again
                    linker.take_over(batch.ledger)
        linker.settings = batch.settings
        linker.ledger.until = batch.at
        for known in batch.known:
            linker.know(known)
        linker.see_many(batch.sightings)
        for outcome in batch.outcomes:
            linker.outcome(outcome.account, outcome.outcome, outcome.at)
        for ruling in batch.rulings:
            linker.apply_ruling(ruling, batch.at)
        if batch.epoch is None:
            return None
        links = linker.epoch(batch.epoch)
        delta = difference(self._sent.get(batch.tenant, NOTHING), links)
        self._sent[batch.tenant] = links
        return Answer(
            delta, linker.export(), linker.hand_over(batch.hand_over) if batch.hand_over else b"", linker.ledger.dropped
        )
