"""Small populations for the linker's tests: honest people, a room, a company, and a hydra."""

import random

import numpy as np

from reputation.hydra.families import FAMILIES, FAMILY, INDEX
from reputation.hydra.linker import Linker
from reputation.hydra.sightings import Known, Sighting
from reputation.hydra.table import Items, table_of

NOW = 1_790_000_000.0
DAY, HOUR = 86400.0, 3600.0
BROWSERS = [(f"ja4-{n}", f"Mozilla/5.0 (Windows NT 10.0) Chrome/{140 + n}.0", 40 / (n + 1)) for n in range(12)]


def _browser(rng: random.Random) -> tuple[str, str]:
    ja4, agent, _ = rng.choices(BROWSERS, [share for *_, share in BROWSERS])[0]
    return ja4, agent


def sightings(account: str, rng: random.Random, count: int, **where) -> list[Sighting]:
    spread = where.pop("spread", DAY)
    return [Sighting(NOW - rng.uniform(0, spread), account, model="m-1", **where) for _ in range(count)]


def honest(linker: Linker, count: int = 400, seed: int = 1, prefix: str = "h") -> list[str]:
    """People at home: half of them proven, all with addresses of their own and everybody's browsers."""
    rng = random.Random(seed)
    names = [f"{prefix}{n}" for n in range(count)]
    for n, name in enumerate(names):
        age = rng.uniform(1, 600) * DAY
        card = {"card": f"c{name}", "iin": f"41{rng.randrange(1000):04d}", "funding": "credit"} if n % 2 else {}
        linker.know(Known(name, NOW - age, "free", proven=n % 2 == 0, **card))
        ja4, agent = _browser(rng)
        net = f"10.{n // 250}.{n % 250}.0/24"
        linker.see_many(
            sightings(
                name, rng, 6, host=net.replace(".0/24", ".7"), net=net, asn=100 + n % 40, country="US",
                ja4=ja4, user_agent=agent,
            )
        )  # fmt: skip
    return names


def hydra(linker: Linker, count: int = 60, seed: int = 2, prefix: str = "x") -> list[str]:
    """One actor: one card issuer, one SDK, one hosting company, signed up within two hours."""
    rng = random.Random(seed)
    names = [f"{prefix}{n}" for n in range(count)]
    for n, name in enumerate(names):
        linker.know(
            Known(
                name, NOW - 5 * HOUR - rng.uniform(0, 2 * HOUR), "free", card=f"v{n}", iin="533333", funding="prepaid"
            )
        )
        net = f"172.16.{n % 20}.0/24"
        linker.see_many(
            sightings(
                name, rng, 8, spread=5 * HOUR, host=f"172.16.{n % 20}.{n}", net=net, asn=64500, country="US",
                network="hosting", ja4="ja4-sdk", user_agent="sdk/1.0",
            )
        )  # fmt: skip
    return names


def room(linker: Linker, count: int = 40, seed: int = 3) -> list[str]:
    """A workshop: one address and half an hour of sign-ups, but everybody's browsers."""
    rng = random.Random(seed)
    names = [f"w{n}" for n in range(count)]
    for name in names:
        linker.know(Known(name, NOW - 4 * HOUR - rng.uniform(0, HOUR / 2), "free"))
        ja4, agent = _browser(rng)
        linker.see_many(
            sightings(
                name, rng, 20, spread=3 * HOUR, host="192.0.2.9", net="192.0.2.0/24", asn=7, country="US",
                ja4=ja4, user_agent=agent,
            )
        )  # fmt: skip
    return names


def classroom(linker: Linker, count: int = 30, seed: int = 5, network: str | None = "education") -> list[str]:
    """A class: one address, identical machines, everybody signed up in one lesson."""
    rng = random.Random(seed)
    names = [f"p{n}" for n in range(count)]
    for name in names:
        linker.know(Known(name, NOW - 4 * HOUR - rng.uniform(0, HOUR / 4), "free"))
        linker.see_many(
            sightings(
                name, rng, 14, spread=3 * HOUR, host="192.0.2.9", net="192.0.2.0/24", asn=7, country="US",
                network=network, ja4="ja4-school", user_agent="Mozilla/5.0 (X11; CrOS x86_64) Chrome/140.0",
            )
        )  # fmt: skip
    return names


def application(linker: Linker, count: int = 80, seed: int = 6) -> list[str]:
    """Users of one application, in their own homes, on the day when everybody heard of it."""
    rng = random.Random(seed)
    names = [f"u{n}" for n in range(count)]
    for n, name in enumerate(names):
        linker.know(Known(name, NOW - 6 * HOUR - rng.uniform(0, HOUR), "free"))
        for _ in range(8):
            linker.see(
                Sighting(
                    NOW - rng.uniform(0, 5 * HOUR), name, host=f"10.9.{n}.7", net=f"10.9.{n}.0/24", asn=100 + n % 40,
                    country="US", ja4="ja4-app", user_agent="PhotoPal/2.3", model="m-small",
                )
            )  # fmt: skip
    return names


def company(
    linker: Linker, count: int = 100, *, verified: bool, settled: float, seed: int = 4, network: str | None = None
) -> list[str]:
    """Seats on one card at one address, on the same laptops, all put on in one morning."""
    rng = random.Random(seed)
    names = [f"s{n}" for n in range(count)]
    for name in names:
        linker.know(
            Known(
                name, NOW - 5 * HOUR - rng.uniform(0, HOUR), "paid", organisation="corp.example",
                organisation_verified=verified, card="corp-card", funding="credit", iin="377777", settled_usd=settled,
            )
        )  # fmt: skip
        linker.see_many(
            sightings(
                name, rng, 10, spread=4 * HOUR, host="198.51.100.4", net="198.51.100.0/24", asn=9, country="US",
                network=network, ja4="ja4-laptop", user_agent="Mozilla/5.0 (Windows NT 10.0) Edg/140.0",
            )
        )  # fmt: skip
    return names


def items(held: dict[int, list[tuple[str, int]]], size: int) -> Items:
    """A table of who holds which (kind, value), for `size` accounts; a value that one holds is in it too."""
    pairs = sorted({pair for values in held.values() for pair in values})
    rows = sorted((account, pairs.index(pair)) for account, values in held.items() for pair in values)
    accounts, numbers = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    kind = np.array([INDEX[name] for name, _ in pairs], np.int64)
    known = np.zeros((len(FAMILIES), size), bool)
    known[np.array(FAMILY)[kind[numbers]], accounts] = True
    values = np.array([value for _, value in pairs], np.int64)
    return table_of(accounts, numbers, kind, values, known)
