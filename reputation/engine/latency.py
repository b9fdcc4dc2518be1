"""How long checks take: a histogram that costs a check two readings of the clock and one addition."""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric

BOUNDS: Final = (
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005,
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
)  # fmt: skip
"""Upper bounds of the buckets in seconds; one more has what took longer."""


class Latency:
    """Seconds from a request that was read to its verdict, with the wait for shared state."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one check."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._sum += seconds

    def metrics(self) -> Iterator[Metric]:
        """Return the histogram; its buckets are cumulative."""
        buckets, total = [], 0
        for bound, count in zip((*BOUNDS, float("inf")), self._counts, strict=True):
            total += count
            buckets.append(("+Inf" if bound == float("inf") else repr(bound), float(total)))
        words = "Seconds from a request that was read to its verdict."
        yield HistogramMetricFamily("headcount_check_seconds", words, buckets=buckets, sum_value=self._sum)
