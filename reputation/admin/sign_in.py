"""Routes to sign in and out: by a token, or by an OpenID Connect provider. A proxy's people need none of them."""

import hmac
import secrets
from typing import Annotated
from urllib.parse import quote

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from reputation.admin.access import Caller, token_of
from reputation.admin.answers import json_answer, nothing
from reputation.admin.context import Context, Route
from reputation.admin.oidc import Attempt, Provider, SignInError
from reputation.admin.sessions import Session
from reputation.admin.signed_in import (
    caller_of_session,
    checked_name,
    cookie_name,
    is_encrypted,
    mark_of,
    proxied,
    refuse_other_sites,
)
from reputation.wire.codec import read
from reputation.wire.errors import NotAuthenticated, NotFound, Problem

ATTEMPT_SECONDS = 600
"""How long a browser keeps the secret of an attempt, while the person signs in at the provider."""
LONGEST_TOKEN = 4096


class SessionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/session: a token of the configuration."""

    token: Annotated[str, Meta(min_length=1, max_length=LONGEST_TOKEN)]


_bodies = msgspec.json.Decoder(SessionBody)


async def get_session(context: Context, _: web.Request) -> web.Response:
    """Say how people sign in here: by a token, by a provider of this name, by a proxy, or not at all."""
    settings = context.serving.settings
    oidc, proxy = settings.sign_in.oidc, settings.sign_in.proxy
    ways = {"token": bool(settings.tokens), "oidc": None if oidc is None else oidc.name, "proxy": proxy is not None}
    return json_answer(ways)


async def post_session(context: Context, request: web.Request) -> web.Response:
    """Sign in with a token: the answer sets the cookie of a new session."""
    settings = context.serving.settings
    if not settings.tokens:
        raise NotFound("no token is configured")
    refuse_other_sites(request, settings.sign_in.oidc)
    body = read(_bodies, await request.read())
    try:
        token = token_of(settings.tokens, body.token)
    except NotAuthenticated:
        await context.serving.sign_ins.failed(request.remote or "")
        raise
    now = context.serving.clock()
    session = Session(token.name, "token", now, now + settings.sign_in.lifetime, token=mark_of(token))
    answer = nothing()
    await _begin(context, request, answer, session, token.role)
    return answer


async def delete_session(context: Context, request: web.Request) -> web.Response:
    """Sign out: end the session of the cookie."""
    oidc = context.serving.settings.sign_in.oidc
    refuse_other_sites(request, oidc)
    await _end(context, request)
    answer = nothing()
    answer.del_cookie(cookie_name(request, oidc), path="/", secure=is_encrypted(request, oidc), httponly=True)
    return answer


async def to_provider(context: Context, request: web.Request) -> web.Response:
    """Send the browser to the provider, with a secret that it needs when it comes back."""
    provider, attempt = _provider(context), Attempt(secrets.token_urlsafe(32))
    try:
        where = await provider.where(attempt)
    except SignInError as error:
        context.serving.event_log.warning("oidc_failed", error=str(error))
        return _back(error)
    answer = web.Response(status=303, headers={"Location": where})
    answer.set_cookie(
        _attempt(request, provider), attempt.secret, max_age=ATTEMPT_SECONDS, path="/", httponly=True,
        secure=is_encrypted(request, provider.settings), samesite="Lax",
    )  # fmt: skip
    return answer


async def from_provider(context: Context, request: web.Request) -> web.Response:
    """Take the code that the provider gave to the browser, and begin the session of the person."""
    provider = _provider(context)
    try:
        session, caller = await _session_of(context, provider, request)
        answer = web.Response(status=303, headers={"Location": "../../console/"})
        await _begin(context, request, answer, session, caller.role)
    except SignInError as error:
        await context.serving.sign_ins.failed(request.remote or "", str(error))
        answer = _back(error)
    answer.del_cookie(
        _attempt(request, provider), path="/", httponly=True, secure=is_encrypted(request, provider.settings)
    )
    return answer


async def person_of(context: Context, request: web.Request) -> Caller | None:
    """Return the person of a request: whom a proxy names, else whose session the cookie is of."""
    settings = context.serving.settings
    person = proxied(settings, request)
    if person is not None:
        return person
    secret = request.cookies.get(cookie_name(request, settings.sign_in.oidc))
    session = await context.sessions.find(secret) if secret else None
    return None if session is None else caller_of_session(settings, session)


async def _session_of(context: Context, provider: Provider, request: web.Request) -> tuple[Session, Caller]:
    attempt, query = Attempt(request.cookies.get(_attempt(request, provider), "")), request.query
    given = query.get("state", "").encode("utf-8", "surrogatepass")
    if not attempt.secret or not hmac.compare_digest(given, attempt.state.encode()):
        raise SignInError("expired", "the answer of the provider is of no sign-in that this browser began")
    if "error" in query or query.get("iss", provider.settings.issuer) != provider.settings.issuer:
        raise SignInError("refused", f"the provider answered {query.get('error', 'as another issuer')[:64]!r}")
    identity, now = await provider.identity(attempt, query.get("code", "")), context.serving.clock()
    try:
        name = checked_name(identity.name, "the name")
    except Problem as problem:
        raise SignInError("refused", problem.detail) from None
    lifetime, issuer = context.serving.settings.sign_in.lifetime, provider.settings.issuer
    session = Session(name, "oidc", now, now + lifetime, issuer=issuer, groups=identity.groups)
    caller = caller_of_session(context.serving.settings, session)
    if caller is None:
        raise SignInError("groups", f"no group of {name} has a role: {', '.join(identity.groups)[:500] or 'none sent'}")
    return session, caller


async def _begin(context: Context, request: web.Request, answer: web.Response, session: Session, role: str) -> None:
    """Begin a session with a secret of its own, never one that the browser brought, and end the one before."""
    await _end(context, request)
    secret = await context.sessions.begin(session)
    oidc = context.serving.settings.sign_in.oidc
    answer.set_cookie(
        cookie_name(request, oidc), secret, path="/", httponly=True, secure=is_encrypted(request, oidc),
        samesite="Strict",
    )  # fmt: skip
    context.serving.event_log.info("signed_in", name=session.name, via=session.via, role=role)


async def _end(context: Context, request: web.Request) -> None:
    secret = request.cookies.get(cookie_name(request, context.serving.settings.sign_in.oidc))
    if secret:
        await context.sessions.end(secret)


def _provider(context: Context) -> Provider:
    provider = context.provider()
    if provider is None:
        raise NotFound("no OpenID Connect provider is configured; see sign_in.oidc")
    return provider


def _attempt(request: web.Request, provider: Provider) -> str:
    return f"{cookie_name(request, provider.settings)}-sign-in"


def _back(error: SignInError) -> web.Response:
    return web.Response(status=303, headers={"Location": f"../../console/?sign_in={quote(error.code)}"})


ROUTES = (
    Route("GET", "/v1/session", get_session, None),
    Route("POST", "/v1/session", post_session, None),
    Route("DELETE", "/v1/session", delete_session, None),
    Route("GET", "/v1/session/oidc", to_provider, None),
    Route("GET", "/v1/session/callback", from_provider, None),
)
