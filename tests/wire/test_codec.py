"""What an error about a body says: the known words, what is no JSON, and little of what the client sent."""

from typing import Any

import msgspec
import pytest
from msgspec import Struct

from reputation.engine.denials import DenyBody
from reputation.engine.exceptions import AllowBody
from reputation.linking.operator_rulings import RulingBody
from reputation.tuning.labels import LabelBody
from reputation.tuning.made_tenants import TenantBody
from reputation.tuning.rollout import RolloutBody
from reputation.wire.codec import LONGEST_ECHO, read
from reputation.wire.errors import BadRequest, Invalid
from reputation.wire.messages import AccountFacts, Outcome, Request, wire_type
from reputation.wire.words import words_at

ENTRY = '"value": "a", "expires_in": 60, "reason": "r"'

UNKNOWN_WORDS: dict[str, tuple[type[Struct], str, str, str]] = {
    "the kind of an exception": (
        AllowBody,
        f'{{"kind": "x", {ENTRY}}}',
        "/kind",
        "account, network, asn, organisation",
    ),
    "the kind of a denial": (DenyBody, f'{{"kind": "x", {ENTRY}}}', "/kind", "account, network, asn, card, cluster"),
    "a ruling": (RulingBody, '{"ruling": "x"}', "/ruling", "restrain, deny, release, split, allow, pin"),
    "a label": (LabelBody, '{"account": "a", "label": "x"}', "/label", "abuse, good"),
    "a step": (RolloutBody, '{"step": "x"}', "/step", "shadow, promote, rollback, stop"),
    "a tenant's unit": (TenantBody, '{"name": "a", "unit": "x"}', "/unit", "requests, tokens"),
    "an outcome": (
        Outcome,
        '{"account": "a", "outcome": "x"}',
        "/outcome",
        "chargeback, declined, abuse, good, challenge_passed, challenge_failed",
    ),
    "the status of a payment": (AccountFacts, '{"payment": {"status": "x"}}', "/payment/status", "none, ok, failed"),
    "the funding of a card, in a check": (
        Request,
        '{"account": {"payment": {"funding": "x"}}}',
        "/account/payment/funding",
        "credit, debit, prepaid, unknown",
    ),
    "a second verification": (AccountFacts, '{"verified": ["email", "x"]}', "/verified/1", "email, phone, identity"),
    "the kind of an address at sign-up": (
        AccountFacts,
        '{"signup": {"email_kind": "x"}}',
        "/signup/email_kind",
        "free, business, education, disposable, unknown",
    ),
    "the kind of a phone at sign-up": (
        AccountFacts,
        '{"signup": {"phone_kind": "x"}}',
        "/signup/phone_kind",
        "mobile, landline, voip, unknown",
    ),
}


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, dec_hook=wire_type)


@pytest.mark.parametrize("name", UNKNOWN_WORDS)
def test_an_unknown_word_is_an_error_that_lists_the_known_ones(name: str) -> None:
    kind, body, pointer, known = UNKNOWN_WORDS[name]
    with pytest.raises(Invalid) as caught:
        read(decoder(kind), body.encode())
    assert caught.value.pointer == pointer
    assert f"'x'; known are {known}" in caught.value.detail


def test_an_error_repeats_only_the_beginning_of_an_unknown_word() -> None:
    with pytest.raises(Invalid) as caught:
        read(decoder(AccountFacts), b'{"payment": {"status": "%s"}}' % (b"a" * 10_000))
    assert len(caught.value.detail) < LONGEST_ECHO + 100
    assert caught.value.detail.endswith("known are none, ok, failed, disputed")


@pytest.mark.parametrize("path", ["", ".nothing", ".account.nothing", ".leases[0].used", ".account[...]", ".lease.x"])
def test_a_path_to_no_fixed_words_has_none(path: str) -> None:
    assert words_at(Request, path) == []


@pytest.mark.parametrize(
    "body", [b"[", b'{"account": {"id": 5}', b'{"account": 5, "x": }', b'{"lease": 1} {}', b'{"lease": 1, "x": "\xff"}']
)
def test_a_body_that_is_no_json_is_a_bad_request_also_after_a_wrong_value(body: bytes) -> None:
    with pytest.raises(BadRequest, match="one JSON document"):
        read(decoder(Request), body)


def test_a_body_with_a_wrong_value_that_is_nested_too_deeply_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="nested too deeply"):
        read(decoder(Request), b'{"lease": 1, "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}")


def test_an_unknown_member_of_an_operators_body_is_named() -> None:
    with pytest.raises(Invalid) as caught:
        read(decoder(AllowBody), f'{{"kind": "account", "within_limit": true, {ENTRY}}}'.encode())
    assert caught.value.pointer == "/within_limit"
