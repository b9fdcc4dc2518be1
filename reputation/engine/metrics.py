"""Metrics for /metrics: plain counters and gauges, and the counts of verdicts."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from reputation.config.tenants import Tenant
from reputation.engine.entry import newcomers_of
from reputation.engine.verdicts import Counts
from reputation.hydra.links import Links


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


def newcomer_metrics(tenants: Iterable[tuple[str, Tenant, Links]]) -> Iterator[Metric]:
    """Turn each plan's newcomer's day, and the number of accounts that it is learnt from, into metric families."""
    days = GaugeMetricFamily("headcount_newcomer_day", "Newcomer's day of a plan, in units.", labels=["tenant", "plan"])
    voters = GaugeMetricFamily(
        "headcount_newcomer_voters", "Accounts that a newcomer's day is learnt from.", labels=["tenant", "plan"]
    )
    for name, tenant, links in tenants:
        for plan, (units, count) in newcomers_of(tenant, links).items():
            days.add_metric([name, plan], units)
            voters.add_metric([name, plan], count)
    yield days
    yield voters


def gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(name, words, value=value)
