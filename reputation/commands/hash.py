"""`headcount hash`: the stored form of an API key."""

import sys

import click

from reputation.commands.options import ends_well, json_option, say
from reputation.commands.state import state_file, state_option
from reputation.errors import ConfigError
from reputation.hash_key import EVERYBODY, HASH_KEY, SECRET, hash_key
from reputation.keys import hashed, printed
from reputation.stores.sqlite_care import kept_record


@click.command("hash")
@click.argument("key")
@state_option
@json_option
@ends_well
def hash_(key: str, state: str | None, *, as_json: bool) -> None:
    """Print the form of KEY that `keys` in PUT /v1/accounts takes in its place; - reads it from standard input.

    The hash key is HEADCOUNT_HASH_KEY, else the one that the sidecar made and keeps in its state file.
    """
    secret = hash_key() or _kept(state)
    text = sys.stdin.readline().rstrip("\n") if key == "-" else key
    found = printed(hashed(text, secret))
    say({"hash": found}, found, as_json=as_json)


def _kept(state: str | None) -> bytes:
    mend = f"set {HASH_KEY} to the sidecar's own hash key; without it a hash would match nothing"
    try:
        found = kept_record(state_file(state), EVERYBODY, SECRET, HASH_KEY)
    except ConfigError as error:
        raise ConfigError(f"{error}; or {mend}") from None
    if found is None:
        raise ConfigError(f"no hash key is kept in this state; {mend}")
    return found
