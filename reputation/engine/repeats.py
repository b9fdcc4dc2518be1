"""Repeated requests with the same `request.id`, by name, in bounded memory. The clock is an argument.

A repeat has the verdict of the first time and is charged once. The id in the name of another request is a conflict:
else a caller that copies ids which clients choose would charge a whole day's requests once.
"""

import math
from collections import OrderedDict
from typing import Final

from reputation.wire.errors import Conflict
from reputation.wire.messages import Call, Verdict

WINDOW = 60.0
"""Seconds for which an id stands for its request."""
MOST = 100_000
ANOTHER = (
    "another request had this id within the last 60 seconds: one of its account, cost, hold or route is not the same"
)


class Print:
    """Return the content to compare two requests with one id."""

    __slots__ = ("account", "cost", "hold", "route")

    def __init__(self, account: str, call: Call) -> None:
        self.account: Final = account
        self.cost: Final = call.cost
        self.hold: Final = call.hold
        self.route: Final = call.route

    def same(self, other: "Print") -> bool:
        """Whether it is the same request."""
        return (
            self.account == other.account
            and self.cost == other.cost
            and self.hold == other.hold
            and self.route == other.route
        )

    def text(self) -> str:
        """Write the request so that no two requests are alike; an account's name may be any text."""
        route = "-" if self.route is None else "+" + self.route
        return f"{self.cost!r} {self.hold} {len(self.account)} {self.account}{route}"


class Remembered:
    """A verdict, its request, and the time range for repeats."""

    __slots__ = ("print", "since", "until", "verdict")

    def __init__(self, print_: Print, verdict: Verdict, since: float, until: float) -> None:
        self.print: Final = print_
        self.verdict: Final = verdict
        self.since: Final = since
        self.until: Final = until


class Repeats:
    """Verdicts by the ids of their requests; above `most` the oldest are dropped, counted in `lost`."""

    def __init__(self, most: int = MOST) -> None:
        self.lost = 0
        self._most: Final = most
        self._kept: OrderedDict[str, Remembered] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, id_: str, print_: Print, now: float) -> Verdict | None:
        """Find the verdict of this same request. Raises Conflict if another request had the id."""
        found = self._kept.get(id_)
        if found is None:
            return None
        if not found.since <= now <= found.until:
            del self._kept[id_]
            return None
        if not found.print.same(print_):
            raise Conflict(ANOTHER, "/request/id")
        return found.verdict

    def put(self, id_: str, print_: Print, verdict: Verdict, now: float) -> None:
        """Remember a verdict; a stop only until its wait is over, and then a repeat is judged again.

        A clock that goes back a little does not charge twice, and never makes a stop last.
        """
        judged = verdict.shadow or verdict
        since, until = now - WINDOW, now + WINDOW
        if judged.decision != "allow":
            since, until = now, min(until, math.nextafter(now + judged.retry_after, 0.0))
        self._kept.pop(id_, None)
        self._forget(now)
        if since <= until:
            self._kept[id_] = Remembered(print_, verdict, since, until)

    def _forget(self, now: float) -> None:
        """Drop the oldest: the expired ones, and one more if the table is full."""
        while self._kept:
            oldest = next(iter(self._kept))
            over = not self._kept[oldest].since <= now <= self._kept[oldest].until
            if not over and len(self._kept) < self._most:
                return
            self.lost += not over
            del self._kept[oldest]
