"""An application's middleware: X-Forwarded-Uri is the client's request target."""

from plugins.forward import answer
from plugins.headers import check
from plugins.lines import first
from reputation.wire.gateway import GatewaySettings, HttpMessage
from reputation.wire.messages import Request

__all__ = ["answer", "read"]


def read(message: HttpMessage, tenant: str, settings: GatewaySettings) -> Request:
    """The check for a middleware's message; ValueError if it cannot be one."""
    return check(message, tenant, settings, first(message.headers, b"x-forwarded-uri"))
