"""An issuer that answers as a test tells it, honest or not; its tokens are signed by joserfc."""

import base64
import hmac
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from joserfc import jwk, jwt

CLIENT = "headcount"


class Issuer:
    """Its answers, to be changed by a test, and what it was asked."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.key = self.new_key("first")
        self.shown = [self.key]
        self.claims, self.header, self.userinfo, self.signed_by = {}, {}, None, None
        self.discovery, self.token_status, self.padding = {}, 200, 0
        self.asked = []
        self.nonce = ""

    @staticmethod
    def new_key(kid):
        return jwk.RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})

    def answer(self, path, form, headers):
        """Status and body of an answer."""
        self.asked.append((path, form, headers))
        match path:
            case "/.well-known/openid-configuration":
                return 200, self._discovery()
            case "/jwks":
                return 200, {"keys": [key.as_dict(private=False) for key in self.shown], "padding": "x" * self.padding}
            case "/token":
                return self.token_status, {"access_token": "access", "token_type": "Bearer", "id_token": self.token()}
            case "/userinfo":
                return 200, self.userinfo
        return 404, {}

    def _discovery(self):
        ends = {"authorization_endpoint": "/auth?realm=a", "token_endpoint": "/token", "jwks_uri": "/jwks"}
        found = {"issuer": self.url, **{name: self.url + path for name, path in ends.items()}}
        if self.userinfo is not None:
            found["userinfo_endpoint"] = f"{self.url}/userinfo"
        return {**found, **self.discovery}

    def token(self):
        now = time.time()
        claims = {"iss": self.url, "aud": CLIENT, "sub": "248289", "exp": now + 60, "iat": now, "nonce": self.nonce,
                  "preferred_username": "ann", "groups": ["ops"]}  # fmt: skip
        chosen = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        header = {"alg": "RS256", "kid": self.key.kid, **self.header}
        if header["alg"] in FORGED:
            text = ".".join(_text(json.dumps(part).encode()) for part in (header, chosen))
            return f"{text}.{_text(FORGED[header['alg']](text.encode(), self.key.as_pem(private=False)))}"
        return jwt.encode(header, chosen, self.signed_by or self.key)


FORGED = {"none": lambda *_: b"", "HS256": lambda text, public: hmac.digest(public, text, "sha256")}
"""Signatures that anybody can make."""


def _text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def running_issuer():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.issuer = Issuer(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self._answer({})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        self._answer({name: values[0] for name, values in parse_qs(body).items()})

    def _answer(self, form):
        status, body = self.server.issuer.answer(urlsplit(self.path).path, form, dict(self.headers))
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass
