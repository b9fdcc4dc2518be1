"""The truth about a world: the class of each account, in a file next to the lines."""

from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.hydra.clock import START
from benchmarks.hydra.model import Account, is_payer, is_proven
from benchmarks.hydra.world import Spec, World


class Fact(Struct, frozen=True, omit_defaults=True):
    """What one account is.

    label: honest or hydra. klass: the honest class, or the attacker's level. cluster: whose head it is.
    payer, proven: by the contract's definitions at the world's beginning. wish: requests a day its owner wants.
    victim: the actor that wants to harm it.
    """

    label: str
    klass: str
    keys: tuple[str, ...]
    cluster: str | None = None
    payer: bool = False
    proven: bool = False
    created: float = 0.0
    wish: float = 0.0
    victim: str | None = None


class Truth(Struct, frozen=True):
    world: Spec
    accounts: dict[str, Fact]


def _fact(account: Account, now: float) -> Fact:
    return Fact(
        account.label,
        account.klass,
        account.keys,
        account.actor,
        is_payer(account, now),
        is_proven(account, now),
        account.created,
        account.wish,
        account.victim_of,
    )


def of(world: World) -> Truth:
    """The truth about a world; who is a payer or proven when it begins is one all week."""
    return Truth(world.spec, {account.id: _fact(account, START) for account in world.accounts})


def write(world: World, path: Path) -> None:
    path.write_bytes(msgspec.json.encode(of(world)) + b"\n")


def read(path: Path) -> Truth:
    return msgspec.json.decode(path.read_bytes(), type=Truth)


def beside(lines: Path) -> Path:
    """Where the truth of a file of lines is: L3.jsonl.zst has L3.truth.json."""
    stem = lines.name
    for suffix in (".gz", ".zst", ".jsonl"):
        stem = stem.removesuffix(suffix)
    return lines.with_name(f"{stem}.truth.json")
