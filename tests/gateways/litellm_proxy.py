"""The real LiteLLM proxy from its own virtual environment, with the shipped plug-in and a model that is a stub."""

import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from gateway_processes import listening, running
from ports import free_port

ROOT = Path(__file__).parents[2]
LITELLM = ROOT / ".venv-litellm" / "bin" / "litellm"
SHIPPED = ROOT / "plugins" / "litellm"
MASTER_KEY = "sk-0123456789abcdef0123456789abcdef"
# an operator's own authentication, which the plug-in leaves as it is
AUTH = """
from litellm.proxy._types import UserAPIKeyAuth

async def user_api_key_auth(request, api_key):
    plan = {"headcount": {"plan": "paid"}} if api_key.startswith("sk-paid") else {}
    return UserAPIKeyAuth(api_key=api_key, user_id="user-of-" + api_key, metadata=plan)
"""


class Model(BaseHTTPRequestHandler):
    """A model that says hi; `used` in the prompt is the tokens that it says it used, `fail` is a 500."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words = asked["messages"][-1]["content"].split()
        if "fail" in words:
            self._send(500, "application/json", b'{"error": {"message": "broken"}}')
            return
        used = int(words[words.index("used") + 1]) if "used" in words else 3
        usage = {"prompt_tokens": 1, "completion_tokens": used - 1, "total_tokens": used}
        if asked.get("stream"):
            self._send(200, "text/event-stream", _stream(usage))
        else:
            message = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
            body = {"id": "x", "object": "chat.completion", "created": 1, "model": "stub", "choices": [message]}
            self._send(200, "application/json", json.dumps(body | {"usage": usage}).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _stream(usage: Mapping[str, int]) -> bytes:
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "stub"}
    chunks = [
        head | {"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}]},
        head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage},
    ]
    return b"".join(b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"


@contextmanager
def model() -> Iterator[int]:
    """The port of a running model."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def proxy(directory: Path, model_port: int, *, auth: str = "auth.user_api_key_auth", **settings: str) -> Iterator[int]:
    """The port of a running proxy; settings are the plug-in's, as in the environment without `HEADCOUNT_`."""
    port = free_port()
    shutil.copy(SHIPPED / "headcount_litellm.py", directory)
    (directory / "auth.py").write_text(AUTH)
    text = (SHIPPED / "config.yaml").read_text().replace(":8000/", f":{model_port}/")
    if auth.startswith("headcount_litellm"):
        text = text.replace("  callbacks: headcount_litellm.handler\n", "  drop_params: true\n")
    (directory / "config.yaml").write_text(text + f"  custom_auth: {auth}\n")
    own = {f"HEADCOUNT_{name.upper()}": value for name, value in settings.items()}
    environment = {"LITELLM_MASTER_KEY": MASTER_KEY, "OPENAI_API_KEY": "none", "PYTHONPATH": str(directory), **own}
    command = ["env", *(f"{name}={value}" for name, value in environment.items())]
    command += [str(LITELLM), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with running(command, directory, lambda: listening(port)):
        yield port
