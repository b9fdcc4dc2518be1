"""Envoy's ext_authz over gRPC: CheckRequest to a check, verdict to CheckResponse."""

from plugins.answers import PROBLEM, for_client, stop_problem, stop_status
from plugins.headers import check
from plugins.lines import Lines
from reputation.wire.gateway import GatewaySettings, Headers, HttpMessage
from reputation.wire.messages import Request, Verdict

from .grpc_parts import decoded, metadata, upstream
from .messages_pb2 import CheckRequest
from .protobuf import field, header, number, text

INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED = 3, 5, 7, 8  # of google.rpc.Code
CODES = {400: INVALID_ARGUMENT, 404: NOT_FOUND, 413: INVALID_ARGUMENT, 422: INVALID_ARGUMENT, 429: RESOURCE_EXHAUSTED}
"""gRPC status codes by HTTP status: a throttle must not be retried at once; the others: 7."""
TENANT = "tenant"
OK = field(0x0A, b"")
"""CheckResponse's status without a code."""


def decode(body: bytes) -> CheckRequest:
    """Read Envoy's message. Raises BadRequest."""
    return decoded(CheckRequest, body)


def tenant_of(message: CheckRequest) -> str | None:
    """The tenant in the route's `context_extensions`, written by the operator and never by a client."""
    return message.attributes.context_extensions.get(TENANT)


def lines_of(message: CheckRequest) -> Lines:
    """The client's headers; with `encode_raw_headers` a repeated header is here twice."""
    http = message.attributes.request.http
    found = [(key.lower().encode(), value.encode()) for key, value in http.headers.items()]
    found += [(line.key.lower().encode(), line.raw_value or line.value.encode()) for line in http.header_map.headers]
    return found


def read(message: CheckRequest, tenant: str, settings: GatewaySettings) -> Request:
    """The check for Envoy's message; ValueError if it cannot be one."""
    attributes = message.attributes
    http = attributes.request.http
    peer = attributes.source.address.socket_address.address
    asked = HttpMessage(http.method.encode(), http.path.encode(), lines_of(message), b"", peer)
    return check(asked, tenant, settings, http.path)


def _options(tag: int, headers: Headers) -> bytes:
    """Fields with HeaderValueOptions: field 1 of each is the header."""
    return b"".join([field(tag, header(0x0A, name, value)) for name, value in headers])


def answer(verdict: Verdict) -> bytes:
    """CheckResponse: headers for API and client, or the client's whole answer; metadata for other filters."""
    status = stop_status(verdict)
    mine = for_client(verdict)
    if status is not None:
        return denied(status, (PROBLEM, *mine), stop_problem(verdict, status))
    passing = _options(0x12, upstream(verdict)) + _options(0x32, mine)
    return OK + field(0x1A, passing) + field(0x22, metadata(verdict))


def denied(status: int, headers: Headers, body: bytes) -> bytes:
    """CheckResponse to stop the client's request."""
    away = field(0x0A, number(0x08, status)) + _options(0x12, headers) + text(0x1A, body)
    return field(0x0A, number(0x08, CODES.get(status, PERMISSION_DENIED))) + field(0x12, away)


def refuse(status: int, body: bytes) -> bytes:
    """CheckResponse for a client's request without a readable check; body: a problem document."""
    return denied(status, (PROBLEM,), body)
