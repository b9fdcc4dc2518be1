"""What settled money comes to in a day: one rule for allowances and for what linked accounts have earned. Pure."""

import math
from typing import Final

DAY: Final = 86_400.0
MONTH: Final = 30.0


def dollars_a_day(settled: float | None, settled_30d: float | None, age: float | None) -> float:
    """Return US dollars a day of the last 30 days; None is not known, age is in seconds.

    Without the dollars of 30 days they are a share of all, by the age in whole days, so that a limit which follows
    changes once a day; they are all of them where the age is not known.
    """
    if settled_30d is not None:
        return settled_30d / MONTH
    if settled is None:
        return 0.0
    days = MONTH if age is None else max(math.floor(age / DAY), MONTH)
    return settled / days
