"""`headcount hash`: the stored form of an API key."""

import sys

import click

from reputation.commands.options import ends_well, json_option, say
from reputation.commands.state import state_file, state_option
from reputation.sidecar.hash_key import EVERYBODY, HASH_KEY, SECRET, hash_key
from reputation.stores.sqlite.care import kept_record
from reputation.wire.errors import ConfigError
from reputation.wire.ids import hashed, printed


@click.command("hash")
@click.argument("key")
@state_option
@json_option
@ends_well
def hash_(key: str, state: str | None, *, as_json: bool) -> None:
    """Print the hash of KEY, for `keys` in PUT /v1/accounts; - reads the key from standard input.

    The hash key is HEADCOUNT_HASH_KEY, else the hash key that the sidecar generated and stored in its state file.
    """
    secret = hash_key() or _kept(state)
    text = sys.stdin.readline().rstrip("\n") if key == "-" else key
    found = printed(hashed(text, secret))
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
