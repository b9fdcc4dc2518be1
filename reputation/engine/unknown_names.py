"""Requests for an unknown tenant, or an unknown domain of Envoy. Bounded."""

from typing import Protocol

MOST_REPORTED = 64
"""Different names that are logged, each once; all of them are counted."""
LONGEST_REPORTED = 256


class Tell(Protocol):
    """A logger's method for one level."""

    def __call__(self, event: str, **fields: str) -> object: ...


class Strays:
    """Counts such requests, and writes each new name to the log once."""

    def __init__(self) -> None:
        self.count = 0
        self.tell: Tell | None = None
        self._reported: set[tuple[str, str]] = set()

    def note(self, kind: str, name: str, fix: str) -> None:
        """Note one request. kind: the kind of name, such as `tenant`; fix: advice for the operator."""
        self.count += 1
        report = (kind, name[:LONGEST_REPORTED])
        if self.tell is None or report in self._reported or len(self._reported) >= MOST_REPORTED:
            return
        self._reported.add(report)
        self.tell("unknown_name", kind=kind, name=report[1], fix=fix)
