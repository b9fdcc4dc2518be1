"""The same engine on recorded time: lines in, one verdict line for each check line out, in order.

The clock is each line's own `at`, ids come from line numbers and nothing else is drawn, so two runs give the
same bytes. Memory does not grow with the file.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec
from msgspec import Struct

from reputation.engine.limiter import Limiter
from reputation.engine.verdicts import RecentVerdicts
from reputation.wire.codec import problem_body, read, verdict_bytes
from reputation.wire.errors import BadRequest, Invalid, Problem
from reputation.wire.ids import line_id
from reputation.wire.messages import AccountFacts, Outcome, Request, Seconds, Text, Verdict, wire_type

MOST_LINE = 1 << 20
LONGEST_GAP = 366 * 86_400.0
NEWLINE = b"\n"


class BadLine(Exception):
    """An invalid line in a replay."""

    def __init__(self, number: int, problem: Problem) -> None:
        where = f" at {problem.pointer}" if problem.pointer else ""
        super().__init__(f"line {number}{where}: {problem.detail}")
        self.number = number
        self.problem = problem


class FactsLine(AccountFacts, frozen=True, gc=False, kw_only=True):
    """`{"kind": "account", "at": …, "tenant": …, "id": …, …facts}`."""

    id: Text
    at: Seconds
    kind: Literal["account"] = "account"
    tenant: Text = "default"


class OutcomeLine(Outcome, frozen=True, gc=False, kw_only=True):
    """`{"kind": "outcome", …}`."""

    kind: Literal["outcome"] = "outcome"


class _Kind(Struct):
    kind: str | None = None


_kinds = msgspec.json.Decoder(_Kind)
_checks = msgspec.json.Decoder(Request, dec_hook=wire_type)
_facts = msgspec.json.Decoder(FactsLine, dec_hook=wire_type)
_outcomes = msgspec.json.Decoder(OutcomeLine, dec_hook=wire_type)

Tick = Callable[[float], None]


class Summary(Struct):
    """The summary of a replay; decisions counts verdicts by decision."""

    lines: int = 0
    checks: int = 0
    accounts: int = 0
    outcomes: int = 0
    bad: int = 0
    decisions: dict[str, int] = {}


class Replay:
    """Feed lines, get verdict lines. `tick` is called with the recorded time before each line.

    explains: verdicts can be asked for afterwards, as those of live checks can.
    """

    def __init__(self, limiter: Limiter, tick: Tick, *, reasons: bool, skip_bad: bool, explains: bool = False) -> None:
        self.summary = Summary()
        self._limiter = limiter
        self._tick = tick
        self._reasons = reasons
        self._skip_bad = skip_bad
        self._now = 0.0
        for tenant in () if explains else limiter.tenants.values():
            tenant.verdicts = RecentVerdicts(0.0, 0)

    def run(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield a verdict line for each check line. Raises BadLine, unless bad lines are skipped."""
        for number, line in enumerate(lines, 1):
            self.summary.lines = number
            if not line.strip():
                continue
            try:
                answer = self._line(number, line)
            except Problem as problem:
                if not self._skip_bad:
                    raise BadLine(number, problem) from None
                self.summary.bad += 1
                answer = msgspec.json.encode({"error": {"line": number, **problem_body(problem)}})
            if answer is not None:
                yield answer + NEWLINE

    def _line(self, number: int, line: bytes) -> bytes | None:
        if len(line) > MOST_LINE:
            raise BadRequest(f"the maximum length of a line is {MOST_LINE} bytes")
        kind = read(_kinds, line).kind if b'"kind"' in line else None
        if kind is None or kind == "check":
            return self._check(number, read(_checks, line))
        if kind == "account":
            self._account(read(_facts, line))
            return None
        if kind == "outcome":
            self._outcome(read(_outcomes, line))
            return None
        raise Invalid(f"unknown kind {kind!r}; known are check, account, outcome", "/kind")

    def _at(self, at: float | None) -> float:
        """Tell the time of a line; the clock keeps it only once the line was taken."""
        if at is None:
            raise Invalid("a replayed line needs a time", "/at")
        now = max(self._now, float(at))
        if self._now and now > self._now + LONGEST_GAP:
            raise Invalid("this line is more than a year later than the lines before it", "/at")
        if now > self._now:
            self._tick(now)
        return now

    def _check(self, number: int, request: Request) -> bytes:
        tenant = self._limiter.tenant(request.tenant)
        now = self._at(request.at)
        verdict = tenant.check(request, now, lambda at: line_id(number, at))
        self._now = now
        self.summary.checks += 1
        decisions = self.summary.decisions
        decisions[verdict.decision] = decisions.get(verdict.decision, 0) + 1
        return verdict_bytes(verdict if self._reasons else without_reasons(verdict))

    def _account(self, line: FactsLine) -> None:
        tenant = self._limiter.tenant(line.tenant)
        now = self._at(line.at)
        tenant.push(line.id, line, now)
        self._now = now
        self.summary.accounts += 1

    def _outcome(self, line: OutcomeLine) -> None:
        tenant = self._limiter.tenant(line.tenant)
        now = self._at(line.at)
        tenant.report(line, now)
        self._now = now
        self.summary.outcomes += 1


def without_reasons(verdict: Verdict) -> Verdict:
    """Remove the reasons; they are most of a verdict's bytes."""
    return msgspec.structs.replace(verdict, reasons=())
