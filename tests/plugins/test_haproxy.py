"""HAProxy's adapter: arguments become the headers of a check, a verdict becomes variables."""

from pathlib import Path
from typing import Any

import pytest
from gateway_verdicts import BURST, DAILY, verdict

from benchmarks import spop_peer as peer
from plugins.haproxy import adapter
from plugins.haproxy.spop import Message, put_ack
from reputation.wire.gateway import GatewaySettings, Reply
from reputation.wire.messages import BindingLimit, LimitState, Request, Verdict

ARGS = (
    (b"tenant", b"acme"),
    (b"method", b"POST"),
    (b"path", b"/v1//messages/../x"),
    (b"user-agent", b"curl/8.5"),
    (b"authorization", b"Bearer k1"),
    (b"x-api-key", None),
    (b"x-forwarded-for", None),
    (b"x-forwarded-for", b"198.51.100.9"),
    (b"x-forwarded-for", b"192.0.2.7"),
    (b"x-forwarded-for", b"192.0.2.1"),
)
PURSE = LimitState("purse", rate=100 / 86_400, burst=100, remaining=3, scope="cluster")
PART = LimitState("part", rate=10 / 86_400, burst=10, remaining=3, scope="cluster")
FLOOR = LimitState("floor", rate=20 / 86_400, burst=20, remaining=3, scope="cluster")


def shipped(name: str) -> str:
    return (Path(__file__).parents[2] / "plugins/haproxy" / name).read_text()


def read(args: tuple[tuple[bytes, Any], ...], **settings: Any) -> Request:
    message = adapter.as_message(Message(b"request", args), "10.0.0.1")
    assert message.target.startswith(b"/gateway/haproxy/")
    return adapter.read(message, message.target.rpartition(b"/")[2].decode(), GatewaySettings(**settings))


def variables(made: Verdict) -> dict[bytes, Any]:
    """What HAProxy reads in the ACK."""
    (ack,) = peer.answers(put_ack(1, 1, adapter.actions(adapter.answer(made))))
    return ack.variables


def test_the_arguments_become_a_check() -> None:
    made = read(ARGS)
    assert (made.tenant, made.account.key) == ("acme", "k1")
    assert (made.client.ip, made.client.user_agent) == ("192.0.2.1", "curl/8.5")
    assert made.request.route == "/v1//messages/../x"


@pytest.mark.parametrize(("hops", "ip"), [(1, "192.0.2.1"), (2, "192.0.2.7"), (3, "198.51.100.9"), (9, "198.51.100.9")])
def test_hops_are_counted_from_the_address_that_haproxy_saw(hops: int, ip: str) -> None:
    assert read(ARGS, trusted_hops=hops).client.ip == ip


def test_without_a_tenant_it_is_the_default_one() -> None:
    assert read(ARGS[1:]).tenant == "default"


@pytest.mark.parametrize("empty", [None, b""])
def test_a_tenant_that_the_sample_did_not_find_is_not_the_default_one(empty: bytes | None) -> None:
    """`tenant=fe_name,map(…)` without a match names nobody, so the request is stopped with 400."""
    assert adapter.as_message(Message(b"check", ((b"Tenant", empty), *ARGS[1:])), "").target == b"/gateway/haproxy/"


def test_numbers_and_truth_values_are_printed() -> None:
    """As facts, for one: an operator may map an argument to a member of a check."""
    facts = {"settled": "account.payment.settled_usd", "verified": "account.organisation.verified"}
    args = (*ARGS, (b"settled", 120), (b"verified", True), (b"org", b"corp.example"))
    account = read(args, facts={**facts, "org": "account.organisation.id"}).account
    assert account.payment is not None
    assert account.organisation is not None
    assert (account.payment.settled_usd, account.organisation.verified) == (120, True)


def test_two_keys_that_differ_are_both_handed_on() -> None:
    account = read((*ARGS, (b"x-api-key", b"k2"))).account
    assert [one.key for one in account.credentials or ()] == ["k1", "k2"]


def test_a_passing_verdict_sets_no_status_and_no_retry() -> None:
    found = variables(verdict(limits=(BURST, DAILY, PURSE, PART)))
    assert found == {
        b"verdict": b"01J9ZZZZZZZZZZZZZZZZZZZZZZ",
        b"decision": b"allow",
        b"policy": b'"burst";q=20;w=10, "daily";q=200;w=86400',
        b"left": b'"burst";r=17;t=2, "daily";r=150;t=21600',
        b"tier": b"limited",
        b"risk": b"31.4102",
        b"cluster": b"h-5f2c",
        b"actions": b"watermark, smaller_model",
        b"limit_rate": b"0.1",
        b"limit_burst": 7,
        b"limit_scope": b"cluster",
        b"account_10s": 40,
        b"cluster_day": 200,
    }


@pytest.mark.parametrize(("decision", "status"), [("throttle", 429), ("challenge", 403), ("deny", 403)])
def test_a_stop_has_its_status_and_retry(decision: str, status: int) -> None:
    found = variables(verdict(decision))
    assert (found[b"status"], found[b"retry_after"], found[b"decision"]) == (status, b"5", decision.encode())


def test_shadow_mode_tells_nothing_that_could_stop_anybody() -> None:
    found = variables(verdict("deny", mode="shadow", limits=(BURST, DAILY, PURSE)))
    assert not {b"status", b"retry_after", b"tier", b"cluster", b"account_10s", b"cluster_day"} & set(found)


def test_a_payer_on_its_own_floor_is_not_counted_with_its_group() -> None:
    found = variables(verdict(limits=(BURST, DAILY, FLOOR)))
    assert b"cluster_day" not in found
    assert found[b"cluster"] == b"h-5f2c"


def test_no_limit_at_all_is_the_most_that_haproxy_counts_to() -> None:
    free = LimitState("burst", rate=float("inf"), burst=float("inf"), remaining=float("inf"))
    limit = BindingLimit("requests", float("inf"), float("inf"), float("inf"), "account")
    found = variables(verdict(limits=(free,), limit=limit))
    assert (found[b"account_10s"], found[b"limit_burst"]) == (2**32 - 1, 2**32 - 1)


def test_every_variable_is_registered_in_the_shipped_configuration() -> None:
    """HAProxy drops what its configuration does not name."""
    named = set()
    for line in shipped("spoe.cfg").splitlines():
        words = line.split()
        if words[:1] == ["register-var-names"]:
            named |= set(words[1:])
    made = verdict("throttle", limits=(BURST, DAILY, PURSE))
    assert {name.decode() for name, _ in adapter.variables(made)} == named


def test_the_two_configurations_differ_in_the_backend_s_mode_alone() -> None:
    old, new = shipped("haproxy.cfg").splitlines(), shipped("haproxy-3.1.cfg").splitlines()
    differences = [(a, b) for a, b in zip(old, new, strict=True) if a != b and not a.startswith("#")]
    assert differences == [("    mode tcp", "    mode spop")]


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_what_cannot_be_read_is_to_be_stopped(status: int) -> None:
    assert peer.answers(put_ack(1, 1, adapter.actions(Reply(status))))[0].variables == {b"status": 400}


@pytest.mark.parametrize("status", [500, 503])
def test_a_failure_says_nothing_as_if_headcount_were_absent(status: int) -> None:
    assert adapter.actions(Reply(status)) == b""


def test_the_page_says_what_a_newcomer_needs() -> None:
    words = " ".join(shipped("README.md").split())
    for said in (
        "## Try it",
        "fails open",
        "fails closed",
        "trusted_hops",
        "JA4",
        "User agent",
        "Without JA4",
        "tenant",
    ):
        assert said in words, said


def test_the_page_names_every_variable() -> None:
    page = shipped("README.md")
    made = verdict("throttle", limits=(BURST, DAILY, PURSE))
    assert [name for name, _ in adapter.variables(made) if f"`{name.decode()}`" not in page] == []
