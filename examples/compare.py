# ruff: noqa: INP001 - a script, not a package
"""Show the effect of a change of configuration: two replays of the same events, account by account.

    python examples/compare.py EVENTS BEFORE AFTER

EVENTS are the replayed lines, BEFORE and AFTER the verdicts (.gz is understood for all three). An account counts with
the tier of its last verdict. Payers (by the default standards) that are limited more than before are listed, with what
counts against them more than it did if the replays had --reasons: look at them before you deploy.
"""

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from reputation.scoring.risk import TIERS
from reputation.state.facts import Standards, from_push, is_payer
from reputation.wire.messages import AccountFacts, wire_type

Key = tuple[str, str]
Accounts = dict[Key, "Account"]


class Account(NamedTuple):
    """One account of the day: its last tiers (indices) and how often it was stopped, before and after."""

    before: int
    after: int
    asked: int = 0
    stopped_before: int = 0
    stopped_after: int = 0
    why: str = ""


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def checks(events: Path, payers: dict[Key, float]) -> Iterator[Key]:
    """Yield (tenant, account) of each check line; note payers and their settled money as their facts come by."""
    for line in lines(events):
        tenant = line.get("tenant", "default")
        if "kind" not in line:
            yield tenant, line["account"]["id"]
        elif line["kind"] == "account":
            facts = from_push(msgspec.convert(line, AccountFacts, dec_hook=wire_type), ())
            if is_payer(facts, Standards(), line["at"]):
                payers[tenant, line["id"]] = line["payment"]["settled_usd"]


def gather(keys: Iterator[Key], before: Path, after: Path) -> Accounts:
    """Join the checks with both their verdicts; the order is the same."""
    found: Accounts = {}
    for key, was, now in zip(keys, lines(before), lines(after), strict=True):
        known = found.get(key, Account(0, 0))
        found[key] = Account(
            TIERS.index(was["tier"]),
            TIERS.index(now["tier"]),
            known.asked + 1,
            known.stopped_before + (was["decision"] != "allow"),
            known.stopped_after + (now["decision"] != "allow"),
            changed(was["reasons"], now["reasons"]),
        )
    return found


def changed(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> str:
    """Name the signals with more points against an account than before, the largest change first."""
    old = {reason["signal"]: reason["points"] for reason in before}
    new = {reason["signal"]: reason["points"] for reason in after}
    moves = {signal: new.get(signal, 0.0) - old.get(signal, 0.0) for signal in {**old, **new}}
    worse = sorted((signal for signal in moves if moves[signal] > 0.01), key=lambda signal: -moves[signal])
    return ", ".join(f"{signal} {old.get(signal, 0.0):+.2f} -> {new.get(signal, 0.0):+.2f}" for signal in worse)


def matrix(tenant: str, accounts: Accounts) -> str:
    """Count the accounts for each pair of tiers, before and after."""
    moves = Counter((known.before, known.after) for (owner, _), known in accounts.items() if owner == tenant)
    columns = range(len(TIERS))
    head = f"{'':<12}" + "".join(f"{tier:>12}" for tier in TIERS)
    rows = [f"{TIERS[was]:<12}" + "".join(f"{moves[was, now] or '.':>12}" for now in columns) for was in columns]
    return "\n".join([f"{tenant}: accounts by tier, before (rows) and after (columns)", head, *rows])


def stops(accounts: Accounts) -> str:
    """Return the share of stopped requests, by tenant and by the part of the id before the underscore."""
    asked: Counter[Key] = Counter()
    before: Counter[Key] = Counter()
    after: Counter[Key] = Counter()
    for (tenant, name), known in accounts.items():
        group = (tenant, name.partition("_")[0])
        asked[group] += known.asked
        before[group] += known.stopped_before
        after[group] += known.stopped_after
    rows = [
        f"{' '.join(group):<20}{count:>8,}{before[group] / count:>9.1%}{after[group] / count:>9.1%}"
        for group, count in sorted(asked.items())
    ]
    return "\n".join([f"{'requests stopped':<20}{'asked':>8}{'before':>9}{'after':>9}", *rows])


def tightened(accounts: Accounts, payers: dict[Key, float]) -> str:
    """Name the payers with a stricter tier than before."""
    stricter = [
        f"  {' '.join(key)}: {TIERS[known.before]} -> {TIERS[known.after]}, {payers[key]:.0f} USD settled; {known.why}"
        for key, known in sorted(accounts.items())
        if key in payers and known.after > known.before
    ]
    return "\n".join([f"payers tightened: {len(stricter)} of {len(payers)}", *stricter])


def main(events: Path, before: Path, after: Path) -> None:
    payers: dict[Key, float] = {}
    accounts = gather(checks(events, payers), before, after)
    tables = [matrix(tenant, accounts) for tenant in sorted({tenant for tenant, _ in accounts})]
    sys.stdout.write("\n\n".join([*tables, stops(accounts), tightened(accounts, payers)]) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
