"""Max-min fairness: no account gets more than the level; one that wants less gets what it wants."""

import numpy as np

from reputation.hydra.columns import Floats


def water_level(demands: Floats, capacity: float) -> float:
    """The level at which sum(min(demand, level)) is the capacity; infinite where there is enough for all."""
    wanted = np.sort(np.maximum(demands, 0.0))
    if wanted.sum() <= capacity:
        return float("inf")
    served = np.concatenate([[0.0], np.cumsum(wanted)])[:-1]
    left = len(wanted) - np.arange(len(wanted))
    levels = (capacity - served) / left
    return float(max(levels[np.argmax(levels <= wanted)], 0.0))


def typical_use(daily: Floats, prior: float, enough: int = 20) -> float:
    """Units a day of a typical account: the median, drawn to the prior while there are few accounts."""
    if not len(daily):
        return prior
    weight = min(len(daily) / enough, 1.0)
    return float(weight * np.median(daily) + (1 - weight) * prior)
