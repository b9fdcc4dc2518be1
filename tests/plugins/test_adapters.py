"""All adapters, with the messages that their gateways send."""

import pytest
from gateway_verdicts import verdict

from plugins import forward
from plugins.gateway import Gateway
from plugins.shipped import GATEWAYS
from reputation.checkapi.routes import over_http
from reputation.wire.gateway import GatewaySettings, HttpMessage

OVER_HTTP = over_http(GATEWAYS)
ALL = tuple(OVER_HTTP)
PLAIN = tuple(name for name, gateway in OVER_HTTP.items() if gateway.answer is forward.answer)
SETTINGS = GatewaySettings()
CLIENT = [(b"authorization", b"Bearer k1"), (b"user-agent", b"curl/8.5"), (b"x-forwarded-for", b"192.0.2.1")]
ASKED = b"/v1//messages/../x?key=secret"

# the listeners hand names over in lower case; what each gateway adds to the client's headers
MESSAGES = {
    "nginx": HttpMessage(
        b"GET",
        b"/gateway/nginx/acme",
        [*CLIENT, (b"x-original-method", b"POST"), (b"x-original-uri", ASKED), (b"connection", b"close")],
    ),
    "envoy": HttpMessage(b"POST", b"/gateway/envoy/acme" + ASKED, [*CLIENT, (b"content-length", b"0")]),
    "caddy": HttpMessage(
        b"GET",
        b"/gateway/caddy/acme",
        [
            *CLIENT,
            (b"x-forwarded-method", b"POST"),
            (b"x-forwarded-uri", ASKED),
            (b"x-forwarded-proto", b"https"),
        ],
    ),
    "traefik": HttpMessage(
        b"GET",
        b"/gateway/traefik/acme",
        [
            *CLIENT,
            (b"x-forwarded-method", b"POST"),
            (b"x-forwarded-uri", ASKED),
            (b"x-forwarded-host", b"api"),
        ],
    ),
    "apisix": HttpMessage(
        b"GET",
        b"/gateway/apisix/acme",
        [
            *CLIENT,
            (b"x-forwarded-method", b"POST"),
            (b"x-forwarded-uri", ASKED),
            (b"x-forwarded-proto", b"https"),
        ],
    ),
    "application": HttpMessage(
        b"GET",
        b"/gateway/application/acme",
        [
            *CLIENT,
            (b"x-forwarded-method", b"POST"),
            (b"x-forwarded-uri", ASKED),
            (b"x-forwarded-proto", b"https"),
        ],
    ),
}


def adapter(gateway: str) -> Gateway:
    return GATEWAYS[gateway]


def test_every_gateway_that_asks_over_http_has_a_message_here() -> None:
    assert set(MESSAGES) == set(ALL)


@pytest.mark.parametrize("gateway", ALL)
def test_the_gateway_s_message_becomes_a_check(gateway: str) -> None:
    made = adapter(gateway).read(MESSAGES[gateway], "acme", SETTINGS)
    assert made.tenant == "acme"
    assert made.account.key == "k1"
    assert (made.client.ip, made.client.user_agent) == ("192.0.2.1", "curl/8.5")
    assert made.request.route == "/v1//messages/../x"


@pytest.mark.parametrize(
    ("target", "route"),
    [
        (b"/gateway/envoy/acme/", "/"),
        (b"/gateway/envoy/acme//gateway/envoy/other", "//gateway/envoy/other"),
        (b"/gateway/envoy/acme", None),
    ],
)
def test_what_follows_envoy_s_prefix_is_opaque(target: bytes, route: str | None) -> None:
    made = adapter("envoy").read(HttpMessage(b"GET", target, CLIENT), "acme", SETTINGS)
    assert (made.tenant, made.request.route) == ("acme", route)


@pytest.mark.parametrize("gateway", ALL)
def test_a_passing_answer_carries_what_the_upstream_may_know(gateway: str) -> None:
    reply = adapter(gateway).answer(verdict())
    assert (reply.status, reply.body) == (200, b"")
    assert {b"X-Headcount-Tier", b"X-Headcount-Risk", b"X-Headcount-Cluster", b"X-Headcount-Actions"} <= {
        name for name, _ in reply.headers
    }


@pytest.mark.parametrize("gateway", PLAIN)
@pytest.mark.parametrize(("decision", "status"), [("throttle", 429), ("challenge", 403), ("deny", 403)])
def test_a_stop_is_the_client_s_own_answer(gateway: str, decision: str, status: int) -> None:
    """These gateways hand the whole answer on, so nothing may be in it that the contract does not list."""
    reply = adapter(gateway).answer(verdict(decision))
    assert reply.status == status
    assert {name for name, _ in reply.headers} == {
        b"Content-Type",
        b"X-Headcount-Verdict",
        b"Retry-After",
        b"RateLimit-Policy",
        b"RateLimit",
    }
    assert dict(reply.headers)[b"Retry-After"] == b"5"


@pytest.mark.parametrize(("decision", "status"), [("throttle", b"429"), ("challenge", b"403"), ("deny", b"403")])
def test_nginx_gets_403_and_the_real_status_beside_it(decision: str, status: bytes) -> None:
    reply = adapter("nginx").answer(verdict(decision))
    headers = dict(reply.headers)
    assert (reply.status, headers[b"X-Headcount-Status"], headers[b"Retry-After"]) == (403, status, b"5")
    assert headers[b"X-Headcount-Tier"] == b"limited"


@pytest.mark.parametrize("gateway", ALL)
def test_shadow_mode_answers_as_for_an_account_without_limits(gateway: str) -> None:
    reply = adapter(gateway).answer(verdict("deny", mode="shadow"))
    assert reply.status == 200
    assert not {b"Retry-After", b"RateLimit", b"X-Headcount-Status"} & {name for name, _ in reply.headers}
