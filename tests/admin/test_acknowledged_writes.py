"""kill -9 under a load of writes: what was answered before the kill is there after the next start, all of it.

Threads push, delete, report, label, except, revise and send Stripe's events, each write for a subject of its own.
After each kill everything that was ever acknowledged is looked for, and events whose answers were lost are sent again,
as Stripe does: the money is that of each event once.
"""

import http.client
import os
import random
import signal
import sys
import threading
from collections import defaultdict

import pytest
from ports import free_ports
from sidecar_process import call, running_sidecar
from test_webhooks import SECRET, send

pytestmark = pytest.mark.gateway
WRITERS = 6
USD = 10.0


class Writer(threading.Thread):
    """Writes without a pause until no answer comes; `kept` has what was acknowledged, by kind."""

    def __init__(self, writes, number, seed):
        super().__init__()
        self.writes, self.number, self.random = writes, number, random.Random(seed)
        self.kept, self.lost = defaultdict(list), []

    def run(self):
        kinds = [self.put, self.delete, self.outcome, self.label, self.allow, self.revision, self.event, self.event]
        for turn in range(1_000_000):
            name = f"{self.writes.life}_{self.number}_{turn}"
            try:
                self.random.choice(kinds)(name)
            except (OSError, http.client.HTTPException):
                return

    def tell(self, method, path, body=None, status=204):
        answer = call(self.writes.admin, method, path, body)
        assert answer.status in (status, 409), answer
        return answer.status == status

    def put(self, name):
        assert self.tell("PUT", f"/v1/accounts/{name}", {"plan": "paid", "keys": [f"sk-{name}"]})
        self.kept["put"].append(name)

    def delete(self, name):
        self.tell("PUT", f"/v1/accounts/{name}", {"plan": "paid"})
        assert self.tell("DELETE", f"/v1/accounts/{name}")
        self.kept["delete"].append(name)

    def outcome(self, name):
        assert self.tell("POST", "/v1/outcomes", {"account": name, "outcome": "declined"})
        self.kept["outcome"].append(name)

    def label(self, name):
        assert self.tell("POST", "/v1/labels", {"account": name, "label": "good"}, 200)
        self.kept["label"].append(name)

    def allow(self, name):
        body = {"kind": "account", "value": name, "reason": "a test", "expires_in": 3600}
        assert self.tell("POST", "/v1/allow", body, 201)
        self.kept["allow"].append(name)

    def revision(self, name):
        body = {"settings": {"prior": -2.0}, "reason": name}
        if self.tell("POST", "/v1/tenants/tuned/revisions", body, 201):  # 409: another writer's came first
            self.kept["revision"].append(name)

    def event(self, name):
        try:
            assert self.writes.send(name) == "counted"
        except (OSError, http.client.HTTPException):
            self.lost.append(name)
            raise
        self.kept["event"].append(name)


class Writes:
    """All that was acknowledged over all lives, and where the sidecar of this life answers."""

    def __init__(self):
        self.life, self.kept, self.lost, self.admin, self.hooks, self.check = 0, defaultdict(list), [], 0, 0, 0

    def send(self, name):
        return send(self.hooks, name, "invoice.paid", id=name, customer="cus_1", amount_paid=1000, currency="usd").json[
            "result"
        ]

    def write_and_stop(self, sidecar, rng, by):
        writers = [Writer(self, number, rng.random()) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        threading.Event().wait(rng.uniform(0.1, 0.9))  # the moment of the stop
        os.kill(sidecar.process.pid, by)
        for writer in writers:
            writer.join()
            self.lost += writer.lost
            for kind, names in writer.kept.items():
                self.kept[kind] += names

    def check_all(self, sidecar, again):
        """Hold what there is to what was acknowledged; `again`: how many of each kind to look at one by one."""
        for name in again(self.kept["put"]):
            found = sidecar.tell("GET", f"/v1/accounts/{name}").json
            assert (found["plan"], len(found["keys"])) == ("paid", 1), name
        for name in again(self.kept["delete"]):
            assert sidecar.tell("GET", f"/v1/accounts/{name}").status == 404, name
        for name in again(self.kept["outcome"]):
            reasons = sidecar.ask({"account": {"id": name}}).json["reasons"]
            assert "outcomes_against" in [reason["signal"] for reason in reasons], name
        labels = sidecar.tell("GET", "/v1/labels?limit=1000000").json["labels"]
        assert {label["account"] for label in labels} >= set(self.kept["label"])
        allows = sidecar.tell("GET", "/v1/allow?limit=10000").json["allow"]
        assert {allow["value"] for allow in allows} >= set(self.kept["allow"])
        revisions = sidecar.tell("GET", "/v1/tenants/tuned/revisions?limit=1000").json["revisions"]
        assert {revision["reason"] for revision in revisions} >= set(self.kept["revision"][-900:])

    def resend(self, sidecar):
        """As Stripe does with what was not answered; then every event has counted once."""
        for name in self.lost:
            assert self.send(name) in ("counted", "duplicate")
        self.kept["event"] += self.lost
        self.lost.clear()
        some = self.kept["event"][-5:]
        assert {self.send(name) for name in some} <= {"duplicate"}
        settled = (sidecar.tell("GET", "/v1/accounts/payer").json["payment"] or {}).get("settled_usd")
        assert (settled or 0.0) == USD * len(self.kept["event"])


def survive(directory, kills, seed, by=signal.SIGKILL):
    rng, writes = random.Random(seed), Writes()
    (directory / "secret").write_text(SECRET)
    settings = {
        "webhooks": {"stripe": {"default": f"@{directory / 'secret'}"}},
        "tenants": {"default": {}, "tuned": {"owner": "api"}},
    }
    for writes.life in range(kills + 1):
        (writes.hooks,) = free_ports(1)
        extra = {
            "HEADCOUNT_STATE": str(directory / "state.sqlite3"),
            "HEADCOUNT_WEBHOOKS": f"127.0.0.1:{writes.hooks}",
        }
        with running_sidecar(directory, settings, extra=extra) as sidecar:
            writes.admin, writes.check = sidecar.admin, sidecar.check
            if not writes.life:
                assert sidecar.tell("PUT", "/v1/accounts/payer", {"external": {"stripe": "cus_1"}}).status == 204
            writes.resend(sidecar)
            last = writes.life == kills
            writes.check_all(sidecar, (lambda names: names) if last else (lambda names: names[-100:]))
            if not last:
                writes.write_and_stop(sidecar, rng, by)
    sys.stdout.write(
        f"{kills} stops by {by.name}, {sum(map(len, writes.kept.values())):,} acknowledged writes, none lost\n"
    )
    if kills > 2:
        assert all(writes.kept[kind] for kind in ("put", "delete", "outcome", "label", "allow", "revision", "event"))


def test_four_kills_lose_nothing_that_was_acknowledged_and_count_each_event_once(tmp_path):
    survive(tmp_path, 4, 1)


def test_a_stop_by_a_signal_under_load_loses_nothing_that_was_acknowledged(tmp_path):
    survive(tmp_path, 2, 3, signal.SIGTERM)


@pytest.mark.long
def test_sixty_kills_lose_nothing_that_was_acknowledged_and_count_each_event_once(tmp_path):
    survive(tmp_path, 60, 2)
