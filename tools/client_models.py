"""Generates the models of the Python client from the OpenAPI document, by `python -m tools.client_models --write`.

A member that the document does not require is a keyword with a default. Without arguments the models are printed.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reputation.admin.application import ROUTES
from reputation.admin.openapi import description

MODELS = Path(__file__).parents[1] / "clients" / "python" / "headcount_client" / "models.py"
ROOTS = ("Request", "Verdict", "Settle", "Settled", "AccountFacts", "Outcome", "ProblemDocument")
"""The bodies and answers of the client; the types that they contain are generated too."""
HEAD = '''\
"""The messages of Headcount's API. Generated from its OpenAPI document by `python -m tools.client_models --write`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
'''
NAMES = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"}
NULL = {"type": "null"}

Schema = Mapping[str, Any]


def written(schema: Schema) -> str:
    """Return the Python type of a schema."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(map(written, schema["anyOf"])))
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(word) for word in schema['enum'])}]"
    if isinstance(schema["type"], list):
        return " | ".join(written({**schema, "type": kind}) for kind in schema["type"])
    return _plain(schema)


def _plain(schema: Schema) -> str:
    if schema["type"] == "null":
        return "None"
    if schema["type"] == "array":
        parts = schema.get("prefixItems")
        return f"tuple[{', '.join(map(written, parts)) if parts else written(schema['items']) + ', ...'}]"
    if schema["type"] == "object":
        return f"Mapping[str, {written(schema['additionalProperties'])}]"
    return NAMES[schema["type"]]


def _member(name: str, schema: Schema, *, required: bool) -> str:
    """Return a field. A null in a body means the same as a missing member, so a default of its own replaces it."""
    default = schema.get("default")
    if required:
        return f"    {name}: {written(schema)}"
    if default is None or isinstance(default, dict):
        kind = written(schema)
        return f"    {name}: {kind if kind.endswith('| None') else f'{kind} | None'} = None"
    kind = written({"anyOf": [part for part in schema.get("anyOf", [schema]) if part != NULL]})
    shown = "()" if default == [] else json.dumps(default) if isinstance(default, str) else repr(default)
    return f"    {name}: {kind} = {shown}"


def _model(name: str, schema: Schema) -> str:
    required = schema.get("required", ())
    fields = [_member(one, part, required=one in required) for one, part in schema["properties"].items()]
    words = [f'    """{schema["description"]}"""', ""] if "description" in schema else []
    return "\n".join(["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {name}:", *words, *fields])


def _inner(schema: Any) -> Iterator[str]:
    """Yield the names of the types that a schema refers to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for part in schema.values():
            yield from _inner(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _inner(part)


def _ordered(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the types that the roots need, each after the types that it contains."""
    found: dict[str, Any] = {}

    def add(name: str) -> None:
        if name not in found:
            for inner in _inner(schemas[name]):
                add(inner)
            found[name] = schemas[name]

    for root in ROOTS:
        add(root)
    return found


def render() -> str:
    """Return the module, formatted as the project's other code."""
    models = _ordered(json.loads(description(ROUTES))["components"]["schemas"])
    source = "\n\n\n".join([HEAD, *(_model(name, schema) for name, schema in models.items())]) + "\n"
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(MODELS), "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout  # noqa: S603


if __name__ == "__main__":
    if "--write" in sys.argv:
        MODELS.write_text(render(), encoding="utf-8")
    else:
        sys.stdout.write(render())
