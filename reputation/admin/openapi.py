"""/openapi.json, generated from the value types."""

from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec
from msgspec import Struct

from reputation.admin import openapi_routes, openapi_sign_in, openapi_tuning
from reputation.admin.console_data import FILTERS, WORDS
from reputation.admin.context import Route
from reputation.admin.find import LONGEST, MOST_HITS, Found
from reputation.admin.forget import ForgetBody
from reputation.admin.openapi_tuning import GUARDED, OBJECT
from reputation.admin.sign_in import SessionBody
from reputation.sidecar.timeline import WINDOWS
from reputation.wire.messages import AccountFacts, IpAddress, Outcome, Request, Seconds, Settle, Settled, Verdict


class ProblemDocument(Struct):
    """An error (RFC 9457); pointer is a JSON pointer to the member at fault."""

    type: str
    title: str
    status: int
    detail: str
    pointer: str = ""


_TEMPLATE = "#/components/schemas/{name}"
_TYPES = (
    Request,
    Verdict,
    Settle,
    Settled,
    AccountFacts,
    Outcome,
    ForgetBody,
    Found,
    SessionBody,
    ProblemDocument,
    *openapi_tuning.TYPES,
)
_TENANT = {"name": "tenant", "in": "query", "schema": {"type": "string", "default": "default"}}
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 256},
}


_ACCOUNT = {**_ID, "name": "account", "in": "query"}
_READ = frozenset(
    {
        "Request",
        "Account",
        "AccountFacts",
        "Organisation",
        "Payment",
        "Signup",
        "Client",
        "Call",
        "LeaseReport",
        "Settle",
    }
    | {
        "Outcome",
        "ForgetBody",
        "SessionBody",
        *(kind.__name__ for kind in openapi_tuning.TYPES if kind.__name__.endswith("Body")),
    }
)
"""Types that are read from bodies, where null is the same as leaving a member out."""


def _let_null_stand(schema: dict[str, Any]) -> None:
    for name, member in schema["properties"].items():
        if isinstance(member.get("additionalProperties"), dict) and member["additionalProperties"]:
            member["additionalProperties"] = {"anyOf": [member["additionalProperties"], {"type": "null"}]}
        if name not in schema.get("required", ()) and {"type": "null"} not in member.get("anyOf", ()):
            default = {"default": member.pop("default")} if "default" in member else {}
            schema["properties"][name] = {"anyOf": [member, {"type": "null"}], **default}


def _wire_schema(kind: type) -> dict[str, Any]:
    if kind is IpAddress:
        return {"anyOf": [{"type": "string", "format": version} for version in ("ipv4", "ipv6")]}
    if kind is not Seconds:
        raise NotImplementedError(kind)
    number = {"type": "number", "minimum": 0, "maximum": 253402300799}
    return {
        "anyOf": [number, {"type": "string", "format": "date-time", "pattern": "^(19[7-9][0-9]|[2-9][0-9]{3})-"}],
        "description": "Seconds since 1970, or RFC 3339.",
    }


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": _TEMPLATE.format(name=name)}


def _problems(*statuses: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _ref("ProblemDocument")}}
    return {str(status): {"description": "A problem document.", "content": content} for status in statuses}


def _answer(words: str, schema: dict[str, Any] | None, *problems: int, status: int = 200) -> dict[str, Any]:
    found: dict[str, Any] = {"description": words}
    if schema is not None:
        found["content"] = _content(schema)
    return {str(status): found, **_problems(*problems)}


def _operation(
    summary: str, responses: dict[str, Any], body: dict[str, Any] | None = None, parameters: tuple[Any, ...] = ()
) -> dict[str, Any]:
    found: dict[str, Any] = {"summary": summary, "responses": responses}
    if body is not None:
        found["requestBody"] = {"required": True, "content": _content(body)}
    if parameters:
        found["parameters"] = list(parameters)
    return found


def _check_paths() -> dict[str, Any]:
    verdict = _answer("The verdict.", _ref("Verdict"), 400, 404, 413, 422, 503)
    verdicts = _answer('Verdicts, or {"error": …}, in order.', {"type": "array"}, 400, 413, 422, 503)
    verdicts["200"]["content"]["text/x-headcount-lines"] = {"schema": {"type": "string"}}
    settled = _answer("The final charges.", _ref("Settled"), 400, 404, 413, 422, 503)
    items = {"type": "array", "maxItems": 1000, "items": _ref("Request")}
    return {
        "/v1/check": {"post": _operation("Check one request (check listener)", verdict, _ref("Request"))},
        "/v1/check/batch": {"post": _operation("Check up to 1,000 (check listener)", verdicts, items)},
        "/v1/settle": {"post": _operation("Settle a hold, or leases (check listener)", settled, _ref("Settle"))},
    }


def _written_paths() -> dict[str, Any]:
    """Describe the writing routes, and the route to read an account."""
    kept = _answer("Stored.", None, *GUARDED, 404, 409, 413, 422, status=204)
    known = _answer("The account.", OBJECT, *GUARDED, 404)
    forgotten = _answer("Deleted.", None, *GUARDED, 404, status=204)
    erased = _answer("The erased kinds, counted.", OBJECT, *GUARDED, 404, 413, 422)
    counted = _answer("Counted.", None, *GUARDED, 404, 413, 422, status=204)
    one = (_ID, _TENANT)
    return {
        "/v1/accounts/{id}": {
            "put": _operation("Push an account's facts", kept, _ref("AccountFacts"), one),
            "get": _operation("Read an account", known, None, one),
            "delete": _operation("Delete an account", forgotten, None, one),
        },
        "/v1/accounts/{id}/forget": {
            "post": _operation("Erase an account and its identifiers", erased, _ref("ForgetBody"), one)
        },
        "/v1/outcomes": {"post": _operation("Report an outcome of an account", counted, _ref("Outcome"), (_TENANT,))},
    }


def _read_paths() -> dict[str, Any]:
    most = {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}
    newest = (_TENANT, {"name": "limit", "in": "query", "schema": most})
    many = _answer("The current list.", OBJECT, *GUARDED, 404)
    one = _answer("One entry.", OBJECT, *GUARDED, 404)
    of_one = (_ID, _TENANT)
    text = {"200": {"description": "Metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}}}
    ready = {"503": {"description": "Not ready.", "content": _content(OBJECT)}}
    return {
        "/v1/clusters": {"get": _operation("Clusters now", many, None, (_TENANT,))},
        "/v1/clusters/{id}": {"get": _operation("A cluster and its evidence", one, None, of_one)},
        "/v1/decisions": {"get": _operation("Recent verdicts, newest first", many, None, newest)},
        "/v1/history": {"get": _operation("An account's history, and its neighbours", one, None, (_ACCOUNT, _TENANT))},
        "/v1/decisions/{id}": {"get": _operation("A recent verdict, explained", one, None, of_one)},
        **_find_path(),
        **_console_paths(),
        "/openapi.json": {"get": _operation("This document", _answer("OpenAPI 3.1.", OBJECT, *GUARDED))},
        "/metrics": {"get": _operation("Prometheus metrics", text | _problems(*GUARDED))},
        "/healthz": {"get": _operation("Alive", _answer("OK.", OBJECT))},
        "/readyz": {"get": _operation("Ready for checks", _answer("Ready.", OBJECT) | ready)},
    }


def _find_path() -> dict[str, Any]:
    text = {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "[^\\s]"}
    most = {"type": "integer", "minimum": 1, "maximum": MOST_HITS, "default": 50}
    query = (
        {"name": "q", "in": "query", "required": True, "schema": text},
        {"name": "limit", "in": "query", "schema": most},
        {"name": "tenant", "in": "query", "schema": {"type": "string"}, "description": "Without it: every tenant."},
    )
    hits = _answer("What was found.", _ref("Found"), *GUARDED, 404)
    return {
        "/v1/find": {"get": _operation("Find a verdict, account, key, address, card or cluster", hits, None, query)}
    }


def _console_paths() -> dict[str, Any]:
    most = {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    limit = {"name": "limit", "in": "query", "schema": most}
    words = {name: {"enum": list(known)} for name, known in WORDS.items()}
    chosen = [
        {"name": name, "in": "query", "schema": {"type": "string", **words.get(name, {})}}
        for name in ("after", *FILTERS)
    ]
    window = {"name": "window", "in": "query", "schema": {"type": "string", "enum": list(WINDOWS), "default": "hour"}}
    many = _answer("The current list.", OBJECT, *GUARDED, 404)
    who = _answer("The holder of the token.", OBJECT, *GUARDED)
    return {
        "/v1/recent": {"get": _operation("Recent verdicts with their requests", many, None, (_TENANT, limit, *chosen))},
        "/v1/timeline": {"get": _operation("Counts of the last hour or day", many, None, (_TENANT, window))},
        "/v1/overview": {"get": _operation("What is held, in one sentence", many, None, (_TENANT,))},
        "/v1/caller": {"get": _operation("The caller", who)},
    }


_PARTS = openapi_tuning.DocumentParts(_operation, _answer, _ref, (_ID, _TENANT))


@cache
def description(routes: tuple[Route, ...]) -> bytes:
    """Return the OpenAPI 3.1 document of the routes as JSON."""
    _, components = msgspec.json.schema_components(_TYPES, schema_hook=_wire_schema, ref_template=_TEMPLATE)
    for name in {*components} & _READ:
        _let_null_stand(components[name])
    limit = components["BindingLimit"]["properties"]
    for name in ("rate", "burst", "remaining"):
        limit[name] = {"type": ["number", "null"], "description": "null in shadow mode: no limit."}
    paths = _check_paths() | _written_paths() | _read_paths()
    paths |= openapi_tuning.paths(_PARTS) | openapi_sign_in.paths(_PARTS)
    openapi_routes.complete(paths, routes)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Headcount",
            "version": version("headcount"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "The check routes are on the check listener, all others on the admin listener.",
        },
        "paths": paths,
        "tags": openapi_routes.tags(),
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }
    return msgspec.json.encode(document)
