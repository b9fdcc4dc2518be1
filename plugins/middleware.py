"""Common parts of the Python middlewares: a client's request in, a reply out for a stop."""

from collections.abc import Set as AbstractSet
from typing import NamedTuple

from msgspec import ValidationError

from plugins.answers import PROBLEM, for_client, problem, stop_problem, stop_status
from plugins.asking import RefusedError, Sidecar
from plugins.headers import check
from plugins.lines import named
from reputation.wire.gateway import GatewaySettings, Headers, HttpMessage, Reply
from reputation.wire.messages import Verdict

UNAVAILABLE = Reply(503, problem(503), (PROBLEM, (b"Retry-After", b"1")))


class Judged(NamedTuple):
    """The result for a client's request: answer it with `stop`, or let it pass with `headers` on its answer."""

    stop: Reply | None
    headers: Headers = ()
    verdict: Verdict | None = None


OURS = "x-headcount-"
CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"cookie"})


def is_preflight(message: HttpMessage, credentials: AbstractSet[bytes] = CREDENTIALS) -> bool:
    """Whether it is a CORS preflight as browsers send it: OPTIONS with both headers, no key, no cookie, no body.

    credentials: names of headers, in lower case, that hold a key or a cookie.
    """
    if message.method != b"OPTIONS":
        return False
    lines = dict(message.headers)
    asks = lines.get(b"origin") and lines.get(b"access-control-request-method")
    has_body = b"transfer-encoding" in lines or lines.get(b"content-length", b"0") != b"0"
    return bool(asks) and not has_body and not credentials & lines.keys()


def in_our_name(header: str) -> bool:
    """Whether a header's name is Headcount's, also as an application behind CGI or WSGI would read it."""
    return header.lower().replace("_", "-").startswith(OURS)


class Gate:
    """One tenant's gate in a program of yours.

    settings: where the account, its facts and the client's address stand in a request, as for any gateway. With
    `trusted_hops` 0 the client is who connects to this program. fail_open: pass requests while no sidecar answers.
    pass_preflights: pass CORS preflights unjudged; without it they are judged by their address.
    """

    def __init__(
        self,
        sidecar: Sidecar,
        tenant: str = "default",
        settings: GatewaySettings | None = None,
        *,
        fail_open: bool = True,
        pass_preflights: bool = True,
    ) -> None:
        self.sidecar = sidecar
        self._tenant = tenant
        self._settings = settings or GatewaySettings(trusted_hops=0)
        own = {named(name) for name in (self._settings.key_header, self._settings.account_header) if name is not None}
        self._credentials = CREDENTIALS | own
        self._pass_preflights = pass_preflights
        self._without = Judged(None) if fail_open else Judged(UNAVAILABLE)

    async def judge(self, message: HttpMessage) -> Judged:
        """Ask about one request."""
        if self._pass_preflights and is_preflight(message, self._credentials):
            return Judged(None)
        try:
            verdict = await self.sidecar.check(
                check(message, self._tenant, self._settings, message.target.decode("latin-1"))
            )
        except (ValueError, ValidationError, RefusedError):  # what a client wrote never opens the gate
            return Judged(Reply(400, problem(400), (PROBLEM,)))
        if verdict is None:
            return self._without
        status = stop_status(verdict)
        if status is None:
            return Judged(None, for_client(verdict), verdict)
        return Judged(Reply(status, stop_problem(verdict, status), (PROBLEM, *for_client(verdict))), (), verdict)
