"""A hydra is announced to a real HTTP server: signed, in order, at least once, and once only across restarts."""

import hashlib
import hmac
import subprocess
import sys

import pytest
from ports import free_ports
from receiver import receiving
from redis_process import until
from sidecar_process import running_sidecar

from tools.rooms import ROOT

SECRET = "the secret of the tests"
TENANTS = {"acme": {}, "globex": {}}


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    path = tmp_path_factory.mktemp("day") / "day.jsonl.gz"
    subprocess.run([sys.executable, ROOT / "examples" / "generate.py", "--now", path], check=True, timeout=60)
    return path


def settings(*endpoints):
    return {"tenants": TENANTS, "notify": list(endpoints)}


def started(tmp_path, found, **variables):
    given = {"HEADCOUNT_STATE": str(tmp_path / "state.sqlite3"), "NOTIFY_SECRET": SECRET, **variables}
    return running_sidecar(tmp_path, found, extra=given)


def test_a_found_hydra_is_announced_signed_and_in_slack_s_format(tmp_path, day):
    with receiving() as receiver, receiving() as slack:
        found = settings(
            {"url": receiver.url, "secret": "$NOTIFY_SECRET"},
            {"url": "$SLACK_URL", "format": "slack", "events": ["cluster.found"]},
        )
        with started(tmp_path, found, HEADCOUNT_PLAY=str(day), SLACK_URL=slack.url) as sidecar:
            [came], [text] = receiver.wait(1), slack.wait(1)
            metrics = sidecar.tell("GET", "/metrics").body.decode()
            log = sidecar.log.read_text()
    assert (came.json["event"], came.json["tenant"]) == ("cluster.found", "acme")
    assert (came.json["data"]["size"], came.json["data"]["payers"]) == (90, 0)
    assert "No paying customer is among them." in came.json["text"]
    assert text.json == {"text": came.json["text"]}
    seconds, sent = (part.partition("=")[2] for part in came.headers["X-Headcount-Signature"].split(","))
    assert sent == hmac.new(SECRET.encode(), f"{seconds}.".encode() + came.body, hashlib.sha256).hexdigest()
    assert 'headcount_events_total{event="cluster.found",tenant="acme"} 1.0' in metrics
    assert 'headcount_notices_total{event="cluster.found",result="delivered"} 2.0' in metrics
    assert came.json["id"] in log


def test_what_an_endpoint_refuses_is_sent_again_with_the_same_id(tmp_path, day):
    with receiving(500, 302) as receiver, started(tmp_path, settings({"url": receiver.url}), HEADCOUNT_PLAY=str(day)):
        receiver.wait(1)
        assert [one.status for one in receiver.came] == [500, 302, 204]
        assert len({one.json["id"] for one in receiver.came}) == 1


def test_a_notice_waits_for_its_endpoint_over_a_restart_and_comes_once(tmp_path, day):
    [port] = free_ports(1)
    found = settings({"url": f"http://127.0.0.1:{port}/notices"})
    with started(tmp_path, found, HEADCOUNT_PLAY=str(day)) as sidecar:
        wait_for_log(sidecar, "notice_failed")
    with receiving(port=port) as receiver:
        with started(tmp_path, found):
            [came] = receiver.wait(1)
        with started(tmp_path, found) as again:
            wait_for_log(again, "listening")
            again.tell("GET", "/v1/clusters?tenant=acme")
        assert receiver.taken() == [came]


def wait_for_log(sidecar, event):
    until(lambda: f'"event": "{event}"' in sidecar.log.read_text(), event)


def test_a_secret_that_cannot_be_read_is_said_and_the_url_is_not(tmp_path, day):
    with receiving() as receiver:
        found = settings({"url": receiver.url, "secret": "$NOT_THERE"})
        with started(tmp_path, found, HEADCOUNT_PLAY=str(day)) as sidecar:
            wait_for_log(sidecar, "notice_failed")
            log = sidecar.log.read_text()
    assert "notify.secret: $NOT_THERE cannot be read" in log
    assert receiver.url not in log
    assert receiver.came == []
