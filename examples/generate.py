# ruff: noqa: INP001 - a script, not a package
"""Make the recorded day of this folder: 1 October 2026, two tenants, 20,000 lines, the same every time.

    python examples/generate.py examples/day.jsonl.gz
    python examples/generate.py --now FILE      the same day, but it ends at this moment: for `make demo`

Everybody in it is made up; the networks are real ones, so that the address databases have something to say. The part
of an id before the underscore says who it is, for `compare.py`; Headcount makes nothing of an id.
"""

import gzip
import json
import math
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

START = 1_790_812_800.0
DAY, HOUR = 86_400.0, 3_600.0
LINES = 20_000
SEED = 2026

HOMES = {"US": ("24.5", "73.12", "98.200"), "DE": ("91.12", "91.50"), "GB": ("81.130", "86.140"), "FR": ("90.10",)}
CLOUD = ("5.9", "3.84", "51.38", "34.90")
RELAYED = ("5.9", "51.38", "51.77", "135.181", "95.216")
BROWSERS = (
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0 Safari/537.36",
        "t13d1516h2_8daaf6152771_d8a2da3f94cd",
    ),
    ("Mozilla/5.0 (Macintosh) Version/18.6 Safari/605.1.15", "t13d2014h2_a09f3c656075_7f0f34a4126d"),
    ("Mozilla/5.0 (Windows NT 10.0; rv:143.0) Firefox/143.0", "t13d1717h2_5b57614c22b0_3cbfd9057e0d"),
)
PROGRAMS = (
    ("python-httpx/0.28.1", "t13d1812h1_85036bcba153_b26ce05bbdd6"),
    ("node", "t13d5212h1_b262b3658495_8e6e362c5eac"),
    ("Go-http-client/2.0", "t13d1312h2_f57a46bbacb6_ab7e3b40a677"),
)
ISSUERS = {"US": "424631", "DE": "402360", "GB": "446291", "FR": "497010"}


class Actor(NamedTuple):
    """One account: its facts, its places and clients, its share of the day's requests, its waking hours."""

    tenant: str
    id: str
    facts: dict[str, Any]
    addresses: list[str]
    client: tuple[str, str]
    share: float
    noon: float | None


def address(rng: random.Random, prefix: str) -> str:
    return f"{prefix}.{int(rng.random() * 254) + 1}.{int(rng.random() * 254) + 1}"


def money(rng: random.Random, country: str, funding: str, settled: float) -> dict[str, Any]:
    return {
        "status": "ok",
        "fingerprint": f"fp_{rng.getrandbits(48):012x}",
        "funding": funding,
        "iin": ISSUERS[country],
        "issuer_country": country,
        "settled_usd": round(settled, 2),
        "declines_30d": int(rng.random() < 0.05),
        "disputes": 0,
    }


def facts(created: float, plan: str, payment: dict[str, Any], verified: list[str]) -> dict[str, Any]:
    return {"created_at": round(created), "plan": plan, "verified": verified, "payment": payment}


def lived(rng: random.Random, start: float, least: float, most: float) -> float:
    """When an account was made: between so many days ago, even in the logarithm."""
    return start - DAY * math.exp(rng.uniform(math.log(least), math.log(most)))


def person(rng: random.Random, start: float, tenant: str, kind: str, number: int) -> Actor:
    """A person at home: half of them pay, a few with a prepaid card."""
    country = rng.choice(list(HOMES))
    created = lived(rng, start, 0.5, 900)
    pays = rng.random() < 0.5
    funding = "prepaid" if rng.random() < 0.12 else rng.choice(["credit", "debit"])
    months = max(1.0, (start - created) / (30 * DAY))
    payment = money(rng, country, funding, 20.0 * months) if pays else {"status": "none"}
    known = facts(created, "paid" if pays else "free", payment, ["email"])
    places = [address(rng, rng.choice(HOMES[country])) for _ in range(1 + int(rng.random() * 2))]
    noon = {"US": 20.0, "DE": 12.0, "GB": 13.0, "FR": 12.0}[country]
    return Actor(tenant, f"{kind}_{number:03}", known, places, rng.choice(BROWSERS), rng.lognormvariate(0, 1), noon)


def server(rng: random.Random, start: float, number: int) -> Actor:
    """A customer's program on a rented machine: pays well, never sleeps, and every list calls its network hosting."""
    created = lived(rng, start, 3, 700)
    country = rng.choice(list(HOMES))
    months = max(1.0, (start - created) / (30 * DAY))
    payment = money(rng, country, "prepaid" if rng.random() < 0.1 else "credit", 50.0 * months)
    places = [address(rng, rng.choice(CLOUD)) for _ in range(1 + int(rng.random() * 3))]
    known = facts(created, "paid", payment, ["email", "phone"])
    return Actor("acme", f"server_{number:03}", known, places, rng.choice(PROGRAMS), rng.lognormvariate(1, 0.8), None)


def head(rng: random.Random, start: float, number: int, pool: list[str]) -> Actor:
    """One of a hydra's accounts: made this morning, prepaid cards of one issuer, one program, a pool of addresses."""
    created = start + 5 * HOUR + 2 * HOUR * rng.random()
    payment = money(rng, "US", "prepaid", 1.0) | {"iin": "531462"}
    places = [rng.choice(pool) for _ in range(4)]
    return Actor(
        "acme", f"head_{number:03}", facts(created, "free", payment, ["email"]), places, PROGRAMS[0], 2.5, None
    )


def actors(rng: random.Random, start: float) -> list[Actor]:
    pool = [address(rng, rng.choice(RELAYED)) for _ in range(40)]
    people = [person(rng, start, "acme", "person", number) for number in range(180)]
    servers = [server(rng, start, number) for number in range(60)]
    heads = [head(rng, start, number, pool) for number in range(90)]
    return people + servers + heads + [person(rng, start, "globex", "student", number) for number in range(80)]


def moment(rng: random.Random, start: float, actor: Actor) -> float:
    """The time of a request: in the person's afternoon, or at any time, but not before its account exists."""
    begins = max(start, float(actor.facts["created_at"]) + 120.0)
    since = rng.random() * DAY if actor.noon is None else (rng.gauss(actor.noon, 4.0) * HOUR - start) % DAY
    at = start + since
    return at if at >= begins else begins + rng.random() * (start + DAY - begins)


def pushed(start: float, actor: Actor) -> tuple[float, dict[str, Any]]:
    at = max(start, float(actor.facts["created_at"]))
    return at, {"kind": "account", "at": at, "tenant": actor.tenant, "id": actor.id, **actor.facts}


def checked(rng: random.Random, start: float, actor: Actor) -> tuple[float, dict[str, Any]]:
    at = round(moment(rng, start, actor), 3)
    agent, ja4 = actor.client
    client = {"ip": rng.choice(actor.addresses), "ja4": ja4, "user_agent": agent}
    line = {"at": at, "tenant": actor.tenant, "account": {"id": actor.id}, "client": client}
    return at, line | {"request": {"route": "/v1/messages", "cost": 1}}


def outcomes(rng: random.Random, start: float, everybody: list[Actor]) -> Iterator[tuple[float, dict[str, Any]]]:
    """In the evening billing hears of some stolen cards, and support of some good customers."""
    for actor in everybody:
        share, what = (0.15, "chargeback") if actor.id.startswith("head") else (0.03, "good")
        if rng.random() < share:
            at = start + 18 * HOUR + round(rng.random() * HOUR)
            yield at, {"kind": "outcome", "at": at, "tenant": actor.tenant, "account": actor.id, "outcome": what}


def day(start: float = START) -> list[str]:
    """Return the lines of the 24 hours from a time on, in the order of their time."""
    rng = random.Random(SEED)  # noqa: S311 - repeatable, and no secret
    everybody = actors(rng, start)
    events = [pushed(start, actor) for actor in everybody]
    events += outcomes(rng, start, everybody)
    busy = rng.choices(everybody, [actor.share for actor in everybody], k=LINES - len(events))
    events += [checked(rng, start, actor) for actor in busy]
    events.sort(key=lambda event: event[0])
    return [json.dumps(line, separators=(",", ":")) + "\n" for _, line in events]


def main(path: Path, start: float = START) -> None:
    # no name and no time in the header, so that the same lines are the same bytes
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write("".join(day(start)).encode())


if __name__ == "__main__":
    now = sys.argv[1] == "--now"
    main(Path(sys.argv[-1]), time.time() - DAY if now else START)
