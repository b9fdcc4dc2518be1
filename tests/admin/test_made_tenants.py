"""Tenants that the API makes: at once, for good, on every replica; and their end."""

import hashlib

import pytest
from redis_process import running_redis
from sidecar_process import JSON, headcount, running_sidecar, wait_for

pytestmark = pytest.mark.slow
SETTINGS = {"tenants": {"filed": {}}}
TENANTS = "/v1/tenants"


def body(name, **more):
    return {"name": name, "reason": "a new customer", **more}


def decision(sidecar, name):
    return sidecar.ask({"tenant": name, "account": {"id": "a"}}).status


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with running_sidecar(tmp_path_factory.mktemp("made"), SETTINGS) as found:
        yield found


def test_a_tenant_is_made_tuned_and_deleted(own):
    assert decision(own, "acme") == 404
    made = own.tell("POST", TENANTS, body("acme", unit="tokens", settings={"preset": "strict", "mode": "shadow"}))
    assert made.status == 201, made.body
    assert {"owner": "api", "preset": "strict", "mode": "shadow", "revision": 1}.items() <= made.json.items()
    assert decision(own, "acme") == 200
    assert own.tell("GET", f"{TENANTS}/acme").json["in_force"]["unit"] == "tokens"
    assert own.tell("PUT", "/v1/accounts/a?tenant=acme", {"plan": "free"}).status == 204
    draft = {"settings": {"prior": -3.0}, "reason": "r"}
    assert own.tell("POST", f"{TENANTS}/acme/revisions", draft).json["number"] == 2
    step = {"step": "promote", "revision": 2, "percent": 100, "reason": "r"}
    assert own.tell("POST", f"{TENANTS}/acme/rollout", step, {**JSON, "If-Match": "*"}).status == 200
    lines = own.tell("GET", "/v1/audit?tenant=acme").json["entries"]
    assert ("tenant.create", "a new customer", "local") in [(one["what"], one.get("why"), one["who"]) for one in lines]
    assert own.tell("DELETE", f"{TENANTS}/acme").status == 400
    assert own.tell("DELETE", f"{TENANTS}/acme?reason=gone").status == 204
    assert decision(own, "acme") == 404
    assert own.tell("GET", f"{TENANTS}/acme").status == 404
    again = own.tell("POST", TENANTS, body("acme", settings={"prior": -2.5}))
    assert (again.status, own.tell("GET", f"{TENANTS}/acme").json["in_force"]["prior"]) == (201, -2.5)
    assert "tenant_deleted" in own.log.read_text()


@pytest.mark.parametrize(
    ("given", "status", "pointer"),
    [
        (body("filed"), 409, "/name"),
        (body("a/b"), 422, "/name"),
        (body(".."), 422, "/name"),
        (body(""), 422, "/name"),
        ({"name": "x"}, 422, "/reason"),
        (body("x", settings={"priro": 1}), 422, "/settings/priro"),
        (body("x", settings={"prior": 3}), 422, "/settings/prior"),
        (body("x", settings={"owner": "file"}), 422, "/settings/owner"),
        (body("x", unit="dollars"), 422, "/unit"),
    ],
)
def test_what_is_no_tenant_is_refused_with_its_place_and_changes_nothing(own, given, status, pointer):
    before = own.tell("GET", TENANTS).json
    answer = own.tell("POST", TENANTS, given)
    assert (answer.status, answer.json["pointer"]) == (status, pointer)
    assert own.tell("GET", TENANTS).json == before


def test_a_tenant_of_the_file_is_not_deleted_here(own):
    answer = own.tell("DELETE", f"{TENANTS}/filed?reason=r")
    assert (answer.status, "configuration file" in answer.json["detail"]) == (409, True)
    assert decision(own, "filed") == 200


def test_it_needs_the_role_and_the_tenant(tmp_path):
    tokens = [
        {"name": name, "role": role, "tenants": tenants, "sha256": hashlib.sha256(name.encode()).hexdigest()}
        for name, role, tenants in (("op", "operator", []), ("bound", "admin", ["mine"]))
    ]
    with running_sidecar(tmp_path, {**SETTINGS, "tokens": tokens}) as sidecar:
        as_ = lambda name: {**JSON, "Authorization": f"Bearer {name}"}  # noqa: E731 - two words
        assert sidecar.tell("POST", TENANTS, body("mine"), as_("op")).status == 403
        assert sidecar.tell("POST", TENANTS, body("theirs"), as_("bound")).status == 403
        assert sidecar.tell("POST", TENANTS, body("mine"), as_("bound")).status == 201
        assert sidecar.tell("DELETE", f"{TENANTS}/mine?reason=r", None, as_("op")).status == 403


def test_it_survives_a_kill_and_a_reload_and_the_file_comes_first(tmp_path):
    state = {"HEADCOUNT_STATE": str(tmp_path / "state.sqlite3")}
    with running_sidecar(tmp_path, None, extra=state) as first:
        assert first.tell("POST", TENANTS, body("acme", settings={"prior": -2.5})).status == 201
        assert decision(first, "default") == 200
        first.process.kill()
        first.process.wait(20)
    with running_sidecar(tmp_path, {"tenants": {"default": {}, "acme": {"prior": -2.7}}}, extra=state) as filed:
        assert filed.tell("GET", f"{TENANTS}/acme").json["in_force"]["prior"] == -2.7
        (tmp_path / "headcount.yaml").write_text("tenants: {default: {}}")
        filed.process.send_signal(1)
        prior = lambda: filed.tell("GET", f"{TENANTS}/acme").json["in_force"]["prior"] == -2.5  # noqa: E731 - polled
        wait_for(prior, "not as it was made", filed.process, filed.log, within=10)
        assert (decision(filed, "acme"), decision(filed, "default")) == (200, 200)


def test_the_command_makes_and_deletes_one(own, tmp_path):
    (tmp_path / "settings.yaml").write_text("preset: lenient\nweights: {velocity: 0.5}\n")

    def run(*words):
        done = headcount("tenants", *words, "--admin", own.admin_listen)
        return done.returncode, (done.stdout + done.stderr).decode()

    made = run("create", "by-hand", "--settings", str(tmp_path / "settings.yaml"), "--reason", "r")
    assert made == (0, "tenant by-hand: created, preset lenient, mode enforce\n")
    assert "velocity" in run("show", "by-hand")[1]
    assert run("delete", "by-hand", "--reason", "r")[0] == 1  # nobody answers the question
    assert decision(own, "by-hand") == 200
    assert run("delete", "by-hand", "--reason", "r", "--yes") == (0, "tenant by-hand: deleted\n")
    assert decision(own, "by-hand") == 404


@pytest.mark.gateway
def test_every_replica_has_it_within_a_second_and_loses_it_as_soon(tmp_path):
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    with running_redis(tmp_path) as server:
        extra = {"HEADCOUNT_STATE": server.url}
        with (
            running_sidecar(folders[0], SETTINGS, extra=extra) as one,
            running_sidecar(folders[1], SETTINGS, extra=extra) as other,
        ):
            assert one.tell("POST", TENANTS, body("acme")).status == 201
            there = lambda: decision(other, "acme") == 200  # noqa: E731 - polled
            wait_for(there, "not at the other", other.process, other.log, within=5)
            assert other.tell("DELETE", f"{TENANTS}/acme?reason=r").status == 204
            gone = lambda: decision(one, "acme") == 404  # noqa: E731 - polled
            wait_for(gone, "still at the first", one.process, one.log, within=5)
