"""TLS of a listener, from the standard library: a certificate and its key, and HTTP/2 by ALPN."""

import ssl

PROTOCOLS = ["h2", "http/1.1"]


def server_context(files: str) -> ssl.SSLContext:
    """Read `CERTIFICATE:KEY`, two PEM files: the certificate with its chain, and the key. Raises ValueError.

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
    return context
