"""A stop can be explained and appealed for days: after a restart, a kill -9, ten thousand checks, at every replica."""

import sqlite3

import pytest
from redis_process import running_redis
from sidecar_process import running_sidecar, wait_for

pytestmark = pytest.mark.slow

TINY = {tier: {"rate": 0.001, "burst": 1, "daily": 10} for tier in ("trusted", "standard", "limited", "restricted")}
SETTINGS = {"tenants": {"default": {"plans": {"tiny": TINY}}}}


def stopped(sidecar, account="held", key="sk-held"):
    """The id of a stop, told to a request that came by key."""
    sidecar.tell("PUT", f"/v1/accounts/{account}", {"plan": "tiny", "keys": [key]})
    body = {"account": {"key": key}}
    assert sidecar.ask(body).json["decision"] == "allow"
    verdict = sidecar.ask(body).json
    assert verdict["decision"] == "throttle"
    return verdict


def written(path):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT count(*) FROM stops").fetchone()[0]


def metric(sidecar, name):
    lines = sidecar.tell("GET", "/metrics").body.decode().splitlines()
    return float(next(line for line in lines if line.startswith(name + " ")).split()[1])


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_a_stop_is_explained_and_appealed_after_the_process_ended_however_it_ended(tmp_path, end):
    path = tmp_path / "state.sqlite3"
    state = {"HEADCOUNT_STATE": str(path)}
    with running_sidecar(tmp_path, SETTINGS, extra=state) as first:
        verdict = stopped(first)
        wait_for(lambda: written(path) == 1, "the stop was not written", first.process, first.log, within=5)
        getattr(first.process, end)()
        first.process.wait(20)
    with running_sidecar(tmp_path, SETTINGS, extra=state) as second:
        found = second.tell("GET", f"/v1/decisions/{verdict['id']}").json
        assert found["verdict"] == verdict
        assert found["request"]["account"] == "held"
        made = second.tell("POST", "/v1/appeals", {"verdict": verdict["id"], "reason": "a class"})
        assert (made.status, made.json["account"]) == (201, "held")
        answer = second.tell("GET", "/v1/decisions/01JUNKNOWN")
        assert (answer.status, "01JUNKNOWN" in answer.json["detail"]) == (404, True)


def test_a_stop_that_was_just_told_is_there_after_a_clean_end(tmp_path):
    """Draining keeps what still waits."""
    state = {"HEADCOUNT_STATE": str(tmp_path / "state.sqlite3")}
    with running_sidecar(tmp_path, SETTINGS, extra=state) as first:
        verdict = stopped(first)
        first.process.terminate()
        first.process.wait(20)
    with running_sidecar(tmp_path, SETTINGS, extra=state) as second:
        assert second.tell("GET", f"/v1/decisions/{verdict['id']}").status == 200


def test_a_stop_is_there_after_more_checks_than_are_kept_in_memory(tmp_path):
    with running_sidecar(tmp_path, SETTINGS) as sidecar:
        verdict = stopped(sidecar)
        for _ in range(12):
            sidecar.ask([{"account": {"id": f"a{i}"}} for i in range(1000)], "/v1/check/batch")
        assert sidecar.tell("GET", f"/v1/decisions/{verdict['id']}").json["verdict"] == verdict


def test_what_is_above_the_bounds_goes_and_is_counted(tmp_path):
    settings = {**SETTINGS, "explain": {"stops": 20}}
    with running_sidecar(tmp_path, settings) as sidecar:
        sidecar.tell("PUT", "/v1/accounts/held", {"plan": "tiny"})
        answers = sidecar.ask([{"account": {"id": "held"}}] * 151, "/v1/check/batch").json
        assert [one["decision"] for one in answers].count("throttle") == 150
        counted = lambda: metric(sidecar, "headcount_stops_dropped_total") == 130  # noqa: E731 - polled
        wait_for(counted, "not counted", sidecar.process, sidecar.log, within=5)


@pytest.mark.gateway
def test_a_stop_of_one_replica_is_found_at_the_other_and_when_that_one_is_gone(tmp_path):
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    with running_redis(tmp_path) as server:
        shared = {"HEADCOUNT_STATE": server.url}
        with running_sidecar(folders[1], SETTINGS, extra=shared) as other:
            with running_sidecar(folders[0], SETTINGS, extra=shared) as one:
                verdict = stopped(one)
                found = lambda: other.tell("GET", f"/v1/decisions/{verdict['id']}").status == 200  # noqa: E731 - polled
                wait_for(found, "not at the other", other.process, other.log, within=3)
                one.process.kill()
                one.process.wait(20)
            assert other.tell("GET", f"/v1/decisions/{verdict['id']}").json["verdict"] == verdict
            made = other.tell("POST", "/v1/appeals", {"verdict": verdict["id"], "reason": "a class"})
            assert (made.status, made.json["account"]) == (201, "held")
