"""Who may use the admin listener: this machine alone without tokens, else a role and a list of tenants."""

import hashlib
import http.client
import json

import pytest
from sidecar_process import JSON, running_sidecar

from reputation.admin.access import ROLES, Caller, authorise, check_local, is_loopback
from reputation.wire.errors import BadRequest, NotAllowed

pytestmark = pytest.mark.slow

FACTS = {"plan": "free"}
FORM = "application/x-www-form-urlencoded"


def raw(port, method, path, headers, body=b"{}"):
    """A request with exactly these headers, Host included or not."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


class TestWithoutTokens:
    """Browsers on this machine run other people's pages; none of them may write here."""

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "127.0.0.1:8471",
            "localhost",
            "localhost:8471",
            "[::1]",
            "[::1]:8471",
            "LocalHost:8471",
            "127.0.0.2:8471",
        ],
    )
    def test_a_loopback_host_is_let_in(self, host):
        assert check_local(host, "GET", "", None).role == "admin"

    @pytest.mark.parametrize(
        "host",
        [
            None,
            "",
            "evil.example",
            "evil.example:8471",
            "127.0.0.1.evil.example",
            "localhost.evil.example:80",
            "203.0.113.7:8471",
            "::1",
            "[::1",
            "0.0.0.0:8471",
        ],
    )
    def test_any_other_host_is_not(self, host):
        """DNS rebinding: a page's own name that now leads to 127.0.0.1."""
        for method in ("GET", "PUT"):
            with pytest.raises(NotAllowed):
                check_local(host, method, "application/json", None)

    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example",
            "null",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example:80",
            "file://",
        ],
    )
    def test_another_sites_page_is_not(self, origin):
        with pytest.raises(NotAllowed):
            check_local("127.0.0.1:8471", "POST", "application/json", origin)

    @pytest.mark.parametrize(
        "origin", ["http://127.0.0.1:8471", "http://localhost", "http://[::1]:8471", "http://[::1]"]
    )
    def test_its_own_pages_are(self, origin):
        assert check_local("127.0.0.1:8471", "POST", "application/json", origin)

    @pytest.mark.parametrize("kind", ["", FORM, "text/plain", "multipart/form-data", "application/octet-stream"])
    def test_what_a_form_can_send_is_not_read(self, kind):
        for method in ("POST", "PUT", "PATCH"):
            with pytest.raises(BadRequest):
                check_local("127.0.0.1", method, kind, None)

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Host": "127.0.0.1", **JSON}, 204),
            ({"Host": "127.0.0.1", "Content-Type": "application/json; charset=utf-8"}, 204),
            ({"Host": "evil.example", **JSON}, 403),
            ({"Host": "127.0.0.1", "Origin": "https://evil.example", **JSON}, 403),
            ({"Host": "127.0.0.1", "Content-Type": FORM}, 400),
            ({"Host": "127.0.0.1"}, 400),
        ],
    )
    def test_the_running_listener_keeps_to_it(self, sidecar, headers, status):
        before = sidecar.tell("GET", "/v1/accounts/guarded").status
        assert raw(sidecar.admin, "PUT", "/v1/accounts/guarded", headers)[0] == status
        assert sidecar.tell("GET", "/v1/accounts/guarded").status == (200 if status == 204 else before)
        sidecar.tell("DELETE", "/v1/accounts/guarded")

    def test_a_preflight_is_not_answered_with_leave(self, sidecar):
        headers = {"Host": "127.0.0.1", "Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
        status, body = raw(sidecar.admin, "OPTIONS", "/v1/accounts/a", headers, b"")
        assert status in (403, 405)
        assert b"Access-Control" not in body

    @pytest.mark.parametrize("path", ["/metrics", "/openapi.json", "/v1/clusters", "/v1/decisions"])
    def test_reading_is_guarded_too_and_health_is_not(self, sidecar, path):
        assert raw(sidecar.admin, "GET", path, {"Host": "evil.example"}, b"")[0] == 403
        for free in ("/healthz", "/readyz"):
            assert raw(sidecar.admin, "GET", free, {"Host": "evil.example"}, b"")[0] == 200


def test_loopback_addresses_are_known():
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "[::1]", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "", "[::]", "192.0.2.1", "example.org", "localhost.example.org")))


TOKENS = {
    "reader": ("reader", []),
    "operator": ("operator", []),
    "admin": ("admin", []),
    "acme": ("operator", ["acme"]),
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A sidecar with two tenants and four tokens; the tokens are their names."""
    tokens = [
        {"name": name, "role": role, "tenants": tenants, "sha256": hashlib.sha256(name.encode()).hexdigest()}
        for name, (role, tenants) in TOKENS.items()
    ]
    settings = {"tenants": {"default": {}, "acme": {}}, "tokens": tokens}
    with running_sidecar(tmp_path_factory.mktemp("guarded"), settings) as found:
        yield found


def bearer(token):
    return {"Authorization": f"Bearer {token}", **JSON}


class TestWithTokens:
    @pytest.mark.parametrize(
        "authorization", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic cmVhZGVyOg==", "reader", "Bearer ré"]
    )
    def test_without_a_known_token_nothing_is_told(self, guarded, authorization):
        headers = {} if authorization is None else {"Authorization": authorization.encode().decode("latin-1")}
        for path in ("/metrics", "/v1/clusters", "/v1/accounts/a", "/openapi.json"):
            answer = guarded.tell("GET", path, headers=headers)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.json["title"] == "A token is needed"

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_the_scheme_is_any_case(self, guarded, scheme):
        assert guarded.tell("GET", "/v1/clusters", headers={"Authorization": f"{scheme} reader"}).status == 200

    @pytest.mark.parametrize(
        ("token", "method", "path", "status"),
        [
            ("reader", "GET", "/v1/decisions", 200),
            ("reader", "PUT", "/v1/accounts/a", 403),
            ("reader", "DELETE", "/v1/accounts/a", 403),
            ("reader", "POST", "/v1/outcomes", 403),
            ("operator", "PUT", "/v1/accounts/a", 204),
            ("admin", "PUT", "/v1/accounts/a", 204),
            ("acme", "PUT", "/v1/accounts/a?tenant=acme", 204),
            ("acme", "PUT", "/v1/accounts/a?tenant=default", 403),
            ("acme", "PUT", "/v1/accounts/a", 403),
            ("acme", "GET", "/v1/clusters?tenant=default", 403),
            ("acme", "GET", "/v1/decisions?tenant=acme", 200),
            ("acme", "GET", "/v1/decisions?tenant=nobody", 403),
            ("admin", "GET", "/v1/decisions?tenant=nobody", 404),
        ],
    )
    def test_a_role_and_its_tenants(self, guarded, token, method, path, status):
        body = {"account": "a", "outcome": "good"} if path == "/v1/outcomes" else FACTS
        answer = guarded.tell(method, path, None if method in ("GET", "DELETE") else body, bearer(token))
        assert answer.status == status

    def test_the_tenant_in_a_body_is_guarded_as_well(self, guarded):
        outcome = {"account": "a", "outcome": "chargeback"}
        assert guarded.tell("POST", "/v1/outcomes", {**outcome, "tenant": "default"}, bearer("acme")).status == 403
        assert guarded.tell("POST", "/v1/outcomes", {**outcome, "tenant": "acme"}, bearer("acme")).status == 204
        # the tenant in the body counts, not one that a query adds
        answer = guarded.tell("POST", "/v1/outcomes?tenant=acme", {**outcome, "tenant": "default"}, bearer("acme"))
        assert answer.status == 403

    def test_metrics_tell_of_every_tenant_and_are_not_for_one_tenants_token(self, guarded):
        guarded.ask({"tenant": "default", "account": {"id": "a"}})
        assert guarded.tell("GET", "/metrics", headers=bearer("reader")).status == 200
        assert guarded.tell("GET", "/metrics", headers=bearer("acme")).status == 403

    def test_a_token_may_come_with_any_host(self, guarded):
        headers = {"Host": "headcount.internal", **bearer("operator")}
        assert raw(guarded.admin, "PUT", "/v1/accounts/a", headers, json.dumps(FACTS).encode())[0] == 204

    def test_authorise_knows_the_order_of_roles(self):
        for has in ROLES:
            for needs in ROLES:
                allowed = list(ROLES).index(has) >= list(ROLES).index(needs)
                try:
                    authorise(Caller("x", has, ()), needs, None)
                except NotAllowed:
                    assert not allowed
                else:
                    assert allowed


def test_an_outcome_is_of_the_tenant_that_body_or_query_names(tmp_path):
    """On every other route the query names it, so no outcome may fall to `default` without a word there."""
    with running_sidecar(tmp_path, {"tenants": {"default": {}, "acme": {}}}) as found:

        def report(query, **body):
            answer = found.tell("POST", f"/v1/outcomes{query}", {"account": "whose", "outcome": "abuse", **body})
            return answer.status, answer.json.get("pointer") if answer.body else None

        def risk(tenant):
            return found.ask({"tenant": tenant, "account": {"id": "whose"}}).json["risk"]

        before = risk("default")
        assert report("?tenant=acme") == (204, None)
        assert risk("acme") > before
        assert report("?tenant=acme", tenant="acme") == (204, None)
        assert report("?tenant=nobody") == (404, "/tenant")
        assert risk("default") == before
