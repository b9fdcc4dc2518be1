"""The routes of signing in to the console in /openapi.json."""

from typing import Any

from reputation.admin.openapi_tuning import GUARDED, OBJECT, DocumentParts


def paths(parts: DocumentParts) -> dict[str, Any]:
    """Describe every route of signing in."""
    operation, answer = parts.operation, parts.answer
    ways = answer("Whether a token, a provider (its name) or a proxy signs people in.", OBJECT)
    signed_in = answer("Signed in; the answer sets the cookie.", None, *GUARDED, 404, 413, 422, status=204)
    signed_out = answer("Signed out.", None, 400, 403, 503, status=204)
    sent = answer("To the provider, or back to the console with an error.", None, 404, status=303)
    back = answer("To the console, with a session or an error.", None, 404, 503, status=303)
    query = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("code", "state", "error", "iss")]
    return {
        "/v1/session": {
            "get": operation("How people sign in here", ways),
            "post": operation("Sign in with a token", signed_in, parts.ref("SessionBody")),
            "delete": operation("Sign out", signed_out),
        },
        "/v1/session/oidc": {"get": operation("Sign in at the OpenID Connect provider", sent)},
        "/v1/session/callback": {"get": operation("Come back from the provider", back, None, tuple(query))},
    }
