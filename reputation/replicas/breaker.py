"""A circuit breaker: after a failure no call is tried, until a probe succeeds. Pure; the clock is an argument."""

PAUSE = 0.1
"""Seconds from the failure that opened it to the first probe; each failed probe doubles it."""
LONGEST_PAUSE = 0.5


class Breaker:
    """Closed while calls succeed. `failed` opens it; then only probes go through, one at a time, until one `succeeded`.

    A single failure opens it: the failed call has waited for its time-out already, the cost of being open is small (the
    replica goes on with its share) and the first probe comes soon.
    """

    def __init__(self, pause: float = PAUSE, longest: float = LONGEST_PAUSE) -> None:
        self.closed = True
        self.opened = 0
        self.since = 0.0
        self._first = pause
        self._longest = longest
        self._pause = pause
        self._probe = 0.0
        self._probing = False

    def failed(self, now: float) -> bool:
        """Note a failure; True if it opened the breaker. An open breaker still sees failures of earlier calls."""
        if not self.closed:
            return False
        self.closed, self.since = False, now
        self.opened += 1
        self._probe = now + self._pause
        return True

    def may_probe(self, now: float) -> bool:
        """Whether this caller is the one to try; it then says `probe_failed` or `succeeded`."""
        too_soon = now < self._probe <= now + self._longest  # a clock that was set back causes no wait
        if self.closed or self._probing or too_soon:
            return False
        self._probing = True
        return True

    def probe_failed(self, now: float) -> None:
        """Wait for twice as long before the next probe."""
        self._probing = False
        self._pause = min(self._pause * 2, self._longest)
        self._probe = now + self._pause

    def succeeded(self) -> None:
        """Close: all may try again."""
        self.closed, self._probing, self._pause = True, False, self._first
