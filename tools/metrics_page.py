"""Generates docs/metrics.md from the program: `python -m tools.metrics_page > docs/metrics.md`.

A sidecar is put together for each kind of state, and asked for its metrics. A metric without a description is an error.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial

import structlog
from prometheus_client.metrics_core import Metric

from reputation.admin.webhooks import Webhooks
from reputation.checkapi.routes import CheckRoutes, body_limit
from reputation.config.file import Settings
from reputation.listeners.grammar import HttpLimits
from reputation.listeners.guarded import Guard
from reputation.listeners.lean import start
from reputation.listeners.sockets import bind
from reputation.sidecar.assembly import assemble
from reputation.sidecar.build import empty_state
from reputation.sidecar.running import Serving
from reputation.stores.contract import Opening
from reputation.stores.places import MEMORY, open_store
from reputation.wire.ids import Ulids

PLACES = (MEMORY, "{folder}/state.sqlite3", "redis://127.0.0.1:1")
"""One for each kind of state; nothing need answer there."""
INTRO = """\
# Metrics

`python -m tools.metrics_page` generates this page from the code.

`GET /metrics` on the admin listener answers in the Prometheus text format. A counter's name ends in `_total`, a
histogram's in `_bucket`, `_sum` and `_count`. *State* says for which state a metric exists: *any*, *embedded* (a file)
or *shared* (Redis or Valkey). The metrics of the process, `process_…`, are those of every Prometheus client.
[Alert rules](../deploy/prometheus/headcount.rules.yaml) for Prometheus use these names.
"""


def families() -> dict[str, tuple[Metric, set[str]]]:
    """Every metric by name, with the places that have it."""
    found: dict[str, tuple[Metric, set[str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for place in PLACES:
            for metric in asyncio.run(_metrics(place.format(folder=folder))):
                found.setdefault(metric.name, (metric, set()))[1].add(place)
    return dict(sorted(found.items()))


async def _metrics(place: str) -> list[Metric]:
    settings, log = Settings(), structlog.get_logger()
    store = open_store(place, Opening(partial(empty_state, settings), log, time.time))
    serving = assemble(settings, store, b"a key for this page alone, 32 B.", log)
    routes = CheckRoutes(serving.checks, serving.clock, Ulids(), serving.ready, serving.decisions.note)
    listener = await start(
        routes, bind("127.0.0.1:0"), methods=routes.methods(), limits=HttpLimits(), body_limit=body_limit, log=print
    )
    serving.listeners["check"] = listener
    try:
        return list(_of(serving))
    finally:
        await listener.drain(0.0)
        serving.decisions.close()
        await store.close()


def _of(serving: Serving) -> Iterator[Metric]:
    yield from serving.collect()
    yield from Webhooks(serving).metrics()
    yield from Guard("admin").metrics()


def render() -> str:
    """The page. Raises ValueError for a metric without a description."""
    rows = ["| metric | is | labels | state | means |", "| --- | --- | --- | --- | --- |"]
    for name, (metric, places) in families().items():
        if not metric.documentation:
            raise ValueError(f"{name} has no description")
        labels = ", ".join(f"`{label}`" for label in getattr(metric, "_labelnames", ())) or "none"
        shown = f"{name}_total" if metric.type == "counter" else name
        rows.append(f"| `{shown}` | {metric.type} | {labels} | {_state(places)} | {metric.documentation} |")
    return "\n".join([INTRO, *rows, ""])


def _state(places: set[str]) -> str:
    shared, kept = PLACES[2] in places, PLACES[1] in places
    return "any" if shared and kept else "shared" if shared else "embedded"


if __name__ == "__main__":
    sys.stdout.write(render())
