"""One log line a verdict, sampled, written off the request path by a thread with a bounded queue."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TextIO

from reputation.config.file import LogSettings
from reputation.sidecar.structured import structlog
from reputation.wire.ids import pseudonym
from reputation.wire.messages import Request, Verdict

AccountOf = Callable[[Verdict, float], str | None]
FLUSH_EVERY = 0.25
_STEPS = 1 << 16


class DecisionLog:
    """`note` costs a check one comparison and, if the verdict is sampled, one append. Drops are counted.

    A line costs as much as a check, so a flood of stops must not buy a line each: the queue holds what may be
    written until the next flush.
    """

    def __init__(self, settings: LogSettings, secret: bytes, sink: TextIO) -> None:
        self.dropped = 0
        self.written = 0
        self.account_of: AccountOf | None = None  # the account of a verdict, where a request sent a key alone
        self._secret = secret
        self._waiting: deque[tuple[Request, str | None, Verdict, float]] = deque()
        self._stop = threading.Event()
        self._log = structlog.wrap_logger(structlog.WriteLogger(sink), processors=[_renderer(settings)])
        self._most = max(int(settings.per_second * FLUSH_EVERY), 1)
        self._plain = settings.plain_identifiers
        self._allowed = int(settings.decisions * _STEPS)
        self._stopped = int(settings.stops * _STEPS)
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def note(self, request: Request, verdict: Verdict, now: float) -> None:
        """Queue a verdict if it is one of the sampled; the sample is drawn from the verdict's own id."""
        decision = (verdict.shadow or verdict).decision
        share = self._allowed if decision == "allow" else self._stopped
        if not share or (hash(verdict.id) & (_STEPS - 1)) >= share:
            return
        if len(self._waiting) >= self._most:
            self.dropped += 1
            return
        account = request.account.id
        if account is None and self.account_of is not None:
            account = self.account_of(verdict, now)
        self._waiting.append((request, account, verdict, now))

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_EVERY):
            self.flush()
        self.flush()

    def flush(self) -> None:
        """Write the waiting lines. A closed or full standard error costs lines, never a check."""
        while self._waiting:
            request, account, verdict, now = self._waiting.popleft()
            with contextlib.suppress(OSError, ValueError):
                self._log.info("decision", **self.fields(request, account, verdict, now))
                self.written += 1

    def fields(self, request: Request, account: str | None, verdict: Verdict, now: float) -> dict[str, Any]:
        """Return a log line's members; identifiers as keyed hashes unless configured. account: the one judged."""
        return {
            "at": round(now, 3),
            "tenant": verdict.tenant,
            "verdict": verdict.id,
            "decision": verdict.decision,
            "tier": verdict.tier,
            "risk": round(verdict.risk, 3),
            "scope": verdict.limit.scope,
            "retry_after": round(verdict.retry_after, 3),
            "account": self._name(account),
            "address": self._name(request.client.ip),
            "cluster": verdict.cluster.id if verdict.cluster else None,
            "degraded": verdict.degraded,
        }

    def _name(self, identifier: str | None) -> str | None:
        if identifier is None or self._plain:
            return identifier
        return pseudonym(identifier, self._secret)

    def close(self) -> None:
        """Write the waiting lines and end the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2.0)


def _renderer(settings: LogSettings) -> Any:
    if settings.format == "json":
        return structlog.processors.JSONRenderer()
    # a traceback with local variables, as rich writes it, could show a secret
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def event_log(settings: LogSettings, sink: TextIO) -> Any:
    """Return the logger of the program's own events: start, reload, faults."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    level = structlog.processors.add_log_level
    return structlog.wrap_logger(structlog.WriteLogger(sink), processors=[stamp, level, _renderer(settings)])
