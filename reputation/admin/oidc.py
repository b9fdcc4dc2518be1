"""An OpenID Connect provider: its documents, an authorization code for an identity, and the checks of an ID token.

Authorization code flow with PKCE (S256), state and nonce. joserfc verifies signatures and claims; it is loaded with the
first sign-in.
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import msgspec
from msgspec import Struct

from reputation.config.secrets import secret_at
from reputation.config.sign_in import OidcSettings, is_private
from reputation.wire.errors import ConfigError

TIMEOUT = aiohttp.ClientTimeout(total=10.0)
MOST_BYTES = 1 << 18
"""Maximum length of an answer of the provider."""
KEEP = 3600.0
"""Seconds for which its documents and keys are kept."""
KEYS_AT_MOST = 10.0
"""Least seconds between two readings of its keys because of a key that is not known: it may have rotated them."""
SKEW = 60
"""Seconds by which its clock and ours may differ."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures by a private key of the provider alone."""
MOST_GROUPS = 1000


class SignInError(Exception):
    """A sign-in that did not succeed. code: what the console says of it; the message is for the log."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Identity(NamedTuple):
    name: str
    groups: tuple[str, ...]


class Attempt(NamedTuple):
    """One attempt to sign in, from the secret that its browser keeps in a cookie until the provider sends it back."""

    secret: str

    @property
    def state(self) -> str:
        return self._derived("state")

    @property
    def nonce(self) -> str:
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        return _text(hashlib.sha256(self.verifier.encode()).digest())

    def _derived(self, use: str) -> str:
        return _text(hmac.digest(self.secret.encode("utf-8", "surrogatepass"), use.encode(), "sha256"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Discovery(Struct, frozen=True):
    """What is needed of a provider's discovery document (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class KeyDocument(Struct, frozen=True):
    keys: tuple[dict[str, Any], ...]


class Tokens(Struct, frozen=True):
    id_token: str
    access_token: str = ""


class Provider:
    """One provider. clock: seconds since 1970."""

    def __init__(self, settings: OidcSettings, clock: Callable[[], float]) -> None:
        self.settings = settings
        self._clock = clock
        self._discovery: Discovery | None = None
        self._discovered = 0.0
        self._keys: Any = None
        self._keys_read = 0.0
        self._reading = asyncio.Lock()

    @property
    def redirect_uri(self) -> str:
        return f"{self.settings.url.removesuffix('/')}/v1/session/callback"

    async def where(self, attempt: Attempt) -> str:
        """Return the URL at which the provider asks a person to sign in. Raises SignInError."""
        found = await self._found()
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(dict.fromkeys(("openid", *self.settings.scopes))),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(found.authorization_endpoint).query else "?"
        return f"{found.authorization_endpoint}{joint}{urlencode(query)}"

    async def identity(self, attempt: Attempt, code: str) -> Identity:
        """Exchange a code for a person's identity. Raises SignInError."""
        found = await self._found()
        tokens = await self._tokens(found, attempt, code)
        claims = await self._claims(found, tokens.id_token, attempt.nonce)
        if self.settings.groups_claim not in claims and found.userinfo_endpoint and tokens.access_token:
            claims = await self._with_userinfo(found.userinfo_endpoint, tokens.access_token, claims)
        return Identity(_name(claims, self.settings.user_claim), _groups(claims.get(self.settings.groups_claim)))

    async def _found(self) -> Discovery:
        if self._discovery is None or not 0 <= self._clock() - self._discovered < KEEP:
            url = f"{self.settings.issuer.removesuffix('/')}/.well-known/openid-configuration"
            found = _read(Discovery, await _ask("GET", url), url)
            if found.issuer != self.settings.issuer:
                raise SignInError("provider", f"the discovery document is of the issuer {found.issuer!r}")
            self._discovery, self._discovered = found, self._clock()
        return self._discovery

    async def _tokens(self, found: Discovery, attempt: Attempt, code: str) -> Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        headers = {"Accept": "application/json"}
        id_, secret = self.settings.client_id, self._secret()
        if secret is None:
            form["client_id"] = id_
        elif "client_secret_basic" in found.token_endpoint_auth_methods_supported:
            pair = f"{quote(id_, safe='')}:{quote(secret, safe='')}"  # RFC 6749, 2.3.1
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": id_, "client_secret": secret}
        tokens: Tokens = _read(Tokens, await _ask("POST", found.token_endpoint, headers, form), found.token_endpoint)
        return tokens

    def _secret(self) -> str | None:
        place = self.settings.client_secret
        try:
            return None if place is None else secret_at("sign_in.oidc.client_secret", place)
        except ConfigError as error:
            raise SignInError("provider", str(error)) from None

    async def _claims(self, found: Discovery, token: str, nonce: str) -> dict[str, Any]:
        """Verify an ID token (OpenID Connect Core 1.0, 3.1.3.7)."""
        from joserfc import errors, jwt  # noqa: PLC0415 - most sidecars do without

        registry = jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=SKEW,
            iss={"essential": True, "value": found.issuer},
            aud={"essential": True, "value": self.settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            try:
                decoded = jwt.decode(token, await self._known_keys(found), ALGORITHMS)
            except (errors.InvalidKeyIdError, errors.BadSignatureError):
                decoded = jwt.decode(token, await self._known_keys(found, again=True), ALGORITHMS)
            registry.validate(decoded.claims)
        except (errors.JoseError, ValueError) as error:
            raise SignInError("refused", f"the ID token is refused: {error}") from None
        audience, party = decoded.claims["aud"], decoded.claims.get("azp")
        if party not in (None, self.settings.client_id) or (party is None and not _is_one(audience)):
            raise SignInError("refused", "the ID token is for another client")
        return dict(decoded.claims)

    async def _known_keys(self, found: Discovery, *, again: bool = False) -> Any:
        """Return the provider's keys; `again`: after a rotation, but not more often than each KEYS_AT_MOST."""
        from joserfc import errors, jwk  # noqa: PLC0415 - as above

        async with self._reading:
            age = self._clock() - self._keys_read
            if self._keys is None or not 0 <= age < (KEYS_AT_MOST if again else KEEP):
                document = _read(KeyDocument, await _ask("GET", found.jwks_uri), found.jwks_uri)
                keys = []
                for key in document.keys[:100]:
                    if key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig":
                        try:
                            keys.append(jwk.import_key(key))
                        except (errors.JoseError, ValueError, TypeError, KeyError):
                            continue  # a key of a kind that this library does not know
                self._keys, self._keys_read = jwk.KeySet(keys), self._clock()
        return self._keys

    async def _with_userinfo(self, url: str, token: str, claims: dict[str, Any]) -> dict[str, Any]:
        found = _read(dict[str, Any], await _ask("GET", url, {"Authorization": f"Bearer {token}"}), url)
        if found.get("sub") != claims["sub"]:
            raise SignInError("refused", "the provider's userinfo is of another person than the ID token")
        return {**found, **claims}


async def _ask(
    method: str, url: str, headers: Mapping[str, str] | None = None, form: dict[str, str] | None = None
) -> bytes:
    if urlsplit(url).scheme != "https" and not is_private(url):
        raise SignInError("provider", f"{url}: use https")
    body = bytearray()
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.request(method, url, headers=headers, data=form, allow_redirects=False) as answer,
        ):
            async for piece in answer.content.iter_chunked(1 << 14):
                body += piece
                if len(body) > MOST_BYTES:
                    raise SignInError("provider", f"{url}: the answer is longer than {MOST_BYTES:,} bytes")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise SignInError("provider", f"{url}: {type(error).__name__}") from None
    if answer.status != 200:
        raise SignInError("refused" if form else "provider", f"{url}: the provider answered {answer.status}")
    return bytes(body)


def _read(kind: Any, body: bytes, url: str) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SignInError("provider", f"{url}: {error}") from None


def _is_one(audience: object) -> bool:
    return isinstance(audience, str) or (isinstance(audience, list) and len(audience) == 1)


def _name(claims: Mapping[str, Any], claim: str) -> str:
    found = (claims.get(name) for name in (claim, "email", "sub"))
    return next(value for value in found if isinstance(value, str) and value)


def _groups(value: object) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(group for group in values if isinstance(group, str))[:MOST_GROUPS]
