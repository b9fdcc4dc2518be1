"""Sessions of the console: a token becomes a cookie, which pages of other sites cannot use, and which ends."""

import hashlib
from http.cookies import SimpleCookie

import pytest
from sidecar_process import JSON, running_sidecar

from reputation.admin.application import ROUTES
from reputation.admin.sessions import MOST, MOST_OF_ONE, Session, Sessions
from reputation.admin.signed_in import caller_of_session, mark_of
from reputation.config.file import from_text
from reputation.state.records import MemoryRecords
from reputation.wire.errors import Unavailable

OWN = {"Sec-Fetch-Site": "same-origin", **JSON}
TOKENS = {
    "reader": ("reader", []),
    "operator": ("operator", []),
    "acme": ("operator", ["acme"]),
    "admin": ("admin", []),
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A sidecar with two tenants and four tokens; the tokens are their names."""
    with running_sidecar(tmp_path_factory.mktemp("sessions"), settings()) as found:
        yield found


def settings():
    tokens = [
        {"name": name, "role": role, "tenants": tenants, "sha256": hashlib.sha256(name.encode()).hexdigest()}
        for name, (role, tenants) in TOKENS.items()
    ]
    return {"tenants": {"default": {}, "acme": {}}, "tokens": tokens}


def sign_in(sidecar, token, **headers):
    return sidecar.tell("POST", "/v1/session", {"token": token}, {**OWN, **headers})


def cookie_of(answer):
    ((name, morsel),) = SimpleCookie(answer.headers["Set-Cookie"]).items()
    return name, morsel


def session(sidecar, token):
    """The headers of a browser that is signed in."""
    name, morsel = cookie_of(sign_in(sidecar, token))
    return {"Cookie": f"{name}={morsel.value}", **OWN}


def test_a_token_becomes_a_cookie_that_no_script_and_no_other_site_gets(guarded):
    answer = sign_in(guarded, "operator")
    name, morsel = cookie_of(answer)
    assert (answer.status, name, morsel["path"]) == (204, "headcount", "/")
    assert (morsel["httponly"], morsel["samesite"], morsel["secure"]) == (True, "Strict", "")
    assert (morsel["max-age"], morsel["expires"], morsel["domain"]) == ("", "", "")  # it ends with the browser
    caller = guarded.tell("GET", "/v1/caller", headers={"Cookie": f"{name}={morsel.value}"}).json
    assert (caller["name"], caller["role"], caller["via"]) == ("operator", "operator", "token")


def test_over_https_the_cookie_is_secure_and_no_sister_host_can_set_it(guarded):
    name, morsel = cookie_of(sign_in(guarded, "operator", **{"X-Forwarded-Proto": "https"}))
    assert (name, morsel["secure"]) == ("__Host-headcount", True)
    encrypted = {"X-Forwarded-Proto": "https"}
    brought = {**encrypted, "Cookie": f"headcount={morsel.value}"}
    assert guarded.tell("GET", "/v1/caller", headers=brought).status == 401
    own = {**encrypted, "Cookie": f"{name}={morsel.value}"}
    assert guarded.tell("GET", "/v1/caller", headers=own).status == 200


def test_a_wrong_token_is_no_session_and_is_counted(guarded):
    before = failures(guarded)
    answer = sign_in(guarded, "a guess")
    assert (answer.status, answer.headers["Set-Cookie"]) == (401, None)
    assert failures(guarded) == before + 1
    assert "a guess" not in guarded.log.read_text()


def failures(sidecar):
    text = sidecar.tell("GET", "/metrics", headers={"Authorization": "Bearer admin"}).body.decode()
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("headcount_sign_ins_failed_t"))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),  # another port or a sister host
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://headcount.internal"}, 403),
        ({"Origin": "http://headcount.internal"}, 204),
        ({"Origin": "http://headcount.internal:81"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain"}, 400),
        ({"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}, 400),
    ],
)
def test_no_page_of_another_site_changes_anything_by_a_session(guarded, headers, status):
    """The cookie is SameSite=Strict too; this holds for a browser that does not know that."""
    cookie = session(guarded, "operator")["Cookie"]
    sent = {"Host": "headcount.internal", "Cookie": cookie, **JSON, **headers}
    assert guarded.tell("PUT", "/v1/accounts/forged", {"plan": "free"}, sent).status == status
    by_token = {"Authorization": "Bearer operator", **JSON}
    found = guarded.tell("GET", "/v1/accounts/forged", headers=by_token).status
    assert found == (200 if status == 204 else 404)
    guarded.tell("DELETE", "/v1/accounts/forged", headers=by_token)


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_no_page_of_another_site_signs_its_visitor_in_or_out(guarded, headers):
    signed_in = session(guarded, "operator")
    assert guarded.tell("POST", "/v1/session", {"token": "operator"}, {**JSON, **headers}).status == 403
    assert guarded.tell("DELETE", "/v1/session", headers={"Cookie": signed_in["Cookie"], **headers}).status == 403
    assert guarded.tell("GET", "/v1/caller", headers=signed_in).status == 200


def test_signing_out_ends_the_session_and_not_only_the_cookie(guarded):
    one, other = session(guarded, "operator"), session(guarded, "operator")
    answer = guarded.tell("DELETE", "/v1/session", headers=one)
    assert (answer.status, cookie_of(answer)[1]["max-age"]) == (204, "0")
    assert guarded.tell("GET", "/v1/caller", headers=one).status == 401
    assert guarded.tell("GET", "/v1/caller", headers=other).status == 200


def test_a_session_that_the_browser_brought_is_never_taken_over(guarded):
    """Fixation: the secret is made at the sign-in, and the session before is ended."""
    planted = {"Cookie": "headcount=planted", **OWN}
    assert cookie_of(sign_in(guarded, "operator", **planted))[1].value != "planted"
    assert guarded.tell("GET", "/v1/caller", headers=planted).status == 401
    before = session(guarded, "reader")
    after = cookie_of(sign_in(guarded, "operator", Cookie=before["Cookie"]))[1].value
    assert f"headcount={after}" != before["Cookie"]
    assert guarded.tell("GET", "/v1/caller", headers=before).status == 401


@pytest.mark.parametrize("who", TOKENS)
def test_each_route_asks_of_a_session_what_it_asks_of_its_token(guarded, who):
    """Every route of the listener, with the role and the tenant of each session."""
    by_cookie = session(guarded, who)
    refusals = {401, 403}
    for route in ROUTES:
        if route.role is None:
            continue
        path = route.path.replace(":.+", "")
        for name in ("id", "tenant", "account", "number"):
            path = path.replace(f"{{{name}}}", "default" if name == "tenant" else "1")
        body = None if route.method in ("GET", "DELETE") else {}
        found = [guarded.tell(route.method, path, body, headers).status
                 for headers in (by_cookie, {"Authorization": f"Bearer {who}", **JSON})]  # fmt: skip
        assert (found[0] in refusals) == (found[1] in refusals), (route, found)
    assert guarded.tell("GET", "/v1/clusters", headers={}).status == 401


def test_the_audit_log_has_the_role_the_way_and_the_tenants_of_the_author(guarded):
    facts = {"plan": "free"}
    assert guarded.tell("PUT", "/v1/accounts/audited?tenant=acme", facts, session(guarded, "acme")).status == 204
    log = guarded.tell("GET", "/v1/audit?tenant=acme&limit=1", headers={"Authorization": "Bearer admin"}).json
    entry = log["entries"][0]
    assert (entry["who"], entry["role"], entry["via"], entry["bound"]) == ("acme", "operator", "token", ["acme"])


def test_a_session_ends_with_its_token():
    two = from_text(str(settings()))
    token = next(one for one in two.tokens if one.name == "operator")
    held = Session("operator", "token", 0.0, 1.0, token=mark_of(token))
    assert caller_of_session(two, held).role == "operator"
    changed = settings()
    changed["tokens"][1]["sha256"] = "0" * 64
    assert caller_of_session(from_text(str(changed)), held) is None
    changed["tokens"][1] |= {"sha256": token.sha256, "role": "reader"}
    assert caller_of_session(from_text(str(changed)), held).role == "reader"  # today's role, not that of the sign-in


async def test_a_session_ends_at_its_time():
    now = 1000.0
    sessions = Sessions(MemoryRecords(), lambda: now)
    secret = await sessions.begin(Session("ann", "token", now, now + 60.0))
    now = 1059.9
    assert (await sessions.find(secret)).name == "ann"
    now = 1060.0
    assert await sessions.find(secret) is None


async def test_what_is_kept_signs_nobody_in():
    records = MemoryRecords()
    sessions = Sessions(records, lambda: 0.0)
    secret = await sessions.begin(Session("ann", "token", 0.0, 60.0))
    kept = await records.all("", "session")
    assert secret.encode() not in kept[0].body
    assert secret != kept[0].id
    assert await sessions.find(kept[0].id) is None


async def test_sessions_are_bounded_for_one_person_and_for_all():
    now = 0.0
    records = MemoryRecords()
    sessions = Sessions(records, lambda: now)
    secrets = [await sessions.begin(Session("ann", "token", began, 5000.0)) for began in range(MOST_OF_ONE + 5)]
    assert [await sessions.find(secret) is None for secret in secrets] == [True] * 5 + [False] * MOST_OF_ONE
    for now in range(100, 100 + MOST + 5):
        await sessions.begin(Session(f"person {now}", "oidc", now, now + 5000.0))
    assert len(await records.all("", "session")) == len(sessions._seen) == MOST
    now = 10_000.0
    await sessions.begin(Session("ann", "token", now, now + 60.0))
    assert len(await records.all("", "session")) == 1  # what is over goes


async def test_while_shared_state_is_away_a_session_that_was_seen_here_goes_on():
    records = Leaving()
    sessions = Sessions(records, lambda: 0.0)
    secret = await sessions.begin(Session("ann", "token", 0.0, 60.0))
    records.away = True
    assert (await sessions.find(secret)).name == "ann"
    assert await sessions.find("another") is None
    with pytest.raises(Unavailable):
        await sessions.end(secret)
    assert await sessions.find(secret) is None


class Leaving(MemoryRecords):
    """Records that can be away."""

    away = False

    async def get(self, *asked):
        if self.away:
            raise Unavailable("away")
        return await super().get(*asked)

    async def delete(self, *asked):
        if self.away:
            raise Unavailable("away")
        return await super().delete(*asked)


def test_two_replicas_know_each_other_s_sessions(tmp_path):
    """With one state file after another: a session outlives a restart, as it is known to every replica."""
    extra = {"HEADCOUNT_STATE": str(tmp_path / "state.sqlite3")}
    with running_sidecar(tmp_path, settings(), extra=extra) as first:
        signed_in = session(first, "operator")
    with running_sidecar(tmp_path, settings(), extra=extra) as second:
        assert second.tell("GET", "/v1/caller", headers=signed_in).json["name"] == "operator"


def test_without_tokens_nobody_needs_to_sign_in(tmp_path):
    with running_sidecar(tmp_path) as found:
        assert found.tell("GET", "/v1/session").json == {"token": False, "oidc": None, "proxy": False}
        assert found.tell("POST", "/v1/session", {"token": "a"}, OWN).status == 404
        assert found.tell("GET", "/v1/session/oidc").status == 404
        assert found.tell("GET", "/v1/caller").json["via"] == "local"
