"""aiohttp middleware, for a server without a gateway."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from multidict import CIMultiDict

from .gate import Gate, Headers, Message, Passed, in_our_name

HEADCOUNT: web.RequestKey[Passed | None] = web.RequestKey("headcount")
"""Where a handler finds what Headcount says: `request[HEADCOUNT]`; None without a check or an answer."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def headcount_middleware(gate: Gate) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    """Make the middleware; the client gets the account's own limits and no more.

    Headers that a client sends in Headcount's name do not reach the handler.
    """

    @web.middleware
    async def ask(request: web.Request, handler: Handler) -> web.StreamResponse:
        judged = await gate.judge(message_of(request))
        if judged.stop is not None:
            return web.Response(status=judged.stop.status, body=judged.stop.body, headers=_text(judged.stop.headers))
        request = _without_ours(request)
        request[HEADCOUNT] = judged.passed
        try:
            response = await handler(request)
        except web.HTTPException as error:
            error.headers.update(_text(judged.headers))
            raise
        if not response.prepared:  # a stream has sent its headers
            response.headers.update(_text(judged.headers))
        return response

    return ask


def message_of(request: web.Request) -> Message:
    """Return the message for the gate."""
    return Message(
        request.method,
        request.raw_path.encode("utf-8", "surrogateescape"),
        [(name.lower(), value.strip(b" \t")) for name, value in request.raw_headers],
        request.remote or "",
    )


def _without_ours(request: web.Request) -> web.Request:
    """Remove the client's own copies of Headcount's headers."""
    kept = [(name, value) for name, value in request.headers.items() if not in_our_name(name)]
    return request if len(kept) == len(request.headers) else request.clone(headers=CIMultiDict(kept))


def _text(headers: Headers) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
