"""Calls to the admin API of a running sidecar, for commands on its state."""

import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import quote

import click

from reputation.commands.refused import Refused

TIMEOUT = 10.0


class Heard(NamedTuple):
    """An answer of the admin API, and the version for a later change."""

    found: Any
    etag: str | None


def call(admin: str, token: str | None, method: str, path: str, body: Any = None) -> Any:
    """Call the admin API and return its JSON. Raises click.ClickException with the fix in its message."""
    return exchange(admin, token, method, path, body).found


def exchange(admin: str, token: str | None, method: str, path: str, body: Any = None, etag: str | None = None) -> Heard:
    """Call the admin API; `etag` is the version behind a change. Raises click.ClickException."""
    headers = {"Content-Type": "application/json"} | ({"If-Match": etag} if etag else {})
    answer, data = _ask(admin, token, (method, path, None if body is None else json.dumps(body)), headers)
    try:
        found = json.loads(data) if data else None
    except ValueError:
        raise click.ClickException(
            f"the server on {admin} is not an admin listener of Headcount; set the address with --admin"
        ) from None
    if answer.status >= 400:
        problem = found if isinstance(found, dict) else {}
        raise Refused(_words(problem, answer), {"status": answer.status, **problem})
    return Heard(found, answer.headers.get("ETag"))


def _words(problem: dict[str, Any], answer: http.client.HTTPResponse) -> str:
    where = f" ({problem['pointer']})" if problem.get("pointer") else ""
    fix = "; set a token with --token or HEADCOUNT_TOKEN" if answer.status == 401 else ""
    return f"{problem.get('detail', f'{answer.status} {answer.reason}')}{where}{fix}"


def download(admin: str, token: str | None, path: str) -> bytes:
    """Fetch bytes from the admin API. Raises click.ClickException."""
    answer, data = _ask(admin, token, ("GET", path, None), {})
    if answer.status != 200:
        raise click.ClickException(f"{path}: {answer.status} {answer.reason}")
    return data


def _ask(
    admin: str, token: str | None, what: tuple[str, str, str | None], headers: dict[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    """Send a method, a path and a body or None; return the answer and its body. Raises click.ClickException."""
    token = token and token.strip()  # a line end that came along from a file or the environment
    if token is not None and not (token.isascii() and token.isprintable()):
        raise click.ClickException("--token: a token must be printable ASCII")
    try:
        connection = http.client.HTTPConnection(admin.removeprefix("http://").rstrip("/"), timeout=TIMEOUT)
    except http.client.InvalidURL as error:
        raise click.ClickException(f"--admin {admin}: write it as HOST:PORT ({error})") from None
    try:
        connection.request(*what, headers | ({"Authorization": f"Bearer {token}"} if token else {}))
        answer = connection.getresponse()
        return answer, answer.read()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise click.ClickException(
            f"no sidecar answers on {admin} ({error}); start a sidecar, or set its address with --admin"
        ) from None
    finally:
        connection.close()


def part(text: str) -> str:
    """Quote a text as one segment of a path."""
    return quote(text, safe="")


def path_of(tenant: str, rest: str = "") -> str:
    """Return the path of a tenant in the admin API, with `rest` after it."""
    return f"/v1/tenants/{part(tenant)}{rest}"
