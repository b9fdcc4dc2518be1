"""YAML with the line of every key, for error messages."""

import math
import re
from typing import Any

import yaml

from reputation.wire.errors import ConfigError

Path = tuple[str | int, ...]
MOST_BYTES = 4 << 20
MOST_NESTED = 16
MOST_VALUES = 100_000
"""Values after aliases are followed, which can be far more than there are bytes."""


_SURROGATE = re.compile("[\ud800-\udfff]")


INT, FLOAT, TIMESTAMP = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "timestamp"))
_READ_DIFFERENTLY = re.compile(
    r"[-+]?(0[0-9_]+(\.[0-9_]*)?|0b[01_]+|[0-9][0-9_]*_[0-9_.]*|[0-9_]+(:[0-5]?[0-9])+(\.[0-9_]*)?)"
)
"""Numbers in YAML 1.1 that are others, or texts, in YAML 1.2: octals, binaries, numbers to the base 60."""


_DOTTED = re.compile(r"\.(inf|nan)$", re.IGNORECASE)


class _Loader(yaml.SafeLoader):
    """A loader for numbers as in YAML 1.2 and in JSON: 1e6 is a number, and 1:30 is not. A date is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in (INT, FLOAT, TIMESTAMP)]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _text(_: _Loader, node: yaml.ScalarNode) -> str:
    return str(node.value)


_Loader.add_constructor(TIMESTAMP, _text)  # PyYAML's own fails on some texts with that tag
_STARTS = list("-+.0123456789")
_Loader.add_implicit_resolver(INT, re.compile(r"^([-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+)$"), _STARTS)
_Loader.add_implicit_resolver(
    FLOAT,
    re.compile(
        r"^([-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
    ),
    _STARTS,
)


class Lines:
    """Line numbers by path."""

    def __init__(self, by_path: dict[tuple[str, ...], int]) -> None:
        self._by_path = by_path

    def line(self, path: Path) -> int:
        """Return the line of a path, or of its nearest existing parent."""
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
        raise ConfigError(f"{name}, line {line}: {'.'.join(path)} occurs twice")
    lines[path] = line
    if len(path) > MOST_NESTED or len(lines) > MOST_VALUES:
        raise ConfigError(f"{name}, line {line}: nested too deeply, or too many values")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{name}, line {key.start_mark.line + 1}: a key must be a word, not a list or a map")
            _check_text(key, name)
            _walk(value, (*path, key.value), lines, name)
            lines[(*path, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            _walk(value, (*path, str(i)), lines, name)
    elif isinstance(node, yaml.ScalarNode):
        _check_text(node, name)
        _check_finite(node, path, name)


def _check_text(node: yaml.ScalarNode, name: str) -> None:
    """Refuse half of a surrogate pair (invalid text), and values read as numbers by some readers alone."""
    if node.style is None and _READ_DIFFERENTLY.fullmatch(node.value):
        raise ConfigError(
            f"{name}, line {node.start_mark.line + 1}: {node.value} is one number in YAML 1.1 and another, or a text, "
            "in YAML 1.2; write it in decimal without zeros in front, or in quotes if it is a text"
        )
    if _SURROGATE.search(node.value):
        raise ConfigError(f"{name}, line {node.start_mark.line + 1}: half of a surrogate pair is not a character")


def _check_finite(node: yaml.ScalarNode, path: tuple[str, ...], name: str) -> None:
    """Refuse infinity and NaN: JSON has neither, so no revision could keep them."""
    if node.tag == FLOAT and not math.isfinite(float(_DOTTED.sub(r"\1", node.value))):
        raise ConfigError(
            f"{name}, line {node.start_mark.line + 1}: {'.'.join(path)}: {node.value} is no finite number; "
            "write a large one, such as 1e9"
        )
