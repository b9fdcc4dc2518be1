"""Envoy's unary calls as routes of HTTP/1.1: its filter grpc_http1_reverse_bridge makes such requests of gRPC."""

from collections.abc import Callable, Mapping

from plugins.gateway import Engine, Handler
from reputation.listeners.http2.methods import Metadata
from reputation.listeners.http2.streams import framed
from reputation.wire.errors import BadRequest, TooLarge
from reputation.wire.gateway import Headers, HttpMessage, Reply
from reputation.wire.later import Later, then

from .calls import AUTHZ, MOST_BODY, RLS, EnvoyCalls
from .grpc_parts import unframed

PROTOBUF = b"application/x-protobuf"
TYPES = frozenset({PROTOBUF, b"application/protobuf", b"application/grpc", b"application/grpc+proto"})
"""Types of a body; the answer has its request's, because the bridge compares them."""

Call = Callable[[bytes, Metadata], bytes | Later[bytes]]


def routes(engine: Engine) -> Mapping[bytes, tuple[bytes, Handler]]:
    """Return the calls as routes of the check listener."""
    calls = EnvoyCalls(engine)
    found: dict[bytes, Call] = {AUTHZ: calls.authorize, RLS: calls.limit}
    return {path: (b"POST", bridged(call)) for path, call in found.items()}


def bridged(call: Call) -> Handler:
    """Make a route of a call: the body's frame is unwrapped, and the answer has one if the body had one."""

    def handle(message: HttpMessage) -> Reply | Later[Reply]:
        if len(message.body) > MOST_BODY:
            raise TooLarge(f"a message has at most {MOST_BODY} bytes", "")
        kind = _kind(message)
        body, has_frame = unframed(message.body)
        headers: Headers = ((b"content-type", kind),)
        answer = call(body, message.headers)
        return then(answer, lambda found: Reply(200, framed(found) if has_frame else found, headers))

    return handle


def _kind(message: HttpMessage) -> bytes:
    """Return the type of a body. Raises BadRequest for one that is not protobuf's."""
    found = next((value for name, value in message.headers if name == b"content-type"), b"")
    kind = found.partition(b";")[0].strip() or PROTOBUF
    if kind not in TYPES:
        raise BadRequest("the content type must be that of protobuf or gRPC, such as application/x-protobuf", "")
    return kind
