"""The routes of exceptions, the audit log, revisions and labels in /openapi.json."""

from collections.abc import Callable
from typing import Any

from reputation.admin.recorded import NamesBody, ReplayBody
from reputation.engine.denials import Deny, DenyBody
from reputation.engine.exceptions import Allow, AllowBody
from reputation.linking.operator_rulings import RulingBody
from reputation.tuning.appeals import Appeal, AppealBody, DecisionBody
from reputation.tuning.audit import KINDS
from reputation.tuning.labels import Label, LabelBody, MembersBody
from reputation.tuning.made_tenants import TenantBody
from reputation.tuning.revisions import Revision, RevisionBody
from reputation.tuning.rollout import RolloutBody

TYPES = (
    Allow, AllowBody, Appeal, AppealBody, DecisionBody, Deny, DenyBody, Label, LabelBody, MembersBody,
    NamesBody, ReplayBody, Revision, RevisionBody, RolloutBody, RulingBody, TenantBody,
)  # fmt: skip
AUTHORS = [kind for kind in KINDS if kind is not None]
OBJECT = {"type": "object"}
GUARDED = (400, 401, 403, 503)


def _limit(most: int, default: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return {"name": "limit", "in": "query", "schema": schema}


def _query(name: str, *, required: bool = False, shortest: int = 0) -> dict[str, Any]:
    schema = {"type": "string", "minLength": shortest, **({"maxLength": 1024} if required else {})}
    return {"name": name, "in": "query", "required": required, "schema": schema}


_WHY = _query("reason", required=True, shortest=1)


class DocumentParts:
    """Functions of openapi.py for the description of all routes."""

    def __init__(
        self,
        operation: Callable[..., dict[str, Any]],
        answer: Callable[..., dict[str, Any]],
        ref: Callable[[str], dict[str, Any]],
        parameters: tuple[dict[str, Any], dict[str, Any]],
    ) -> None:
        self.operation, self.answer, self.ref = operation, answer, ref
        self.id, self.tenant = parameters


def paths(parts: DocumentParts) -> dict[str, Any]:
    """Describe every route of tuning."""
    described = (
        _tenant_paths,
        _revision_paths,
        _recorded_paths,
        _label_paths,
        _appeal_paths,
        _allow_paths,
        _deny_paths,
        _indicator_paths,
        _ruling_paths,
        _audit_paths,
    )
    return {path: operations for part in described for path, operations in part(parts).items()}


_TENANT = {"name": "tenant", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_NUMBER = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}


def _match(*, required: bool) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": "If-Match", "in": "header", "required": required, "schema": schema}


def _tenant_paths(parts: DocumentParts) -> dict[str, Any]:
    operation, answer = parts.operation, parts.answer
    one = answer("The live revision and any trial.", OBJECT, *GUARDED, 404)
    all_ = answer("All entries that the caller may read.", OBJECT, *GUARDED)
    stepped = answer("Active.", OBJECT, *GUARDED, 404, 409, 413, 422)
    made = answer("It answers checks.", OBJECT, *GUARDED, 409, 413, 422, status=201)
    gone = answer("Deleted.", None, *GUARDED, 404, 409, status=204)
    body = parts.ref("RolloutBody")
    return {
        "/v1/presets": {"get": operation("Presets with all values", all_)},
        "/v1/tenants": {
            "get": operation("Tenants", all_),
            "post": operation("Make a tenant", made, parts.ref("TenantBody")),
        },
        "/v1/tenants/{tenant}": {
            "get": operation("One tenant", one, None, (_TENANT,)),
            "delete": operation("Delete a tenant that the API made", gone, None, (_TENANT, _WHY)),
        },
        "/v1/tenants/{tenant}/prices": {"get": operation("Prices of a million requests", one, None, (_TENANT,))},
        "/v1/tenants/{tenant}/rollout": {
            "post": operation("Shadow, promote, roll back, stop", stepped, body, (_TENANT, _match(required=True)))
        },
    }


def _revision_paths(parts: DocumentParts) -> dict[str, Any]:
    operation, answer, body = parts.operation, parts.answer, parts.ref("RevisionBody")
    many = answer("The newest first.", OBJECT, *GUARDED, 404)
    one = answer("The revision, or the differences.", OBJECT, *GUARDED, 404)
    made = answer("Stored.", parts.ref("Revision"), *GUARDED, 404, 409, 413, 422, status=201)
    valid = answer("The effective settings.", OBJECT, *GUARDED, 404, 413, 422)
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


def _recorded_paths(parts: DocumentParts) -> dict[str, Any]:
    operation, answer = parts.operation, parts.answer
    known = answer("The stored segments.", OBJECT, *GUARDED, 404)
    looked = answer("The effects.", OBJECT, *GUARDED, 404, 413, 422)
    named = answer("The known names.", OBJECT, *GUARDED, 404, 413, 422)
    data = {"200": {"description": "A segment.", "content": {"application/zstd": {"schema": {"type": "string"}}}}}
    since = {"name": "since", "in": "query", "schema": {"type": "number", "minimum": 0, "maximum": 253402300799}}
    path = "/v1/tenants/{tenant}"
    return {
        f"{path}/replay": {"post": operation("Preview a draft", looked, parts.ref("ReplayBody"), (_TENANT,))},
        f"{path}/quality": {"get": operation("Precision and recall by revision", looked, None, (_TENANT,))},
        f"{path}/recorded": {"get": operation("Recorded decisions", known, None, (_TENANT, since))},
        f"{path}/recorded/{{id}}": {
            "get": operation(
                "One segment", data | answer("", None, *GUARDED, 404, status=404), None, (_TENANT, parts.id)
            )
        },
        f"{path}/names": {"post": operation("Accounts behind hashes", named, parts.ref("NamesBody"), (_TENANT,))},
    }


def _label_paths(parts: DocumentParts) -> dict[str, Any]:
    operation, answer = parts.operation, parts.answer
    listed = answer("By account.", OBJECT, *GUARDED, 404)
    kept = answer("Stored.", parts.ref("Label"), *GUARDED, 404, 413, 422)
    gone = answer("Removed.", None, *GUARDED, 404, status=204)
    account = {**parts.id, "name": "account"}
    return {
        "/v1/labels": {
            "get": operation("Labels", listed, None, (parts.tenant, _limit(1_000_000, 100))),
            "post": operation("Label an account", kept, parts.ref("LabelBody"), (parts.tenant,)),
        },
        "/v1/labels/{account}": {"delete": operation("Remove a label", gone, None, (account, parts.tenant, _WHY))},
    }


def _appeal_paths(parts: DocumentParts) -> dict[str, Any]:
    operation, answer, tenant = parts.operation, parts.answer, parts.tenant
    listed = answer("The newest first.", OBJECT, *GUARDED, 404)
    lifted = answer("Lifted.", parts.ref("Appeal"), *GUARDED, 404, 409, 413, 422, status=201)
    decided = answer("Decided.", parts.ref("Appeal"), *GUARDED, 404, 409, 413, 422)
    return {
        "/v1/appeals": {
            "get": operation("Appeals", listed, None, (tenant, _limit(1000, 100))),
            "post": operation("Lift an account for a time", lifted, parts.ref("AppealBody"), (tenant,)),
        },
        "/v1/appeals/{id}/decision": {
            "post": operation("Decide an appeal", decided, parts.ref("DecisionBody"), (parts.id, tenant))
        },
    }


def _allow_paths(parts: DocumentParts) -> dict[str, Any]:
    operation, answer, ref = parts.operation, parts.answer, parts.ref
    listed = answer("The active exceptions.", OBJECT, *GUARDED, 404)
    added = answer("Active.", ref("Allow"), *GUARDED, 404, 409, 413, 422, status=201)
    ended = answer("Ended.", None, *GUARDED, 404, status=204)
    return {
        "/v1/allow": {
            "get": operation("Active exceptions", listed, None, (parts.tenant, _limit(10_000, 10_000))),
            "post": operation("Let requests pass for a time", added, ref("AllowBody"), (parts.tenant,)),
        },
        "/v1/allow/{id}": {"delete": operation("End an exception", ended, None, (parts.id, parts.tenant, _WHY))},
    }


def _deny_paths(parts: DocumentParts) -> dict[str, Any]:
    operation, answer, ref = parts.operation, parts.answer, parts.ref
    listed = answer("The active denials.", OBJECT, *GUARDED, 404)
    added = answer("Active.", OBJECT, *GUARDED, 404, 409, 413, 422, status=201)
    added["200"] = {**added["201"], "description": "What it would stop; nothing was changed."}
    ended = answer("Ended.", None, *GUARDED, 404, status=204)
    return {
        "/v1/deny": {
            "get": operation("Active denials", listed, None, (parts.tenant, _limit(10_000, 10_000))),
            "post": operation("Stop requests for a time", added, ref("DenyBody"), (parts.tenant,)),
        },
        "/v1/deny/{id}": {"delete": operation("End a denial", ended, None, (parts.id, parts.tenant, _WHY))},
    }


def _indicator_paths(parts: DocumentParts) -> dict[str, Any]:
    operation, answer = parts.operation, parts.answer
    listed = answer("The bundles in force, or with `cluster` a bundle of STIX 2.1.", OBJECT, *GUARDED, 404)
    taken = answer("Active.", OBJECT, *GUARDED, 404, 409, 413, 422, status=201)
    taken["200"] = {**taken["201"], "description": "What it holds; nothing was changed."}
    ended = answer("Ended.", None, *GUARDED, 404, status=204)
    one, source = (parts.id, parts.tenant, _WHY), _query("source", required=True, shortest=1)
    numbers = [{"name": name, "in": "query", "schema": {"type": "number"}} for name in ("weight", "expires_in")]
    dry_run = {"name": "dry_run", "in": "query", "schema": {"type": "boolean"}}
    query = (parts.tenant, source, _WHY, *numbers, dry_run)
    return {
        "/v1/indicators": {
            "get": operation("Indicators of others, or of a cluster", listed, None, (parts.tenant, _query("cluster"))),
            "post": operation("Take a bundle of STIX 2.1 as evidence", taken, OBJECT, query),
        },
        "/v1/indicators/{id}": {"delete": operation("Take a bundle back", ended, None, one)},
    }


def _ruling_paths(parts: DocumentParts) -> dict[str, Any]:
    operation, answer, ref = parts.operation, parts.answer, parts.ref
    listed = answer("The rulings in force.", OBJECT, *GUARDED, 404)
    made = answer("Kept; active from the next linking.", OBJECT, *GUARDED, 404, 409, 413, 422, status=201)
    made["200"] = {**made["201"], "description": "Who is in the cluster; nothing was changed."}
    labelled = answer("Labelled.", OBJECT, *GUARDED, 404, 409, 413, 422)
    undone = answer("Taken back.", None, *GUARDED, 404, status=204)
    path, one = "/v1/clusters/{id}", (parts.id, parts.tenant)
    return {
        "/v1/rulings": {"get": operation("Rulings in force", listed, None, (parts.tenant,))},
        "/v1/rulings/{id}": {"delete": operation("Take a ruling back", undone, None, (*one, _WHY))},
        f"{path}/rulings": {
            "get": operation("Rulings in force on a cluster", listed, None, one),
            "post": operation("Rule on a cluster", made, ref("RulingBody"), one),
        },
        f"{path}/labels": {"post": operation("Label all members", labelled, ref("MembersBody"), one)},
    }


def _audit_paths(parts: DocumentParts) -> dict[str, Any]:
    moment = {"type": "number", "minimum": 0, "maximum": 253402300799}
    times = tuple({"name": name, "in": "query", "schema": moment} for name in ("since", "until"))
    by = {"name": "by", "in": "query", "schema": {"type": "string", "enum": AUTHORS}}
    chosen = (parts.tenant, _query("who"), _query("what"), _query("account"), *times, by)
    query = (*chosen, _limit(1000, 100), _query("before"), _query("after"))
    lines = parts.answer("Entries of the log.", OBJECT, *GUARDED, 404)
    file = {"200": {"description": "A JSON object a line.", "content": {"application/jsonl": {"schema": {}}}}}
    failed = parts.answer("", None, *GUARDED, 404)
    del failed["200"]
    return {
        "/v1/audit": {"get": parts.operation("Who changed what, and why", lines, None, query)},
        "/v1/audit/file": {"get": parts.operation("The audit log as a file", file | failed, None, chosen)},
    }
