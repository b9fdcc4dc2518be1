"""What the middlewares for Python programs share: a client's request in, a reply out if it is to be stopped."""

from typing import NamedTuple

from msgspec import ValidationError

from plugins.answers import PROBLEM, for_client, problem, stop_status
from plugins.asking import RefusedError, Sidecar
from plugins.headers import check
from reputation.events import Verdict
from reputation.gateway import GatewaySettings, Headers, HttpMessage, Reply

UNAVAILABLE = Reply(503, problem(503), (PROBLEM, (b"Retry-After", b"1")))


class Judged(NamedTuple):
    """What to do with a client's request: answer it with `stop`, or let it pass with `headers` on its answer."""

    stop: Reply | None
    headers: Headers = ()
    verdict: Verdict | None = None


class Gate:
    """One tenant's gate in a program of yours.

    settings: where the account, its facts and the client's address stand in a request, as for any gateway. With
    `trusted_hops` 0 the client is who connects to this program. fail_open: pass requests while no sidecar answers.
    """

    def __init__(
        self,
        sidecar: Sidecar,
        tenant: str = "default",
        settings: GatewaySettings | None = None,
        *,
        fail_open: bool = True,
    ) -> None:
        self.sidecar = sidecar
        self._tenant = tenant
        self._settings = settings or GatewaySettings(trusted_hops=0)
        self._without = Judged(None) if fail_open else Judged(UNAVAILABLE)

    async def judge(self, message: HttpMessage) -> Judged:
        """Ask about one request."""
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
        return Judged(Reply(status, problem(status), (PROBLEM, *for_client(verdict))), (), verdict)
