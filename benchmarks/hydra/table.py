"""Many results as one table: means over seeds, a row for each system, level, view and size."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from msgspec import Struct

from benchmarks.hydra.runs import Result


class Row(Struct, frozen=True):
    """Means over seeds; worst_class: the honest class that was stopped most, and its mean share."""

    level: str
    view: str
    variants: tuple[str, ...]
    reaction: str
    honest: int
    system: str
    seeds: int
    leak: float | None
    first_stop: float | None
    honest_stopped: float
    payers_stopped: float
    worst_class: tuple[str, float]
    honest_linked: float
    nat_against_homes: float | None
    heads_linked: float | None
    dollars_per_million: float | None
    newcomers_stopped: float | None
    victims_stopped: float | None
    lines_per_second: float
    peak_mb: float


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of what is known; None if nothing is."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _row(results: Sequence[Result]) -> Row:
    first, reports = results[0], [result.report for result in results]
    classes = {k: fmean(r.stopped_by_class[k] for r in reports) for k in reports[0].stopped_by_class}
    stops = [r.first_stop for r in reports]
    return Row(
        level=first.level,
        view=first.world.view,
        variants=first.world.variants,
        reaction=first.reaction,
        honest=first.world.honest,
        system=first.system,
        seeds=len(results),
        leak=mean(r.leak for r in reports),
        first_stop=None if None in stops else mean(stops),
        honest_stopped=fmean(r.honest_stopped for r in reports),
        payers_stopped=fmean(r.payers_stopped for r in reports),
        worst_class=max(classes.items(), key=lambda item: item[1]),
        honest_linked=fmean(r.honest_linked for r in reports),
        nat_against_homes=mean(r.nat_against_homes for r in reports),
        heads_linked=mean(r.heads_linked for r in reports),
        dollars_per_million=mean(r.dollars_per_million for r in reports),
        newcomers_stopped=mean(r.newcomers_stopped for r in reports),
        victims_stopped=mean(r.victims_stopped for r in reports),
        lines_per_second=fmean(result.lines / result.seconds for result in results),
        peak_mb=max(result.peak_mb for result in results),
    )


def rows(results: Iterable[Result]) -> list[Row]:
    """One row for each system on each kind of world, in the order in which they were run."""
    grouped: defaultdict[tuple[object, ...], list[Result]] = defaultdict(list)
    for result in results:
        world = result.world
        kind = (world.honest, world.view, world.variants, result.reaction, result.level, result.system)
        grouped[kind].append(result)
    return [_row(group) for group in grouped.values()]


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}%" if value < 0.1 else f"{100 * value:.1f}%"


def plain(value: float | None) -> str:
    if value is None:
        return "-"
    return "∞" if math.isinf(value) else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def worst(row: Row) -> str:
    name, share = row.worst_class
    return f"{name} {percent(share)}" if share else "-"


COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("level", lambda row: " ".join(filter(None, (row.level, *row.variants, row.reaction)))),
    ("view", lambda row: row.view),
    ("honest", lambda row: f"{row.honest:,}"),
    ("system", lambda row: row.system),
    ("leak", lambda row: percent(row.leak)),
    ("first stop", lambda row: plain(row.first_stop)),
    ("honest stopped", lambda row: percent(row.honest_stopped)),
    ("payers", lambda row: percent(row.payers_stopped)),
    ("newcomers", lambda row: percent(row.newcomers_stopped)),
    ("victims", lambda row: percent(row.victims_stopped)),
    ("worst class", worst),
    ("honest linked", lambda row: percent(row.honest_linked)),
    ("NAT ÷ homes", lambda row: plain(row.nat_against_homes)),
    ("heads linked", lambda row: percent(row.heads_linked)),
    ("$ / million", lambda row: plain(row.dollars_per_million)),
)


def markdown(found: Sequence[Row]) -> str:
    """The table as Markdown, which reads well enough on a terminal too."""
    cells = [[name for name, _ in COLUMNS], *([show(row) for _, show in COLUMNS] for row in found)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)
