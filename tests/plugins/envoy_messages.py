"""Envoy's messages, made as Envoy makes them, for the tests of its gRPC adapters."""

from collections.abc import Sequence

from plugins.envoy.messages_pb2 import CheckRequest, RateLimitDescriptor, RateLimitRequest

Pairs = Sequence[tuple[str, str]]
CLIENT = (("authorization", "Bearer k1"), ("user-agent", "curl/8.5"), ("x-forwarded-for", "192.0.2.1"))


def check_request(headers: Pairs = CLIENT, path: str = "/v1//a/../x?key=secret", *, raw: bool = True) -> CheckRequest:
    """What ext_authz sends; raw: with `encode_raw_headers`."""
    message = CheckRequest()
    message.attributes.source.address.socket_address.address = "192.0.2.99"
    http = message.attributes.request.http
    http.method, http.path = "POST", path
    for name, value in ((":path", path), *headers):
        if raw:
            http.header_map.headers.add(key=name, raw_value=value.encode())
        else:
            http.headers[name] = value
    return message


def limit_request(*descriptors: Pairs, domain: str = "acme", hits: int = 0) -> RateLimitRequest:
    """What the rate limit filter sends."""
    message = RateLimitRequest(domain=domain, hits_addend=hits)
    for entries in descriptors:
        message.descriptors.append(RateLimitDescriptor(entries=[{"key": k, "value": v} for k, v in entries]))
    return message
