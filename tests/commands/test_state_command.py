"""`headcount state` and commands that read the file of a running sidecar: copies, checks, shrinking, the hash key."""

import json
import re
import sqlite3

import pytest
from sidecar_process import headcount, running_sidecar, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.sqlite3"


def run(*arguments, path, code=0, extra=None):
    """Run `headcount state ...` on a file; its words, or its JSON."""
    found = headcount("state", *arguments, "--state", str(path), extra=extra)
    assert found.returncode == code, found.stderr
    assert b"Traceback" not in found.stderr
    words = (found.stdout + found.stderr).decode()
    return json.loads(found.stdout) if "--json" in arguments and not code else words


@pytest.fixture
def used(tmp_path, path):
    """A file that a sidecar has used and left cleanly."""
    with running_sidecar(tmp_path, extra={"HEADCOUNT_STATE": str(path)}) as sidecar:
        sidecar.tell("PUT", "/v1/accounts/a", {"plan": "paid", "keys": ["sk-1"]})
        sidecar.ask({"account": {"id": "b"}, "client": {"ip": "203.0.113.7"}})
    return path


def test_a_copy_of_a_used_file_is_whole_and_serves(tmp_path, used):
    to = tmp_path / "copy.sqlite3"
    found = run("backup", str(to), "--json", path=used)
    assert (found["bytes"], to.stat().st_mode & 0o777) == (to.stat().st_size, 0o600)
    assert f"{to}: already exists" in run("backup", str(to), path=used, code=1)
    looked = run("check", "--json", path=to)
    assert (looked["clean_stop"], looked["faults"]) == (True, [])
    assert looked["tenants"]["default"] == {"accounts": 2, "owners": 1, "budgets": 2, "networks": 0, "asns": 0}
    with running_sidecar(tmp_path, extra={"HEADCOUNT_STATE": str(to)}) as sidecar:
        assert sidecar.tell("GET", "/v1/accounts/a").json["plan"] == "paid"


def written(sidecar):
    """How many changes are in the file; None while some wait."""
    metrics = sidecar.tell("GET", "/metrics").body.decode()
    found = dict(re.findall(r"^headcount_state_(waiting|written_total) (\S+)$", metrics, re.MULTILINE))
    return None if float(found["waiting"]) else float(found["written_total"])


def daily(sidecar):
    """What is left of a day's limit, which refills slowly, after a request that costs 8."""
    limits = sidecar.ask({"account": {"id": "a"}, "request": {"cost": 8}}).json["limits"]
    return next(limit["remaining"] for limit in limits if limit["name"] == "daily")


def test_a_backup_that_is_put_in_the_place_of_the_file_is_the_state_of_that_moment(tmp_path, path):
    """The steps of the runbook: later changes are gone, and no bucket is fuller than it may be."""
    to = tmp_path / "copy.sqlite3"
    with running_sidecar(tmp_path, extra={"HEADCOUNT_STATE": str(path)}) as sidecar:
        sidecar.tell("PUT", "/v1/accounts/a", {"verified": ["email"], "keys": ["sk-1"]})
        earlier = written(sidecar) or 0.0
        before = daily(sidecar)
        wait_for(lambda: (written(sidecar) or 0.0) > earlier, "the buckets in the file", sidecar.process, sidecar.log)
        run("backup", str(to), path=path)
        sidecar.tell("PUT", "/v1/accounts/later", {"plan": "paid"})
    run("check", path=to)
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        if (tmp_path / name).exists():
            (tmp_path / name).rename(tmp_path / f"{name}.before")
    to.rename(path)
    with running_sidecar(tmp_path, extra={"HEADCOUNT_STATE": str(path)}) as sidecar:
        assert sidecar.tell("GET", "/v1/accounts/a").json["verified"] == ["email"]
        assert sidecar.tell("GET", "/v1/accounts/later").status == 404
        assert daily(sidecar) < before - 7


def test_copy_and_check_beside_a_running_sidecar_and_vacuum_without_one(tmp_path, used):
    with running_sidecar(tmp_path, extra={"HEADCOUNT_STATE": str(used)}) as sidecar:
        run("backup", str(tmp_path / "copy.sqlite3"), path=used)
        assert "in use" in run("check", path=used)
        assert "uses it" in run("vacuum", path=used, code=1)
        assert sidecar.ask({"account": {"id": "c"}}).json["degraded"] is False
    assert "bytes before" in run("vacuum", path=used)
    assert run("check", "--json", path=used)["clean_stop"] is True


def test_plans_that_no_setting_knows_are_counted_logged_and_named(tmp_path, path):
    """In a running sidecar by what it met, and by `config validate` of every account in its file."""
    settings = {"tenants": {"acme": {"plans": {"pro": {"like": "paid"}}}}}
    with running_sidecar(tmp_path, settings, extra={"HEADCOUNT_STATE": str(path)}) as sidecar:
        for account, plan in (("a", "gold"), ("b", "gold"), ("c", "pro"), ("d", "silver")):
            sidecar.tell("PUT", f"/v1/accounts/{account}?tenant=acme", {"plan": plan})
        for _ in range(3):
            sidecar.ask({"tenant": "acme", "account": {"id": "a"}})
        assert b'headcount_unknown_plans_total{tenant="acme"} 3.0' in sidecar.tell("GET", "/metrics").body
        assert sidecar.tell("GET", "/v1/tenants/acme").json["unknown_plans"] == {"gold": 3}
        told = [line for line in sidecar.log.read_text().splitlines() if '"unknown_plan"' in line]
        assert [json.loads(line)["plan"] for line in told] == ["gold"]
        arguments = ("config", "validate", str(tmp_path / "headcount.yaml"))
        again = headcount(*arguments, "--state", str(path), "--json")
        assert json.loads(again.stdout)["unknown_plans"] == {"acme": {"gold": 2, "silver": 1}}
    words = headcount(*arguments, "--state", str(path)).stdout.decode()
    assert "'gold' of 2 accounts" in words
    assert "pro" not in words
    assert "unknown_plans" not in json.loads(headcount(*arguments, "--json").stdout)


def test_what_cannot_be_done_is_said(tmp_path, path, used):
    assert "no such file" in run("check", path=tmp_path / "none", code=1)
    assert "not a file" in run("check", path=":memory:", code=1)
    damaged = used.read_bytes()
    used.write_bytes(damaged[:4096] + b"\xa5" * (len(damaged) - 4096))
    assert "damaged" in run("check", path=used, code=1)
    (tmp_path / "letter").write_text("dear aunt " * 100)
    assert "not a database" in run("check", path=tmp_path / "letter", code=1)


def test_a_copy_that_cannot_be_made_leaves_no_half_of_one(tmp_path, used):
    assert "cannot be opened" in run("backup", str(tmp_path / "no" / "such" / "place"), path=used, code=1)
    (tmp_path / "letter").write_text("dear aunt " * 100)
    assert "not a database" in run("backup", str(tmp_path / "copy"), path=tmp_path / "letter", code=1)
    assert [there.name for there in tmp_path.iterdir() if there.name.startswith("copy")] == []


def test_the_hash_key_that_a_sidecar_made_is_found_in_its_file(tmp_path, path):
    """A key hashed by the command is the key that the sidecar knows, with no key in the environment."""
    own = {"HEADCOUNT_STATE": str(path), "HEADCOUNT_HASH_KEY": None}
    with running_sidecar(tmp_path, extra=own) as sidecar:
        stored = headcount("hash", "sk-9", extra=own).stdout.decode().strip()
        sidecar.tell("PUT", "/v1/accounts/nine", {"plan": "paid", "keys": [stored]})
        limits = sidecar.ask({"account": {"key": "sk-9"}}).json["limits"]
        assert limits[0]["rate"] == sidecar.ask({"account": {"id": "nine"}}).json["limits"][0]["rate"] == 20.0
    assert headcount("hash", "sk-9", extra=own).stdout.decode().strip() == stored
    refused = headcount("hash", "sk-9", extra={**own, "HEADCOUNT_STATE": str(tmp_path / "none")})
    assert (refused.returncode, b"HEADCOUNT_HASH_KEY" in refused.stderr) == (1, True)


def test_a_file_is_left_as_it_was_by_a_look(used):
    before = used.read_bytes()
    run("check", path=used)
    assert used.read_bytes() == before
    with sqlite3.connect(used) as connection:
        assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (2,)
