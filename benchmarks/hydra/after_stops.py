"""How much of a group's requests come soon after one of the group was stopped, against how much of the time does.

python -m benchmarks.hydra.after_stops cardless_home relief_team

A world has names as for benchmarks.hydra.measure. A hydra takes each stopped request to other heads two minutes later
(`--reactions shift`), and colleagues of `relief_team` take each other's over within 15 minutes.
"""

import argparse
import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.hydra import closed_loop
from benchmarks.hydra.measure import QUICK, spec_of
from benchmarks.hydra.product import Product
from benchmarks.hydra.table import percent
from benchmarks.hydra.world import Spec, make

Times = npt.NDArray[np.float64]
WITHIN = (130.0, 900.0)


def shares(stops: Times, requests: Times, until: float, within: float) -> tuple[float, float]:
    """The share of the requests from the first stop on that come `within` seconds after one, and the share of the time.

    stops, requests: sorted. nan: there is none.
    """
    if not len(stops):
        return np.nan, np.nan
    later = requests[requests > stops[0]]
    since = later - stops[np.searchsorted(stops, later) - 1]
    gaps = np.diff(np.append(stops, until))
    return float(np.mean(since <= within)) if len(later) else np.nan, float(np.minimum(gaps, within).sum() / gaps.sum())


def played(spec: Spec, reaction: str) -> tuple[dict[str, Times], dict[str, Times]]:
    """When requests of each class were stopped, and when others were let through."""
    world = make(spec)
    klass = {account.id: "hydra" if account.label == "hydra" else account.klass for account in world.accounts}
    stops, passed = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    with contextlib.closing(Product(None)) as product:

        def check(line: dict[str, Any]) -> dict[str, Any] | None:
            verdict = product(line)
            if verdict is not None:
                (passed if verdict["decision"] == "allow" else stops)[klass[line["account"]["id"]]].append(line["at"])
            return verdict

        closed_loop.run(world, check, closed_loop.REACTIONS[reaction])
    return {name: np.array(at) for name, at in stops.items()}, {name: np.array(at) for name, at in passed.items()}


def rows(name: str, spec: Spec, reaction: str) -> Iterator[str]:
    """Yield a row for each class that was stopped a hundred times or more, with people at home beside it."""
    stops, passed = played(spec, reaction)
    until = max(float(at[-1]) for at in passed.values())
    for group in (group for group, at in stops.items() if len(at) >= 100):
        cells = [name, group, f"{len(stops[group]):,}"]
        for within in WITHIN:
            own, time = shares(stops[group], passed.get(group, np.zeros(0)), until, within)
            home, _ = shares(stops[group], passed["home"], until, within)
            cells += [percent(time), percent(own), percent(home)]
        yield "| " + " | ".join(cells) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.hydra.after_stops", description=__doc__.splitlines()[0]
    )
    options.add_argument("worlds", nargs="+")
    options.add_argument("--reaction", default="shift", choices=closed_loop.REACTIONS)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args(arguments)
    honest, heads, days = (int(word) for word in QUICK[1::2])
    print("| world | of | stops |" + "".join(f" time in {s:g} s | requests | of homes |" for s in WITHIN))
    print("|" + " --- |" * (3 + 3 * len(WITHIN)))
    for name in chosen.worlds:
        spec = spec_of(name, Spec(chosen.seed, honest, heads, days=days))
        for row in rows(name, spec, chosen.reaction):
            print(row, flush=True)


if __name__ == "__main__":
    main()
