"""Envoy takes the client's JA4 from its TLS handshake, and no client can choose it."""

import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import gateway_wire as wire
import pytest
from gateway_processes import listening, running
from gateway_shipped import ENVOY, Ports, write
from ports import free_port

pytestmark = pytest.mark.gateway

JA4 = re.compile(r"t13[di]\d{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tls")
    new = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    files = ["-keyout", str(directory / "key.pem"), "-out", str(directory / "cert.pem")]
    subprocess.run([*new, "-subj", "/CN=api.example", *files], check=True, capture_output=True)
    return directory


@pytest.fixture(scope="module")
def sidecar() -> Iterator[wire.Api]:
    """In the sidecar's place a server that keeps what it is sent, and lets everything pass."""
    with wire.api() as server:
        yield server


@pytest.fixture(scope="module")
def port(certificate: Path, sidecar: wire.Api, api: wire.Api) -> Iterator[int]:
    ports = Ports(free_port(), sidecar.port, api.port, free_port())
    shipped = ENVOY._replace(files=("envoy-ja4.yaml",))
    write(
        shipped,
        certificate,
        ports,
        ("/etc/envoy/cert.pem", f"{certificate}/cert.pem"),
        ("/etc/envoy/key.pem", f"{certificate}/key.pem"),
    )
    with running(shipped.command(certificate), certificate, lambda: listening(ports.gateway)):
        yield ports.gateway


def ask(port: int, headers: wire.Headers, ciphers: str) -> wire.Answer:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(ciphers)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="api.example") as connection,
    ):
        connection.sendall(wire.request_bytes(headers))
        return wire.parsed(wire.read_all(connection))


def test_the_handshake_s_ja4_takes_the_place_of_the_client_s_own(port: int, sidecar: wire.Api) -> None:
    sent = [("Authorization", "Bearer k"), ("X-Headcount-JA4", "t13d1516h2_8daaf6152771_b186095e22b6")]
    seen = set()
    for ciphers in ("ECDHE+AESGCM", "ECDHE+CHACHA20"):
        assert ask(port, sent, ciphers).status == 200
        (ja4,) = sidecar.reached[-1].all("X-Headcount-JA4")
        assert JA4.fullmatch(ja4)
        seen.add(ja4)
    assert len(seen) == 2
    assert "t13d1516h2_8daaf6152771_b186095e22b6" not in seen
