"""`headcount appeal`: a verdict and its account, for whoever answers a customer; and a lift for a day."""

import json
from typing import Any

import click

from geoip.plain import plain
from reputation.commands.admin_api import call, part
from reputation.commands.explain import request_line
from reputation.commands.history import history_lines
from reputation.commands.options import Span, json_option, moment, on_sidecar

TIMES = {"lift": 1, "double": 2}


@click.command()
@click.argument("verdict")
@click.option("--lift", "action", flag_value="lift", help="Lift the stop within the account's own limits.")
@click.option("--double", "action", flag_value="double", help="Lift the stop, and double the account's own limits.")
@click.option("--undo", "action", flag_value="undo", help="Take back the exceptions that name the account.")
@click.option("--reason", help="The reason, for the audit log; every change needs one.")
@click.option("--expires", type=Span(), default="24h", show_default=True, help="How long a lift lasts, at most 7d.")
@click.option("--reviewed", is_flag=True, help="You have reviewed the cluster that the account is in.")
@on_sidecar
@json_option
def appeal(verdict: str, tenant: str, admin: str, token: str | None, *, as_json: bool, **given: Any) -> None:
    """Show VERDICT in one sentence, with the standing and the history of its account, and what a lift would touch.

    Nothing changes without --lift, --double or --undo. A lift ends by itself after a day.
    """
    action, query = given["action"], f"tenant={part(tenant)}"
    if action is not None and not given["reason"]:
        raise click.UsageError(f"give a reason: --{action} --reason ...")
    found = call(admin, token, "GET", f"/v1/decisions/{part(verdict)}?{query}")
    account = found["request"]["account"]
    history = None if account is None else call(admin, token, "GET", f"/v1/history?account={part(account)}&{query}")
    done = None
    if action == "undo":
        done = found["exceptions"]
        for one in done:
            call(admin, token, "DELETE", f"/v1/allow/{part(one['id'])}?{query}&reason={part(given['reason'])}")
    elif action is not None:
        body = {"verdict": found["verdict"]["id"], "reason": given["reason"], "expires_in": given["expires"],
                "reviewed": given["reviewed"], "times": TIMES[action]}  # fmt: skip
        done = call(admin, token, "POST", f"/v1/appeals?{query}", body)
    if as_json:
        click.echo(json.dumps({**found, "history": history, action or "done": done}, indent=2))
        return
    lines = [found["sentence"], request_line(found), *history_lines(history), *_done(found, action, done)]
    click.echo("\n".join(map(plain, lines)))


def _done(found: dict[str, Any], action: str | None, done: Any) -> list[str]:
    if action is None:
        return _possible(found["remedies"])
    verdict = found["verdict"]["id"]
    if action == "undo":
        return [f"taken back: {one['kind']} {one['value']} ({one['reason']})" for one in done] or [
            "nothing to take back"
        ]
    verb = "lifted" if action == "lift" else "doubled"
    undo = f"To take it back: headcount appeal {verdict} --undo --reason ..."
    return [f"{verb}: account {done['account']} until {moment(done['expires'])} UTC. {undo}"]


def _possible(remedies: list[dict[str, Any]] | None) -> list[str]:
    if remedies is None:
        return ["shared state did not answer, so nothing can be lifted now"]
    lines = []
    for one in remedies:
        review = f" Review cluster {one['review']} first, then add --reviewed." if one["review"] else ""
        useless = "" if one["helps"] else " This does not help here."
        lines.append(f"--{one['kind']}: {one['refused'] or one['words'] + review + useless}")
    return lines
