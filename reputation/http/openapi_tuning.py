"""What /openapi.json says of exceptions, the audit log, revisions and labels."""

from collections.abc import Callable
from typing import Any

from reputation.tuning.exceptions import Allow, AllowBody
from reputation.tuning.revisions import Revision, RevisionBody
from reputation.tuning.rollout import RolloutBody

TYPES = (Allow, AllowBody, Revision, RevisionBody, RolloutBody)
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
    return _tenant_paths(parts) | _revision_paths(parts) | _allow_paths(parts) | _audit_paths(parts)


_TENANT = {"name": "tenant", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_NUMBER = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}


def _match(*, required: bool) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": "If-Match", "in": "header", "required": required, "schema": schema}


def _tenant_paths(parts: Parts) -> dict[str, Any]:
    operation, answer = parts.operation, parts.answer
    one = answer("What is in force and on trial.", _OBJECT, *_GUARDED, 404)
    all_ = answer("Those that the caller may see.", _OBJECT, *_GUARDED)
    stepped = answer("In force.", _OBJECT, *_GUARDED, 404, 409, 413, 422)
    body = parts.ref("RolloutBody")
    return {
        "/v1/presets": {"get": operation("Presets laid out", all_)},
        "/v1/tenants": {"get": operation("Tenants", all_)},
        "/v1/tenants/{tenant}": {"get": operation("One tenant", one, None, (_TENANT,))},
        "/v1/tenants/{tenant}/rollout": {
            "post": operation("Shadow, promote, roll back, stop", stepped, body, (_TENANT, _match(required=True)))
        },
    }


def _revision_paths(parts: Parts) -> dict[str, Any]:
    operation, answer, body = parts.operation, parts.answer, parts.ref("RevisionBody")
    many = answer("The newest first.", _OBJECT, *_GUARDED, 404)
    one = answer("What is kept.", _OBJECT, *_GUARDED, 404)
    made = answer("Kept.", parts.ref("Revision"), *_GUARDED, 404, 409, 413, 422, status=201)
    valid = answer("What would be in force.", _OBJECT, *_GUARDED, 404, 413, 422)
    path = "/v1/tenants/{tenant}"
    return {
        f"{path}/revisions": {
            "get": operation("Revisions", many, None, (_TENANT, _limit(1000, 100))),
            "post": operation("A new revision", made, body, (_TENANT, _match(required=False))),
        },
        f"{path}/revisions/{{number}}": {"get": operation("One revision", one, None, (_TENANT, _NUMBER))},
        f"{path}/validate": {"post": operation("Validate settings", valid, body, (_TENANT,))},
        f"{path}/diff": {"get": operation("Differences", one, None, (_TENANT, _query("before"), _query("after")))},
    }


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
