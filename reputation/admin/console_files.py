"""The console's files, served from memory on the admin listener.

They hold no data and need no token: what they show they ask of the admin API, with the token that the user types in.
"""

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from reputation.admin.context import Context, Route
from reputation.wire.errors import NotFound

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}
OWN_FILES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""No inline script or style, no other host, no frame."""
POLICY = f"{OWN_FILES}; require-trusted-types-for 'script'; trusted-types 'none'"
"""And no text that becomes markup. Swagger UI makes markup of the API's description, which has no text of clients."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class File(NamedTuple):
    body: bytes
    type: str
    etag: str


@cache
def console_files() -> dict[str, File]:
    """Return every file of the console by its path below /console/; only types in `TYPES` are served."""
    found: dict[str, File] = {}
    folder = files("reputation.console")
    for path, entry in [*_entries(folder), *_entries(folder / "libraries", "libraries/")]:
        ending = path[path.rfind(".") :]
        if ending in TYPES:
            body = entry.read_bytes()
            found[path] = File(body, TYPES[ending], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
    return found


def _entries(folder: "Traversable", before: str = "") -> list[tuple[str, "Traversable"]]:
    return [(before + entry.name, entry) for entry in folder.iterdir() if entry.is_file()]


async def get_console(_: Context, request: web.Request) -> web.Response:
    """One file; the page itself for the bare path."""
    return _file(request, request.match_info.get("path", "index.html"), POLICY)


async def get_docs(_: Context, request: web.Request) -> web.Response:
    """The API's description for people."""
    return _file(request, "api-docs.html", OWN_FILES)


def _file(request: web.Request, path: str, policy: str) -> web.Response:
    found = console_files().get(path)
    if found is None:
        raise NotFound("the console has no such file; it begins at /console/")
    headers = {**HEADERS, "Content-Security-Policy": policy, "ETag": found.etag}
    if request.headers.get("If-None-Match") == found.etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=found.body, headers={**headers, "Content-Type": found.type})


async def to_console(_: Context, __: web.Request) -> web.Response:
    """Redirect a path without the last slash, or without any path."""
    return web.Response(status=308, headers={"Location": "/console/"})


async def to_docs(_: Context, __: web.Request) -> web.Response:
    return web.Response(status=308, headers={"Location": "docs/"})


ROUTES = (
    Route("GET", "/docs", to_docs, None),
    Route("GET", "/docs/", get_docs, None),
    Route("GET", "/", to_console, None),
    Route("GET", "/console", to_console, None),
    Route("GET", "/console/", get_console, None),
    Route("GET", "/console/{path:.+}", get_console, None),
)
