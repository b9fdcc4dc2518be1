"""Stripe's events over real stores: what waits is bounded and expires, and replicas agree in any order."""

import random
import sys
from contextlib import ExitStack

import msgspec
import pytest
from ports import free_ports
from redis_process import running_redis
from sidecar_process import running_sidecar, wait_for
from test_webhooks import SECRET, paid, send, settled

from geoip.book import AddressBook
from reputation.admin import stripe_events
from reputation.admin.stripe import read_event
from reputation.admin.stripe_events import MOST_EVENTS, WAITING, WAITING_DAYS, StripeEvents, customer_documents
from reputation.config.file import DEFAULT
from reputation.sidecar.build import build, empty_state, parts_of
from reputation.sidecar.clock import Clock
from reputation.sidecar.decision_log import DecisionLog
from reputation.sidecar.running import Serving
from reputation.stores.sqlite.store import SqliteStore

NOW, DAY = 1_790_812_800.0, 86_400.0


class Quiet:
    def __getattr__(self, level):
        return lambda *_, **__: None


class World:
    """A sidecar's parts without its listeners, on a clock of the test."""

    def __init__(self, tmp_path):
        log, self.now = Quiet(), NOW
        store = SqliteStore(tmp_path / "state.sqlite3", lambda: empty_state(DEFAULT), log, lambda: self.now)
        addresses = AddressBook()
        limiter = build(DEFAULT, addresses, b"a key of sixteen bytes or more", store.tenant)
        parts = parts_of(limiter, store, DEFAULT, Clock(lambda: self.now, lambda: self.now), log)
        decisions = DecisionLog(DEFAULT.log, b"x" * 16, sys.stderr)
        self.serving = Serving(DEFAULT, parts, addresses, decisions, log)
        self.tenant = limiter.tenant("default")
        self.events = StripeEvents(self.serving)

    async def paid(self, id_, customer, cents=1000):
        about = {"id": f"in_{id_}", "customer": customer, "amount_paid": cents, "currency": "usd"}
        body = {"id": f"evt_{id_}", "type": "invoice.paid", "created": self.now, "data": {"object": about}}
        found = await self.events.take(self.tenant, read_event(msgspec.json.encode(body)), self.now)
        return found["result"]

    async def push(self, account, customer):
        body = msgspec.convert({"external": {"stripe": customer}}, stripe_events.AccountFacts)
        asked = self.tenant.pushing(account, body, self.now)._replace(documents=customer_documents(account, body))
        await self.serving.checks.commit(self.tenant, asked)
        await self.events.waited(self.tenant, customer)

    def settled(self, account):
        payment = self.tenant.state.row(account).facts.payment
        return None if payment is None else payment.settled_usd

    async def waiting(self):
        return [record.id for record in await self.serving.tuning.records.all("default", WAITING)]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


async def test_of_one_customer_the_newest_events_wait(world):
    for n in range(MOST_EVENTS + 5):
        world.now += 1
        assert await world.paid(n, "cus_1", 100) == "unknown_customer"
    await world.push("a", "cus_1")
    assert world.settled("a") == MOST_EVENTS
    assert await world.waiting() == []


async def test_customers_whose_events_came_longest_ago_leave_first_and_are_counted(world, monkeypatch):
    monkeypatch.setitem(stripe_events.MOST, WAITING, 3)
    for n in (1, 2, 3, 1, 4):
        world.now += 1
        await world.paid(f"{n}-{world.now}", f"cus_{n}")
    assert await world.waiting() == ["cus_1", "cus_3", "cus_4"]
    assert world.events.counts["default", "expired"] == 1


async def test_what_waited_for_too_long_is_forgotten(world):
    await world.paid("old", "cus_1")
    world.now += WAITING_DAYS * DAY + 1
    await world.paid("new", "cus_2")
    assert await world.waiting() == ["cus_2"]
    await world.push("a", "cus_1")
    assert world.settled("a") is None


async def test_a_restart_forgets_neither_what_waits_nor_in_which_order(world, monkeypatch):
    monkeypatch.setitem(stripe_events.MOST, WAITING, 2)
    for n in (1, 2):
        world.now += 1
        await world.paid(n, f"cus_{n}")
    world.events = StripeEvents(world.serving)
    world.now += 1
    await world.paid(3, "cus_3")
    assert await world.waiting() == ["cus_2", "cus_3"]


async def test_an_account_that_is_pushed_again_gets_what_came_while_it_was_gone(world):
    await world.push("a", "cus_1")
    await world.paid(1, "cus_1")
    world.tenant.delete("a")
    assert await world.paid(2, "cus_1", 500) == "unknown_customer"
    await world.push("a", "cus_1")
    assert world.settled("a") == 5.0
    assert await world.paid(1, "cus_1") == "duplicate"


@pytest.mark.gateway
def test_two_replicas_hear_of_payments_and_of_the_account_in_any_order(tmp_path):
    """Each event at one of them, some twice, and the push between: both say the sum within a second."""
    with ExitStack() as running:
        redis = running.enter_context(running_redis(tmp_path))
        secret = tmp_path / "secret"
        secret.write_text(SECRET)
        sidecars, ports = [], free_ports(2)
        for number, port in enumerate(ports):
            place = tmp_path / str(number)
            place.mkdir()
            extra = {"HEADCOUNT_STATE": redis.url, "HEADCOUNT_WEBHOOKS": f"127.0.0.1:{port}"}
            settings = {"webhooks": {"stripe": {"default": f"@{secret}"}}}
            sidecars.append(running.enter_context(running_sidecar(place, settings, extra=extra)))
        for seed in range(6):
            rng, customer, account = random.Random(seed), f"cus_{seed}", f"payer-{seed}"
            steps = [("paid", f"{seed}-{n}") for n in range(6)] * 2 + [("back", None), ("push", None)]
            rng.shuffle(steps)
            for step, id_ in steps:
                port, sidecar = rng.choice(ports), rng.choice(sidecars)
                if step == "push":
                    assert (
                        sidecar.tell("PUT", f"/v1/accounts/{account}", {"external": {"stripe": customer}}).status == 204
                    )
                elif step == "paid":
                    paid(port, id_, customer, 1000, f"ch_{id_}")
                else:
                    charge = {"id": f"ch_{seed}-0", "amount": 1000, "amount_refunded": 400, "currency": "usd"}
                    send(port, f"evt_back_{seed}", "charge.refunded", customer=customer, object="charge", **charge)
            for one in sidecars:
                said = lambda one=one, account=account: settled(one, account) == 56.0  # noqa: E731 - polled
                wait_for(said, f"seed {seed}", one.process, one.log, within=1)
