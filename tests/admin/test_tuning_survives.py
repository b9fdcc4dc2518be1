"""Decisions of people outlive a restart, a reload, and reach other sidecars."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis_process import running_redis
from sidecar_process import JSON, headcount, running_sidecar, wait_for

pytestmark = pytest.mark.slow

API = {"tenants": {"default": {"owner": "api"}, "filed": {}}, "recording": {"others": 1.0}}


def promote(sidecar, prior):
    """Make a revision with this prior live; returns its number."""
    body = {"settings": {"prior": prior}, "reason": "r"}
    number = sidecar.tell("POST", "/v1/tenants/default/revisions", body).json["number"]
    step = {"step": "promote", "revision": number, "reason": "r"}
    assert sidecar.tell("POST", "/v1/tenants/default/rollout", step, JSON | {"If-Match": "*"}).status == 200
    return number


def judged(sidecar, account="a", tenant="default"):
    verdict = sidecar.ask({"tenant": tenant, "account": {"id": account}}).json
    return verdict["reasons"][0]["points"], verdict["revision"]


def test_a_restart_with_a_state_file(tmp_path):
    """Killed, not ended: what people decided is kept before it is answered."""
    state = {"HEADCOUNT_STATE": str(tmp_path / "state.sqlite3")}
    with running_sidecar(tmp_path, API, extra=state) as first:
        number = promote(first, -4.0)
        body = {"kind": "account", "value": "vip", "expires_in": 3600, "reason": "r"}
        first.tell("POST", "/v1/allow", body)
        first.tell("POST", "/v1/deny", body | {"value": "eve"})
        first.tell("POST", "/v1/labels", {"account": "bad", "label": "abuse"})
        judged(first)
        assert first.tell("GET", "/v1/tenants/default/recorded").json["decisions"] == 1
    with running_sidecar(tmp_path, API, extra=state) as second:
        assert judged(second) == (-4.0, number)
        assert second.ask({"account": {"id": "vip"}}).json["allow"]["reason"] == "r"
        assert second.ask({"account": {"id": "eve"}}).json["decision"] == "deny"
        assert second.tell("GET", "/v1/labels").json["total"] == 1
        steps = [line["what"] for line in second.tell("GET", "/v1/audit").json["entries"]]
        assert {"revision.create", "rollout.promote", "allow.add", "label.abuse"} <= set(steps)
        assert second.tell("GET", "/v1/tenants/default/recorded").json["decisions"] == 3
        second.process.kill()
        second.process.wait()
    with running_sidecar(tmp_path, API, extra=state) as third:
        assert judged(third) == (-4.0, number)
        assert third.ask({"account": {"id": "bad"}}).json["decision"] == "deny"


def test_a_reload_keeps_the_revision_and_changes_what_the_file_owns(tmp_path):
    with running_sidecar(tmp_path, API) as sidecar:
        number = promote(sidecar, -4.0)
        changed = '{"tenants": {"default": {"owner": "api", "prior": -1}, "filed": {"prior": -1}}}'
        (tmp_path / "headcount.yaml").write_text(changed)
        sidecar.process.send_signal(signal.SIGHUP)
        wait_for(lambda: b'"reloaded"' in sidecar.log.read_bytes(), "no reload", sidecar.process, sidecar.log)
        assert judged(sidecar) == (-4.0, number)
        assert judged(sidecar, tenant="filed")[0] == -1


def in_force(sidecar):
    found = sidecar.tell("GET", "/v1/tenants/default").json
    return {name: found["in_force"][name] for name in ("mode", "prior")}


def replayed(sidecar):
    """The exit code of a replay of the live settings, its differences, and whether it could check any decision."""
    number = str(sidecar.tell("GET", "/v1/tenants/default").json["revision"])
    run = headcount("weights", "replay", number, "--json", extra={"HEADCOUNT_ADMIN": sidecar.admin_listen})
    found = json.loads(run.stdout)
    return run.returncode, found["differences"], found["checked"] > 0


def test_a_file_that_comes_after_a_draft_is_in_force_after_a_restart_and_after_each_reload(tmp_path):
    """Without a file the API tunes the tenant; with one it is as the file says, and what was judged stays exact."""
    state = {"HEADCOUNT_STATE": str(tmp_path / "state.sqlite3")}
    recording = {"recording": {"others": 1.0}}
    with running_sidecar(tmp_path, recording, extra=state) as bare:
        body = {"settings": {"prior": -4.0}, "reason": "r"}
        assert bare.tell("POST", "/v1/tenants/default/revisions", body).status == 201
        judged(bare)
        assert replayed(bare) == (0, 0, True)
    filed = {"tenants": {"default": {"mode": "shadow", "prior": -1.0}}, **recording}
    with running_sidecar(tmp_path, filed, extra=state) as sidecar:
        assert in_force(sidecar) == {"mode": "shadow", "prior": -1.0}
        assert sidecar.ask({"account": {"id": "a"}}).json["mode"] == "shadow"
        shown = headcount("config", "show", str(tmp_path / "headcount.yaml"), "--json")
        assert json.loads(shown.stdout)["tenants"]["default"]["mode"] == "shadow"
        for turn, prior in enumerate((-3.0, 0.5, -1.0), 1):
            filed["tenants"]["default"]["prior"] = prior
            (tmp_path / "headcount.yaml").write_text(json.dumps(filed))
            sidecar.process.send_signal(signal.SIGHUP)
            reloads = lambda n=turn: sidecar.log.read_bytes().count(b'"reloaded"') == n  # noqa: E731 - polled
            wait_for(reloads, "no reload", sidecar.process, sidecar.log)
            assert judged(sidecar)[0] == prior == in_force(sidecar)["prior"]
            assert replayed(sidecar) == (0, 0, True)
        said = [one["reason"] for one in sidecar.tell("GET", "/v1/tenants/default/revisions").json["revisions"]]
        assert said == [*["what the configuration says"] * 3, "r", "what the configuration says"]


def test_a_file_that_is_not_in_force_is_told_in_the_log_and_by_config_show(tmp_path):
    with running_sidecar(tmp_path, API) as sidecar:
        promote(sidecar, -4.0)
        changed = {"tenants": {"default": {"owner": "api", "mode": "shadow"}, "filed": {}}}
        (tmp_path / "headcount.yaml").write_text(json.dumps(changed))
        sidecar.process.send_signal(signal.SIGHUP)
        wait_for(lambda: b'"reloaded"' in sidecar.log.read_bytes(), "no reload", sidecar.process, sidecar.log)
        assert in_force(sidecar) == {"mode": "enforce", "prior": -4.0}
        told = [line for line in sidecar.log.read_bytes().splitlines() if b"configuration_not_in_force" in line]
        assert b'"tenant":"default"' in told[-1].replace(b" ", b"")
        shown = headcount("config", "show", str(tmp_path / "headcount.yaml"), "--json")
        assert json.loads(shown.stdout)["tenants"]["default"]["mode"] == "shadow"
        assert b"headcount weights show" in shown.stderr
        assert b"default" in shown.stderr
        assert b"filed" not in shown.stderr


@pytest.mark.gateway
def test_sidecars_that_share_a_redis_are_in_step(tmp_path):
    """A revision, an exception and a rollback on one are in force on the other within two seconds."""
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    with (
        running_redis(tmp_path) as server,
        running_sidecar(folders[0], API, extra={"HEADCOUNT_STATE": server.url}) as one,
        running_sidecar(folders[1], API, extra={"HEADCOUNT_STATE": server.url}) as other,
    ):
        number = promote(one, -4.0)
        wait_for(lambda: judged(other) == (-4.0, number), "not on the other", other.process, other.log, within=2)
        one.tell("POST", "/v1/allow", {"kind": "account", "value": "vip", "expires_in": 60, "reason": "r"})
        told = lambda: "allow" in other.ask({"account": {"id": "vip"}}).json  # noqa: E731 - polled
        wait_for(told, "no exception on the other", other.process, other.log, within=2)
        one.tell("POST", "/v1/deny", {"kind": "account", "value": "eve", "expires_in": 60, "reason": "r"})
        stopped = lambda: other.ask({"account": {"id": "eve"}}).json["decision"] == "deny"  # noqa: E731 - polled
        wait_for(stopped, "no denial on the other", other.process, other.log, within=1)
        one.tell("POST", "/v1/labels", {"account": "bad", "label": "abuse"})
        denied = lambda: other.ask({"account": {"id": "bad"}}).json["decision"] == "deny"  # noqa: E731 - polled
        wait_for(denied, "no mark on the other", other.process, other.log, within=2)
        other.tell("POST", "/v1/labels", {"account": "bad", "label": "good"})
        eased = lambda: one.ask({"account": {"id": "bad"}}).json["decision"] != "deny"  # noqa: E731 - polled
        wait_for(eased, "still marked on the first", one.process, one.log, within=2)
        step = {"step": "rollback", "reason": "r"}
        assert other.tell("POST", "/v1/tenants/default/rollout", step, JSON | {"If-Match": "*"}).status == 200
        wait_for(lambda: judged(one) == (-2.2, 1), "no way back", one.process, one.log, within=2)


def raced(sidecar, path, bodies, etag):
    """The statuses of these changes, sent at once and each of the same state."""
    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = pool.map(lambda body: sidecar.tell("POST", path, body, JSON | {"If-Match": etag}).status, bodies)
        return sorted(answers)


@pytest.mark.gateway
def test_of_changes_of_one_state_at_once_only_one_is_taken(tmp_path):
    """Over Redis others' changes can come between any two readings; each round is a new chance for that."""
    with (
        running_redis(tmp_path) as server,
        running_sidecar(tmp_path, API, extra={"HEADCOUNT_STATE": server.url}) as one,
    ):
        promote(one, -4.0)
        promote(one, -3.0)
        path = "/v1/tenants/default"
        for _ in range(10):
            etag = one.tell("GET", path).headers["ETag"]
            drafts = [{"settings": {"prior": -2 - i / 10}, "reason": "r"} for i in range(8)]
            assert raced(one, f"{path}/revisions", drafts, etag) == [201] + [409] * 7
            etag = one.tell("GET", path).headers["ETag"]
            steps = [{"step": "promote", "revision": 2, "percent": i + 1, "reason": "r"} for i in range(8)]
            assert raced(one, f"{path}/rollout", steps, etag) == [200] + [409] * 7
