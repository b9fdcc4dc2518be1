"""`headcount prices`: what a million requests cost an attacker under a tenant's settings."""

from pathlib import Path
from typing import Any

import click
import msgspec

from reputation.commands.admin_api import call, part
from reputation.commands.options import (
    admin_option,
    config_option,
    ends_well,
    json_option,
    say,
    tenant_option,
    token_option,
)
from reputation.config.file import compile_tenants
from reputation.sidecar.build import read_settings
from reputation.tuning.prices import prices as prices_of

HEAD = ("plan", "credential", "USD each", "requests, 1st day", "in 30 days", "USD/M, 1st day", "USD/M, 30 days")


@click.command()
@config_option
@tenant_option
@admin_option
@token_option
@json_option
@ends_well
def prices(config: Path | None, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Print what a million requests cost an attacker, by the credential that its accounts are made of.

    The running sidecar answers, with the active settings of TENANT. With --config the settings of that file count, and
    no sidecar is needed. The cheapest way is first. Accounts that are linked cost more; proxies and addresses are not
    counted.
    """
    found = _of_file(config, tenant) if config else call(admin, token, "GET", f"/v1/tenants/{part(tenant)}/prices")
    say(found, *_table(found["prices"]), as_json=as_json)


def _of_file(config: Path, tenant: str) -> dict[str, Any]:
    tenants = compile_tenants(read_settings(config))
    if tenant not in tenants:
        raise click.ClickException(f"{config}: no tenant {tenant!r}; there are: {', '.join(sorted(tenants))}")
    return {"tenant": tenant, "prices": msgspec.to_builtins(prices_of(tenants[tenant]))}


def _table(rows: list[dict[str, Any]]) -> list[str]:
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(_aligned(line, widths)).rstrip() for line in cells]


def _aligned(line: tuple[str, ...], widths: list[int]) -> list[str]:
    words = [text.ljust(width) for text, width in zip(line[:2], widths, strict=False)]
    return words + [text.rjust(width) for text, width in zip(line[2:], widths[2:], strict=True)]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    amounts = (row["first_day"], row["month"], row["first_day_million"], row["million"])
    return row["plan"], row["words"], f"{row['usd']:,.2f}", *("-" if one is None else f"{one:,.0f}" for one in amounts)
