"""Plain counters that the request path adds to and /metrics reads; labels are tenant, tier, decision, scope."""

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from reputation.events import Verdict


class Counts:
    """What one tenant's checks came to."""

    def __init__(self) -> None:
        self.verdicts: Counter[tuple[str, str]] = Counter()
        self.stops: Counter[str] = Counter()

    def add(self, verdict: Verdict) -> None:
        """Count a verdict, and if it was a stop by a limit, which scope's limit it was."""
        self.verdicts[verdict.tier, verdict.decision] += 1
        if verdict.decision == "throttle":
            self.stops[verdict.limit.scope] += 1


def verdict_metrics(tenants: Iterable[tuple[str, Counts]]) -> Iterator[Metric]:
    """Turn the counts into metric families."""
    verdicts = CounterMetricFamily("headcount_verdicts", "Verdicts given.", labels=["tenant", "tier", "decision"])
    stops = CounterMetricFamily("headcount_throttled", "Throttles by the limit that bound.", labels=["tenant", "scope"])
    for name, counts in tenants:
        for (tier, decision), n in sorted(counts.verdicts.items()):
            verdicts.add_metric([name, tier, decision], n)
        for scope, n in sorted(counts.stops.items()):
            stops.add_metric([name, scope], n)
    yield verdicts
    yield stops


def gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(name, words, value=value)
