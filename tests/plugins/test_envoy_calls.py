"""Envoy's calls as routes of the check listener: bodies of protobuf, with the gRPC frame or without."""

import subprocess
import sys

import pytest

from plugins.envoy.calls import AUTHZ, MOST_BODY, RLS
from plugins.envoy.grpc_parts import unframed
from plugins.envoy.messages_pb2 import CheckRequest, CheckResponse, RateLimitRequest, RateLimitResponse
from reputation.checkapi.routes import CheckRoutes
from reputation.config.file import from_text
from reputation.limits.bucket import settled
from reputation.listeners.http2.streams import framed
from reputation.sidecar.build import build, open_addresses
from reputation.sidecar.embedded import EmbeddedChecks
from reputation.stores.memory import MemoryStore
from reputation.wire.gateway import HttpMessage
from reputation.wire.ids import Ulids
from reputation.wire.messages import AccountFacts, Outcome, Payment

NOW = 1_790_812_800.0
TIGHT = "{standard: {rate: 1, burst: 2, daily: 100}}"
SETTINGS = f"""
tenants:
  default: {{plans: {{free: {TIGHT}}}, unconfirmed: {{rate: 1, burst: 2, daily: 100}}}}
  acme: {{gateway: {{envoy: {{domains: [shop]}}}}}}
"""
PROTOBUF = (b"content-type", b"application/x-protobuf")


def routes_of(text):
    """The routes of an engine with these settings."""
    settings = from_text(text)
    checks = EmbeddedChecks(build(settings, open_addresses(settings, NOW)), MemoryStore(), lambda: NOW)
    return CheckRoutes(checks, lambda: NOW, Ulids(), dict, lambda *_: None)


@pytest.fixture
def routes():
    return routes_of(SETTINGS)


def post(routes, path, body, *headers):
    return routes(HttpMessage(b"POST", path, list(headers or [PROTOBUF]), body))


def asked(key="k1", **more):
    message = CheckRequest()
    message.attributes.request.http.path = "/"
    headers = {"authorization": f"Bearer {key}", "x-forwarded-for": "11.0.0.1", **more}
    for name, value in headers.items():
        message.attributes.request.http.header_map.headers.add(key=name, raw_value=value.encode())
    return message


def limited(domain="default", key="k1"):
    entries = [{"key": "api_key", "value": key}, {"key": "remote_address", "value": "11.0.0.1"}]
    return RateLimitRequest(domain=domain, descriptors=[{"entries": entries}])


def authorized(reply):
    assert reply.status == 200
    return CheckResponse.FromString(reply.body)


def test_an_account_over_its_limit_is_denied(routes):
    replies = [authorized(post(routes, AUTHZ, asked().SerializeToString())) for _ in range(3)]
    assert [reply.status.code for reply in replies] == [0, 0, 8], "RESOURCE_EXHAUSTED"
    assert replies[-1].denied_response.status.code == 429


def test_the_same_account_has_the_same_bucket_by_either_call(routes):
    for _ in range(2):
        assert authorized(post(routes, AUTHZ, asked().SerializeToString())).status.code == 0
    reply = post(routes, RLS, limited().SerializeToString())
    assert RateLimitResponse.FromString(reply.body).overall_code == RateLimitResponse.OVER_LIMIT


@pytest.mark.parametrize("kind", [b"application/x-protobuf", b"application/grpc", b"application/grpc+proto"])
def test_a_framed_body_is_answered_with_a_frame_and_with_the_type_it_came_with(routes, kind):
    reply = post(routes, AUTHZ, framed(asked().SerializeToString()), (b"content-type", kind))
    body, was_framed = unframed(reply.body)
    assert (was_framed, dict(reply.headers)[b"content-type"]) == (True, kind)
    assert CheckResponse.FromString(body).status.code == 0


@pytest.mark.parametrize(
    ("domain", "header", "tenant"),
    [
        ("acme", (), "acme"),
        ("shop", (), "acme"),
        ("default", (), "default"),
        ("anybody", ((b"x-headcount-tenant", b"acme"),), "acme"),
    ],
)
def test_the_domain_tells_the_tenant(routes, domain, header, tenant):
    post(routes, RLS, limited(domain).SerializeToString(), PROTOBUF, *header)
    assert {name for name, one in routes.limiter.tenants.items() if len(one.state.unconfirmed)} == {tenant}


def several(*accounts, hits=1, **addends):
    """A message that names several accounts, each by its id; addends: a descriptor's own hits."""
    message = RateLimitRequest(domain="default", hits_addend=hits)
    for account in accounts:
        descriptor = message.descriptors.add(entries=[{"key": "account", "value": account}])
        if account in addends:
            descriptor.hits_addend.value = addends[account]
    return message


def answered(routes, message):
    return RateLimitResponse.FromString(post(routes, RLS, message.SerializeToString()).body)


def left(routes, account):
    """What the account's own burst of 2 still holds, and how many of its checks were noted."""
    tenant = routes.limiter.tenant("default")
    row = tenant.state.unconfirmed.get(account)
    return 2.0 if row is None or row.burst is None else settled(row.burst, NOW)


def spend(routes, account, times=2):
    for _ in range(times):
        assert answered(routes, several(account)).overall_code == RateLimitResponse.OK


def test_a_request_in_two_names_that_one_account_stops_charges_neither(routes):
    spend(routes, "a")
    for _ in range(15):
        reply = answered(routes, several("b", "a"))
        assert reply.overall_code == RateLimitResponse.OVER_LIMIT
        assert [status.code for status in reply.statuses] == [RateLimitResponse.OK, RateLimitResponse.OVER_LIMIT]
        assert reply.statuses[0].limit_remaining == 2
    assert left(routes, "b") == 2
    spend(routes, "b")


def test_a_request_in_two_names_that_passes_charges_both(routes):
    assert answered(routes, several("a", "b")).overall_code == RateLimitResponse.OK
    assert (left(routes, "a"), left(routes, "b")) == (1, 1)


@pytest.mark.parametrize("empty", range(4))
def test_whichever_of_four_accounts_stops_it_the_others_pay_nothing(routes, empty):
    names = ["a", "b", "c", "d"]
    spend(routes, names[empty])
    assert answered(routes, several(*names)).overall_code == RateLimitResponse.OVER_LIMIT
    assert [left(routes, name) for name in names] == [0 if i == empty else 2 for i in range(4)]


def test_a_look_that_is_over_the_limit_stops_the_request_and_nobody_pays(routes):
    spend(routes, "a")
    for order in (("a", "b"), ("b", "a")):
        assert answered(routes, several(*order, a=0)).overall_code == RateLimitResponse.OVER_LIMIT
    assert (left(routes, "a"), left(routes, "b")) == (0, 2)
    assert answered(routes, several("c", "b", c=0)).overall_code == RateLimitResponse.OK
    assert (left(routes, "b"), left(routes, "c")) == (1, 2)


def test_each_account_pays_its_own_hits_or_none_does(routes):
    assert answered(routes, several("a", "b", a=1, b=2)).overall_code == RateLimitResponse.OK
    assert (left(routes, "a"), left(routes, "b")) == (1, 0)
    assert answered(routes, several("a", "c", a=2, c=1)).overall_code == RateLimitResponse.OVER_LIMIT
    assert (left(routes, "a"), left(routes, "c")) == (1, 2)


def test_an_account_that_is_denied_stops_the_request_and_nobody_pays(routes):
    tenant = routes.limiter.tenant("default")
    payment = Payment(status="disputed", disputes=3, declines_30d=9, funding="prepaid")
    tenant.push("bad", AccountFacts(payment=payment), NOW)
    for outcome in ("chargeback", "abuse"):
        tenant.report(Outcome("bad", outcome), NOW)
    assert answered(routes, several("b", "bad")).overall_code == RateLimitResponse.OVER_LIMIT
    assert left(routes, "b") == 2


def test_a_bucket_that_two_names_share_is_charged_for_both_or_for_none(routes):
    """Unconfirmed keys of one address share its budget of 2: two of them pass once, and three never."""
    keys = [[{"key": "api_key", "value": f"k{i}"}, {"key": "remote_address", "value": "11.0.0.1"}] for i in range(3)]
    three = RateLimitRequest(domain="default", descriptors=[{"entries": key} for key in keys])
    assert answered(routes, three).overall_code == RateLimitResponse.OVER_LIMIT
    two = RateLimitRequest(domain="default", descriptors=[{"entries": key} for key in keys[:2]])
    assert answered(routes, two).overall_code == RateLimitResponse.OK
    assert answered(routes, two).overall_code == RateLimitResponse.OVER_LIMIT


def test_only_what_stops_a_request_is_counted_and_only_what_passes_otherwise(routes):
    spend(routes, "a")
    noted = []
    routes._note = lambda request, verdict, _: noted.append((request.account.id, verdict.decision))
    answered(routes, several("b", "a"))
    answered(routes, several("b", "c"))
    assert noted == [("a", "throttle"), ("b", "allow"), ("c", "allow")]


def test_holds_of_a_request_in_two_names_are_opened_together_or_not_at_all(routes):
    def held(*accounts):
        message = several(*accounts)
        for descriptor in message.descriptors:
            descriptor.entries.add(key="headcount_hold", value="yes")
        return answered(routes, message).overall_code

    holds = routes.limiter.tenant("default").leases.reserved.holds
    assert (held("a", "b"), len(holds)) == (RateLimitResponse.OK, 2)
    spend(routes, "a", 1)
    assert (held("a", "b"), len(holds)) == (RateLimitResponse.OVER_LIMIT, 2)


@pytest.mark.parametrize("domain", ["", "defualt", "Default", "default ", "*", "shop,default"])
def test_a_domain_that_is_nobody_s_is_stopped_told_and_judged_by_no_tenant(routes, domain):
    """A failed call would pass where Envoy fails open, and another tenant's limits are not this domain's."""
    told = []
    routes.limiter.strays.tell = lambda event, **fields: told.append((event, fields["name"]))
    for _ in range(3):
        answer = RateLimitResponse.FromString(post(routes, RLS, limited(domain).SerializeToString()).body)
        assert answer.overall_code == RateLimitResponse.OVER_LIMIT
        assert b"gateway.envoy.domains" in answer.raw_body
    assert not any(len(one.state.unconfirmed) for one in routes.limiter.tenants.values())
    assert (routes.limiter.strays.count, told) == (3, [("unknown_name", domain)])


def test_a_domain_is_the_tenant_s_that_the_operator_maps_it_to():
    routes = routes_of('tenants: {default: {gateway: {envoy: {domains: ["", anything]}}}, acme: {}}')
    for domain in ("", "anything"):
        answer = RateLimitResponse.FromString(post(routes, RLS, limited(domain).SerializeToString()).body)
        assert answer.overall_code == RateLimitResponse.OK


def test_a_flood_of_unknown_domains_is_counted_and_its_log_is_bounded(routes):
    told = []
    routes.limiter.strays.tell = lambda event, **fields: told.append(fields["name"])
    for number in range(500):
        post(routes, RLS, limited(f"{number}" + "x" * 1000).SerializeToString())
    assert routes.limiter.strays.count == 500
    assert len(told) <= 100
    assert all(len(name) <= 256 for name in told)


@pytest.mark.parametrize("named", ["", "nobody"])
def test_a_route_whose_tenant_is_empty_or_unknown_is_not_the_default_one_s(routes, named):
    message = asked()
    message.attributes.context_extensions["tenant"] = named
    assert authorized(post(routes, AUTHZ, message.SerializeToString())).denied_response.status.code == 404
    assert not any(len(one.state.unconfirmed) for one in routes.limiter.tenants.values())


def test_the_tenant_of_a_route_counts_before_the_header(routes):
    message = asked()
    message.attributes.context_extensions["tenant"] = "acme"
    post(routes, AUTHZ, message.SerializeToString(), PROTOBUF, (b"x-headcount-tenant", b"default"))
    assert len(routes.limiter.tenant("acme").state.unconfirmed) == 1


def test_what_a_client_did_wrong_is_a_stop_inside_the_message(routes):
    """A failed call would let it pass where Envoy fails open."""
    reply = authorized(post(routes, AUTHZ, asked(**{"x-api-key": '"other"'}).SerializeToString()))
    assert (reply.status.code, reply.denied_response.status.code) == (3, 400)
    assert "in quotes" in reply.denied_response.body
    reply = post(routes, RLS, limited(key="a,b").SerializeToString())
    assert RateLimitResponse.FromString(reply.body).overall_code == RateLimitResponse.OVER_LIMIT


def test_a_tenant_that_nobody_configured_is_a_stop_and_names_no_other(routes):
    message = asked()
    message.attributes.context_extensions["tenant"] = "nobody"
    reply = authorized(post(routes, AUTHZ, message.SerializeToString()))
    assert reply.denied_response.status.code == 404
    assert "acme" not in reply.denied_response.body


@pytest.mark.parametrize("path", [AUTHZ, RLS])
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"\xff", b"application/x-protobuf", 400),
        (b"\1\0\0\0\0", b"application/grpc", 400),
        (b"\0\0\0\0\7", b"application/grpc", 400),
        (b"{}", b"application/json", 400),
        (b"\n" * (MOST_BODY + 1), b"application/x-protobuf", 413),
    ],
)
def test_what_is_no_message_of_envoy_s_is_refused_and_changes_nothing(routes, path, body, kind, status):
    assert post(routes, path, body, (b"content-type", kind)).status == status
    assert not any(len(one.state.unconfirmed) for one in routes.limiter.tenants.values())


def test_no_grpcio_is_needed():
    """In a Python that cannot import it, both ways answer."""
    program = """
import sys
sys.modules["grpc"] = None
from plugins.envoy import listener
from reputation.config.file import from_text
from reputation.wire.gateway import HttpMessage
from reputation.checkapi.routes import CheckRoutes
from reputation.sidecar.build import build, open_addresses
from reputation.sidecar.embedded import EmbeddedChecks
from reputation.stores.memory import MemoryStore
settings = from_text("")
checks = EmbeddedChecks(build(settings, open_addresses(settings, 0.0)), MemoryStore(), float)
routes = CheckRoutes(checks, float, str, dict, lambda *_: None)
path = b"/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
print(routes(HttpMessage(b"POST", path, [])).status)
print(len(routes.methods()[path].answer(b"", [])))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    status, size = run.stdout.decode().splitlines()
    assert (status, int(size) > 0) == ("200", True)


def test_a_hold_is_settled_through_the_rate_limit_service(routes):
    """An estimate of 2 of 2, settled at 0.5 of it, leaves room for one more."""
    entries = [{"key": "api_key", "value": "k1"}, {"key": "headcount_hold", "value": "yes"}]
    hold = RateLimitRequest(domain="default", descriptors=[{"entries": entries}], hits_addend=2)
    held = RateLimitResponse.FromString(post(routes, RLS, hold.SerializeToString()).body)
    assert held.overall_code == RateLimitResponse.OK
    once = limited().SerializeToString()
    assert RateLimitResponse.FromString(post(routes, RLS, once).body).overall_code == RateLimitResponse.OVER_LIMIT
    entries = [{"key": "headcount_verdict", "value": held.dynamic_metadata["verdict"]}]
    settle = RateLimitRequest(domain="default", descriptors=[{"entries": entries}], hits_addend=1)
    post(routes, RLS, settle.SerializeToString())
    assert RateLimitResponse.FromString(post(routes, RLS, once).body).overall_code == RateLimitResponse.OK
    assert RateLimitResponse.FromString(post(routes, RLS, once).body).overall_code == RateLimitResponse.OVER_LIMIT
