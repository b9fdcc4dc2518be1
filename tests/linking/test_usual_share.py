"""What newcomers usually take is learnt from notes of checks; a cap then holds a surge to a multiple of it."""

import msgspec
from small_engine import DAY, NOW, PROVEN, ask, limiter, push

from reputation.hydra.links import NOTHING, decode, encode, follow
from reputation.linking.batches import batch_of
from reputation.linking.host import LinkerHost
from reputation.linking.tenants import linked, linker_settings

FIRST = NOW // DAY * DAY
HEADS = 40


def fortnight_of(addresses, together):
    """Nine days with 20 requests of newcomers for 400 of others, then 40 heads: what passed of theirs, the links."""
    engines, host = limiter(addresses, default={"newcomers": {"together": together}}), LinkerHost()
    ((name, engine),) = linked(engines)
    published, passed = NOTHING, 0

    def epoch(now):
        nonlocal published
        batch = batch_of(name, linker_settings(engine), engine.outbox.collect(), now, epoch=True)
        answer = host.take(msgspec.msgpack.decode(msgspec.msgpack.encode(batch), type=type(batch)))
        engine.links = published = follow(published, decode(encode(answer.delta)))

    for number in range(40):
        push(engine, f"old-{number}", **PROVEN)
    for day in range(10):
        now = FIRST + day * DAY + 3600.0
        push(engine, f"new-{day}", created_at=now, plan="free")
        for step in range(20):
            ask(engine, f"new-{day}", now=now + 600.0 * step)
            for number in range(20):
                ask(engine, f"old-{number}", now=now + 600.0 * step)
        epoch(now + 20_000.0)
    for number in range(HEADS):
        push(engine, f"head-{number}", created_at=now, plan="free", email_domain="farm.example")
    for step in range(48):
        at = now + 21_000.0 + 900.0 * step
        passed += sum(ask(engine, f"head-{number}", now=at).decision == "allow" for number in range(HEADS))
        epoch(at + 5.0)
    return passed, published


def test_watch_reports_what_a_cap_would_hold_and_stops_nothing(addresses):
    passed, links = fortnight_of(addresses, "watch")
    assert passed == 48 * HEADS
    found = links.together
    assert (found.days, round(found.usual, 2)) == (9, 0.05)
    assert found.since > 0.0
    assert found.common[0].value == "an e-mail address at farm.example"


def test_a_cap_before_the_share_is_known_goes_by_the_start_and_replays_the_same(addresses):
    passed, links = fortnight_of(addresses, "cap")
    assert (links.together.usual, links.together.days) == (None, 0)
    assert 800 <= passed <= 2 * links.together.amount
    again, others = fortnight_of(addresses, "cap")
    assert again == passed
    assert msgspec.msgpack.encode(others) == msgspec.msgpack.encode(links)
