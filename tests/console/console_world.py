"""A small population for the console's tests and pictures: payers, newcomers, and one actor behind many accounts."""

import random
import time
from typing import Any, NamedTuple

from sidecar_process import Sidecar

DAY, HOUR = 86_400.0, 3600.0
ROUTES = ("/v1/messages", "/v1/complete", "/v1/embeddings")
SDK = "t13d1011h1_0f3a7b6c1d2e_aa11bb22cc33"
AT_ONCE = 500


class Person(NamedTuple):
    """An account, what billing says of it, and where it is seen."""

    id: str
    facts: dict[str, Any]
    client: dict[str, Any]


def payers(count: int, now: float, seed: int = 1) -> list[Person]:
    """Homes with everybody's browsers; some of them have had trouble with a card."""
    rng = random.Random(seed)
    return [
        Person(
            f"payer-{n}",
            {
                "created_at": now - rng.uniform(20, 500) * DAY,
                "payment": {
                    "status": rng.choices(["ok", "failed"], [9, 1])[0],
                    "settled_usd": rng.choice([25, 60, 300, 1200]),
                    "declines_30d": rng.choice([0, 0, 0, 1, 3]),
                    "funding": rng.choice(["credit", "debit"]),
                    "fingerprint": f"payer-card-{n}",
                },
            },
            _client(rng, f"24.{n // 200}.{n % 200}.{rng.randrange(1, 250)}"),
        )
        for n in range(count)
    ]


def newcomers(count: int, now: float, seed: int = 2) -> list[Person]:
    """Free accounts of all ages, a few behind hosting addresses, a few with refused cards."""
    rng = random.Random(seed)
    found = []
    for n in range(count):
        hosted = rng.random() < 0.15
        address = f"104.16.{rng.randrange(4)}.{rng.randrange(1, 250)}" if hosted else f"81.{n // 200}.{n % 200}.9"
        payment = {
            "status": rng.choice(["none", "none", "ok", "failed"]),
            "funding": rng.choice(["credit", "debit", "prepaid", "unknown"]),
            "declines_30d": rng.choice([0, 0, 1, 6]),
        }
        facts = {"created_at": now - rng.expovariate(1 / 20) * DAY, "plan": "free", "payment": payment}
        found.append(Person(f"new-{n}", facts, _client(rng, address)))
    return found


def heads(count: int, now: float, seed: int = 3, prefix: str = "head") -> list[Person]:
    """One actor: one SDK, one card issuer, one hosting company, all signed up in one afternoon."""
    rng = random.Random(seed)
    return [
        Person(
            f"{prefix}-{n}",
            {
                "created_at": now - 5 * HOUR - rng.uniform(0, 2 * HOUR),
                "plan": "free",
                "payment": {"status": "ok", "funding": "prepaid", "iin": "533333", "fingerprint": f"virtual-{n // 4}"},
            },
            {
                "ip": f"104.18.{n % 12}.{n + 1}",
                "ja4": SDK,
                "user_agent": "relay-sdk/1.4",
            },
        )
        for n in range(count)
    ]


def push(sidecar: Sidecar, people: list[Person]) -> None:
    """Tell the sidecar what billing says of them."""
    for person in people:
        answer = sidecar.tell("PUT", f"/v1/accounts/{person.id}", person.facts)
        assert answer.status == 204, answer.body


def traffic(people: list[Person], count: int, seed: int = 4) -> list[dict[str, Any]]:
    """Checks of people at random."""
    rng = random.Random(seed)
    return [
        {
            "account": {"id": person.id},
            "client": person.client,
            "request": {"route": rng.choice(ROUTES), "model": "m-1"},
        }
        for person in rng.choices(people, k=count)
    ]


def ask(sidecar: Sidecar, checks: list[dict[str, Any]]) -> None:
    """Send checks in batches."""
    for i in range(0, len(checks), AT_ONCE):
        answer = sidecar.ask(checks[i : i + AT_ONCE], "/v1/check/batch")
        assert answer.status == 200, answer.body


def everybody() -> list[Person]:
    """Payers, newcomers and one actor, of now."""
    now = time.time()
    return [*payers(60, now), *newcomers(120, now), *heads(48, now)]


def populate(sidecar: Sidecar, *, requests: int = 3000) -> None:
    """Push everybody and let each be seen."""
    people = everybody()
    push(sidecar, people)
    ask(sidecar, traffic(people, requests))


def _client(rng: random.Random, address: str) -> dict[str, Any]:
    browser = rng.choices(range(6), [40, 20, 12, 8, 5, 3])[0]
    return {
        "ip": address,
        "ja4": f"t13d1516h2_8daaf6152771_{browser:012x}",
        "user_agent": f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/{140 + browser}.0.0.0",
    }
