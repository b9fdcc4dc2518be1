"""Drafts from users: a file of overrides, or `weights.asn=0.5` on the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml


def read_overrides(path: Path) -> dict[str, Any]:
    """Read a file of overrides, in the form of a tenant's settings. Raises click.ClickException."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path}: {error}") from None
    return overrides_of(text, str(path))


def overrides_of(text: str, name: str) -> dict[str, Any]:
    """Read overrides from a text. Raises click.ClickException with `name`, the place of the text."""
    found = _value(text, name) or {}
    if not isinstance(found, dict):
        raise click.ClickException(f"{name}: settings must be keys with values, such as `weights: {{asn: 0.5}}`")
    return found


def _value(text: str, name: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise click.ClickException(f"{name}: {error}") from None


def laid_over(settings: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Apply PATH=VALUE to settings; an empty value removes an override. Raises click.BadParameter."""
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
            place[last] = _value(text, f"--set {change}")
        else:
            place.pop(last, None)
    return found
