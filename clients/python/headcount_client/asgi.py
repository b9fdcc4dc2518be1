"""ASGI middleware: for Starlette, FastAPI, Litestar, Django and other ASGI applications without a gateway."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .gate import Gate, Headers, Stop, in_our_name
from .gate import Message as ClientMessage

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

POLICY_VIOLATION = 1008
DENIAL = "websocket.http.response"


class HeadcountMiddleware:
    """Asks before each HTTP request and each WebSocket handshake.

    A `Passed` is at `scope["headcount"]` for the application (None without a check or an answer), which may act on its
    tier and actions. The client gets the account's own limits. Headers in Headcount's name reach neither.
    """

    def __init__(self, app: App, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        judged = await self._gate.judge(message_of(scope))
        if judged.stop is not None:
            await _stop(scope, receive, send, judged.stop)
            return
        scope["headcount"] = judged.passed
        scope["headers"] = [line for line in scope["headers"] if not in_our_name(bytes(line[0]).decode("latin-1"))]
        await self._app(scope, receive, _with_headers(send, judged.headers))


def message_of(scope: Message) -> ClientMessage:
    """Return the message for the gate. ASGI header names are lower case already."""
    query = scope.get("query_string", b"")
    path = scope.get("raw_path") or scope["path"].encode()
    peer = scope.get("client") or ("",)
    return ClientMessage(
        scope.get("method", "GET"),
        path + b"?" + query if query else path,
        [(bytes(name), bytes(value).strip(b" \t")) for name, value in scope["headers"]],
        peer[0],
    )


def _with_headers(send: Send, headers: Headers) -> Send:
    lines = [(name.lower(), value) for name, value in headers]
    names = {name.decode("latin-1") for name, _ in lines}

    def own(line: tuple[bytes, bytes]) -> bool:
        name = bytes(line[0]).decode("latin-1").lower()
        return name not in names and not in_our_name(name)

    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.accept"):
            message["headers"] = [*filter(own, message.get("headers", ())), *lines]
        await send(message)

    return sending


async def _stop(scope: Message, receive: Receive, send: Send, reply: Stop) -> None:
    kind = "http.response"
    if scope["type"] == "websocket":
        await receive()  # websocket.connect
        if DENIAL not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        kind = DENIAL
    lines = [(name.lower(), value) for name, value in reply.headers]
    length = (b"content-length", b"%d" % len(reply.body))
    await send({"type": f"{kind}.start", "status": reply.status, "headers": [*lines, length]})
    await send({"type": f"{kind}.body", "body": reply.body})
