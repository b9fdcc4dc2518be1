"""The reader of checks: it reads every body as the decoder does, however often and in whatever order bodies come."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation.state.facts import brought_by, carried
from reputation.wire.codec import read
from reputation.wire.errors import Problem
from reputation.wire.messages import Account
from reputation.wire.read_types import CHECKS, ReadAccount
from reputation.wire.reading import LIFE, LONGEST_BODY, CheckReader

NOW = 1_790_812_800.0
TIMES = st.sampled_from([0, -0.0, 1790000000, 1790000000.5, -1, 1e300, "2026-01-01T00:00:00Z", "yesterday", True, None])
PAYMENTS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["ok", "disputed", "paid", None]),
        "settled_usd": st.sampled_from([0, 12, 12.5, -1]),
        "fingerprint": st.text(max_size=3),
    },
)
ACCOUNTS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", "b", "", 5, "ä", 'q"\\', "account"]),
        "key": st.sampled_from(["sk-1", "eyJ.a.b"]),
        "created_at": TIMES,
        "plan": st.sampled_from(["free", "paid", ""]),
        "verified": st.sampled_from([[], ["email"], ["fax"], None]),
        "payment": PAYMENTS,
        "organisation": st.sampled_from([{"id": "o"}, {"verified": True}]),
        "signup": st.sampled_from([{}, {"at": 1}, {"at": "2026-01-01T00:00:00Z", "ip": "::1"}, {"ip": "x"}]),
        "facts": st.sampled_from([None, 1, {"plan": "paid"}]),
        "account": st.just({"id": "inner"}),
    },
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "account": st.one_of(ACCOUNTS, st.sampled_from([None, [], "a", 1])),
        "at": TIMES,
        "client": st.sampled_from([{"ip": "11.0.0.1"}, {"ip": 1}, {}, None]),
        "request": st.sampled_from([{"cost": 2}, {"cost": 0}, {"route": "account"}]),
        "leases": st.sampled_from([[], [{"id": "l", "account": {"id": "other"}}], [{}]]),
        "lease": st.booleans(),
        "tenant": st.sampled_from(["default", ""]),
        "more": st.just({"account": {"id": 1}}),
    },
)
ODD = [
    b'{"account": {"id": 5}, "account": {"id": "a"}}',
    b'{"account": {"id": "a"}, "acc\\u006funt": {"id": 5}}',
    b'{"acc\\u006funt": {"id": 5}, "account": {"id": "a"}}',
    b'{"account": {"id": "a\xff"}}',
    b'{"account": {"id": "a"}, "x": "\xff"}',
    b'{"account": {"id": "a"} , "lease": true}',
    b'{"account":\n{"id": "a", "id": "b"}}',
    b'{"account": {"id": "a"}}}',
    b'{"account": {"id": "a"',
    b'{"account": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    b'{"account": }',
    b'"account"',
]


def outcome(call, *arguments):
    """What reading comes to: the members of a check, or the problem."""
    try:
        found = call(*arguments)
    except Problem as problem:
        return problem.status, problem.pointer, problem.detail
    members = msgspec.structs.asdict(found.account)
    members.pop("facts", None)
    return msgspec.structs.replace(found, account=Account()), members, carried(found.account)


def check_same(reader, body):
    assert outcome(reader.read, body, NOW) == outcome(read, CHECKS, body)


@given(st.lists(BODIES, max_size=4))
def test_reads_as_the_decoder_does_at_first_and_again(bodies):
    reader = CheckReader(2)
    for _ in range(3):
        for body in bodies:
            check_same(reader, json.dumps(body, ensure_ascii=False).encode())


@given(BODIES, st.data())
def test_reads_a_damaged_body_as_the_decoder_does(body, data):
    reader, text = CheckReader(), json.dumps(body).encode()
    reader.read(b'{"account": {"id": "a"}}', NOW)
    at = data.draw(st.integers(0, len(text)))
    check_same(reader, text[:at] + data.draw(st.binary(max_size=2)) + text[at + data.draw(st.integers(0, 3)) :])


@pytest.mark.parametrize("body", ODD)
def test_reads_odd_bodies_as_the_decoder_does(body):
    reader = CheckReader()
    for _ in range(3):
        check_same(reader, body)


def twice(reader, account, now=NOW):
    body = json.dumps({"account": account}).encode()
    return reader.read(body, now).account, reader.read(body, now).account


def test_an_account_that_came_twice_is_kept_with_its_facts():
    reader = CheckReader()
    twice(reader, {"id": "a", "plan": "free", "created_at": 5})
    one, other = twice(reader, {"id": "a", "plan": "free", "created_at": 5})
    assert one is other
    assert brought_by(one) is brought_by(other)
    assert brought_by(one) == carried(one)


def test_an_account_without_facts_brings_none():
    one, _ = twice(CheckReader(), {"id": "a"})
    assert brought_by(one) is brought_by(one) is None


@pytest.mark.parametrize(
    "account",
    [{"key": "sk-1"}, {"credentials": [{"key": "sk-1"}]}, {"id": "a", "email_domain": "x", "x": "y" * LONGEST_BODY}],
)
def test_nothing_long_and_no_key_is_kept(account):
    reader = CheckReader()
    twice(reader, account)
    one, other = twice(reader, account)
    assert one is not other
    assert not len(reader)


def test_a_body_that_came_twice_is_kept_whole():
    reader, body = CheckReader(), b'{"account": {"id": "a"}, "client": {"ip": "11.0.0.1"}, "request": {"route": "/r"}}'
    first, second, third = (reader.read(body, NOW) for _ in range(3))
    assert first == second == third
    assert third is second


@pytest.mark.parametrize(
    "more",
    [
        {"account": {"key": "sk-1"}},
        {"request": {"id": "r"}},
        {"leases": [{"id": "l", "account": {"key": "sk-1"}}]},
        {"client": {"user_agent": "x" * 1024}, "request": {"route": "y" * 1024}},
    ],
)
def test_a_body_that_is_long_or_has_a_key_or_an_id_of_its_own_is_not_kept(more):
    reader, body = CheckReader(), json.dumps({"client": {"ip": "11.0.0.1"}, "account": {"id": "a"}, **more}).encode()
    reader.read(body, NOW)
    second, third = reader.read(body, NOW), reader.read(body, NOW)
    assert third == second
    assert third is not second


def test_a_flood_keeps_no_more_than_two_generations():
    reader = CheckReader(10)
    for number in range(100):
        twice(reader, {"id": f"a{number}"})
        assert len(reader) <= 40


def test_an_account_that_does_not_come_again_is_forgotten():
    reader = CheckReader()
    twice(reader, {"id": "gone"})
    for hour in (1, 2):
        twice(reader, {"id": f"a{hour}"}, NOW + hour * LIFE + hour)
    assert len(reader) == 4


def test_only_what_a_body_cannot_say_is_added_to_an_account():
    assert set(ReadAccount.__struct_fields__) - set(Account.__struct_fields__) == {"facts"}
