"""RLS: descriptors to checks, hits, and a status for each descriptor."""

import pytest
from envoy_messages import limit_request
from gateway_verdicts import verdict
from google.protobuf.json_format import MessageToDict

from plugins.envoy import rls
from plugins.envoy.limit_request import read as limit_request_of
from plugins.envoy.messages_pb2 import RateLimitResponse
from plugins.envoy.settings import EnvoySettings, check_descriptors
from reputation.config.gateways import GatewaySettings
from reputation.wire.errors import BadRequest, Invalid
from reputation.wire.messages import Account, Credential, LimitState, Settle, Settled

SETTINGS = GatewaySettings()
KEY, ADDRESS, PATH = ("api_key", "k1"), ("remote_address", "192.0.2.1"), ("path", "/v1/x?q=1")


def decoded(message):
    return limit_request_of(message.SerializeToString())


def read(message, **settings):
    return rls.read(decoded(message), "acme", GatewaySettings(envoy=EnvoySettings(**settings)))


def one(message, **settings):
    (asked,) = read(message, **settings)
    return asked.check


def answered(message, *verdicts):
    asked = rls.read(decoded(message), "acme", SETTINGS)
    return RateLimitResponse.FromString(rls.answer(len(message.descriptors), asked, verdicts))


def test_all_descriptors_together_are_one_check():
    """However the operator cut them: one descriptor of many entries, or many of one."""
    made = one(limit_request([KEY, ADDRESS, PATH]))
    assert (made.tenant, made.account.key, made.client.ip, made.request.route) == ("acme", "k1", "192.0.2.1", "/v1/x")
    assert one(limit_request([KEY], [ADDRESS], [PATH])) == made


def test_the_tenant_says_what_its_descriptors_mean():
    table = {"customer": "account.id", "level": "account.plan", "print": "client.ja4"}
    made = one(limit_request([("customer", "c7"), ("level", "paid"), ("print", "t13"), KEY]), descriptors=table)
    assert (made.account.id, made.account.key, made.account.plan, made.client.ja4) == ("c7", None, "paid", "t13")


@pytest.mark.parametrize(
    ("entry", "key"),
    [(("authorization", "Bearer k1"), "k1"), (("api_key", "k1"), "k1"), (("api_key", "x" * 257), "sha256:")],
)
def test_a_key_is_read_as_in_a_header(entry, key):
    assert one(limit_request([entry])).account.key.startswith(key)


@pytest.mark.parametrize(
    ("value", "ip"),
    [("192.0.2.1/32", "192.0.2.1"), ("2001:db8::1/128", "2001:db8::1"), ("2001:db8::1", "2001:db8::1")],
)
def test_an_address_is_read_as_envoy_writes_it(value, ip):
    assert one(limit_request([("masked_remote_address", value)])).client.ip == ip


def test_descriptors_that_name_nobody_are_within_limits_and_keep_their_place():
    message = limit_request([("generic_key", "x")], [("remote_address", "10.0.0.0/8")])
    assert read(message) == []
    reply = answered(message)
    assert (reply.overall_code, [status.code for status in reply.statuses]) == (rls.OK, [rls.OK] * 2)


def test_keys_of_two_entries_are_one_client_s_and_the_sidecar_chooses():
    """Whichever of them is known; the API must not be told of another account than the one that is charged."""
    message = limit_request([("authorization", "Bearer k1")], [ADDRESS], [("api_key", "k2")])
    (asked,) = read(message)
    assert asked.check.account == Account(credentials=(Credential("k1"), Credential("k2")))
    assert asked.places == [0, 1, 2]
    (asked,) = rls.read(decoded(message), "acme", GatewaySettings(key_header="X-Api-Key"))
    assert asked.check.account == Account(key="k2")
    assert one(limit_request([("authorization", "Bearer k1")], [("api_key", "k1")])).account == Account(key="k1")


@pytest.mark.parametrize(
    "entry", [("authorization", 'Bearer "k1"'), ("api_key", "k1,k2"), ("authorization", "Bearer\xa0k1")]
)
def test_a_key_that_cannot_be_read_is_refused(entry):
    with pytest.raises(ValueError, match=r"authorization|key"):
        read(limit_request([entry], [ADDRESS]))


def test_an_address_that_cannot_be_read_is_no_client_of_its_own():
    """It counts for a key that comes with it, so that junk gives nobody an allowance of their own."""
    assert read(limit_request([("remote_address", "junk")])) == []
    assert one(limit_request([KEY], [("remote_address", "junk")])).client.ip == "unknown"


def test_descriptors_of_two_accounts_are_a_check_each():
    message = limit_request([("api_key", "a")], [ADDRESS], [("api_key", "b")])
    first, second = read(message)
    assert (first.check.account.key, first.places) == ("a", [0, 1])
    assert (second.check.account.key, second.places) == ("b", [1, 2])
    assert first.check.client.ip == second.check.client.ip == "192.0.2.1"
    reply = answered(message, verdict(), verdict("throttle"))
    assert reply.overall_code == rls.OVER_LIMIT
    assert [status.code for status in reply.statuses] == [rls.OK, rls.OVER_LIMIT, rls.OVER_LIMIT]


def test_more_accounts_than_a_request_can_have_are_refused():
    with pytest.raises(Invalid):
        read(limit_request(*([("api_key", f"k{n}")] for n in range(rls.MOST_CHECKS + 1))))


@pytest.mark.parametrize(("hits", "cost"), [(0, 1.0), (1, 1.0), (7, 7.0), (0xFFFF_FFFF, 1e9)])
def test_hits_of_the_request_0_means_1(hits, cost):
    assert one(limit_request([KEY], hits=hits)).request.cost == cost


@pytest.mark.parametrize(("hits", "cost"), [(0, 0.0), (5, 5.0), (0xFFFF_FFFF_FFFF, 1e9)])
def test_hits_of_a_descriptor_count_before_the_request_s_and_0_only_looks(hits, cost):
    message = limit_request([KEY], hits=3)
    message.descriptors[0].hits_addend.value = hits
    assert one(message).request.cost == cost


def test_hits_are_never_given_back():
    message = limit_request([KEY], hits=3)
    message.descriptors[0].is_negative_hits = True
    assert one(message).request.cost == 0


def test_a_look_is_over_the_limit_when_a_hit_would_be():
    message = limit_request([KEY])
    message.descriptors[0].hits_addend.value = 0
    assert answered(message, verdict()).overall_code == rls.OK
    empty = LimitState("burst", rate=0.25, burst=20, remaining=0.5)
    reply = answered(message, verdict(limits=(empty,)))
    assert reply.overall_code == rls.OVER_LIMIT
    assert {line.key: line.value for line in reply.response_headers_to_add}["retry-after"] == "2"


def test_a_status_has_the_account_s_own_tightest_limit_and_no_shared_one():
    """Envoy's X-RateLimit headers show it to the client."""
    reply = answered(limit_request([KEY]), verdict())
    (status,) = reply.statuses
    assert (status.current_limit.name, status.limit_remaining) == ("daily", 150)
    assert (status.current_limit.requests_per_unit, status.current_limit.unit) == (200, RateLimitResponse.RateLimit.DAY)
    assert status.duration_until_reset.seconds == 21_600


def test_a_passing_answer_tells_api_and_other_filters():
    reply = answered(limit_request([KEY]), verdict())
    assert "x-headcount-tier" in {line.key for line in reply.request_headers_to_add}
    assert {line.key for line in reply.response_headers_to_add} == {
        "x-headcount-verdict",
        "ratelimit-policy",
        "ratelimit",
    }
    assert MessageToDict(reply.dynamic_metadata)["tier"] == "limited"


@pytest.mark.parametrize("decision", ["throttle", "challenge", "deny"])
def test_a_stop_says_nothing_but_what_a_client_may_see(decision):
    reply = answered(limit_request([KEY]), verdict(decision))
    assert reply.overall_code == rls.OVER_LIMIT
    assert not reply.request_headers_to_add
    headers = {line.key: line.value for line in reply.response_headers_to_add}
    assert set(headers) == {"content-type", "x-headcount-verdict", "retry-after", "ratelimit-policy", "ratelimit"}
    assert b"tier" not in reply.raw_body


def test_shadow_mode_stops_nothing_and_tells_no_limit():
    (status,) = answered(limit_request([KEY]), verdict("deny", mode="shadow", limits=())).statuses
    assert (status.code, status.HasField("current_limit")) == (rls.OK, False)


def test_what_cannot_be_judged_is_stopped():
    with pytest.raises(ValueError, match="more than one"):
        read(limit_request([("api_key", "a,b")]))
    reply = RateLimitResponse.FromString(rls.refuse(2, b"{}"))
    assert (reply.overall_code, [status.code for status in reply.statuses]) == (rls.OVER_LIMIT, [rls.OVER_LIMIT] * 2)


def test_bytes_that_are_no_message_are_the_caller_s_fault():
    with pytest.raises(BadRequest, match="RateLimitRequest"):
        limit_request_of(b"\xff")


def test_a_descriptor_mapped_to_nothing_is_an_error_of_the_configuration():
    check_descriptors({"x": "account.key", "y": "request.route"})
    with pytest.raises(ValueError, match=r"descriptor x.*account.name"):
        check_descriptors({"x": "account.name"})


def test_a_hold_is_an_estimate_and_its_verdict_is_settled_by_the_hits_of_another_request():
    """At the end of the stream Envoy sends the verdict that the first answer's metadata carried."""
    assert one(limit_request([KEY, ("headcount_hold", "yes")], hits=50)).request.hold
    message = limit_request([("headcount_verdict", "01J9")], [KEY])
    message.descriptors[0].hits_addend.value = 812
    settlement, check = rls.read(decoded(message), "acme", SETTINGS)
    assert settlement == (Settle("acme", "01J9", 812.0), [0])
    assert (check.check.account.key, check.check.request.hold, check.places) == ("k1", False, [1])
    reply = RateLimitResponse.FromString(rls.answer(2, [settlement, check], [Settled("01J9", 812.0), verdict()]))
    assert [status.code for status in reply.statuses] == [rls.OK, rls.OK]
