"""ext_authz over gRPC: what becomes of Envoy's message, what of a verdict, and who may see what."""

import pytest
from envoy_messages import CLIENT, check_request
from gateway_verdicts import verdict
from google.protobuf.json_format import MessageToDict

from plugins.envoy import grpc_authz
from plugins.envoy.grpc_parts import unframed, whole_units
from plugins.envoy.messages_pb2 import CheckResponse
from reputation.listeners.http2.streams import framed
from reputation.wire.errors import BadRequest
from reputation.wire.gateway import GatewaySettings
from reputation.wire.messages import LimitState

SETTINGS = GatewaySettings()


def answered(*arguments, **changes):
    return CheckResponse.FromString(grpc_authz.answer(verdict(*arguments, **changes)))


def pairs(options):
    return {option.header.key: option.header.value for option in options}


@pytest.mark.parametrize("raw", [True, False])
def test_the_message_becomes_a_check(raw):
    """With headers as a list or as a map; the path without its query."""
    made = grpc_authz.read(check_request(raw=raw), "acme", SETTINGS)
    assert (made.tenant, made.account.key) == ("acme", "k1")
    assert (made.client.ip, made.client.user_agent) == ("192.0.2.1", "curl/8.5")
    assert made.request.route == "/v1//a/../x"


def test_with_no_trusted_hops_the_client_is_who_connected_to_envoy():
    made = grpc_authz.read(check_request(), "acme", GatewaySettings(trusted_hops=0))
    assert made.client.ip == "192.0.2.99"


@pytest.mark.parametrize("raw", [True, False])
def test_two_keys_are_refused_however_envoy_hands_them_over(raw):
    """As two lines, or joined by a comma as Envoy's map has them."""
    twice = [("x-api-key", "a"), ("x-api-key", "b")] if raw else [("x-api-key", "a,b")]
    with pytest.raises(ValueError, match="more than one"):
        grpc_authz.read(check_request(twice, raw=raw), "acme", SETTINGS)


def test_the_tenant_comes_from_the_route_alone():
    message = check_request((*CLIENT, ("tenant", "spoofed")))
    assert grpc_authz.tenant_of(message) is None
    message.attributes.context_extensions["tenant"] = "acme"
    assert grpc_authz.tenant_of(message) == "acme"


def test_a_passing_answer_tells_api_client_and_other_filters_what_each_may_know():
    reply = answered()
    assert reply.status.code == 0
    assert set(pairs(reply.ok_response.headers)) == {
        "x-headcount-verdict",
        "x-headcount-tier",
        "x-headcount-risk",
        "x-headcount-cluster",
        "x-headcount-actions",
    }
    assert set(pairs(reply.ok_response.response_headers_to_add)) == {
        "x-headcount-verdict",
        "ratelimit-policy",
        "ratelimit",
    }


@pytest.mark.parametrize(("decision", "status"), [("throttle", 429), ("challenge", 403), ("deny", 403)])
def test_a_stop_is_the_client_s_own_answer(decision, status):
    reply = answered(decision)
    assert (reply.status.code, reply.denied_response.status.code) == (8 if status == 429 else 7, status)
    assert not reply.HasField("dynamic_metadata")
    headers = pairs(reply.denied_response.headers)
    assert headers["retry-after"] == "5"
    assert set(headers) == {"content-type", "x-headcount-verdict", "retry-after", "ratelimit-policy", "ratelimit"}
    assert "tier" not in reply.denied_response.body


def test_metadata_carries_the_group_s_number_as_a_limit_override():
    """As `limit.dynamic_metadata` wants it: a whole number and a unit; the group is the cluster."""
    purse = LimitState("purse", rate=400 / 86_400, burst=400, remaining=3, scope="cluster")
    known = MessageToDict(answered(limits=(*verdict().limits, purse)).dynamic_metadata)
    assert known["rl"] == {"requests_per_unit": 400, "unit": "DAY"}
    assert (known["cluster"], known["tier"]) == ("h-5f2c", "limited")
    alone = MessageToDict(answered(cluster=None).dynamic_metadata)
    assert (alone["rl"], "cluster" in alone) == ({"requests_per_unit": 2, "unit": "SECOND"}, False)


def test_shadow_mode_tells_nothing_to_act_on():
    reply = answered("deny", mode="shadow")
    assert reply.status.code == 0
    assert set(MessageToDict(reply.dynamic_metadata)) == {"verdict"}
    assert set(pairs(reply.ok_response.headers)) == {"x-headcount-verdict"}


@pytest.mark.parametrize(
    ("rate", "written"),
    [
        (2.0, (2, "SECOND")),
        (1.9, (114, "MINUTE")),
        (0.2, (12, "MINUTE")),
        (400 / 86_400, (400, "DAY")),
        (1e-9, (1, "DAY")),
        (1e12, (0xFFFF_FFFF, "SECOND")),
    ],
)
def test_a_rate_is_written_as_a_whole_number_of_the_shortest_unit_that_fits(rate, written):
    assert whole_units(rate) == written


def test_frames_come_off_and_go_on():
    body = check_request().SerializeToString()
    assert unframed(framed(body)) == (body, True)
    assert unframed(body) == (body, False)
    for broken in (b"\1" + framed(body)[1:], framed(body)[:-1], b"\0", b"\0\0\0\0\1"):
        with pytest.raises(BadRequest):
            unframed(broken)


def test_bytes_that_are_no_message_are_the_caller_s_fault():
    with pytest.raises(BadRequest, match="CheckRequest"):
        grpc_authz.decode(b"\xff\xff\xff")
