"""aiohttp middleware, for a server without a gateway."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from multidict import CIMultiDict

from plugins.middleware import Gate, in_our_name
from reputation.wire.gateway import Headers, HttpMessage
from reputation.wire.messages import Verdict

VERDICT: web.RequestKey[Verdict | None] = web.RequestKey("headcount")
"""Where a handler finds the verdict: `request[VERDICT]`; None while no sidecar answers."""

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
        request[VERDICT] = judged.verdict
        try:
            response = await handler(request)
        except web.HTTPException as error:
            error.headers.update(_text(judged.headers))
            raise
        if not response.prepared:  # a stream has sent its headers
            response.headers.update(_text(judged.headers))
        return response

    return ask


def message_of(request: web.Request) -> HttpMessage:
    """Return the message for an adapter."""
    return HttpMessage(
        request.method.encode(),
        request.raw_path.encode("latin-1", "replace"),
        [(name.lower(), value.strip(b" \t")) for name, value in request.raw_headers],
        b"",
        request.remote or "",
    )


def _without_ours(request: web.Request) -> web.Request:
    """Remove the client's own copies of Headcount's headers."""
    kept = [(name, value) for name, value in request.headers.items() if not in_our_name(name)]
    return request if len(kept) == len(request.headers) else request.clone(headers=CIMultiDict(kept))


def _text(headers: Headers) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
