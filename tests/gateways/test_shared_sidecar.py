"""Real sidecars over a real Redis: what their listeners say while it is there, away, and back."""

import subprocess

import pytest
from ports import free_ports
from redis_process import RedisServer, running_redis, until
from sidecar_process import HEADCOUNT, environment, running_sidecar

pytestmark = pytest.mark.gateway
CHECK = {"account": {"id": "a", "plan": "free"}, "client": {"ip": "203.0.113.7"}}


def over(server: RedisServer) -> dict[str, str]:
    return {"HEADCOUNT_STATE": server.url}


def metric(sidecar, name):
    lines = sidecar.tell("GET", "/metrics").body.decode().splitlines()
    return float(next(line for line in lines if line.partition("{")[0].split()[0] == name).split()[1])


def test_what_is_told_to_one_sidecar_the_other_knows(tmp_path):
    """Facts and keys by the admin listener; batches, settlements and gateways too go over shared state."""
    with running_redis(tmp_path) as server:
        (tmp_path / "one").mkdir()
        (tmp_path / "other").mkdir()
        with (
            running_sidecar(tmp_path / "one", extra=over(server)) as one,
            running_sidecar(tmp_path / "other", extra=over(server)) as other,
        ):
            facts = {"plan": "paid", "keys": ["key-of-a"]}
            assert one.tell("PUT", "/v1/accounts/a?tenant=default", facts).status == 204
            assert other.tell("GET", "/v1/accounts/a?tenant=default").json["plan"] == "paid"
            first, second = other.ask([CHECK, {"account": {"key": "key-of-a"}}, {}], "/v1/check/batch").json[:2]
            assert second["limits"][1]["remaining"] == pytest.approx(first["limits"][1]["remaining"] - 1, abs=0.5)
            held = one.ask({**CHECK, "request": {"hold": True, "cost": 5}}).json
            assert other.ask({"verdict": held["id"], "actual": 2}, "/v1/settle").json["charged"] == 2.0
            headers = {"Authorization": "Bearer key-of-a", "X-Forwarded-For": "203.0.113.7"}
            assert other.ask(None, "/gateway/nginx/default", headers).status == 200
            assert metric(other, "headcount_state_batches_total") >= 3
            until(lambda: metric(one, "headcount_state_replicas") == 2, "the other replica was not counted")


def test_an_outage_is_told_in_verdicts_readiness_metrics_and_log(tmp_path):
    with running_redis(tmp_path) as server, running_sidecar(tmp_path, extra=over(server)) as sidecar:
        assert sidecar.ask(CHECK).json["degraded"] is False
        server.kill()
        until(lambda: sidecar.ask(CHECK).json["degraded"], "the outage was not noticed")
        assert sidecar.tell("GET", "/readyz").json["degraded"] is True
        assert metric(sidecar, "headcount_degraded") == 1
        assert metric(sidecar, "headcount_state_outages_total") == 1
        assert sidecar.tell("PUT", "/v1/accounts/a", {"plan": "paid"}).status == 503
        server.start()
        until(lambda: not sidecar.ask(CHECK).json["degraded"], "the sidecar did not come back")
        assert sidecar.tell("PUT", "/v1/accounts/a", {"plan": "paid"}).status == 204
        log = sidecar.log.read_text()
        assert "state_away" in log
        assert "state_back" in log


def test_a_sidecar_starts_without_redis_if_it_has_its_hash_key(tmp_path):
    """And without one it says what to set."""
    (port, *others) = free_ports(3)
    server = RedisServer(tmp_path, port, "--port", str(port), "--save", "")
    with running_sidecar(tmp_path, extra=over(server)) as sidecar:
        assert sidecar.ask(CHECK).json["degraded"] is True
    listens = [f"--{name}=127.0.0.1:{other}" for name, other in zip(("listen", "admin"), others, strict=True)]
    plain = {name: value for name, value in environment(over(server)).items() if name != "HEADCOUNT_HASH_KEY"}
    refused = subprocess.run([HEADCOUNT, "serve", *listens], env=plain, capture_output=True, timeout=60, check=False)
    assert refused.returncode != 0
    assert b"HEADCOUNT_HASH_KEY" in refused.stderr
    assert b"Traceback" not in refused.stderr
