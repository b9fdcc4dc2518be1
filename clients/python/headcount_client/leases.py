"""A key that admits its own requests by leases, as docs/leases.md describes."""

import dataclasses
import time
from collections import Counter

from .checks import Headcount
from .models import Account, Call, Client, Lease, LeaseReport, Request, Verdict

MOST_REPORTS = 64
"""Reports that one check takes, and seconds of use that one report names."""


class _Held:
    """A lease that is open. until: on the monotonic clock, from the time when the check was sent."""

    def __init__(self, lease: Lease, verdict: Verdict, until: float) -> None:
        self.id = lease.id
        self.verdict = verdict
        self._left = lease.tokens
        self._until = until
        self._used: Counter[int] = Counter()

    def take(self, cost: int, now: float) -> bool:
        if now >= self._until or cost > self._left:
            return False
        self._left -= cost
        self._used[int(time.time())] += cost
        return True

    def report(self, owner: tuple[Account | None, Client | None]) -> LeaseReport:
        slices = tuple(sorted(self._used.items()))[-MOST_REPORTS:]
        return LeaseReport(id=self.id, used=self._used.total(), slices=slices, account=owner[0], client=owner[1])


class LeasedKey:
    """The requests of one key: an account, an address and a JA4 together.

    request: the check of this key, without an id and without a hold. Requests are admitted here until the lease is used
    up or expires. The next check then reports the use and gets the next lease.
    """

    def __init__(self, headcount: Headcount, request: Request) -> None:
        call = request.request or Call()
        if call.id is not None or call.hold:
            raise ValueError("the request of a leased key has neither an id nor a hold")
        self._headcount = headcount
        self._request, self._call = request, call
        self._held: _Held | None = None
        self._reports: list[LeaseReport] = []
        self._stop: tuple[Verdict, float, int] | None = None

    async def admit(self, cost: int = 1) -> Verdict:
        """Return the verdict for one more request.

        On a lease it is the verdict that granted the lease. After a stop it is that stop, with the time left in
        `retry_after`, until the time is over.
        """
        now = time.monotonic()
        if self._held is not None and self._held.take(cost, now):
            return self._held.verdict
        if self._stop is not None:
            verdict, until, stopped = self._stop
            if now < until and cost >= stopped:
                return dataclasses.replace(verdict, retry_after=until - now)
        return await self._ask(cost, now)

    async def close(self) -> None:
        """Give back what the lease has left. Without this it counts as used in full."""
        self._close_lease()
        reports, self._reports = self._reports, []
        if reports:
            await self._headcount.settle_leases(reports, self._request.tenant)

    async def _ask(self, cost: int, now: float) -> Verdict:
        self._close_lease()
        reports, self._reports = self._reports, []
        call = dataclasses.replace(self._call, cost=float(cost))
        asked = dataclasses.replace(self._request, request=call, lease=True, leases=tuple(reports))
        verdict = await self._headcount.check(asked)
        if not verdict.id:  # a lease is settled once, so that a second report changes nothing
            self._reports = [*reports, *self._reports][-MOST_REPORTS:]
            return verdict
        wait = verdict.retry_after if verdict.decision != "allow" else 0.0
        self._stop = (verdict, now + wait, cost) if wait > 0 else None
        if verdict.lease is not None:
            self._close_lease()  # that of another check, sent at the same time
            self._held = _Held(verdict.lease, verdict, now + verdict.lease.ttl)
        return verdict

    def _close_lease(self) -> None:
        if self._held is not None:
            self._reports = [*self._reports, self._held.report(self._owner())][-MOST_REPORTS:]
            self._held = None

    def _owner(self) -> tuple[Account | None, Client | None]:
        """The account and client of the lease, without facts."""
        account, client = self._request.account, self._request.client
        return (
            account and Account(id=account.id, key=account.key, credentials=account.credentials),
            client and Client(ip=client.ip, ja4=client.ja4),
        )
