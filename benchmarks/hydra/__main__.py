"""Run systems on simulated hydras and honest worlds, and print one table.

python -m benchmarks.hydra --quick
python -m benchmarks.hydra --levels L0,L3,none --seeds 1,2,3 --views full,bare --out var/hydra
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from benchmarks.hydra import picture, table
from benchmarks.hydra.attackers import LADDER, VARIANTS
from benchmarks.hydra.baselines import BASELINES
from benchmarks.hydra.closed_loop import REACTIONS
from benchmarks.hydra.lines import VIEWS
from benchmarks.hydra.populations import LOOKALIKES
from benchmarks.hydra.runs import (
    NO_HYDRA,
    PRODUCT,
    Failed,
    Result,
    System,
    append,
    default_system,
    load,
    run_all,
    run_reacting,
    specs,
    without,
)
from benchmarks.hydra.targets import NoTarget
from benchmarks.hydra.world import Spec
from benchmarks.hydra.worlds import POPULATIONS, populations
from reputation.hydra.sightings import Part

PARTS = get_args(Part)
QUICK = ["--levels", "L0,L3,none", "--views", "full", "--seeds", "1", "--honest", "300", "--days", "3"]


def words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def numbers(text: str) -> list[int]:
    return [int(word) for word in words(text)]


def system(text: str) -> System:
    """NAME=COMMAND, as --engine takes it."""
    name, _, command = text.partition("=")
    if "{world}" not in command or "{verdicts}" not in command:
        raise argparse.ArgumentTypeError("expected NAME=COMMAND with {world} and {verdicts} in it")
    return System(name, command)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m benchmarks.hydra", description=__doc__.splitlines()[0])
    add = options.add_argument
    add("--levels", type=words, default=[*LADDER, NO_HYDRA], help="comma-separated; L1+L4: both in one world")
    add("--views", type=words, default=["full", "no-client-hints", "bare"], help=f"of {', '.join(VIEWS)}")
    add("--variants", type=words, default=[], help=f"all applied, of {', '.join(VARIANTS)}")
    add("--seeds", type=numbers, default=[1, 2, 3])
    add("--honest", type=numbers, default=[3000], help="honest accounts; several sizes may be given")
    add("--heads", type=int, help="heads; a fifth of the honest accounts unless given")
    add("--daily", type=float, default=22.0, help="requests a day that each head wants")
    add("--days", type=int, default=7)
    add("--content", action="store_true", help="with SimHashes of the prompts' shapes")
    add("--gatherings", action="store_true", help="with honest groups that look like hydras")
    add("--populations", type=populations, nargs="?", const=tuple(LOOKALIKES), default=(), help=POPULATIONS)
    add("--uncapped", action="store_true", help="loads of ordinary classes are not cut off")
    add("--shared-data", help="folder with measured clients and verified proxy exits")
    add("--engine", type=system, action="append", help="NAME=COMMAND with {world} and {verdicts}; repeatable")
    add("--baselines", type=words, default=list(BASELINES), help="comma-separated; empty for none")
    add("--reactions", type=words, default=[], help=f"a hydra that sees denials, of {', '.join(REACTIONS)}")
    add("--ablate", type=words, default=[], help=f"the product without each of these; all: {', '.join(PARTS)}")
    add("--config", type=Path, help="the product's configuration")
    add("--no-engine", action="store_true", help="baselines alone")
    add("--jobs", type=int, default=1, help="worlds at a time")
    add("--out", type=Path, default=Path("var/hydra"), help="folder for results.jsonl, table.md and hydra.svg")
    add("--resume", action="store_true", help="keep the results in that folder and leave their worlds out")
    add("--quick", action="store_true", help=f"as {' '.join(QUICK)}")
    return options


def chosen(arguments: list[str] | None) -> argparse.Namespace:
    given = list(sys.argv[1:] if arguments is None else arguments)
    return parser().parse_args([*QUICK, *given] if "--quick" in given else given)


def ablated(options: argparse.Namespace) -> list[System]:
    """The product without each of the named detectors and families, with a configuration that says so."""
    names = PARTS if options.ablate == ["all"] else options.ablate
    return [without(name, options.out.absolute() / f"without_{name}.yaml") for name in names]


def wanted(options: argparse.Namespace, done: Sequence[Result]) -> list[tuple[Spec, str]]:
    """Worlds to play, each with the hydra's reaction (empty: it does not see its denials), without those done."""
    like = Spec(
        honest=options.honest[0],
        heads=options.heads or options.honest[0] // 5,
        variants=tuple(options.variants),
        daily=options.daily,
        days=options.days,
        content=options.content,
        data=options.shared_data,
        gatherings=options.gatherings,
        populations=options.populations,
        uncapped=options.uncapped,
    )
    known = {(result.world, result.reaction) for result in done}
    worlds = specs(options.levels, options.views, options.seeds, options.honest, like)
    pairs = [(spec, reaction) for spec in worlds for reaction in options.reactions or [""]]
    return [pair for pair in pairs if pair not in known]


def played(options: argparse.Namespace, todo: Sequence[tuple[Spec, str]]) -> Iterator[list[Result]]:
    """Results world by world: of files, or of a hydra that reacts."""
    if not options.reactions:
        systems = [] if options.no_engine else options.engine or [default_system(options.config), *ablated(options)]
        yield from run_all([spec for spec, _ in todo], systems, options.baselines, options.jobs, options.views[0])
        return
    names = [*([] if options.no_engine else [PRODUCT]), *options.baselines]
    for spec, reaction in todo:
        yield run_reacting(spec, reaction, names, options.config)


def show(results: Sequence[Result], out: Path) -> None:
    """Write table.md and hydra.svg into a folder, and print the table."""
    rows = table.rows(results)
    (out / "table.md").write_text(table.markdown(rows) + "\n", encoding="utf-8")
    picture.draw(rows, out / "hydra.svg")
    print(table.markdown(rows))


def main(arguments: list[str] | None = None) -> int:
    options = chosen(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    kept = options.out / "results.jsonl"
    done = load(kept) if options.resume else []
    kept.unlink(missing_ok=True)
    append(kept, done)
    todo = wanted(options, done)
    try:
        for number, found in enumerate(played(options, todo), 1):
            append(kept, found)
            if sys.stderr.isatty():
                print(f"{number} of {len(todo)} worlds", end="\r", file=sys.stderr, flush=True)
    except (Failed, NoTarget) as failed:
        print(f"\n{failed}", file=sys.stderr)
        return 1
    show(load(kept), options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
