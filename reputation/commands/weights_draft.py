"""Drafts as people write them: a file of overrides, or `weights.asn=0.5` on the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml


def read_overrides(path: Path) -> dict[str, Any]:
    """Read a file of overrides, as under a tenant's name in the configuration. Raises click.ClickException."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise click.ClickException(f"{path}: {error}") from None
    if not isinstance(found, dict):
        raise click.ClickException(f"{path}: settings are keys with values, such as `weights: {{asn: 0.5}}`")
    return found


def laid_over(settings: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Lay PATH=VALUE over settings; an empty value takes an override away. Raises click.BadParameter."""
    found: dict[str, Any] = yaml.safe_load(yaml.safe_dump(settings))
    for change in changes:
        path, equals, text = change.partition("=")
        if not equals or not all(path.split(".")):
            raise click.BadParameter(f"{change!r}: write it as weights.asn=0.5", param_hint="--set")
        *parents, last = path.split(".")
        place = found
        for name in parents:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise click.BadParameter(f"{change!r}: {name} has no settings below it", param_hint="--set")
        if text:
            place[last] = yaml.safe_load(text)
        else:
            place.pop(last, None)
    return found
