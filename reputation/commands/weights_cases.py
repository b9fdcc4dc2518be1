"""`headcount weights test`: test cases with expected verdicts, judged by a draft, without a sidecar."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
import yaml
from rich.table import Table

from geoip.terminal import add_row, console
from reputation.commands.options import ends_well, json_option
from reputation.commands.weights_draft import read_overrides
from reputation.config.file import DEFAULT
from reputation.config.tenants import TenantSettings
from reputation.engine.limiter import TenantLimiter
from reputation.scoring.risk import TIERS
from reputation.sidecar.build import build, open_addresses
from reputation.tuning.revisions import Revision, check_floor, compiled
from reputation.wire.codec import read
from reputation.wire.errors import Problem
from reputation.wire.ids import Ulids
from reputation.wire.messages import Outcome, Request, Verdict, wire_type

FAILED = 1
NAME = "default"
_requests = msgspec.json.Decoder(Request, dec_hook=wire_type)
EXPECTATIONS = ("tier", "at_worst", "at_best", "decision", "risk_below", "risk_above")


@click.command()
@click.argument("draft", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("cases", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@json_option
@ends_well
def test(draft: Path, cases: Path, *, as_json: bool) -> None:
    """Judge CASES by DRAFT, a file of overrides; exit code 1 if a case differs from its expectation.

    CASES is a YAML list of {name, check, outcomes, expect}. `check` is a body of POST /v1/check, `outcomes` are
    reported for its account before, and `expect` has any of tier, at_worst, at_best, decision, risk_below, risk_above.
    """
    tenant = compiled(NAME, Revision(0, None, "", "", 0.0, read_overrides(draft)), TenantSettings())
    check_floor(tenant)
    now = time.time()
    addresses = open_addresses(DEFAULT, now)
    found = []
    for number, case in enumerate(_cases(cases), 1):
        engine = build(DEFAULT, addresses).tenant(NAME)
        engine.retune(tenant)
        verdict = _judged(engine, case, now, f"{cases}, case {number}")
        found.append({"name": case.get("name", f"case {number}"), "tier": verdict.tier, "decision": verdict.decision,
                      "risk": verdict.risk, "wrong": _wrong(verdict, case.get("expect", {}))})  # fmt: skip
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _show(found)
    sys.exit(FAILED if any(one["wrong"] for one in found) else 0)


def _cases(path: Path) -> list[dict[str, Any]]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise click.ClickException(f"{path}: {error}") from None
    if not isinstance(found, list) or not all(isinstance(case, dict) and "check" in case for case in found):
        raise click.ClickException(f"{path}: must be a list of cases, each with `check` and `expect`")
    for case in found:
        for name in case.get("expect", {}):
            if name not in EXPECTATIONS:
                raise click.ClickException(
                    f"{path}: {name!r} is not a known expectation; known are {', '.join(EXPECTATIONS)}"
                )
    return found


def _judged(engine: TenantLimiter, case: dict[str, Any], now: float, where: str) -> Verdict:
    try:
        request = read(_requests, json.dumps(case["check"], default=str).encode())
        for word in case.get("outcomes", []):
            engine.report(Outcome(request.account.id or "", word), now)
        return engine.check(request, now, Ulids())
    except (Problem, KeyError) as error:
        raise click.ClickException(f"{where}: {error}") from None


def _wrong(verdict: Verdict, expect: dict[str, Any]) -> list[str]:
    tier = TIERS.index(verdict.tier)
    held: dict[str, Callable[[Any], bool]] = {
        "tier": lambda word: verdict.tier == word,
        "at_worst": lambda word: tier <= TIERS.index(word),
        "at_best": lambda word: tier >= TIERS.index(word),
        "decision": lambda word: verdict.decision == word,
        "risk_below": lambda risk: verdict.risk < float(risk),
        "risk_above": lambda risk: verdict.risk > float(risk),
    }
    return [f"{name}: {value}" for name, value in expect.items() if not held[name](value)]


def _show(found: list[dict[str, Any]]) -> None:
    table = Table("case", "tier", "risk", "failed expectations")
    for one in found:
        add_row(table, one["name"], one["tier"], f"{one['risk']:.1f}", ", ".join(one["wrong"]) or "none")
    console().print(table)
