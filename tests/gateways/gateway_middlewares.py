"""Two programs without a gateway in front, each with its middleware: an ASGI application and an aiohttp application."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from aiohttp import web
from gateway_processes import wait_for
from headcount_client import Gate
from headcount_client.aiohttp import HEADCOUNT, headcount_middleware
from headcount_client.asgi import HeadcountMiddleware


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Say the tier that the middleware left in the scope; accept any WebSocket."""
    if scope["type"] == "lifespan":
        return
    verdict = scope["headcount"]
    body = b"no verdict" if verdict is None else verdict.tier.encode()
    body += b"".join(value for name, value in scope["headers"] if b"headcount" in name)
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"text/plain"), (b"RateLimit", b"own"), (b"X-Headcount-Tier", b"own")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def asgi(port: int, gate: Callable[[], Gate]) -> Iterator[None]:
    config = uvicorn.Config(
        HeadcountMiddleware(application, gate()), "127.0.0.1", port, log_level="error", lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    yield
    server.should_exit = True
    thread.join(20)


async def _echo(request: web.Request) -> web.WebSocketResponse:
    answer = web.WebSocketResponse()
    await answer.prepare(request)
    await answer.send_str(await answer.receive_str())
    await answer.close()
    return answer


@asynccontextmanager
async def served(port: int, gate: Gate) -> AsyncIterator[None]:
    async def say(request: web.Request) -> web.StreamResponse:
        if request.path == "/missing":
            raise web.HTTPNotFound
        if request.headers.get("Upgrade") == "websocket":
            return await _echo(request)
        verdict = request[HEADCOUNT]
        sent = "".join(value for name, value in request.headers.items() if "headcount" in name.lower())
        text = ("no verdict" if verdict is None else verdict.tier) + sent
        return web.Response(text=text, headers={"RateLimit": "own"})

    app = web.Application(middlewares=[headcount_middleware(gate)])
    app.router.add_route("*", "/{path:.*}", say)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield
    await runner.cleanup()
    await gate.headcount.close()


@contextmanager
def aiohttp_app(port: int, gate: Callable[[], Gate]) -> Iterator[None]:
    loop, told, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def run() -> None:
        async with served(port, gate()):
            ready.set()
            await told.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(20)
    yield
    loop.call_soon_threadsafe(told.set)
    thread.join(20)
    loop.close()
