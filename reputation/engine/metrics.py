"""Metrics for /metrics: plain counters and gauges, and the counts of verdicts."""

import math
import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from reputation.config.tenants import Tenant
from reputation.engine.entry import newcomers_of
from reputation.engine.verdicts import Counts
from reputation.hydra.links import Links
from reputation.limits import bucket


def verdict_metrics(tenants: Iterable[tuple[str, Counts]]) -> Iterator[Metric]:
    """Turn the counts into metric families."""
    labels = ["tenant", "mode", "tier", "decision"]
    verdicts = CounterMetricFamily(
        "headcount_checks", "Checks by verdict; in shadow mode by the one that would be enforced.", labels=labels
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


def cluster_metrics(tenants: Iterable[tuple[str, Links]]) -> Iterator[Metric]:
    """Turn each tenant's clusters into metric families."""
    clusters = GaugeMetricFamily("headcount_clusters", "Current clusters.", labels=["tenant"])
    linked = GaugeMetricFamily("headcount_linked_accounts", "Accounts in clusters.", labels=["tenant"])
    largest = GaugeMetricFamily("headcount_largest_cluster", "Accounts in the largest cluster.", labels=["tenant"])
    for name, links in tenants:
        clusters.add_metric([name], len(links.clusters))
        linked.add_metric([name], len(links.members))
        largest.add_metric([name], max((cluster.size for cluster in links.clusters.values()), default=0))
    yield clusters
    yield linked
    yield largest


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


def together_metrics(tenants: Iterable[tuple[str, Links]]) -> Iterator[Metric]:
    """Turn what newcomers take together into metric families; none of a tenant before its first links."""
    families = [
        GaugeMetricFamily(f"headcount_newcomers_{name}", words, labels=["tenant"])
        for name, words in (
            ("units", "Units that newcomers were let through in the last 24 hours."),
            ("wanted_units", "Units that newcomers asked for in the last 24 hours."),
            ("amount_units", "Units a day that newcomers may take together before it is a surge."),
            ("usual_share", "Usual units of newcomers for each unit of other accounts; NaN until it is known."),
            ("surge", "Whether newcomers take more than that amount: 1 or 0."),
        )
    ]
    for name, links in tenants:
        if (found := links.together) is not None:
            usual = math.nan if found.usual is None else found.usual
            values = (found.taken, found.wanted, found.amount, usual, float(found.since > 0.0))
            for family, value in zip(families, values, strict=True):
                family.add_metric([name], value)
    yield from families


def build_info() -> Metric:
    """Name the version, the Python, and whether the heart of a check is compiled."""
    found = GaugeMetricFamily(
        "headcount_build_info", "1, with what runs as labels.", labels=["version", "python", "compiled"]
    )
    compiled = not (bucket.__file__ or "").endswith(".py")
    found.add_metric([version("headcount"), platform.python_version(), str(compiled).lower()], 1.0)
    return found


def gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(name, words, value=value)
