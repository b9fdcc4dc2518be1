"""The admin listener: facts and outcomes. A method that fails raises, so that no push is lost without notice."""

from urllib.parse import quote, urlencode

from .connection import Connection
from .json_form import encode
from .models import AccountFacts, Outcome

ADMIN = "http://127.0.0.1:8471"
TIMEOUT = 5.0


class RefusedError(Exception):
    """The admin listener refused or failed. `status` is its status; the message has the detail of its problem."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Admin(Connection):
    """The admin listener of a sidecar. token: of a role that may write; none is needed on loopback without tokens.

    Every method raises RefusedError after a status other than 2xx, and NoAnswerError without an answer. A call may be
    repeated after NoAnswerError, but an outcome then may count twice.
    """

    def __init__(self, url: str = ADMIN, *, token: str | None = None, timeout: float = TIMEOUT) -> None:
        given = {"Authorization": f"Bearer {token}"} if token is not None else {}
        super().__init__(url, timeout, {"Content-Type": "application/json", **given})

    async def put_facts(self, account: str, facts: AccountFacts, tenant: str = "default") -> None:
        """Replace the facts pushed before; members of `payment` that are missing keep the values from Stripe."""
        await self._write("PUT", _place(account, tenant), encode(facts))

    async def delete_facts(self, account: str, tenant: str = "default") -> None:
        """Delete the pushed facts, the keys and the buckets of an account."""
        await self._write("DELETE", _place(account, tenant))

    async def report_outcome(self, outcome: Outcome) -> None:
        """Report an outcome of an account, such as a chargeback."""
        await self._write("POST", "/v1/outcomes", encode(outcome))

    async def _write(self, method: str, path: str, body: bytes | None = None) -> None:
        answer = await self.call(method, path, body)
        if not 200 <= answer.status < 300:
            raise RefusedError(answer.status, answer.detail)


def _place(account: str, tenant: str) -> str:
    return f"/v1/accounts/{quote(account, safe='')}?{urlencode({'tenant': tenant})}"
