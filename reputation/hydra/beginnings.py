"""What sightings say of prompts: their shapes, and which conversations accounts begin and go on with.

A sighting with one shape begins a conversation. One with several goes on with a conversation; the first of the shapes
is that of its beginning.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from reputation.hydra.columns import Floats, Interner, Ints, PairTable
from reputation.hydra.sightings import Sighting


def note_shapes(
    pairs: Mapping[str, PairTable],
    names: Mapping[str, Interner],
    batch: Sequence[Sighting],
    accounts: Ints,
    at: Floats,
    *,
    new: bool = True,
) -> None:
    """Note the shapes of a batch of sightings. accounts, at: of each sighting. new: take new pairs too."""
    shown = [(row, shape) for row, sighting in enumerate(batch) for shape in sighting.content]
    if not shown:
        return
    where = np.array([row for row, _ in shown])
    pairs["content"].add(accounts[where], names["content"].numbers([shape for _, shape in shown]), at[where], new=new)
    starts = np.array([row for row, sighting in enumerate(batch) if len(sighting.content) == 1], np.int64)
    begun = names["begun"].numbers([batch[row].content[0] for row in starts.tolist()])
    pairs["begun"].add(accounts[starts], begun, at[starts], new=new)
    later = np.array([row for row, sighting in enumerate(batch) if len(sighting.content) > 1], np.int64)
    _go_on(pairs, names, [batch[row].content[0] for row in later.tolist()], accounts[later], at[later], new=new)


def _go_on(
    pairs: Mapping[str, PairTable],
    names: Mapping[str, Interner],
    shapes: list[str],
    accounts: Ints,
    at: Floats,
    *,
    new: bool,
) -> None:
    """Note who goes on with its own conversation, which stays known as long as it goes on, and who with another's."""
    number = names["begun"].ids
    known = np.array([number.get(shape, -1) for shape in shapes], np.int64)
    own = pairs["begun"].holds(accounts, known, at)
    pairs["begun"].add(accounts[own], known[own], at[own], new=new)
    others = names["carried"].numbers([shapes[row] for row in np.flatnonzero(~own).tolist()])
    pairs["carried"].add(accounts[~own], others, at[~own], new=new)
