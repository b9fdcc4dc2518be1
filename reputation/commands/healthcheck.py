"""`headcount healthcheck`: for containers. It imports almost nothing, because it runs every few seconds."""

import json
import socket
import sys

import click

TIMEOUT = 2.0


@click.command()
@click.option("--listen", default="127.0.0.1:8470", show_default=True, help="Check listener: HOST:PORT or unix:PATH.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def healthcheck(listen: str, *, as_json: bool) -> None:
    """Check whether a running sidecar is ready. Exit code 0: ready, 1: not ready."""
    try:
        status = _ask(listen)
    except (OSError, ValueError) as error:
        status, words = "", f"no answer on {listen}: {error}"
    else:
        words = "ready" if status == "200" else f"not ready: {status}"
    ready = status == "200"
    # errors go to standard error, where people look for them
    click.echo(json.dumps({"ready": ready, "detail": words}) if as_json else words, err=not (as_json or status))
    sys.exit(not ready)


def _ask(listen: str) -> str:
    with _connect(listen) as connection:
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        line = connection.makefile("rb").readline(256).decode("latin-1").split(" ")
    if len(line) < 2:
        raise ValueError("no HTTP answer")
    return line[1]


def _connect(listen: str) -> socket.socket:
    if listen.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(TIMEOUT)
        connection.connect(listen[5:])
        return connection
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    # a listener on all interfaces is reached over loopback
    return socket.create_connection(
        ({"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host), int(port)), TIMEOUT
    )
