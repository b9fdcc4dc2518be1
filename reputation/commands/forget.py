"""`headcount forget`: erase an account and its identifiers wherever the sidecar keeps them."""

import click

from reputation.commands.admin_api import call, part
from reputation.commands.options import json_option, on_sidecar, say

LINKER = {
    "erased": "the linker dropped it",
    "told": "the linker drops it in its next epoch",
    "waiting": "the linker drops it in its next epoch; run this again then, so that its last bytes are overwritten",
    "off": "linking is off",
}


@click.command()
@click.argument("account")
@click.option("--reason", required=True, help="The reason, for the audit log; write no personal data into it.")
@on_sidecar
@json_option
def forget(account: str, reason: str, tenant: str, admin: str, token: str | None, *, as_json: bool) -> None:
    """Erase ACCOUNT: facts, keys, outcomes, verdicts, labels, exceptions, links. It cannot be undone.

    The audit log keeps a line with a keyed hash. Needs a token with the role admin.
    """
    path = f"/v1/accounts/{part(account)}/forget?tenant={part(tenant)}"
    found = call(admin, token, "POST", path, {"reason": reason})
    erased = ", ".join(f"{kind} {count}" for kind, count in sorted(found["erased"].items())) or "nothing was kept"
    files = "its bytes are overwritten" if found["scrubbed"] else "its bytes may stay in files for a while"
    say(found, f"forgotten ({found['hash']}): {erased}", f"{LINKER[found['linker']]}; {files}", as_json=as_json)
