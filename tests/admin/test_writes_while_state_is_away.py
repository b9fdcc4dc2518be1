"""Writes while Redis does not answer: 503, and nothing is changed, not even once it answers again."""

import json
import os
import signal
import threading
import time

import pytest
from ports import free_ports
from redis_process import running_redis
from sidecar_process import running_sidecar
from test_webhooks import SECRET, send

pytestmark = pytest.mark.gateway
WRITES = (
    ("PUT", "/v1/accounts/a", {"plan": "free"}),
    ("PUT", "/v1/accounts/new", {"plan": "free"}),
    ("DELETE", "/v1/accounts/a", None),
    ("POST", "/v1/outcomes", {"account": "a", "outcome": "chargeback"}),
    ("POST", "/v1/labels", {"account": "a", "label": "abuse"}),
    ("POST", "/v1/allow", {"kind": "account", "value": "a", "reason": "x", "expires_in": 60}),
    ("POST", "/v1/deny", {"kind": "account", "value": "a", "reason": "x", "expires_in": 60}),
    ("POST", "/v1/tenants/default/revisions", {"settings": {"prior": -2.0}, "reason": "x"}),
)


@pytest.fixture
def shared(tmp_path):
    """A sidecar over a Redis, and where it takes events."""
    (port,) = free_ports(1)
    (tmp_path / "secret").write_text(SECRET)
    settings = {
        "webhooks": {"stripe": {"default": f"@{tmp_path / 'secret'}"}},
        "tenants": {"default": {"owner": "api"}},
    }
    with running_redis(tmp_path) as redis:
        extra = {"HEADCOUNT_STATE": redis.url, "HEADCOUNT_WEBHOOKS": f"127.0.0.1:{port}"}
        with running_sidecar(tmp_path, settings, extra=extra) as sidecar:
            yield redis, sidecar, port


def everything(sidecar):
    """All that the writes would change."""
    accounts = [sidecar.tell("GET", f"/v1/accounts/{name}") for name in ("a", "new")]
    facts = [(one.status, one.json.get("plan"), one.json.get("payment")) for one in accounts]
    paths = ("/v1/labels", "/v1/allow", "/v1/deny", "/v1/tenants/default/revisions", "/v1/audit")
    marks = [r["signal"] for r in sidecar.ask({"account": {"id": "a"}}).json["reasons"]]
    return facts, "outcomes_against" in marks, [sidecar.tell("GET", path).json for path in paths]


def send_all(sidecar, port):
    """Every write at the same time; the status of each."""
    statuses = []
    writes = [lambda one=one: statuses.append(sidecar.tell(*one).status) for one in WRITES]
    paid = {"id": "in_1", "customer": "cus_1", "amount_paid": 1000, "currency": "usd"}
    writes.append(lambda: statuses.append(send(port, "evt_1", "invoice.paid", **paid).status))
    threads = [threading.Thread(target=write) for write in writes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def test_what_was_refused_is_not_done_once_redis_goes_on(shared):
    """It stood still, and finds all that was asked meanwhile in its buffers."""
    redis, sidecar, port = shared
    assert sidecar.tell("PUT", "/v1/accounts/a", {"plan": "paid", "external": {"stripe": "cus_1"}}).status == 204
    before = everything(sidecar)
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        assert set(send_all(sidecar, port)) == {503}
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    deadline = time.monotonic() + 20
    while sidecar.tell("GET", "/v1/accounts/a").status != 200:
        assert time.monotonic() < deadline
    assert everything(sidecar) == before
    paid = {"id": "in_1", "customer": "cus_1", "amount_paid": 1000, "currency": "usd"}
    assert send(port, "evt_1", "invoice.paid", **paid).json["result"] == "counted"


def push_until_refused(sidecar, number, kept, refused):
    """Push accounts without a pause until one is refused."""
    for turn in range(10_000):
        name = f"{number}_{turn}"
        if sidecar.tell("PUT", f"/v1/accounts/{name}", {"plan": "paid"}).status == 503:
            refused.append(name)
            return
        kept.append(name)


def test_a_push_that_redis_stood_still_for_is_kept_whole_or_refused_whole(shared):
    """Some of them had reached it, and were no longer waited for when it went on."""
    redis, sidecar, _ = shared
    for stop in range(3):
        kept, refused = [], []
        threads = [
            threading.Thread(target=push_until_refused, args=(sidecar, f"{stop}_{number}", kept, refused))
            for number in range(12)
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 20
        while len(kept) < 40:
            assert time.monotonic() < deadline
        os.kill(redis.pid, signal.SIGSTOP)
        for thread in threads:
            thread.join()
        os.kill(redis.pid, signal.SIGCONT)
        while sidecar.tell("GET", f"/v1/accounts/{kept[-1]}").status != 200:
            assert time.monotonic() < deadline
        assert {sidecar.tell("GET", f"/v1/accounts/{name}").status for name in refused} == {404}
        assert {sidecar.tell("GET", f"/v1/accounts/{name}").status for name in kept} == {200}


def test_what_is_refused_while_redis_is_gone_is_not_done_when_it_is_back(shared):
    redis, sidecar, port = shared
    redis.kill()
    assert set(send_all(sidecar, port)) == {503}
    redis.start()
    deadline = time.monotonic() + 20
    while sidecar.tell("GET", "/v1/accounts/a").status == 503:
        assert time.monotonic() < deadline
    facts, marked, _ = everything(sidecar)
    assert ([status for status, *_ in facts], marked) == ([404, 404], False)
    assert sidecar.tell("PUT", "/v1/accounts/a", {"plan": "paid"}).status == 204
    assert json.loads(sidecar.tell("GET", "/v1/accounts/a").body)["plan"] == "paid"


def test_of_many_who_decide_by_one_etag_one_has_their_way(shared):
    _, sidecar, _ = shared
    assert (
        sidecar.tell("POST", "/v1/tenants/default/revisions", {"settings": {"prior": -2.0}, "reason": "x"}).status
        == 201
    )
    etag = sidecar.tell("GET", "/v1/tenants/default").headers["ETag"]
    statuses = []

    def promote(_):
        headers = {"Content-Type": "application/json", "If-Match": etag}
        step = {"step": "shadow", "revision": 2, "reason": "x"}
        statuses.append(sidecar.tell("POST", "/v1/tenants/default/rollout", step, headers).status)

    threads = [threading.Thread(target=promote, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, *[409] * 5]
