"""Certificates of the tests' servers."""

import subprocess
from pathlib import Path


def make_certificate(directory: Path) -> bytes:
    """Make key.pem, and cert.pem for 127.0.0.1 and localhost, in a directory; return the certificate's PEM."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=directory, check=True, capture_output=True,
    )  # fmt: skip
    return (directory / "cert.pem").read_bytes()
