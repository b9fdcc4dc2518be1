"""/openapi.json, generated from the value types."""

from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec
from msgspec import Struct

from reputation.events import AccountFacts, Outcome, Request, Seconds, Verdict
from reputation.orders import OrderBody


class ProblemDocument(Struct):
    """An error (RFC 9457); pointer is a JSON pointer to the member at fault."""

    type: str
    title: str
    status: int
    detail: str
    pointer: str = ""


_TEMPLATE = "#/components/schemas/{name}"
_TYPES = (Request, Verdict, AccountFacts, Outcome, OrderBody, ProblemDocument)
_TENANT = {"name": "tenant", "in": "query", "schema": {"type": "string", "default": "default"}}
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 256},
}


def _time_schema(kind: type) -> dict[str, Any]:
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


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": _content(schema)}


_OBJECT = {"type": "object"}
_GUARDED = (400, 401, 403)


def _paths() -> dict[str, Any]:
    check = {
        "requestBody": _body(_ref("Request")),
        "responses": _answer("The verdict.", _ref("Verdict"), 400, 404, 413, 422),
    }
    items = {"type": "array", "maxItems": 1000, "items": _ref("Request")}
    batch = {
        "requestBody": _body(items),
        "responses": _answer('Verdicts, or {"error": …}, in order.', {"type": "array"}, 400, 413, 422),
    }
    push = {
        "parameters": [_ID, _TENANT],
        "requestBody": _body(_ref("AccountFacts")),
        "responses": _answer("Kept.", None, *_GUARDED, 404, 409, 413, 422, status=204),
    }
    one = {"parameters": [_ID, _TENANT], "responses": _answer("What is known.", _OBJECT, *_GUARDED, 404)}
    gone = {
        "parameters": [_ID, _TENANT],
        "responses": _answer("Forgotten.", None, *_GUARDED, 404, status=204),
    }
    outcome = {
        "requestBody": _body(_ref("Outcome")),
        "responses": _answer("Counted.", None, *_GUARDED, 404, 413, 422, status=204),
    }
    order = {
        "parameters": [_TENANT],
        "requestBody": _body(_ref("OrderBody")),
        "responses": _answer("In force from the next linking on.", None, *_GUARDED, 404, 413, 422, status=204),
    }
    most = {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50},
    }
    listed = {"parameters": [_TENANT], "responses": _answer("All clusters.", _OBJECT, *_GUARDED, 404)}
    recent = {"parameters": [_TENANT, most], "responses": _answer("Newest first.", _OBJECT, *_GUARDED, 404)}
    plain = {"responses": _answer("Well.", _OBJECT)}
    ready = {
        "responses": _answer("Ready.", _OBJECT) | {"503": {"description": "Not ready.", "content": _content(_OBJECT)}}
    }
    text = {
        "responses": {"200": {"description": "Metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}}}
        | _problems(*_GUARDED)
    }
    return {
        "/v1/check": {"post": {"summary": "Check one request (check listener)", **check}},
        "/v1/check/batch": {"post": {"summary": "Check up to 1,000 (check listener)", **batch}},
        "/v1/accounts/{id}": {
            "put": {"summary": "Push an account's facts", **push},
            "get": {"summary": "What is known of an account", **one},
            "delete": {"summary": "Forget an account", **gone},
        },
        "/v1/outcomes": {"post": {"summary": "Report what became of an account", **outcome}},
        "/v1/clusters": {"get": {"summary": "Clusters now", **listed}},
        "/v1/clusters/{id}": {"get": {"summary": "A cluster and its evidence", **one}},
        "/v1/orders": {"post": {"summary": "Split, pin, release or bless", **order}},
        "/v1/decisions": {"get": {"summary": "Recent verdicts", **recent}},
        "/v1/decisions/{id}": {"get": {"summary": "A recent verdict, explained", **one}},
        "/metrics": {"get": {"summary": "Prometheus metrics", **text}},
        "/healthz": {"get": {"summary": "Alive", **plain}},
        "/readyz": {"get": {"summary": "Ready for checks", **ready}},
    }


@cache
def description() -> bytes:
    """Return the OpenAPI 3.1 document as JSON."""
    _, components = msgspec.json.schema_components(_TYPES, schema_hook=_time_schema, ref_template=_TEMPLATE)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Headcount",
            "version": version("headcount"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "The check routes are on the check listener, all others on the admin listener.",
        },
        "paths": _paths(),
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }
    return msgspec.json.encode(document)
