"""TLS of a listener, from the standard library: its certificate and key, HTTP/2 by ALPN, clients' certificates."""

import ssl

PROTOCOLS = ["h2", "http/1.1"]


def server_context(files: str, client_ca: str | None = None) -> ssl.SSLContext:
    """Read `CERTIFICATE:KEY`, two PEM files: the certificate with its chain, and the key. Raises ValueError.

    client_ca: a PEM file with the authorities of clients' certificates. A certificate of another authority ends the
    handshake; a connection without any is one of `needs_certificate` that has none, and is answered so.
    They are read once; a renewed certificate counts from the next start on.
    """
    certificate, _, key = files.rpartition(":")
    if not (certificate and key):
        raise ValueError("expected CERTIFICATE:KEY, two PEM files")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"certificate and key cannot be read: {error}") from None
    context.set_alpn_protocols(PROTOCOLS)
    if client_ca is not None:
        _ask_clients(context, client_ca)
    return context


def needs_certificate(context: ssl.SSLContext | None) -> bool:
    """Whether a listener with this TLS answers only connections with a client's certificate."""
    return context is not None and context.verify_mode != ssl.CERT_NONE


def _ask_clients(context: ssl.SSLContext, client_ca: str) -> None:
    try:
        context.load_verify_locations(client_ca)
    except OSError as error:
        raise ValueError(f"{client_ca}, the authorities of clients, cannot be read: {error}") from None
    context.verify_mode = ssl.CERT_OPTIONAL
