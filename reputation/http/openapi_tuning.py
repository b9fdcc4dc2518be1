"""What /openapi.json says of exceptions, the audit log, revisions and labels."""

from collections.abc import Callable
from typing import Any

from reputation.tuning.exceptions import Allow, AllowBody

TYPES = (Allow, AllowBody)
_OBJECT = {"type": "object"}
_GUARDED = (400, 401, 403)


def _limit(most: int, default: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return {"name": "limit", "in": "query", "schema": schema}


def _query(name: str, *, required: bool = False, shortest: int = 0) -> dict[str, Any]:
    schema = {"type": "string", "minLength": shortest, **({"maxLength": 1024} if required else {})}
    return {"name": name, "in": "query", "required": required, "schema": schema}


_WHY = _query("reason", required=True, shortest=1)


class Parts:
    """The pieces of a description that openapi.py makes for all routes."""

    def __init__(
        self,
        operation: Callable[..., dict[str, Any]],
        answer: Callable[..., dict[str, Any]],
        ref: Callable[[str], dict[str, Any]],
        parameters: tuple[dict[str, Any], dict[str, Any]],
    ) -> None:
        self.operation, self.answer, self.ref = operation, answer, ref
        self.id, self.tenant = parameters


def paths(parts: Parts) -> dict[str, Any]:
    """Describe every route of tuning."""
    return _allow_paths(parts) | _audit_paths(parts)


def _allow_paths(parts: Parts) -> dict[str, Any]:
    operation, answer, ref = parts.operation, parts.answer, parts.ref
    listed = answer("Those in force.", _OBJECT, *_GUARDED, 404)
    added = answer("In force.", ref("Allow"), *_GUARDED, 404, 409, 413, 422, status=201)
    ended = answer("Ended.", None, *_GUARDED, 404, status=204)
    return {
        "/v1/allow": {
            "get": operation("Exceptions in force", listed, None, (parts.tenant, _limit(10_000, 10_000))),
            "post": operation("Let somebody through for a time", added, ref("AllowBody"), (parts.tenant,)),
        },
        "/v1/allow/{id}": {"delete": operation("End an exception", ended, None, (parts.id, parts.tenant, _WHY))},
    }


def _audit_paths(parts: Parts) -> dict[str, Any]:
    query = (parts.tenant, _limit(1000, 100), _query("before"), _query("after"))
    lines = parts.answer("Lines of the log.", _OBJECT, *_GUARDED, 404)
    return {"/v1/audit": {"get": parts.operation("Who changed what, and why", lines, None, query)}}
