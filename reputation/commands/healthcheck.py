"""`headcount healthcheck`: for containers; imports next to nothing, because it runs every few seconds."""

import socket
import sys

import click

TIMEOUT = 2.0


@click.command()
@click.option("--listen", default="127.0.0.1:8470", show_default=True, help="Listener to ask: HOST:PORT or unix:PATH.")
def healthcheck(listen: str) -> None:
    """Ask a running sidecar whether it is ready; exit code 0 if it is, else 1."""
    try:
        status = _ask(listen)
    except (OSError, ValueError) as error:
        click.echo(f"no answer on {listen}: {error}", err=True)
        sys.exit(1)
    click.echo("ready" if status == "200" else f"not ready: {status}")
    sys.exit(status != "200")


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
    # a listener on all interfaces is asked on this machine's own
    return socket.create_connection(
        ({"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host), int(port)), TIMEOUT
    )
