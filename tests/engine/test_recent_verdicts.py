"""Recent verdicts: what is read back is what was told, in either form and either mode, and bounded."""

import pytest
from msgspec import structs
from small_engine import NOW, SECRET, ask, check, push, tenant

from reputation.engine.limiter import EXPLAIN_WINDOW
from reputation.engine.verdicts import RecentVerdicts, StoredRequest
from reputation.wire.codec import verdict_bytes
from reputation.wire.ids import hashed, printed
from reputation.wire.messages import Call, Client, Request


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
def test_what_is_kept_comes_back_equal(addresses, mode):
    """Shadow mode has a limit without end, which is null in JSON."""
    engine = tenant(addresses, mode=mode)
    verdict = check(engine, account={"id": "a"}, client={"ip": "11.0.0.1"}, request={"route": "/r", "cost": 2})
    assert engine.verdicts.get(verdict.id, NOW) == (StoredRequest("a", "11.0.0.1", "/r", 2.0), verdict)
    assert engine.verdicts.get(verdict.id, NOW + EXPLAIN_WINDOW + 1) is None


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
def test_a_verdict_that_was_answered_in_json_comes_back_equal(addresses, mode):
    """Its JSON is kept, in which a limit without end is null; other answers in between change nothing."""
    engine = tenant(addresses, mode=mode)
    asked = {"account": {"id": "ä\n", "plan": "free"}, "request": {"route": "/\n["}}
    verdicts = [check(engine, **asked) for _ in range(3)]
    for verdict in reversed(verdicts):
        verdict_bytes(verdict)
        assert engine.verdicts.get(verdict.id, NOW)[1] == verdict
    last = check(engine, **asked)
    verdict_bytes(last)
    assert engine.verdicts.get(last.id, NOW) == (StoredRequest("ä\n", None, "/\n[", 1.0), last)
    assert [verdict for _, verdict in engine.verdicts.newest(2)] == [last, verdicts[-1]]


@pytest.mark.parametrize(
    ("asked", "account"),
    [
        ({"account": {"key": "sk-1"}}, "acct"),
        ({"account": {"credentials": [{"key": "sk-1"}]}}, "acct"),
        ({"account": {"id": "acct"}}, "acct"),
        ({"client": {"ip": "11.0.0.1"}}, None),
    ],
)
def test_a_verdict_belongs_to_the_account_that_was_judged_however_it_was_named(addresses, asked, account):
    engine = tenant(addresses)
    push(engine, "acct", keys=["sk-1"])
    assert engine.verdicts.get(check(engine, **asked).id, NOW)[0].account == account


def test_a_key_that_nobody_owns_is_told_by_its_hash_alone(addresses):
    engine = tenant(addresses)
    asked, _ = engine.verdicts.get(check(engine, account={"key": "sk-unknown"}).id, NOW)
    assert asked.account == "key:" + printed(hashed("sk-unknown", SECRET))


def test_the_newest_come_first_and_there_are_at_most_so_many(addresses):
    verdict, kept = ask(tenant(addresses), "a"), RecentVerdicts(60.0, 10)
    for n in range(25):
        request = Request(client=Client(ip="11.0.0.1"), request=Call(route=f"/{n}"))
        kept.put(structs.replace(verdict, id=str(n)), "a", request, NOW)
    assert len(kept) <= 10
    assert [(told.id, asked.route) for asked, told in kept.newest(2)] == [("24", "/24"), ("23", "/23")]
