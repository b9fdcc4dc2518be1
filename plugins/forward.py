"""The answer for gateways forwarding every status except 200 to the client: Envoy, Caddy, Traefik, APISIX."""

from reputation.wire.gateway import Reply
from reputation.wire.messages import Verdict

from .answers import PROBLEM, for_client, for_upstream, stop_problem, stop_status


def answer(verdict: Verdict) -> Reply:
    """200 with all headers for the upstream, or the client's answer with only the headers for clients."""
    status = stop_status(verdict)
    if status is None:
        return Reply(200, b"", (*for_client(verdict), *for_upstream(verdict)))
    return Reply(status, stop_problem(verdict, status), (PROBLEM, *for_client(verdict)))
