"""People whom a reverse proxy names: only from the configured addresses, and with the role of their groups."""

import pytest
from sidecar_process import JSON, running_sidecar

from reputation.admin.signed_in import is_peer
from reputation.config.file import from_text
from reputation.config.sign_in import ProxySettings
from reputation.wire.errors import ConfigError

PROXY = {"user": "X-Forwarded-User", "groups": "X-Forwarded-Groups", "peers": ["127.0.0.1"], "sign_out": "/oauth2/out"}
GROUPS = [
    {"name": "platform", "role": "admin"},
    {"name": "abuse", "role": "operator", "tenants": ["acme"]},
    {"name": "staff"},
]
ANN = {"X-Forwarded-User": "ann", "X-Forwarded-Groups": "sales, abuse,staff"}
OWN = {"Sec-Fetch-Site": "same-origin", **JSON}


def settings(**proxy):
    return {"tenants": {"default": {}, "acme": {}}, "sign_in": {"proxy": {**PROXY, **proxy}, "groups": GROUPS}}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    with running_sidecar(tmp_path_factory.mktemp("proxied"), settings()) as found:
        yield found


def test_a_person_has_the_role_and_the_tenants_of_the_first_known_group(proxied):
    caller = proxied.tell("GET", "/v1/caller", headers=ANN).json
    assert (caller["name"], caller["role"], caller["tenants"], caller["via"]) == ("ann", "operator", ["acme"], "proxy")
    assert caller["sign_out"] == "/oauth2/out"
    assert proxied.tell("GET", "/v1/clusters?tenant=default", headers=ANN).status == 403
    assert proxied.tell("PUT", "/v1/accounts/a?tenant=acme", {"plan": "free"}, {**ANN, **OWN}).status == 204
    (entry,) = proxied.tell("GET", "/v1/audit?tenant=acme", headers=ANN).json["entries"]
    assert (entry["who"], entry["role"], entry["via"], entry["bound"]) == ("ann", "operator", "proxy", ["acme"])


def test_the_proxy_s_own_cookie_lets_no_other_site_change_anything(proxied):
    """A proxy names its visitor also where another site's page made the request."""
    for other in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        headers = {**ANN, **JSON, **other}
        assert proxied.tell("PUT", "/v1/accounts/b?tenant=acme", {"plan": "free"}, headers).status == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-Forwarded-Groups": "platform"}, 401),  # nobody is named
        ({"X-Forwarded-User": "", "X-Forwarded-Groups": "platform"}, 401),
        ({"X-Forwarded-User": "bob"}, 403),
        ({"X-Forwarded-User": "bob", "X-Forwarded-Groups": "Platform, platforms"}, 403),
        ({"X-Forwarded-User": "bob\x7f", "X-Forwarded-Groups": "platform"}, 400),
        ({"X-Forwarded-User": "b" * 300, "X-Forwarded-Groups": "platform"}, 400),
        ({"X-Forwarded-User": "bob", "X-Forwarded-Groups": "platform", "Authorization": "Bearer wrong"}, 401),
        ({"X-Forwarded-User": "bob", "X-Forwarded-Groups": "platform", "Authorization": "Basic Ym9iOg=="}, 200),
    ],
)
def test_who_is_not_named_or_has_no_group_sees_nothing(proxied, headers, status):
    assert proxied.tell("GET", "/v1/clusters", headers=headers).status == status


@pytest.mark.parametrize("name", ["X-Forwarded-User", "X-Forwarded-Groups"])
def test_a_header_that_came_twice_is_refused(proxied, name):
    """A proxy that adds its own and keeps the client's would let a client name itself."""
    import http.client  # noqa: PLC0415 - this test alone sends a header twice

    connection = http.client.HTTPConnection("127.0.0.1", proxied.admin, timeout=20)
    connection.putrequest("GET", "/v1/clusters")
    for header, value in [*ANN.items(), (name, "platform")]:
        connection.putheader(header, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, name in answer.read().decode()) == (400, True)
    connection.close()


def test_from_another_address_the_headers_mean_nothing(tmp_path):
    with running_sidecar(tmp_path, settings(peers=["192.0.2.0/24", "::1"])) as found:
        assert found.tell("GET", "/v1/clusters", headers=ANN).status == 401
        assert found.tell("GET", "/v1/session").json == {"token": False, "oidc": None, "proxy": True}


def test_peers_are_addresses_and_networks():
    proxy = ProxySettings("X-User", "X-Groups", ("192.0.2.0/24", "2001:db8::1"))
    assert all(is_peer(proxy, address) for address in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"))
    assert not any(is_peer(proxy, address) for address in ("192.0.3.7", "2001:db8::2", "", "unix", "::ffff:192.0.3.7"))


@pytest.mark.parametrize(
    ("sign_in", "said"),
    [
        ({"proxy": {**PROXY, "peers": ["192.0.2.1/24"]}, "groups": GROUPS}, "has host bits set"),
        ({"proxy": {**PROXY, "peers": []}, "groups": GROUPS}, "sign_in.proxy.peers"),
        ({"proxy": {**PROXY, "user": "X_User"}, "groups": GROUPS}, "sign_in.proxy.user"),
        ({"proxy": {**PROXY, "sign_out": "javascript:alert(1)"}, "groups": GROUPS}, "sign_in.proxy.sign_out"),
        ({"proxy": PROXY}, "name at least one group"),
        ({"groups": GROUPS}, "groups need sign_in.proxy or sign_in.oidc"),
        ({"oidc": {"issuer": "http://login.example", "client_id": "a", "url": "https://b"}, "groups": GROUPS}, "https"),
        ({"oidc": {"issuer": "https://login.example", "client_id": "a", "url": "http://b"}, "groups": GROUPS}, "https"),
    ],
)
def test_settings_that_cannot_work_are_named(sign_in, said):
    with pytest.raises(ConfigError, match=r"line \d+: ") as refused:
        from_text(str({"sign_in": sign_in}).replace("'", '"'), "headcount.yaml")
    assert said in str(refused.value)
