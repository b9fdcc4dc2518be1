"""nginx's auth_request: it understands 2xx, 401 and 403 alone, and makes a 500 of everything else.

So every stop is a 403 whose X-Headcount-Status holds the status that the client is to get. nginx hands none
of these headers on by itself; its configuration takes the client's and leaves the others.
"""

from plugins.answers import for_client, for_upstream, stop_status
from plugins.headers import check
from plugins.lines import first
from reputation.wire.gateway import GatewaySettings, HttpMessage, Reply
from reputation.wire.messages import Request, Verdict


def read(message: HttpMessage, tenant: str, settings: GatewaySettings) -> Request:
    """The check for auth_request's message; ValueError for a malformed one."""
    return check(message, tenant, settings, first(message.headers, b"x-original-uri"))


def answer(verdict: Verdict) -> Reply:
    """200, or 403 with X-Headcount-Status, without a body because nginx would drop it."""
    status = stop_status(verdict)
    headers = (*for_client(verdict), *for_upstream(verdict))
    if status is None:
        return Reply(200, b"", headers)
    return Reply(403, b"", ((b"X-Headcount-Status", b"%d" % status), *headers))
