"""What limits of today do on the same worlds: per account, per address, and clusters of shared addresses.

An engine is a callable from a line of a world to a verdict, or to None for lines that are not checks.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from typing import Any

from benchmarks.hydra.clock import DAY

Line = dict[str, Any]
Verdict = dict[str, Any]
Engine = Callable[[Line], Verdict | None]

ALLOW: Verdict = {"decision": "allow", "cluster": None}
THROTTLE: Verdict = {"decision": "throttle", "cluster": None}


def name(line: Line) -> str:
    """The account of a check, or the key if a gateway knows only that."""
    account = line["account"]
    return str(account.get("id") or account["key"])


def per_account(daily: int) -> Engine:
    """At most `daily` requests for each account and UTC day."""
    return _daily(name, daily)


def per_address(daily: int) -> Engine:
    """At most `daily` requests for each address and UTC day."""
    return _daily(lambda line: str(line["client"]["ip"]), daily)


def _daily(key: Callable[[Line], str], limit: int) -> Engine:
    today, spent = -1, Counter[str]()

    def check(line: Line) -> Verdict | None:
        nonlocal today
        if "kind" in line:
            return None
        if int(line["at"] // DAY) != today:
            today = int(line["at"] // DAY)
            spent.clear()
        who = key(line)
        spent[who] += 1
        return ALLOW if spent[who] <= limit else THROTTLE

    return check


def components(addresses: dict[str, frozenset[str]], share: float, most: int = 200) -> dict[str, int]:
    """Account -> cluster number, for accounts that share more than `share` of the addresses of both together.

    An address with more than `most` different sets of addresses on it is no link: that bounds the pairs.
    """
    alike: defaultdict[frozenset[str], list[str]] = defaultdict(list)
    for account, used in addresses.items():
        alike[used].append(account)
    sets, on = list(alike), defaultdict[str, list[int]](list)
    for number, used in enumerate(sets):
        for address in used:
            on[address].append(number)
    common = Counter(pair for users in on.values() if len(users) <= most for pair in combinations(users, 2))
    root = list(range(len(sets)))

    def find(number: int) -> int:
        while root[number] != number:
            root[number] = root[root[number]]
            number = root[number]
        return number

    for (one, other), count in common.items():
        if count > share * (len(sets[one]) + len(sets[other]) - count):
            root[find(one)] = find(other)
    return {account: find(number) for number, used in enumerate(sets) for account in alike[used]}


class SharedAddresses:
    """Clusters of accounts with shared addresses in the last `window` days, made again each midnight.

    A cluster of `least` accounts or more gets `daily` requests a day in all, others as many each.
    """

    def __init__(self, daily: int, share: float = 0.7, window: int = 3, least: int = 3) -> None:
        self._daily, self._share, self._window, self._least = daily, share, window, least
        self._today = -1
        self._seen: dict[int, defaultdict[str, set[str]]] = {}
        self._cluster: dict[str, int] = {}
        self._spent: Counter[str | int] = Counter()

    def _midnight(self, day: int) -> None:
        self._today = day
        self._spent.clear()
        self._seen = {known: seen for known, seen in self._seen.items() if known > day - 1 - self._window}
        merged: defaultdict[str, set[str]] = defaultdict(set)
        for accounts in self._seen.values():
            for account, used in accounts.items():
                merged[account] |= used
        self._seen[day] = defaultdict(set)
        found = components({account: frozenset(used) for account, used in merged.items()}, self._share)
        self._sizes = Counter(found.values())
        self._cluster = {a: number for a, number in found.items() if self._sizes[number] >= self._least}

    def __call__(self, line: Line) -> Verdict | None:
        if "kind" in line:
            return None
        day, who = int(line["at"] // DAY), name(line)
        if day != self._today:
            self._midnight(day)
        self._seen[day][who].add(line["client"]["ip"])
        number = self._cluster.get(who)
        purse: str | int = who if number is None else number
        self._spent[purse] += 1
        decision = "allow" if self._spent[purse] <= self._daily else "throttle"
        if number is None:
            return {"decision": decision, "cluster": None}
        return {
            "decision": decision,
            "cluster": {"id": f"shared-{number}", "size": self._sizes[number], "confidence": 1.0},
        }


BASELINES: dict[str, Callable[[], Engine]] = {
    "account 30/day": lambda: per_account(30),
    "account 200/day": lambda: per_account(200),
    "address 200/day": lambda: per_address(200),
    "shared addresses": lambda: SharedAddresses(200),
}


def replay(lines: Iterable[Line], engine: Engine) -> Iterator[tuple[Line, Verdict | None]]:
    """Each line with the engine's answer to it."""
    for line in lines:
        yield line, engine(line)
