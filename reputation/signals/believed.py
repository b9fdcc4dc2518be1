"""How far evidence from a database is believed: as far as it is sure, and less the older the database is."""

from functools import lru_cache

from geoip.facts import LISTED
from reputation.wire.messages import Reason


def believed(signal: str, points: float, words: str, confidence: float | None, freshness: float) -> Reason:
    """Return a reason with full points for a source as sure as a list, and not stale; else with fewer.

    confidence: 0 to 1, None: as sure as a list; freshness: as in `AddressFacts`.
    """
    sure = 1.0 if confidence is None else min(confidence / LISTED, 1.0)
    if sure >= 1.0 and freshness >= 1.0:
        return Reason(signal, points, words)
    return Reason(signal, round(points * sure * freshness, 3), _detail(words, sure, freshness))


@lru_cache(1024)
def _detail(words: str, sure: float, freshness: float) -> str:
    causes = (("its source is not sure", sure < 1.0), ("its database is stale", freshness < 1.0))
    why = " and ".join(cause for cause, holds in causes if holds)
    return f"{words}; {why}, so this counts {sure * freshness:.0%}"
