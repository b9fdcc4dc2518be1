"""Two replicas over one Redis that change the same accounts at the same time: within a second they say the same.

Each interleaving is an account of its own: pushes, outcomes, Stripe's events and deletions at random moments within
half a second, each at one of the two. Then both, and a third that starts later, know the same facts and judge alike,
and the money is the sum of what was counted.
"""

import asyncio
import hashlib
import hmac
import json
import random
import time
from contextlib import ExitStack

import aiohttp
import pytest
from ports import free_ports
from redis_process import running_redis
from sidecar_process import running_sidecar

pytestmark = pytest.mark.gateway
SECRET = "whsec_of_the_tests"
WITHIN = 0.5
SOON = 1.0
"""Seconds after the last answer until every replica says the same."""
AT_ONCE = 40
USD = 10.0
STRIPE = "/v1/webhooks/stripe"
OF_THE_ACCOUNT = {"account_age", "verified", "settled", "payment", "declines", "disputes"}
OF_THE_ACCOUNT |= {"outcomes_against", "outcomes_for"}
KNOWN = ("plan", "verified", "payment", "keys", "external")


class Replica:
    """A real sidecar; `webhooks` is where it takes events."""

    def __init__(self, sidecar, webhooks, client):
        self.sidecar, self.webhooks, self.client = sidecar, webhooks, client

    async def tell(self, method, path, body=None):
        url = f"http://{self.sidecar.admin_listen}{path}"
        async with self.client.request(method, url, json=body or {}) as answer:
            return answer.status, await answer.json() if answer.status == 200 else None

    async def event(self, id_, kind, **about):
        event = {"id": id_, "object": "event", "type": kind, "created": time.time(), "data": {"object": about}}
        body, at = json.dumps(event).encode(), int(time.time())
        digest = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        url, headers = f"http://127.0.0.1:{self.webhooks}{STRIPE}", {"Stripe-Signature": f"t={at},v1={digest}"}
        async with self.client.post(url, data=body, headers=headers) as answer:
            assert answer.status == 200
            return (await answer.json())["result"]

    async def says(self, account):
        """What a check of the account says, by its id and by its key: its copy here, not what Redis has.

        Rounded, for outcomes fade from one check to the next.
        """
        found = []
        for whose in ({"id": account}, {"key": f"sk-{account}"}):
            body = {"account": whose, "client": {"ip": "203.0.113.7"}}
            async with self.client.post(f"http://{self.sidecar.listen}/v1/check", json=body) as answer:
                verdict = await answer.json()
            reasons = [
                (r["signal"], round(r["points"], 4)) for r in verdict["reasons"] if r["signal"] in OF_THE_ACCOUNT
            ]
            found.append(sorted(reasons))
        return found

    async def knows(self, account):
        status, body = await self.tell("GET", f"/v1/accounts/{account}")
        return None if status != 200 else {name: body[name] for name in KNOWN}


def story(rng, account, *, deletions):
    """Moments, replicas and what is done there; the first push is in it, so an event may come before it."""
    facts = {"keys": [f"sk-{account}"], "external": {"stripe": f"cus_{account}"}, "created_at": 1.75e9}
    steps = []
    for number in range(rng.randint(3, 8)):
        plan = {**facts, "plan": rng.choice(["free", "paid"]), "verified": rng.choice([[], ["email"]])}
        invoice = {"id": f"in_{account}_{number}", "customer": f"cus_{account}", "amount_paid": 1000, "currency": "usd"}
        choices = [("push", plan), ("paid", invoice), ("paid", invoice), ("outcome", rng.choice(["good", "declined"]))]
        if deletions:
            choices.append(("delete", None))
        steps.append((rng.uniform(0, WITHIN), rng.randrange(2), number, *rng.choice(choices)))
    return facts, steps


async def played(replicas, rng, account):
    """Play a story; return how many events were counted, or None if it had a deletion."""
    facts, steps = story(rng, account, deletions=rng.random() < 0.3)
    assert (await replicas[0].tell("PUT", f"/v1/accounts/{account}", facts))[0] == 204

    async def step(at, place, number, what, detail):
        await asyncio.sleep(at)  # the moment that was drawn
        one = replicas[place]
        if what == "push":
            assert (await one.tell("PUT", f"/v1/accounts/{account}", detail))[0] == 204
        elif what == "paid":
            return await one.event(f"evt_{account}_{number}", "invoice.paid", **detail) == "counted"
        elif what == "outcome":
            assert (await one.tell("POST", "/v1/outcomes", {"account": account, "outcome": detail}))[0] == 204
        else:
            assert (await one.tell("DELETE", f"/v1/accounts/{account}"))[0] in (204, 404)
        return False

    counted = sum(await asyncio.gather(*[step(*one) for one in steps]))
    return None if any(one[3] == "delete" for one in steps) else counted


async def alike(replicas, account, counted, until):
    """Check at every replica until all say the same of an account; what is asked after a moment has to be the same."""
    while True:
        asked = time.monotonic()
        said = [await one.says(account) for one in replicas]
        if all(one == said[0] for one in said):
            break
        assert asked < until, (account, said)
        await asyncio.sleep(0.05)  # between polls
    known = [await one.knows(account) for one in replicas]
    assert all(one == known[0] for one in known), (account, known)
    assert [await one.says(account) for one in replicas] == said, account  # and that was the truth
    if counted is not None:
        assert ((known[0]["payment"] or {}).get("settled_usd") or 0.0) == USD * counted, account


async def converge(start, seed, count):
    """Play so many interleavings on two replicas; then ask them, and in the end one that starts now."""
    rng, counts = random.Random(seed), {}
    async with aiohttp.ClientSession() as client:
        two = [start(client) for _ in range(2)]
        for first in range(0, count, AT_ONCE):
            accounts = [f"a{number}" for number in range(first, min(first + AT_ONCE, count))]
            for account in accounts:  # so that each replica has copies that can be wrong
                for one in two:
                    await one.says(account)
            counted = await asyncio.gather(*[played(two, rng, account) for account in accounts])
            until = time.monotonic() + SOON
            await asyncio.gather(*[alike(two, a, n, until) for a, n in zip(accounts, counted, strict=True)])
            counts.update(zip(accounts, counted, strict=True))
        third = start(client)
        for account, counted in counts.items():
            await alike([*two, third], account, counted, time.monotonic() + SOON)
    assert sum(counted or 0 for counted in counts.values()) > count // 2


@pytest.fixture
def start(tmp_path):
    """Starts replicas over one Redis."""
    with ExitStack() as running:
        redis = running.enter_context(running_redis(tmp_path))
        (tmp_path / "secret").write_text(SECRET)
        settings = {"webhooks": {"stripe": {"default": f"@{tmp_path / 'secret'}"}}}
        settings["tenants"] = {"default": {"linking": {"enabled": False}}}

        def make(client):
            (port,) = free_ports(1)
            place = tmp_path / str(port)
            place.mkdir()
            extra = {"HEADCOUNT_STATE": redis.url, "HEADCOUNT_WEBHOOKS": f"127.0.0.1:{port}"}
            return Replica(running.enter_context(running_sidecar(place, settings, extra=extra)), port, client)

        yield make


async def test_eighty_interleavings_on_two_replicas_end_alike_within_a_second(start):
    await converge(start, 1, 80)


@pytest.mark.long
@pytest.mark.parametrize("seed", [2, 3])
async def test_a_thousand_interleavings_on_two_replicas_end_alike_within_a_second(start, seed):
    await converge(start, seed, 500)
