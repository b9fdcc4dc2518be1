"""Shared parts of the admin handlers: answers, and readers of request values."""

import math
from typing import Any

from aiohttp import web

from reputation.wire.codec import encode
from reputation.wire.errors import BadRequest
from reputation.wire.messages import LATEST


def json_answer(value: Any, status: int = 200, etag: str | None = None) -> web.Response:
    """Answer with JSON, and optionally with a version (ETag) for a later change."""
    headers = {} if etag is None else {"ETag": f'"{etag}"'}
    return web.Response(body=encode(value), status=status, content_type="application/json", headers=headers)


def nothing() -> web.Response:
    return web.Response(status=204)


def whole(request: web.Request, name: str, default: int, least: int, most: int) -> int:
    """Read a whole number from the query. Raises BadRequest."""
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise BadRequest(f"{name} must be a whole number from {least} to {most}", f"/{name}")
    return int(text)


def reason_of(request: web.Request) -> str:
    """Read the reason of a change without a body. Raises BadRequest."""
    text = request.query.get("reason", "")
    if not 1 <= len(text) <= 1024:
        raise BadRequest("give a reason with ?reason=, in at most 1,024 characters", "/reason")
    return text


def moment_of(request: web.Request, name: str) -> float:
    """Read a time from the query, seconds since 1970; 0 if it is not there. Raises BadRequest."""
    try:
        found = float(request.query.get(name, "0"))
    except ValueError:
        found = math.nan
    if not 0 <= found <= LATEST:
        raise BadRequest(f"{name} must be a time in seconds since 1970", f"/{name}")
    return found
