"""Envoy's ext_authz over gRPC: CheckRequest to a check, verdict to CheckResponse."""

from collections.abc import Iterable

from plugins.answers import PROBLEM, for_client, stop_problem, stop_status
from plugins.headers import check
from plugins.lines import Lines
from reputation.wire.gateway import GatewaySettings, HttpMessage
from reputation.wire.messages import Request, Verdict

from .grpc_parts import decoded, metadata, text, upstream
from .messages_pb2 import CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValueOption

INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED = 3, 5, 7, 8  # of google.rpc.Code
CODES = {400: INVALID_ARGUMENT, 404: NOT_FOUND, 413: INVALID_ARGUMENT, 422: INVALID_ARGUMENT, 429: RESOURCE_EXHAUSTED}
"""gRPC status codes by HTTP status: a throttle must not be retried at once; the others: 7."""
TENANT = "tenant"


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


def _options(headers: Iterable[tuple[str, str]]) -> list[HeaderValueOption]:
    return [HeaderValueOption(header={"key": name, "value": value}) for name, value in headers]


def answer(verdict: Verdict) -> bytes:
    """CheckResponse: headers for API and client, or the client's whole answer; metadata for other filters."""
    status = stop_status(verdict)
    if status is not None:
        return denied(status, text((PROBLEM, *for_client(verdict))), stop_problem(verdict, status).decode())
    reply = CheckResponse(status={}, dynamic_metadata=metadata(verdict))
    reply.ok_response.headers.extend(_options(text(upstream(verdict))))
    reply.ok_response.response_headers_to_add.extend(_options(text(for_client(verdict))))
    return reply.SerializeToString()


def denied(status: int, headers: Iterable[tuple[str, str]], body: str) -> bytes:
    """CheckResponse to stop the client's request."""
    away = DeniedHttpResponse(status={"code": status}, headers=_options(headers), body=body)
    return CheckResponse(
        status={"code": CODES.get(status, PERMISSION_DENIED)}, denied_response=away
    ).SerializeToString()


def refuse(status: int, body: bytes) -> bytes:
    """CheckResponse for a client's request without a readable check; body: a problem document."""
    return denied(status, text((PROBLEM,)), body.decode())
