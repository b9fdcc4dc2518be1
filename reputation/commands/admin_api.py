"""Calls to a running sidecar's admin API, for the commands that touch its state."""

import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import quote

import click

TIMEOUT = 10.0


class Heard(NamedTuple):
    """What the admin API answered, and the version that a change must name."""

    found: Any
    etag: str | None


def call(admin: str, token: str | None, method: str, path: str, body: Any = None) -> Any:
    """Call the admin API and return its JSON. Raises click.ClickException in words that say what to do."""
    return exchange(admin, token, method, path, body).found


def exchange(admin: str, token: str | None, method: str, path: str, body: Any = None, etag: str | None = None) -> Heard:
    """Call the admin API, for a change with the version that it is a change of. Raises click.ClickException."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    headers |= {"If-Match": etag} if etag else {}
    connection = http.client.HTTPConnection(admin, timeout=TIMEOUT)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        data = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(
            f"no sidecar answers on {admin} ({error}); start one, or name it with --admin"
        ) from None
    finally:
        connection.close()
    found = json.loads(data) if data else None
    if answer.status >= 400:
        where = f" ({found['pointer']})" if found and found.get("pointer") else ""
        where += "; name one with --token or HEADCOUNT_TOKEN" if answer.status == 401 else ""
        raise click.ClickException(f"{found['detail'] if found else answer.reason}{where}")
    return Heard(found, answer.headers.get("ETag"))


def download(admin: str, token: str | None, path: str) -> bytes:
    """Fetch bytes from the admin API. Raises click.ClickException."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection = http.client.HTTPConnection(admin, timeout=TIMEOUT)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(f"no sidecar answers on {admin} ({error}); name it with --admin") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise click.ClickException(f"{path}: {answer.status} {answer.reason}")
    return data


def part(text: str) -> str:
    """Quote a text as one part of a path."""
    return quote(text, safe="")


def path_of(tenant: str, rest: str = "") -> str:
    """A tenant's path in the admin API."""
    return f"/v1/tenants/{part(tenant)}{rest}"
