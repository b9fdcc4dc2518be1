"""The check listener: checks, batches and settlements. No method here raises if the sidecar fails."""

import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeVar

from .connection import Answer, Connection, NoAnswerError
from .json_form import MalformedError, decode, encode, loads, read
from .models import BindingLimit, LeaseReport, Reason, Request, Settle, Settled, Verdict

CHECK = "http://127.0.0.1:8470"
TIMEOUT = 0.2
"""Seconds for a whole check: Envoy gives ext_authz as long."""
MOST = 1000
"""Checks of one batch."""
MOST_BYTES = 4_000_000
"""Bytes of the checks of one batch; the sidecar takes 4 MiB."""
JSON = {"Content-Type": "application/json"}

Policy = Literal["allow", "deny"]
Found = TypeVar("Found")


class Failure(Exception):
    """Why there is no verdict: `timeout`, `unreachable`, `failed` (5xx or not an answer) or `refused` (4xx)."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause


class Headcount(Connection):
    """The check listener of a sidecar, at `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`. One for a loop.

    on_failure: the decision of a check without an answer. timeout: seconds for a whole check. secret: one that the
    sidecar's `http.secrets` asks for. tls: of an https URL. `failures` counts checks and settlements without an answer
    by their cause: `timeout`, `unreachable`, `failed` and `refused`.
    """

    def __init__(
        self,
        url: str = CHECK,
        *,
        on_failure: Policy = "allow",
        timeout: float = TIMEOUT,
        secret: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(url, timeout, JSON if secret is None else {**JSON, "X-Headcount-Secret": secret}, tls)
        self.on_failure: Policy = on_failure
        self.failures: Counter[str] = Counter()

    async def check(self, request: Request) -> Verdict:
        """Ask for a verdict.

        Without an answer the verdict is degraded, has no id, and its decision is `on_failure`. A check that the sidecar
        refuses (4xx) is denied under either policy, because a client may have written the part at fault.
        """
        try:
            return await self._asked("/v1/check", encode(request), lambda body: decode(Verdict, body))
        except Failure as failure:
            return self._without(request, failure)

    async def check_batch(self, requests: Sequence[Request]) -> tuple[Verdict, ...]:
        """Ask for verdicts, in the order of the requests, with one call for each 1,000 or 4 MB of them."""
        found: list[Verdict] = []
        for items in _calls([encode(request) for request in requests]):
            found += await self._batch(requests[len(found) : len(found) + len(items)], items)
        return tuple(found)

    async def settle(self, verdict: Verdict, actual: float) -> Settled | None:
        """Settle a held verdict with its real cost. None: not settled, and counted in `failures`."""
        return await self._settled(Settle(tenant=verdict.tenant, verdict=verdict.id, actual=actual))

    async def settle_leases(self, leases: Sequence[LeaseReport], tenant: str = "default") -> Settled | None:
        """Report the use of leases without a check. None: not settled, and counted in `failures`."""
        return await self._settled(Settle(tenant=tenant, leases=tuple(leases)))

    async def _settled(self, body: Settle) -> Settled | None:
        try:
            return await self._asked("/v1/settle", encode(body), lambda answer: decode(Settled, answer))
        except Failure as failure:
            self.failures[failure.cause] += 1
            return None

    async def _batch(self, requests: Sequence[Request], bodies: Sequence[bytes]) -> list[Verdict]:
        def read_all(body: bytes) -> list[Any]:
            items = loads(body)
            if not isinstance(items, list) or len(items) != len(requests):
                raise MalformedError("a batch with another number of verdicts")
            return [item if isinstance(item, dict) and "error" in item else read(Verdict, item) for item in items]

        try:
            items = await self._asked("/v1/check/batch", b"[" + b",".join(bodies) + b"]", read_all)
        except Failure as failure:
            return [self._without(request, failure) for request in requests]
        pairs = zip(requests, items, strict=True)
        return [item if isinstance(item, Verdict) else self._without(one, _of_item(item)) for one, item in pairs]

    async def _asked(self, path: str, body: bytes, reading: Callable[[bytes], Found]) -> Found:
        """Raises Failure."""
        try:
            answer = await self.call("POST", path, body)
            if answer.status != 200:
                raise _of_status(answer)
            return reading(answer.body)
        except NoAnswerError as error:
            raise Failure(error.cause, str(error)) from None
        except MalformedError as error:
            raise Failure("failed", f"not a verdict: {error}") from None

    def _without(self, request: Request, failure: Failure) -> Verdict:
        """Return the verdict of a check that got none."""
        self.failures[failure.cause] += 1
        refused = failure.cause == "refused"
        return Verdict(
            id="",
            tenant=request.tenant,
            revision=0,
            mode="enforce",
            decision="deny" if refused else self.on_failure,
            risk=50.0,
            tier="standard",
            limit=BindingLimit(unit="requests", rate=None, burst=None, remaining=None, scope="account"),
            limits=(),
            retry_after=0.0,
            reasons=(Reason(signal=failure.cause, points=0.0, detail=str(failure)),),
            degraded=not refused,
        )


def _calls(items: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield the checks of each call, in their order."""
    call: list[bytes] = []
    size = 0
    for item in items:
        size += len(item) + 1
        if call and (len(call) == MOST or size > MOST_BYTES):
            yield call
            call, size = [], len(item) + 1
        call.append(item)
    if call:
        yield call


def _of_status(answer: Answer) -> Failure:
    return Failure("refused" if 400 <= answer.status < 500 else "failed", answer.detail)


def _of_item(item: Any) -> Failure:
    """Return the failure of one check in a batch, from its problem document."""
    problem = item["error"] if isinstance(item["error"], dict) else {}
    status = problem.get("status", 500)
    cause = "refused" if isinstance(status, int) and 400 <= status < 500 else "failed"
    return Failure(cause, f"{status}: {problem.get('detail', '')}")
