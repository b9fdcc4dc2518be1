"""The interface of checks, on one process's own state or on state shared by replicas.

`sidecar/embedded.py` and `replicas/checks.py` offer it. Embedded checks answer at once; shared ones may answer later.
"""

from collections.abc import Iterator
from typing import Any, Protocol

from prometheus_client.metrics_core import Metric

from reputation.engine.groups import JudgedAccount
from reputation.engine.limiter import Limiter, TenantLimiter
from reputation.state.crowds import Row
from reputation.state.transactions import Committed, Transaction
from reputation.wire.ids import NewId
from reputation.wire.later import Later
from reputation.wire.messages import Request, Settle, Settled, Verdict


class Checks(Protocol):
    """Checks, settlements and transactions of every tenant. `now` is in seconds since 1970."""

    @property
    def limiter(self) -> Limiter:
        """The tenants, as they are in force."""

    def check(self, request: Request, now: float, new_id: NewId, /) -> Verdict | Later[Verdict]:
        """Judge a request. Raises Invalid, NotFound, Conflict and Unavailable."""

    def check_all(
        self, requests: list[Request], now: float, new_id: NewId, /
    ) -> list[JudgedAccount] | Later[list[JudgedAccount]]:
        """Judge one request of several accounts of one tenant; all of them pay, or none."""

    def settle(self, body: Settle, now: float, /) -> Settled | Later[Settled]:
        """Settle a hold, leases, or both. Raises Invalid, and NotFound for no open hold."""

    async def commit(self, tenant: TenantLimiter, asked: Transaction) -> Committed:
        """Change facts, marks and documents, all or nothing, durable before this returns.

        Raises Conflict for a key of another account, Stale for a document of another version, and Unavailable while
        state is away; then nothing was changed, or where an answer of shared state was lost, perhaps all.
        """

    async def row(self, tenant: TenantLimiter, account: str) -> Row | None:
        """Find the stored row of an account. Raises Unavailable while shared state is unavailable."""

    async def owner(self, tenant: TenantLimiter, key: bytes) -> str | None:
        """Name the account that owns a key, given as its hash. Raises Unavailable while shared state is unavailable."""

    def move(self, seconds: float) -> None:
        """Follow a step of this machine's clock, so limits stay as without the step."""

    def readiness(self) -> dict[str, Any]:
        """Return members for the body of /readyz."""

    def metrics(self) -> Iterator[Metric]:
        """Return the metrics of shared state; none of embedded state."""
