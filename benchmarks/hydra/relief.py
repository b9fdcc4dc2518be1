"""Honest people who see their stops: colleagues who take over the work of one who was stopped, some minutes later."""

import heapq
from collections import defaultdict

import numpy as np

from benchmarks.hydra.world import World

TAKES_OVER = (60.0, 900.0)  # seconds after a stop in which a colleague sends the request
TRIES = 3

Line = dict[str, object]


class Relief:
    """Requests that honest teams send again on a colleague's account, in time order."""

    def __init__(self, world: World) -> None:
        self._rng = np.random.default_rng([world.spec.seed, 9])
        self._team = {account.id: account.team for account in world.accounts if account.team}
        self._members = defaultdict(list)
        for name, team in self._team.items():
            self._members[team].append(name)
        self._clients = dict[str, tuple[object, object]]()
        self._again = list[tuple[float, int, int, str, Line]]()
        self._number = 0

    @property
    def due(self) -> float:
        """When the next request is sent again; infinity if none is."""
        return self._again[0][0] if self._again else np.inf

    def take(self) -> tuple[Line, int]:
        """The check that is due, on the colleague's account and machine, and how often the request was tried before."""
        at, _, tried, name, line = heapq.heappop(self._again)
        account, client = self._clients[name]
        return {**line, "at": round(at, 3), "account": account, "client": client}, tried

    def hear(self, line: Line, name: str, *, stopped: bool, tried: int = 0) -> None:
        """Learn what became of a check of an account."""
        team = self._team.get(name)
        if team is None:
            return
        self._clients[name] = line["account"], line["client"]
        others = [other for other in self._members[team] if other != name and other in self._clients]
        if stopped and others and tried + 1 < TRIES:
            at = float(line["at"]) + float(self._rng.uniform(*TAKES_OVER))  # type: ignore[arg-type]
            self._number += 1
            heapq.heappush(self._again, (at, self._number, tried + 1, str(self._rng.choice(others)), line))
