"""A flood of made-up keys through a real sidecar: who comes from elsewhere passes, and the log tells of it once."""

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sidecar_process import JSON, running_sidecar

BATCH = 1000


def made_up(start, networks):
    """A batch of checks of new keys, from /64s of as many /48s."""
    addresses = [f"2a0e:b{n % networks:x}:0:{n % 65_521:x}::1" for n in range(start, start + BATCH)]
    return [{"account": {"key": f"made-up-{start + i}"}, "client": {"ip": ip}} for i, ip in enumerate(addresses)]


def passes(sidecar, key, ip):
    return sidecar.ask({"account": {"key": key}, "client": {"ip": ip}}).json["decision"] == "allow"


def metric(sidecar, name):
    text = sidecar.tell("GET", "/metrics").body.decode()
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(name + " ")))


def test_newcomers_of_other_networks_pass_and_it_is_told_of_once(tmp_path):
    with running_sidecar(tmp_path, {"memory": {"strangers": 100}}) as sidecar:
        assert metric(sidecar, "headcount_crowded_tables") == 0
        for start in range(0, 3 * BATCH, BATCH):
            sidecar.ask(made_up(start, 8), "/v1/check/batch")
        assert all(passes(sidecar, f"newcomer-{i}", f"14.0.{i}.1") for i in range(50))
        assert metric(sidecar, "headcount_crowded_tables") == 1
        assert metric(sidecar, "headcount_crowded_total") > 2 * BATCH
        assert metric(sidecar, "headcount_strangers") == 100
        told = [line for line in sidecar.log.read_text().splitlines() if "newcomers_share" in line]
        assert len(told) == 1
        assert "strangers" in told[0]


def keep_flooding(port, until, sent):
    """Send batches one after the other on a connection of its own."""
    connection, number = http.client.HTTPConnection("127.0.0.1", port, timeout=60), 0
    while time.monotonic() < until:
        body = json.dumps(made_up(number * BATCH, 500)).encode()
        connection.request("POST", "/v1/check/batch", body, JSON)
        connection.getresponse().read()
        number += 1
        sent.append(BATCH)
    connection.close()


@pytest.mark.long
def test_as_fast_a_flood_as_this_machine_can_send_for_a_minute(tmp_path):
    """With an eighth of the places, since a machine that also sends them seldom takes 12,000 a second."""
    settings = {"memory": {"strangers": 8192}}
    with running_sidecar(tmp_path, settings) as sidecar, ThreadPoolExecutor(1) as pool:
        before = [(f"before-{i}", f"11.{i // 250}.{i % 250}.7") for i in range(300)]
        assert all(passes(sidecar, *one) for one in before)
        sent, begun = [], time.monotonic()
        flooding = pool.submit(keep_flooding, sidecar.check, begun + 60.0, sent)
        came = {"before": [], "newcomers": []}
        turn = 0
        while time.monotonic() < begun + 60.0:
            came["before"].append(passes(sidecar, *before[turn % 300]))
            came["newcomers"].append(passes(sidecar, f"newcomer-{turn % 100}", f"14.0.{turn % 100}.1"))
            turn += 1
        flooding.result()
        assert metric(sidecar, "headcount_crowded_total") > 0, f"only {sum(sent) / 60:.0f} made-up keys a second"
        assert sum(came["before"]) >= 0.99 * turn
        assert sum(came["newcomers"]) >= 0.8 * turn
