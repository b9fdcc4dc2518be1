import msgspec
import pytest

from plugins.facts import with_facts
from reputation.state.facts import carried
from reputation.wire.gateway import MEMBERS, check_members
from reputation.wire.messages import Account, Client, Organisation, Payment, Request

ASKED = Request(account=Account(key="k"), client=Client(ip="192.0.2.1"))


def test_facts_of_every_kind_reach_their_member() -> None:
    lines = [
        (b"x-plan", b"paid"),
        (b"x-since", b"2026-01-02T03:04:05Z"),
        (b"x-verified", b"email, phone"),
        (b"x-settled", b"120.5"),
        (b"x-org", b"corp.example"),
        (b"x-org-verified", b"true"),
        (b"x-device", b"d1"),
    ]
    facts = {
        "X-Plan": "account.plan",
        "X-Since": "account.created_at",
        "X-Verified": "account.verified",
        "X-Settled": "account.payment.settled_usd",
        "X-Org": "account.organisation.id",
        "X-Org-Verified": "account.organisation.verified",
        "X-Device": "client.device",
    }
    found = with_facts(ASKED, lines, facts)
    assert found.account.key == "k"
    assert found.account.plan == "paid"
    assert found.account.created_at == 1767323045
    assert found.account.verified == ("email", "phone")
    assert found.account.payment == Payment(settled_usd=120.5)
    assert found.account.organisation == Organisation("corp.example", verified=True)
    assert found.client == Client(ip="192.0.2.1", device="d1")


@pytest.mark.parametrize(
    ("member", "raw"),
    [
        ("account.payment.status", b"brilliant"),
        ("account.payment.settled_usd", b"-1"),
        ("account.created_at", b"soon"),
        ("account.plan", b""),
        ("account.plan", b"x" * 257),
    ],
)
def test_a_fact_that_is_none_is_left_out(member: str, raw: bytes) -> None:
    """A missing fact is neutral."""
    assert with_facts(ASKED, [(b"x-fact", raw)], {"X-Fact": member}) == ASKED


def test_an_organisation_that_is_verified_but_has_no_name_is_none() -> None:
    found = with_facts(ASKED, [(b"x-fact", b"true")], {"X-Fact": "account.organisation.verified"})
    assert carried(found.account) == carried(ASKED.account)


def test_an_own_key_header_may_hold_a_key_of_any_length() -> None:
    found = with_facts(Request(), [(b"api-key", b"k" * 999)], {"Api-Key": "account.key"})
    assert str(found.account.key).startswith("sha256:")


def test_a_mapping_to_no_member_is_a_configuration_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"X-Plan.*account.plam.*account\.plan"):
        check_members({"X-Plan": "account.plam"})
    check_members({"X-Plan": "account.plan"})


def test_no_header_can_name_a_request_so_that_a_client_is_charged_once_for_everything() -> None:
    assert not [member for member in MEMBERS if member.startswith("request")]


def test_what_facts_make_is_still_a_valid_check() -> None:
    found = with_facts(ASKED, [(b"x-iin", b"411111")], {"X-Iin": "account.payment.iin"})
    assert msgspec.json.decode(msgspec.json.encode(found), type=Request).account.payment == Payment(iin="411111")
