"""The configurations in plugins/, with free ports in the place of their own and nothing else changed."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gateway_processes import binary, running
from gateway_wire import ask
from ports import free_port

PLUGINS = Path(__file__).parents[2] / "plugins"


class Ports(NamedTuple):
    gateway: int
    sidecar: int
    api: int
    inner: int


class Shipped(NamedTuple):
    """A gateway as this repository ships it.

    folder: in plugins/, if not its name. closed: the change that its page names for failing closed, from and to;
    absent: the status that follows.
    limits_on_pass: RateLimit headers reach the client on answers that pass, not on stops alone.
    tells: with the lines that tell API and client of what passes.
    """

    name: str
    files: tuple[str, ...]
    command: Callable[[Path], list[str]]
    closed: tuple[str, str]
    absent: int
    limits_on_pass: bool = True
    cleans_paths: bool = False
    folder: str = ""
    tells: bool = True


def _nginx(directory: Path) -> list[str]:
    # the shipped file leaves to Debian's defaults what a test must not share with the machine's own nginx
    (file,) = directory.glob("nginx*.conf")
    private = f"http {{\n    access_log off;\n    client_body_temp_path {directory}/body;"
    for kind in ("proxy", "fastcgi", "uwsgi", "scgi"):
        private += f"\n    {kind}_temp_path {directory}/{kind};"
    text = file.read_text()
    file.write_text(text.replace("http {", private, 1))
    user = "" if "\nuser " in text else "user root; "  # unless a test has workers of another user
    switches = f"daemon off; {user}pid {directory}/pid;"
    return ["nginx", "-e", str(directory / "error.log"), "-c", str(file), "-g", switches]


def _envoy(directory: Path) -> list[str]:
    (file,) = directory.glob("envoy*.yaml")
    quiet = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
    return [binary("envoy"), "-c", str(file), *quiet]


def _caddy(directory: Path) -> list[str]:
    return [binary("caddy"), "run", "--config", str(directory / "Caddyfile"), "--adapter", "caddyfile"]


def _traefik(_: Path) -> list[str]:
    return [binary("traefik"), "--configfile", "traefik.yaml"]


NGINX = Shipped(
    "nginx",
    ("nginx.conf",),
    _nginx,
    ("return 204;  # fail open", "set $headcount_stop 503; return 403;  # fail closed"),
    503,
)
ENVOY = Shipped("envoy", ("envoy.yaml",), _envoy, ("failure_mode_allow: true", "failure_mode_allow: false"), 503)
NGINX_LEASES = Shipped(
    "nginx-leases",
    ("nginx-leases.conf",),
    _nginx,
    ('fail    = "open"', 'fail    = "closed"'),
    503,
    folder="nginx",
)
NGINX_LEAN = NGINX_LEASES._replace(name="nginx-lean", limits_on_pass=False, tells=False)
CADDY = Shipped("caddy", ("Caddyfile",), _caddy, ("import headcount_open", "import headcount_closed"), 502)
TRAEFIK = Shipped(
    "traefik",
    ("traefik.yaml", "dynamic.yaml"),
    _traefik,
    ("service: headcount-or-pass", "service: headcount"),
    502,
    limits_on_pass=False,
    cleans_paths=True,
)


ALL = (NGINX, ENVOY, CADDY, TRAEFIK)
"""Those that ask about each request, on a route of their own."""
FRONTS = (*ALL, NGINX_LEASES)


TOLD = re.compile(r"^.*# told\n", re.MULTILINE)
"""What nginx-leases.conf says may be deleted, where no API and no client reads it."""


class Running(NamedTuple):
    shipped: Shipped
    port: int


def write(shipped: Shipped, directory: Path, ports: Ports, *changes: tuple[str, str]) -> None:
    """Copy the shipped files with the ports, and with changes that their page tells a reader to make."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = {name: (PLUGINS / (shipped.folder or shipped.name) / name).read_text() for name in shipped.files}
    texts = {name: text.replace("/etc/nginx/headcount", f"{PLUGINS}/nginx/lua") for name, text in texts.items()}
    if not shipped.tells:
        texts = {name: TOLD.sub("", text) for name, text in texts.items()}
    for old, new in changes:
        assert sum(text.count(old) for text in texts.values()) == 1, old
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    for name, text in texts.items():
        (directory / name).write_text(with_ports(text, ports))


def with_ports(text: str, ports: Ports) -> str:
    shipped = {
        "8080": ports.gateway,
        "8443": ports.gateway,
        "8470": ports.sidecar,
        "8000": ports.api,
        "8479": ports.inner,
    }
    return re.sub(r"\b(?:8080|8443|8470|8000|8479)\b", lambda found: str(shipped[found[0]]), text)


@contextmanager
def gateway(shipped: Shipped, directory: Path, sidecar: int, api: int, *changes: tuple[str, str]) -> Iterator[int]:
    """The port of the gateway while it runs."""
    ports = Ports(free_port(), sidecar, api, free_port())
    write(shipped, directory, ports, *changes)
    with running(shipped.command(directory), directory, lambda: _serves(ports.gateway)):
        yield ports.gateway


def _serves(port: int) -> bool:
    """Connected is not enough: Traefik listens before it has read its routes, and then answers 404."""
    try:
        return ask(port, [("Authorization", "Bearer sk-probe")]).status not in (404, 408)
    except (OSError, IndexError):
        return False
