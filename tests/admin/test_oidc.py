"""Signing in by OpenID Connect: what an ID token must be, and what a dishonest browser or issuer gets."""

import base64
import hashlib
import http.client
import itertools
import time
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import pytest
from oidc_issuer import CLIENT, Issuer, running_issuer
from sidecar_process import JSON, running_sidecar

from reputation.admin.oidc import Attempt, Provider, SignInError
from reputation.config.sign_in import OidcSettings

URL = "http://127.0.0.1:8471"
GROUPS = [{"name": "ops", "role": "operator", "tenants": ["acme"]}, {"name": "staff"}]
SECRET = "a secret: with/signs"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An issuer, and a sidecar whose people sign in at it."""
    directory = tmp_path_factory.mktemp("oidc")
    with running_issuer() as issuer:
        oidc = {"issuer": issuer.url, "client_id": CLIENT, "url": f"{URL}/", "client_secret": "$SECRET"}
        settings = {"tenants": {"default": {}, "acme": {}}, "sign_in": {"oidc": oidc, "groups": GROUPS}}
        with running_sidecar(directory, settings, extra={"SECRET": SECRET}) as sidecar:
            yield sidecar, issuer


@pytest.fixture
def honest(world):
    """The same, with an issuer that is honest again."""
    sidecar, issuer = world
    key, shown = issuer.key, issuer.shown
    issuer.__init__(urlsplit(issuer.url).port)
    issuer.key, issuer.shown = key, shown
    return sidecar, issuer


def began(sidecar, issuer):
    """A browser on its way to the provider: its cookie, and what the provider is asked for."""
    answer = sidecar.tell("GET", "/v1/session/oidc")
    assert answer.status == 303
    where = urlsplit(answer.headers["Location"])
    asked = {name: values[0] for name, values in parse_qs(where.query).items()}
    issuer.nonce = asked["nonce"]
    ((name, morsel),) = SimpleCookie(answer.headers["Set-Cookie"]).items()
    assert (morsel["httponly"], morsel["samesite"], morsel["max-age"]) == (True, "Lax", "600")
    return {"Cookie": f"{name}={morsel.value}"}, asked


def finished(sidecar, cookie, state, more=""):
    """Where the sidecar sends the browser that the provider sent back, and the cookie of its session."""
    answer = come_back(sidecar.admin, f"/v1/session/callback?code=code&state={state}{more}", cookie)
    assert answer.status == 303
    found = SimpleCookie()
    for one in answer.headers.get_all("Set-Cookie", []):
        found.load(one)
    return answer.headers["Location"], found.get("headcount")


_addresses = (f"127.0.{number // 200 + 1}.{number % 200 + 1}" for number in itertools.count())


def come_back(port, path, headers):
    """One request from an address of its own, because failures of one address are answered more and more slowly."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=(next(_addresses), 0))
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def sign_in(sidecar, issuer):
    cookie, asked = began(sidecar, issuer)
    return finished(sidecar, cookie, asked["state"])


def test_a_person_signs_in_with_the_role_of_a_group(honest):
    sidecar, issuer = honest
    where, morsel = sign_in(sidecar, issuer)
    assert (where, morsel["httponly"], morsel["samesite"]) == ("../../console/", True, "Strict")
    headers = {"Cookie": f"headcount={morsel.value}", "Sec-Fetch-Site": "same-origin", **JSON}
    caller = sidecar.tell("GET", "/v1/caller", headers=headers).json
    assert (caller["name"], caller["role"], caller["tenants"], caller["via"]) == ("ann", "operator", ["acme"], "oidc")
    assert sidecar.tell("PUT", "/v1/accounts/a?tenant=acme", {"plan": "free"}, headers).status == 204
    assert sidecar.tell("PUT", "/v1/accounts/a?tenant=default", {"plan": "free"}, headers).status == 403
    (entry,) = sidecar.tell("GET", "/v1/audit?tenant=acme", headers=headers).json["entries"]
    assert (entry["who"], entry["role"], entry["via"]) == ("ann", "operator", "oidc")


def test_the_provider_is_asked_with_pkce_state_and_nonce_and_the_client_s_secret(honest):
    sidecar, issuer = honest
    cookie, asked = began(sidecar, issuer)
    assert finished(sidecar, cookie, asked["state"])[1] is not None
    assert (asked["realm"], asked["scope"]) == ("a", "openid profile email groups")  # the endpoint had a query
    assert asked["redirect_uri"] == f"{URL}/v1/session/callback"
    _, form, headers = next(one for one in issuer.asked if one[0] == "/token")
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
    pair = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert pair == "headcount:a%20secret%3A%20with%2Fsigns"
    assert (form["code"], form["redirect_uri"], "client_secret" in form) == ("code", asked["redirect_uri"], False)
    other = began(sidecar, issuer)[1]
    assert all(asked[name] != other[name] for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://127.0.0.1:1"},
        {"aud": "another"},
        {"aud": ["another", "third"]},
        {"aud": [CLIENT, "another"]},  # for which of the two?
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"nonce": "of another attempt"},
        {"nonce": None},
        {"exp": None},
        {"exp": 1_000_000_000},
        {"iat": 9_000_000_000},
        {"sub": None},
        {"aud": None},
        {"iss": None},
        {"preferred_username": "ann\u001b[31m"},
        {"preferred_username": "a" * 300},
    ],
)
def test_a_token_that_says_something_else_signs_nobody_in(honest, claims):
    sidecar, issuer = honest
    issuer.claims = claims
    assert sign_in(sidecar, issuer) == ("../../console/?sign_in=refused", None)


def test_clocks_may_differ_by_a_minute_and_not_by_more(honest):
    sidecar, issuer = honest
    for skew, signed_in in ((45, True), (300, False)):
        issuer.claims = {"iat": time.time() + skew, "exp": time.time() + 3600}
        assert (sign_in(sidecar, issuer)[1] is not None) is signed_in
        issuer.claims = {"iat": time.time() - 3600, "exp": time.time() - skew}
        assert (sign_in(sidecar, issuer)[1] is not None) is signed_in


def test_an_audience_list_with_the_client_as_its_party_is_fine(honest):
    sidecar, issuer = honest
    issuer.claims = {"aud": [CLIENT, "another"], "azp": CLIENT}
    assert sign_in(sidecar, issuer)[1] is not None


@pytest.mark.parametrize("way", ["none", "hmac with the public key", "a key of nobody", "another key of the same name"])
def test_a_token_that_the_issuer_did_not_sign_signs_nobody_in(honest, way):
    sidecar, issuer = honest
    if way == "none":
        issuer.header = {"alg": "none"}
    elif way == "hmac with the public key":
        issuer.header = {"alg": "HS256"}
    else:
        issuer.signed_by = Issuer.new_key(issuer.key.kid)
        issuer.header = {"kid": "unknown" if way == "a key of nobody" else issuer.key.kid}
    assert sign_in(sidecar, issuer) == ("../../console/?sign_in=refused", None)


@pytest.mark.parametrize("way", ["no cookie", "cookie of another", "wrong state", "no state", "error", "other issuer"])
def test_a_browser_that_did_not_begin_is_refused_before_the_provider_is_asked(honest, way):
    sidecar, issuer = honest
    cookie, asked = began(sidecar, issuer)
    other, _ = began(sidecar, issuer)
    state, code = asked["state"], "expired"
    more = ""
    match way:
        case "no cookie":
            cookie = {}
        case "cookie of another":
            cookie = other
        case "wrong state":
            state = "x" * len(state)
        case "no state":
            state = ""
        case "error":
            code, more = "refused", "&error=access_denied"
        case "other issuer":
            code, more = "refused", "&iss=https%3A%2F%2Fevil.example"
    before = len(issuer.asked)
    assert finished(sidecar, cookie, state, more) == (f"../../console/?sign_in={code}", None)
    assert len(issuer.asked) == before


def test_a_person_without_a_group_that_is_known_is_told_so(honest):
    sidecar, issuer = honest
    for groups in (["sales"], [], "opsy", {"ops": True}, [["ops"]]):
        issuer.claims = {"groups": groups}
        assert sign_in(sidecar, issuer) == ("../../console/?sign_in=groups", None), groups
    issuer.claims = {"groups": "ops"}  # one text is one group
    assert sign_in(sidecar, issuer)[1] is not None


def test_groups_of_the_userinfo_count_if_it_is_of_the_same_person(world, tmp_path):
    with running_issuer() as issuer:
        issuer.claims, issuer.userinfo = {"groups": None}, {"sub": "248289", "groups": ["staff"]}
        oidc = {"issuer": issuer.url, "client_id": CLIENT, "url": URL}
        with running_sidecar(tmp_path, {"sign_in": {"oidc": oidc, "groups": GROUPS}}) as sidecar:
            assert sign_in(sidecar, issuer)[1] is not None
            _, form, headers = next(one for one in issuer.asked if one[0] == "/token")
            assert (form["client_id"], "Authorization" in headers) == (CLIENT, False)  # a public client
            issuer.userinfo = {"sub": "another", "groups": ["staff"]}
            assert sign_in(sidecar, issuer) == ("../../console/?sign_in=refused", None)


async def test_rotated_keys_are_read_again_and_not_for_every_forgery():
    now = time.time()
    with running_issuer() as issuer:
        provider = Provider(OidcSettings(issuer.url, CLIENT, URL), lambda: now)

        async def signed_in():
            attempt = Attempt("a secret of the test")
            issuer.nonce = attempt.nonce
            try:
                return (await provider.identity(attempt, "code")).name == "ann"
            except SignInError as error:
                return error.code != "refused"

        def reads():
            return sum(one[0] == "/jwks" for one in issuer.asked)

        assert await signed_in()
        issuer.key = Issuer.new_key("second")
        issuer.shown = [issuer.key]
        assert not await signed_in()  # the keys were read less than ten seconds ago
        now += 10
        assert await signed_in()
        assert reads() == 2
        issuer.header = {"kid": "forged"}
        assert [await signed_in() for _ in range(3)] == [False] * 3
        assert reads() == 2
        now += 10
        assert [await signed_in() for _ in range(3)] == [False] * 3
        assert reads() == 3
        issuer.header, issuer.shown = {}, [Issuer.new_key("third")]
        assert await signed_in()
        now += 3600  # a key that was taken back is known for an hour at most
        assert not await signed_in()


def test_an_issuer_that_is_away_or_answers_nonsense_is_said(tmp_path):
    with running_issuer() as issuer:
        oidc = {"issuer": issuer.url, "client_id": CLIENT, "url": URL}
        with running_sidecar(tmp_path, {"sign_in": {"oidc": oidc, "groups": GROUPS}}) as sidecar:
            for discovery in ({"issuer": "http://127.0.0.1:1"}, {"token_endpoint": 7}):
                issuer.discovery = discovery
                answer = sidecar.tell("GET", "/v1/session/oidc")
                assert (answer.status, answer.headers["Location"]) == (303, "../../console/?sign_in=provider")
            issuer.discovery = {"jwks_uri": "http://192.0.2.1/jwks"}  # unencrypted, over a network
            assert sign_in(sidecar, issuer) == ("../../console/?sign_in=provider", None)
        log = sidecar.log.read_text()
        assert "use https" in log


def test_a_refused_code_and_endless_keys_end_the_attempt(tmp_path):
    with running_issuer() as issuer:
        oidc = {"issuer": issuer.url, "client_id": CLIENT, "url": URL}
        with running_sidecar(tmp_path, {"sign_in": {"oidc": oidc, "groups": GROUPS}}) as sidecar:
            issuer.token_status = 400
            assert sign_in(sidecar, issuer) == ("../../console/?sign_in=refused", None)
            issuer.token_status, issuer.padding = 200, 300_000
            assert sign_in(sidecar, issuer) == ("../../console/?sign_in=provider", None)
            issuer.padding = 0
            assert sign_in(sidecar, issuer)[1] is not None
