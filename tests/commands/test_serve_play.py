"""`headcount serve --play`, as `make demo` uses it: a sidecar that knows a day which it did not see."""

import gzip
import json
import subprocess
import sys
import time

import pytest
from sidecar_process import HEADCOUNT, environment, running_sidecar

from tools.rooms import ROOT

SETTINGS = {"tenants": {"acme": {}, "globex": {}}}


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """The example's day, so that it ends now."""
    path = tmp_path_factory.mktemp("day") / "day.jsonl.gz"
    subprocess.run([sys.executable, ROOT / "examples" / "generate.py", "--now", path], check=True, timeout=60)
    return path


def seen(sidecar):
    """The clusters, and the columns of the day's charts."""
    clusters = sidecar.tell("GET", "/v1/clusters?tenant=acme").json["clusters"]
    return clusters, sidecar.tell("GET", "/v1/timeline?tenant=acme&window=day").json["columns"]


def test_the_day_is_in_the_console_and_survives_a_restart(tmp_path, day):
    state = {"HEADCOUNT_STATE": str(tmp_path / "state.sqlite3")}
    with running_sidecar(tmp_path, SETTINGS, extra={**state, "HEADCOUNT_PLAY": str(day)}) as played:
        [cluster], columns = seen(played)
        recent = played.tell("GET", "/v1/recent?tenant=acme&decision=deny").json["recent"]
    assert cluster["size"] == 90
    assert columns["at"][-1] - columns["at"][0] > 20 * 3600
    assert sum(columns["deny"]) > 0
    assert recent[0]["request"]["account"].startswith("head_")
    with running_sidecar(tmp_path, SETTINGS, extra=state) as again:
        [kept], kept_columns = seen(again)
        explained = again.tell("GET", f"/v1/decisions/{recent[0]['verdict']['id']}?tenant=acme")
    assert (kept["id"], kept["size"]) == (cluster["id"], cluster["size"])
    assert kept_columns["at"][: len(columns["at"]) - 1] == columns["at"][:-1]
    assert explained.status == 200


def refused(tmp_path, lines, state=":memory:"):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "lines.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    listeners = ["--listen=127.0.0.1:0", "--admin=127.0.0.1:0"]
    done = subprocess.run(
        [HEADCOUNT, "serve", *listeners, f"--state={state}", "--play=lines.jsonl.gz"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def line(at, account="a"):
    return {"at": at, "account": {"id": account}, "client": {"ip": "203.0.113.7"}}


def test_a_line_of_the_future_is_refused(tmp_path):
    code, said = refused(tmp_path, [line(time.time() + 3600)])
    assert code == 1
    assert "a line is later than this machine's clock" in said


def test_a_bad_line_is_named(tmp_path):
    code, said = refused(tmp_path, [line(1e9), {"at": 1e9, "account": {"id": 7}}])
    assert code == 1
    assert "line 2 at /account/id" in said


def test_a_state_with_accounts_is_not_played_into(tmp_path):
    state = tmp_path / "state.sqlite3"
    with running_sidecar(tmp_path, extra={"HEADCOUNT_STATE": str(state)}) as sidecar:
        assert sidecar.tell("PUT", "/v1/accounts/a", {"plan": "free"}).status == 204
    code, said = refused(tmp_path, [line(1e9)], state)
    assert code == 1
    assert "the state already contains accounts" in said
