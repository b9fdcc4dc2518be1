"""YAML with the line of every key, so that an error can point at it."""

import re
from typing import Any

import yaml

from reputation.errors import ConfigError

Path = tuple[str | int, ...]
MOST_BYTES = 4 << 20
MOST_NESTED = 16
MOST_VALUES = 100_000
"""Values after aliases are followed, which can be far more than there are bytes."""


_SURROGATE = re.compile("[\ud800-\udfff]")


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads 1e6 as a text; in YAML 1.2 and JSON, and for everybody who writes it, it is a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)


class Lines:
    """Line numbers by path."""

    def __init__(self, by_path: dict[tuple[str, ...], int]) -> None:
        self._by_path = by_path

    def line(self, path: Path) -> int:
        """Return the line of a path, or of the nearest thing around it that is there."""
        words = tuple(str(part) for part in path)
        while words and words not in self._by_path:
            words = words[:-1]
        return self._by_path.get(words, 1)


def parse(text: str, name: str) -> tuple[Any, Lines]:
    """Parse one YAML document into plain data. Raises ConfigError; duplicate keys are errors."""
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{name}: more than {MOST_BYTES} bytes")
    try:
        node = yaml.compose(text, Loader=_Loader)
        lines: dict[tuple[str, ...], int] = {}
        if node is None:
            return None, Lines(lines)
        _walk(node, (), lines, name)
        return yaml.load(text, Loader=_Loader), Lines(lines)  # noqa: S506 - it is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark is not None else 1
        raise ConfigError(f"{name}, line {line}: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{name}: {str(error).splitlines()[0]}") from None


def _walk(node: yaml.Node, path: tuple[str, ...], lines: dict[tuple[str, ...], int], name: str) -> None:
    line = node.start_mark.line + 1
    if path in lines:
        raise ConfigError(f"{name}, line {line}: {'.'.join(path)} is there twice")
    lines[path] = line
    if len(path) > MOST_NESTED or len(lines) > MOST_VALUES:
        raise ConfigError(f"{name}, line {line}: nested too deeply, or too many values")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{name}, line {key.start_mark.line + 1}: a key is a word, not a list or a map")
            _check_text(key, name)
            _walk(value, (*path, key.value), lines, name)
            lines[(*path, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            _walk(value, (*path, str(i)), lines, name)
    elif isinstance(node, yaml.ScalarNode):
        _check_text(node, name)


def _check_text(node: yaml.ScalarNode, name: str) -> None:
    """An escape can write half of a surrogate pair, which is no text that could go anywhere."""
    if _SURROGATE.search(node.value):
        raise ConfigError(f"{name}, line {node.start_mark.line + 1}: half of a surrogate pair is no character")
