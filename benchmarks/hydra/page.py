"""Write the figures of docs/hydra.md from results that were kept.

python -m benchmarks.hydra.page var/hydra/results.jsonl --into docs/hydra.md
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean

from benchmarks.hydra.runs import NO_HYDRA, PRODUCT, Result, load
from benchmarks.hydra.table import percent, plain

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
TARGETS = {"L0": 0.03, "L1": 0.03, "L2": 0.03, "L3": 0.08, "L4": 0.08, "L5": 0.25}
"""Most that may leak with all facts."""

Figure = Callable[[Result], float | None]


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown: words to the left, figures to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spread(results: Sequence[Result], figure: Figure, show: Callable[[float | None], str] = percent) -> str:
    """The mean over seeds, and the least and the most where they differ as shown."""
    found = [figure(result) for result in results]
    values = [value for value in found if value is not None]
    if len(values) < len(found) or not values:
        return "-"
    low, high = show(min(values)), show(max(values))
    return show(fmean(values)) + (f" ({low} to {high})" if low != high else "")


def of(results: Sequence[Result], **wanted: str) -> list[Result]:
    """Results of a system, a level, a view."""
    seen = {"system": lambda r: r.system, "level": lambda r: r.level, "view": lambda r: r.world.view}
    return [r for r in results if all(seen[name](r) == value for name, value in wanted.items())]


def names(results: Sequence[Result], figure: Callable[[Result], str]) -> list[str]:
    return list(dict.fromkeys(figure(result) for result in results))


def product(results: Sequence[Result]) -> str:
    """The product's leak and its cost for honest accounts, a row for each level."""
    rows = []
    for level in sorted(names(results, lambda r: r.level), key=lambda name: (name == NO_HYDRA, name)):
        some = of(results, level=level)
        worst = max((max(r.report.stopped_by_class.values()) for r in some), default=0.0)
        target = TARGETS.get(level)
        rows.append(
            [
                "no hydra" if level == NO_HYDRA else level,
                spread(some, lambda r: r.report.leak),
                percent(target) if target and some[0].world.view == "full" else "",
                spread(some, lambda r: r.report.first_stop, plain),
                spread(some, lambda r: r.report.honest_stopped),
                spread(some, lambda r: r.report.payers_stopped),
                percent(worst),
                spread(some, lambda r: r.report.honest_linked),
                spread(some, lambda r: r.report.heads_linked),
                spread(some, lambda r: r.report.dollars_per_million, plain),
                str(len(some)),
            ]
        )
    head = ["level", "leak", "target", "first stop", "honest stopped", "payers", "worst class", "honest linked"]
    return grid([*head, "heads linked", "$ a million", "seeds"], rows)


def beside(results: Sequence[Result]) -> str:
    """Leak and honest requests stopped of every system on the same worlds, a row for each level."""
    systems = names(results, lambda r: r.system)
    rows = []
    for level in sorted(names(results, lambda r: r.level), key=lambda name: (name == NO_HYDRA, name)):
        cells = [of(results, level=level, system=system) for system in systems]
        shares = [
            f"{percent(fmean(r.report.leak for r in some if r.report.leak is not None)) if level != NO_HYDRA else '-'}"
            f" / {percent(fmean(r.report.honest_stopped for r in some))}"
            if some
            else "-"
            for some in cells
        ]
        rows.append([level, *shares])
    return grid(["leak / honest stopped", *systems], rows)


def classes(results: Sequence[Result]) -> str:
    """The share of each honest class's requests that were stopped, with and without a hydra, and who was linked."""
    systems = names(results, lambda r: r.system)
    free = of(results, level=NO_HYDRA, system=PRODUCT)
    attacked = {system: [r for r in of(results, system=system) if r.level != NO_HYDRA] for system in systems}
    rows = []
    for klass in results[0].report.stopped_by_class:
        stops = [fmean(r.report.stopped_by_class[klass] for r in some) if some else None for some in attacked.values()]
        alone = fmean(r.report.stopped_by_class[klass] for r in free) if free else None
        linked = [r.report.honest_linked_by_class[klass] for r in attacked[PRODUCT]]
        rows.append([f"`{klass}`", *map(percent, stops), percent(alone), percent(fmean(linked) if linked else None)])
    return grid(["class", *systems, f"{PRODUCT}, no hydra", f"linked by {PRODUCT}"], rows)


def figures(results: Sequence[Result]) -> str:
    """All tables, each under a heading."""
    parts = []
    for view in names(results, lambda r: r.world.view):
        parts += [f"### {PRODUCT}, view `{view}`", product(of(results, view=view, system=PRODUCT))]
        if len(names(of(results, view=view), lambda r: r.system)) > 1:
            parts += [f"### Beside limits of today, view `{view}`", beside(of(results, view=view))]
            parts += [f"### Honest classes, view `{view}`", classes(of(results, view=view))]
    return "\n\n".join(parts)


def put(page: str, text: str) -> str:
    """The page with the text between its marks. ValueError: it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks.hydra.page", description=__doc__.splitlines()[0])
    options.add_argument("results", type=Path, nargs="+", help="results.jsonl of one run or more")
    options.add_argument("--into", type=Path, help="page whose figures to replace; else they are printed")
    chosen = options.parse_args(arguments)
    text = figures([result for path in chosen.results for result in load(path)])
    if chosen.into:
        chosen.into.write_text(put(chosen.into.read_text(encoding="utf-8"), text), encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
