"""Metrics for /metrics: plain counters and gauges, and the counts of verdicts."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from reputation.engine.verdicts import Counts


def verdict_metrics(tenants: Iterable[tuple[str, Counts]]) -> Iterator[Metric]:
    """Turn the counts into metric families."""
    labels = ["tenant", "mode", "tier", "decision"]
    verdicts = CounterMetricFamily(
        "headcount_verdicts", "Verdicts; in shadow mode the verdicts that would be enforced.", labels=labels
    )
    stops = CounterMetricFamily(
        "headcount_throttled", "Throttled requests by the binding limit.", labels=["tenant", "scope"]
    )
    jwts = CounterMetricFamily("headcount_jwt_keys", "Checks whose key looked like a JWT.", labels=["tenant"])
    for name, counts in tenants:
        jwts.add_metric([name], counts.jwts)
        for (mode, tier, decision), n in sorted(counts.verdicts.items()):
            verdicts.add_metric([name, mode, tier, decision], n)
        for scope, n in sorted(counts.stops.items()):
            stops.add_metric([name, scope], n)
    yield verdicts
    yield stops
    yield jwts


def gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(name, words, value=value)
