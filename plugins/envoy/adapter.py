"""Envoy's ext_authz over HTTP: the client's path follows the prefix with the tenant."""

from plugins.forward import answer
from plugins.headers import check
from plugins.lines import text
from reputation.wire.gateway import GatewaySettings, HttpMessage
from reputation.wire.messages import Request

__all__ = ["answer", "read"]

PREFIX_SEGMENTS = 3  # /gateway/envoy/{tenant}


def asked_for(target: bytes) -> str:
    """The part after the prefix, opaque: dots, double slashes and escapes stay unchanged."""
    segments = text(target).split("/", PREFIX_SEGMENTS + 1)
    return "/" + segments[-1] if len(segments) > PREFIX_SEGMENTS + 1 else ""


def read(message: HttpMessage, tenant: str, settings: GatewaySettings) -> Request:
    """The check for Envoy's message; ValueError if it cannot be one."""
    return check(message, tenant, settings, asked_for(message.target))
