"""`headcount hash`: the stored form of an API key."""

import sys

import click

from plugins.lines import LONGEST_KEY, sha256_of
from reputation.commands.options import ends_well, json_option, say
from reputation.commands.state import state_file, state_option
from reputation.sidecar.hash_key import EVERYBODY, HASH_KEY, SECRET, hash_key
from reputation.stores.sqlite.care import kept_record
from reputation.wire.errors import ConfigError
from reputation.wire.ids import BLANKS, hashed, printed


@click.command("hash")
@click.argument("key")
@state_option
@json_option
@ends_well
def hash_(key: str, state: str | None, *, as_json: bool) -> None:
    """Print the hash of KEY, for `keys` in PUT /v1/accounts; - reads the key from standard input.

    Blanks around the key do not count. A key of more than 256 characters is hashed in its short form, as gateways do.

    The hash key is HEADCOUNT_HASH_KEY, else the hash key that the sidecar generated and stored in its state file.
    """
    secret = hash_key() or _kept(state)
    text = (sys.stdin.readline() if key == "-" else key).strip(BLANKS)
    if not text:
        raise click.ClickException("the key is empty; give the key that a client sends")
    found = printed(hashed(sha256_of(text) if len(text) > LONGEST_KEY else text, secret))
    say({"hash": found}, found, as_json=as_json)


def _kept(state: str | None) -> bytes:
    fix = f"set {HASH_KEY} to the sidecar's hash key; with another key the hash would match no account"
    try:
        found = kept_record(state_file(state), EVERYBODY, SECRET, HASH_KEY)
    except ConfigError as error:
        raise ConfigError(f"{error}; or {fix}") from None
    if found is None:
        raise ConfigError(f"this state contains no hash key; {fix}")
    return found
