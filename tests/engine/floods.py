"""A flood of made-up keys beside honest people, on a recorded clock: who of them passes."""

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from small_engine import DAY, NOW, check

from reputation.engine.limiter import TenantLimiter

RATE = 12_000
SECONDS = 60
PLACES = 65_536
"""What a tenant keeps of made-up keys by default; a sample of a flood has as much fewer of them."""
ESTABLISHED, NEWCOMERS = 300, 100

Body = dict[str, dict[str, str]]


class Flood(NamedTuple):
    """Who floods. ask: the body of the n-th request; networks: how many there are."""

    name: str
    ask: Callable[[int, random.Random, int], Body]
    networks: int


def of_48s(n: int, rng: random.Random, networks: int) -> Body:
    """A new key each time, from some /64 of one of the /48s."""
    subnet = rng.randrange(1 << 16)
    return {"account": {"key": f"made-up-{n}"}, "client": {"ip": f"2a0e:b{n % networks:x}:0:{subnet:x}::1"}}


def twice(n: int, rng: random.Random, networks: int) -> Body:
    """Each key again after a second, so that it is no stranger at first sight."""
    return of_48s(n - RATE if n % 2 and n > RATE else n, rng, networks)


def of_one_48(n: int, rng: random.Random, networks: int) -> Body:
    return of_48s(n, rng, 1)


def of_bots(n: int, rng: random.Random, networks: int) -> Body:
    """A botnet of IPv4 addresses, each in a /24 of its own."""
    bot = n % networks
    return {"account": {"key": f"made-up-{n}"}, "client": {"ip": f"{60 + (bot >> 16)}.{bot >> 8 & 255}.{bot & 255}.9"}}


def of_addresses_alone(n: int, rng: random.Random, networks: int) -> Body:
    return {"client": of_48s(n, rng, networks)["client"]}


def with_facts(n: int, rng: random.Random, networks: int) -> Body:
    """Accounts signed up for the flood, so that the gateway tells a plan of each."""
    return {"account": {"id": f"made-up-{n}", "plan": "free"}, "client": of_48s(n, rng, networks)["client"]}


def without_address(n: int, rng: random.Random, networks: int) -> Body:
    return {"account": {"key": f"made-up-{n}"}}


FLOODS = (
    Flood("new keys of 500 /48s", of_48s, 500),
    Flood("each key twice", twice, 500),
    Flood("random /64s of one /48", of_one_48, 1),
    Flood("50,000 addresses", of_bots, 50_000),
    Flood("addresses without keys", of_addresses_alone, 500),
    Flood("accounts with facts", with_facts, 500),
    Flood("no address", without_address, 1),
)


class Honest(NamedTuple):
    """Somebody with an unpushed key who asks every `pause` seconds from `begin` on; plan: of those with facts."""

    key: str
    ip: str
    begin: float
    pause: float
    plan: str | None = None

    def ask(self, engine: TenantLimiter, now: float) -> bool:
        account = {"key": self.key} if self.plan is None else {"id": self.key, "plan": self.plan}
        return check(engine, now, account=account, client={"ip": self.ip}).decision == "allow"

    def times(self, seconds: float) -> Iterator[float]:
        at = self.begin
        while at < seconds:
            yield at
            at += self.pause


def established(count: int = ESTABLISHED, network: str = "", plan: str | None = None) -> list[Honest]:
    """Some busy, some with pauses in which their buckets fill up; each in a /24 of its own, or all in one network."""
    ips = [f"{network}{i + 1}" if network else f"11.{i // 250}.{i % 250}.7" for i in range(count)]
    return [Honest(f"honest-{i}", ips[i], i % 7, (2.0, 5.0, 19.0)[i % 3], plan) for i in range(count)]


def newcomers(plan: str | None = None) -> list[Honest]:
    """They come once the flood is at its height, and stay."""
    return [Honest(f"newcomer-{i}", f"14.0.{i}.77", 20.0 + i % 30, 3.0, plan) for i in range(NEWCOMERS)]


def settle_in(engine: TenantLimiter, people: list[Honest], days: int, end: float = NOW) -> None:
    """Let people be seen on so many days before; or, for 0, a few times in the minutes before."""
    for day in range(days, 0, -1):
        for one in people:
            one.ask(engine, end - day * DAY)
    for before in (240.0, 120.0, 30.0):
        for one in people:
            one.ask(engine, end - before)


def flooded(
    engine: TenantLimiter, flood: Flood, people: list[Honest], scale: float = 1.0, seconds: float = SECONDS
) -> dict[str, float]:
    """Play a flood of `scale` times RATE from as many fewer networks; share of each person's requests that passed."""
    rng = random.Random(1)
    rate, networks = RATE * scale, max(1, round(flood.networks * scale))
    asked = sorted((at, i) for i, one in enumerate(people) for at in one.times(seconds))
    passed: dict[str, list[bool]] = {one.key: [] for one in people}
    n = 0
    for at, i in [*asked, (seconds, -1)]:
        while n < at * rate:
            check(engine, NOW + n / rate, **flood.ask(n, rng, networks))
            n += 1
        if i >= 0:
            passed[people[i].key].append(people[i].ask(engine, NOW + at))
    return {key: sum(ways) / len(ways) for key, ways in passed.items()}


def share(passed: dict[str, float], people: list[Honest]) -> float:
    return sum(passed[one.key] for one in people) / len(people)
