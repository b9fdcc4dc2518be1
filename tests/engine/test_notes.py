"""What the linker is told: each check, facts when they are news, never more than fits."""

import os
import signal

import msgspec
import pytest
from small_engine import NOW, PAYER, PROVEN, ask, check, limiter, push, report, tenant

from reputation.engine.notes import MOST_WAITING
from reputation.hydra.sightings import Known, Origin, OutcomeNote, Sighting
from reputation.linking.batches import Batch, batch_of, packed
from reputation.linking.live import LiveLinking
from reputation.linking.tenants import linker_settings
from reputation.wire.messages import Outcome


@pytest.fixture
def engine(addresses):
    found = tenant(addresses)
    found.outbox.listening = True
    return found


def of_kind(engine, kind):
    return [note for note in engine.outbox.collect() if isinstance(note, kind)]


def test_nothing_is_kept_for_a_linker_that_is_not_there(addresses):
    engine = tenant(addresses)
    push(engine, "a", **PROVEN)
    ask(engine, "a")
    assert engine.outbox.collect() == []


def test_a_check_is_one_sighting_with_what_links(engine):
    client = {"ip": "2a01:100::7", "ja4": "t13d", "user_agent": "curl", "device": "d", "session": "s"}
    call = {"model": "m", "cost": 3, "content": ["9f3c000000000000"]}
    check(engine, account={"id": "a"}, client=client, request=call)
    (seen,) = of_kind(engine, Sighting)
    assert seen == Sighting(
        NOW, "a", "2a01:100::/64", "2a01:100::/48", 64506, "NL", "residential", "t13d", "curl", "d", "s", "m",
        ("9f3c000000000000",), False, 3.0,
    )  # fmt: skip


def test_a_stop_is_demand_and_not_use(engine):
    ask(engine, "a", cost=1000)
    assert of_kind(engine, Sighting)[0].stopped is True


def test_facts_are_told_when_they_are_news_and_not_with_every_check(engine):
    push(engine, "a", **PAYER)
    for _ in range(5):
        ask(engine, "a")
    push(engine, "a", **PROVEN)
    for _ in range(5):
        ask(engine, "a")
    told = of_kind(engine, Known)
    assert [(known.payer, known.proven) for known in told] == [(True, False), (True, True)]


def test_a_sign_up_is_told_with_what_is_known_of_its_address_and_crosses_the_pipe(engine):
    signup = {"at": NOW, "ip": "2a01:100::7", "ja4": "t13d", "user_agent": "curl", "email_kind": "free"}
    push(engine, "a", signup=signup, email_domain="mail.example")
    (known,) = notes = of_kind(engine, Known)
    assert known.email_domain == "mail.example"
    assert known.signup == Origin("2a01:100::/48", 64506, "NL", "residential", "t13d", "curl", "free")
    data = packed(batch_of("t", linker_settings(engine), notes, NOW))
    assert msgspec.msgpack.decode(data, type=Batch).known == notes


def test_facts_in_checks_are_told_once_too(engine):
    for _ in range(5):
        check(engine, account={"id": "a", "created_at": NOW - 60, "payment": {"fingerprint": "fp"}})
    (known,) = of_kind(engine, Known)
    assert (known.account, known.card, known.confirmed) == ("a", "fp", True)


def test_an_account_is_told_anew_when_time_alone_made_it_a_payer(engine):
    push(engine, "a", created_at=NOW, payment={"settled_usd": 50})
    ask(engine, "a")
    ask(engine, "a", now=NOW + 15 * 86_400)
    assert [known.payer for known in of_kind(engine, Known)] == [False, True]


def test_made_up_accounts_have_no_facts_to_tell(engine):
    ask(engine, "a")
    assert of_kind(engine, Known) == []


def test_outcomes_are_told(engine):
    report(engine, "a", "chargeback")
    assert of_kind(engine, OutcomeNote) == [OutcomeNote("a", "chargeback", NOW)]


def fill(engine):
    for _ in range(MOST_WAITING):
        engine.outbox.hear(Outcome("a", "good"), NOW)


def test_a_linker_that_does_not_come_costs_notes_and_they_are_counted(engine):
    fill(engine)
    ask(engine, "a")
    ask(engine, "a")
    assert (engine.outbox.waiting, engine.outbox.dropped) == (MOST_WAITING, 2)


def test_facts_that_were_dropped_are_told_later(engine):
    """Else a proven account stays unproven to the linker for good."""
    fill(engine)
    push(engine, "proven", **PROVEN)
    engine.outbox.collect()
    ask(engine, "proven")
    assert [known.proven for known in of_kind(engine, Known)] == [True]


async def test_a_linker_that_was_started_again_is_told_the_facts_again(addresses):
    """It begins with nothing; an account whose facts it does not know is unproven to it."""
    engines = limiter(addresses)
    live = LiveLinking(engines, lambda *_, **__: None)
    engine = engines.tenant("default")
    try:
        await live.turn()
        push(engine, "proven", **PROVEN)
        ask(engine, "proven")
        await live.turn()
        os.kill(live.pid, signal.SIGKILL)
        for _ in range(1000):  # the system takes a moment to close the dead one's end
            await live.turn()
            if live.restarts:
                break
        ask(engine, "proven")
        assert [known.proven for known in of_kind(engine, Known)] == [True]
    finally:
        live.close()
