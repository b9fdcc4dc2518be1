"""`headcount hash`: the stored form of an API key."""

import sys

import click

from reputation.commands.options import ends_well
from reputation.errors import ConfigError
from reputation.keys import hashed, printed
from reputation.sidecar import HASH_KEY, hash_key


@click.command("hash")
@click.argument("key")
@ends_well
def hash_(key: str) -> None:
    """Print the form of KEY that `keys` in PUT /v1/accounts takes in its place; - reads it from standard input."""
    secret = hash_key()
    if secret is None:
        raise ConfigError(f"set {HASH_KEY} to the sidecar's own hash key; without it a hash would match nothing")
    text = sys.stdin.readline().rstrip("\n") if key == "-" else key
    click.echo(printed(hashed(text, secret)))
