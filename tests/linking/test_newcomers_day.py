"""A newcomer's day is learnt from notes of checks and published with the links; all that follow these have the same."""

import msgspec
from small_engine import DAY, NOW, ask, limiter, push

from reputation.hydra.links import NOTHING, decode, encode, follow
from reputation.linking.batches import batch_of
from reputation.linking.host import LinkerHost
from reputation.linking.tenants import linked, linker_settings

VOTERS = 60
FIRST = NOW // DAY * DAY


def month_of(addresses):
    """A month in which newcomers use 40 requests on their busiest day and pay: the tenant, its links and the book."""
    engines, host = limiter(addresses, default={}), LinkerHost()
    ((name, engine),) = linked(engines)
    published = NOTHING

    def epoch(now):
        batch = batch_of(name, linker_settings(engine), engine.outbox.collect(), now, epoch=True)
        answer = host.take(msgspec.msgpack.decode(msgspec.msgpack.encode(batch), type=type(batch)))
        return decode(encode(answer.delta)), answer.book

    ask(engine, "someone", now=FIRST)
    for day in range(1, 34):
        for number in range(VOTERS):
            account = f"v{number}"
            if day == 1:
                card = {"status": "ok", "fingerprint": account, "settled_usd": 150.0}
                push(engine, account, created_at=FIRST + DAY, plan="free", payment=card)
            for request in range(40 if day == 4 else day % 2):
                ask(engine, account, now=FIRST + day * DAY + 3600.0 + 900.0 * request)
        delta, book = epoch(FIRST + day * DAY + 80_000.0)
        engine.links = published = follow(published, delta)
    return engine, published, book


def day_of(engine, account):
    push(engine, account, created_at=FIRST + 33 * DAY, plan="free")
    verdict = ask(engine, account, now=FIRST + 34 * DAY + 5.0)
    return next(limit.burst for limit in verdict.limits if limit.name == "daily")


def test_a_month_of_newcomers_teaches_the_day_that_checks_then_go_by(addresses):
    engine, links, book = month_of(addresses)
    assert links.newcomers == {"free": 100.0}
    assert links.voters["free"] == VOTERS
    assert day_of(engine, "new") == 25.0
    again, others, kept = month_of(addresses)
    assert (msgspec.msgpack.encode(others), kept) == (msgspec.msgpack.encode(links), book)
    replica = limiter(addresses, default={}).tenant("default")
    replica.links = links
    assert day_of(replica, "new") == day_of(again, "new") == 25.0
