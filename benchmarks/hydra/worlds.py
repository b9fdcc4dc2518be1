"""Write a simulated week as replay lines, with the truth in a second file.

python -m benchmarks.hydra.worlds --level L3 --seed 1 --honest 3000 --heads 600 --out L3.jsonl
"""

import argparse
import gzip
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from benchmarks.hydra import truth
from benchmarks.hydra.attackers import LADDER, STRATEGIES, VARIANTS
from benchmarks.hydra.lines import VIEWS
from benchmarks.hydra.populations import LOOKALIKES
from benchmarks.hydra.targets import NoTarget
from benchmarks.hydra.world import Entry, Spec, make, stream

POPULATIONS = f"honest look-alikes beside the others: all, or comma-separated, of {', '.join(LOOKALIKES)}"
BLOCK = 20_000  # lines that are joined before they are written


@contextmanager
def writer(path: Path) -> Iterator[BinaryIO]:
    """A binary file to write, compressed as its suffix says; the same lines give the same bytes."""
    with path.open("wb") as plain:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", 6, plain, mtime=0) as packed:
                yield cast("BinaryIO", packed)
        elif path.suffix == ".zst":
            with zstandard.ZstdCompressor().stream_writer(plain) as packed_too:
                yield cast("BinaryIO", packed_too)
        else:
            yield plain


def write(entries: Iterable[Entry], path: Path) -> int:
    """Write the lines and say how many there were."""
    count, source = 0, iter(entries)
    with writer(path) as out:
        while block := [line for _, line in islice(source, BLOCK)]:
            out.write("".join(block).encode())
            count += len(block)
    return count


def parser() -> argparse.ArgumentParser:
    default = Spec()
    options = argparse.ArgumentParser(prog="python -m benchmarks.hydra.worlds", description=__doc__.splitlines()[0])
    options.add_argument(
        "--level", default="L3", help=f"comma-separated, of {', '.join([*LADDER, *STRATEGIES])}; none: no hydra"
    )
    options.add_argument("--variant", default="", help=f"comma-separated, of {', '.join(VARIANTS)}")
    options.add_argument("--seed", type=int, default=default.seed)
    options.add_argument("--honest", type=int, default=default.honest, help="honest accounts")
    options.add_argument("--heads", type=int, default=default.heads, help="the hydra's accounts")
    options.add_argument("--daily", type=float, default=default.daily, help="requests a day that each head wants")
    options.add_argument("--days", type=int, default=default.days)
    options.add_argument("--view", choices=sorted(VIEWS), default=default.view, help="what the sidecar gets to see")
    options.add_argument("--content", action="store_true", help="with SimHashes of the prompts' shapes")
    options.add_argument("--shared-data", help="folder with measured clients and verified proxy exits")
    options.add_argument("--gatherings", action="store_true", help="with honest groups that look like hydras")
    options.add_argument(
        "--populations", type=populations, nargs="?", const=tuple(LOOKALIKES), default=(), help=POPULATIONS
    )
    options.add_argument("--uncapped", action="store_true", help="loads of ordinary classes are not cut off")
    options.add_argument("--out", type=Path, required=True, help="lines; .gz and .zst are compressed")
    return options


def populations(text: str) -> tuple[str, ...]:
    """Names of look-alikes out of a comma-separated list; `all`: all of them. ArgumentTypeError: there is none such."""
    names = tuple(LOOKALIKES) if text == "all" else tuple(filter(None, text.split(",")))
    if unknown := [name for name in names if name not in LOOKALIKES]:
        raise argparse.ArgumentTypeError(f"no population {unknown[0]!r}; there are {', '.join(LOOKALIKES)}")
    return names


def spec(chosen: argparse.Namespace) -> Spec:
    levels = () if chosen.level == "none" else tuple(chosen.level.split(","))
    variants = tuple(filter(None, chosen.variant.split(",")))
    return Spec(
        chosen.seed, chosen.honest, chosen.heads, levels, variants, chosen.daily, chosen.days, chosen.view,
        chosen.content, chosen.shared_data, chosen.gatherings, chosen.populations, chosen.uncapped,
    )  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    chosen = parser().parse_args(arguments)
    begun = time.perf_counter()
    try:
        world = make(spec(chosen))
    except NoTarget as reason:
        sys.exit(str(reason))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    truth.write(world, truth.beside(chosen.out))
    count = write(stream(world), chosen.out)
    took = time.perf_counter() - begun
    print(f"{count:,} lines, {len(world.accounts):,} accounts in {took:.1f} s: {chosen.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
