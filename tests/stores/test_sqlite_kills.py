"""kill -9 at any moment, fifty times under load, with a checker of what a state file promises.

Each round a real sidecar opens the same file, is loaded for a random part of a second, and killed. The last durable
write is read from a copy of the file; what had been answered before it must be there after the next start, and no
bucket may hold more than it had earned by then.
"""

import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException

import msgspec
import pytest
from msgspec import structs
from ports import free_ports
from sidecar_process import JSON, call, environment, is_ready, wait_for

from reputation.hydra.links import NOTHING, Cluster, difference
from reputation.linking.live import KeptLinks
from reputation.state.tenant import TenantState
from reputation.stores.sqlite.store import SqliteStore

pytestmark = pytest.mark.gateway

KILLS = 50
ACCOUNTS = 40
RATE, BURST = 2.0, 20.0
"""Of the plan `free` in the standard tier."""
LATEST = 3.0
"""Most seconds from the last durable write to a kill, on a machine that is busy with other tests too."""
CLUSTER = Cluster("h-1", 1.79e9, 2, 0.9, ("payment",), "shared", (), 10.0, 5.0)

# A process that has everything imported and becomes a sidecar by fork for each line of arguments: fifty starts of the
# interpreter would be most of this test's time.
NURSERY = """
import json, os, signal, sys
import reputation.commands.serve
from reputation.commands.cli import main
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        sys.argv = ["headcount", *json.loads(line)]
        main()
        os._exit(0)
    print(pid, flush=True)
"""


class Load(threading.Thread):
    """Checks in a loop on one connection; answers are kept as (sent, received, account, allowed, left)."""

    def __init__(self, port, seed):
        super().__init__()
        self.answers = []
        self._port, self._random = port, random.Random(seed)

    def run(self):
        connection = HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            while True:
                accounts = [f"account_{self._random.randrange(ACCOUNTS)}" for _ in range(4)]
                sent = time.time()
                connection.request(
                    "POST", "/v1/check/batch", json.dumps([{"account": {"id": name}} for name in accounts]), JSON
                )
                verdicts = json.loads(connection.getresponse().read())
                received = time.time()
                self.answers += [
                    (sent, received, name, verdict["decision"] == "allow", verdict["limits"][0]["remaining"])
                    for name, verdict in zip(accounts, verdicts, strict=True)
                ]
        except (OSError, HTTPException, ValueError):
            return  # it was killed
        finally:
            connection.close()


class Rounds:
    """The same state file from life to life, and all that was ever answered."""

    def __init__(self, directory, nursery, log):
        self.path = directory / "state.sqlite3"
        self.check, self.admin = free_ports(2)
        self.answers, self.spawned, self.last = [], [], {}  # last: each account's last answer that a write has seen
        self.pushed, self.allows = [], []
        self.written, self.unseen, self.alive = [], Counter(), 0.0
        self._nursery, self._log = nursery, log
        self._random = random.Random(20261123)

    def start(self):
        options = {"listen": f"127.0.0.1:{self.check}", "admin": f"127.0.0.1:{self.admin}", "state": str(self.path)}
        self.spawned.append(time.time())
        self._nursery.stdin.write(json.dumps(["serve", *(f"--{k}={v}" for k, v in options.items())]) + "\n")
        self._nursery.stdin.flush()
        self.pid = int(self._nursery.stdout.readline())
        wait_for(lambda: is_ready(self.admin), "no start", self._nursery, self._log)

    def load_and_kill(self):
        threads = [Load(self.check, self._random.random()) for _ in range(2)]
        for thread in threads:
            thread.start()
        self._tell(len(self.spawned))
        threading.Event().wait(self._random.uniform(0.0, 0.6))
        os.kill(self.pid, signal.SIGKILL)
        killed = time.time()
        for thread in threads:
            thread.join()
            self.answers += thread.answers
        wait_for(self._is_dead, "not dead", self._nursery, self._log)
        self.written.append(self._last_write())
        assert killed - self.written[-1] < LATEST
        self.alive += killed - self.spawned[-1]
        self._sort([answer for thread in threads for answer in thread.answers])

    def _sort(self, answers):
        """Tell what the last durable write of this life has seen from what it has not: that is lost, whatever comes."""
        written, number = self.written[-1], self._told
        self.pushed.append(number)
        for sent, received, name, allowed, left in answers:
            if received < written:
                self.last[name] = max(self.last.get(name, (0.0, 0.0)), (sent, left))
            else:
                self.unseen[name] += allowed

    def _tell(self, number):
        """What people and billing say in between: an account with its key, an outcome, an exception."""
        name = f"pushed_{number}"
        facts = {"created_at": 1.7e9, "plan": "paid", "keys": [f"sk-{number}"]}
        assert call(self.admin, "PUT", f"/v1/accounts/{name}", facts).status == 204
        assert call(self.admin, "POST", "/v1/outcomes", {"account": name, "outcome": "abuse"}).status == 204
        self._told = number
        body = {"kind": "account", "value": name, "reason": "a test", "expires_in": 3600}
        self.allows.append(call(self.admin, "POST", "/v1/allow", body).json["id"])

    def _is_dead(self):
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def _last_write(self):
        """Read from a copy: opening the file itself would repair it before the sidecar has to."""
        copy = self.path.with_name("copy.sqlite3")
        for end in ("", "-wal"):
            if (there := self.path.with_name(self.path.name + end)).exists():
                shutil.copy(there, f"{copy}{end}")
        with sqlite3.connect(copy) as connection:
            found = connection.execute("SELECT value FROM meta WHERE name = 'written_at'").fetchone()[0]
        for end in ("", "-wal", "-shm"):
            copy.with_name(copy.name + end).unlink(missing_ok=True)
        return msgspec.msgpack.decode(found)

    def check_promises(self):
        """Hold what is there after a start to what had been answered before the last durable write."""
        written, spawned = self.written[-1], self.spawned[-1]
        for name, (sent, left) in self.last.items():
            bucket = call(self.admin, "GET", f"/v1/accounts/{name}").json["buckets"]["burst"]
            earned = RATE * (max(written - sent, 0.0) + time.time() - spawned)
            assert bucket["remaining"] <= min(left + earned, BURST) + 1e-6, name
        for number in self.pushed:
            account = call(self.admin, "GET", f"/v1/accounts/pushed_{number}").json
            assert (account["plan"], len(account["keys"])) == ("paid", 1)
        there = {allow["id"] for allow in call(self.admin, "GET", "/v1/allow?limit=1000").json["allow"]}
        assert there >= set(self.allows)
        assert [cluster["id"] for cluster in call(self.admin, "GET", "/v1/clusters").json["clusters"]] == ["h-1"]


@pytest.fixture
def rounds(tmp_path):
    log = tmp_path / "nursery.log"
    with log.open("wb") as output:
        nursery = subprocess.Popen(
            [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, text=True,
            cwd=tmp_path, env=environment(),
        )  # fmt: skip
    found = Rounds(tmp_path, nursery, log)
    yield found
    nursery.stdin.close()
    nursery.wait(10)


def seed_links(path):
    """Leave a cluster of two, as a linker would have."""
    links = structs.replace(NOTHING, members={"x": ("h-1", 0.9), "y": ("h-1", 0.9)}, clusters={"h-1": CLUSTER})
    body = msgspec.msgpack.encode(KeptLinks(b"", difference(NOTHING, links)))
    asyncio.run(keep_links(path, body))


async def keep_links(path, body):
    store = SqliteStore(path, TenantState, None, time.time)
    await store.records.put("default", "book", "links", body)
    await store.close()


@pytest.mark.parametrize("kills", [10, pytest.param(KILLS, marks=pytest.mark.long)])
def test_kills_under_load(rounds, kills):
    """After each: facts, keys, exceptions and clusters are back, no bucket holds more than it had earned."""
    seed_links(rounds.path)
    rounds.start()
    for _ in range(kills):
        rounds.load_and_kill()
        rounds.start()
        rounds.check_promises()
    os.kill(rounds.pid, signal.SIGTERM)
    wait_for(rounds._is_dead, "does not end", rounds._nursery, rounds._log)
    allowed = Counter(name for _, _, name, allowed, _ in rounds.answers if allowed)
    for name, count in allowed.items():
        assert count <= BURST + RATE * rounds.alive + rounds.unseen[name]
    with sqlite3.connect(rounds.path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found = (
        f"{kills} kills, {len(rounds.answers):,} answers, {len(rounds.pushed)} accounts pushed; "
        f"{sum(rounds.unseen.values())} of {sum(allowed.values()):,} requests let through came after the last write"
    )
    sys.stdout.write(found + "\n")
