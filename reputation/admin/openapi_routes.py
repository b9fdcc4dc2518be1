"""What /openapi.json says of each operation beside its shape: its id, tag, role and example, drawn from the routes."""

import inspect
from collections.abc import Iterable
from typing import Any

from reputation.admin.context import Route
from reputation.admin.openapi_examples import EXAMPLES, PARAMETERS

CHECKS = {"/v1/check": "post_check", "/v1/check/batch": "post_batch", "/v1/settle": "post_settle"}
"""Operations of the check listener, which are routes of another listener."""
TAGS = {
    "Checks": "On the check listener: verdicts, and what was used of them.",
    "Accounts": "Facts of accounts, outcomes, and their erasure.",
    "Decisions": "Verdicts, the search, and the counts behind the charts.",
    "Clusters": "Accounts of one actor, and operators' rulings on them.",
    "Exceptions and denials": "Let requests pass, or stop them, for a stated time and reason.",
    "Labels and appeals": "What people decided about accounts.",
    "Tenants and tuning": "Tenants, their revisions, rollouts and recorded decisions.",
    "Audit log": "Who changed what, when and why.",
    "Sign-in": "Sessions of the console.",
    "Sidecar": "This description, metrics and health.",
}
TAG_OF = {
    "accounts": "Accounts",
    "forget": "Accounts",
    "decisions": "Decisions",
    "find": "Decisions",
    "history": "Decisions",
    "console_data": "Decisions",
    "clusters": "Clusters",
    "members": "Clusters",
    "rulings": "Clusters",
    "allow": "Exceptions and denials",
    "deny": "Exceptions and denials",
    "indicators": "Exceptions and denials",
    "labels": "Labels and appeals",
    "tenants": "Tenants and tuning",
    "recorded": "Tenants and tuning",
    "audit_log": "Audit log",
    "sign_in": "Sign-in",
    "application": "Sidecar",
}
"""By the module of a route's handler."""


def complete(paths: dict[str, Any], routes: Iterable[Route]) -> None:
    """Add to each described operation what its route says."""
    for path, id_ in CHECKS.items():
        _add(paths[path]["post"], id_, "Checks", "")
    for route in routes:
        operation = paths.get(route.path.replace(":.+", ""), {}).get(route.method.lower())
        if operation is not None:
            handler = route.handler
            words = [inspect.getdoc(handler) or "", "" if route.role is None else f"Role: {route.role}."]
            tag = TAG_OF[handler.__module__.rpartition(".")[2]]
            _add(operation, handler.__name__, tag, "\n\n".join(word for word in words if word))
            if route.role is None:
                operation["security"] = [{}]


def _add(operation: dict[str, Any], id_: str, tag: str, words: str) -> None:
    operation |= {"operationId": id_, "tags": [tag], **({"description": words} if words else {})}
    if id_ in PARAMETERS:  # operations share the parts, and each has examples of its own
        operation["parameters"] = [_with_example(one, PARAMETERS[id_]) for one in operation["parameters"]]
    body, answer = EXAMPLES.get(id_, (None, None))
    if body is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = body
    if answer is not None:
        done = next(status for status in operation["responses"] if status.startswith("2"))
        content = {
            "application/json": {**operation["responses"][done]["content"]["application/json"], "example": answer}
        }
        operation["responses"][done] = {**operation["responses"][done], "content": content}


def _with_example(parameter: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    name = parameter["name"]
    return {**parameter, "example": examples[name]} if name in examples else parameter


def tags() -> list[dict[str, str]]:
    """Return the tags in their order."""
    return [{"name": name, "description": words} for name, words in TAGS.items()]
