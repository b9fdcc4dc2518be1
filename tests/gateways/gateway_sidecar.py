"""A real sidecar with small limits, so that a few requests are enough to be stopped."""

import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from gateway_processes import binary, listening, running

BURST = 4
TIGHT = {"rate": 0.2, "burst": BURST, "daily": 1000}
ROOMY = {"rate": 1000, "burst": 10_000, "daily": 1_000_000}
TIERS = ("trusted", "standard", "limited", "restricted")
SETTINGS = {
    "tenants": {
        "default": {
            "plans": {
                "free": dict.fromkeys((*TIERS, "blocked"), TIGHT),
                "roomy": dict.fromkeys((*TIERS, "blocked"), ROOMY),
            },
            "unconfirmed": TIGHT,
            "tiers": {
                "limited": {"from_risk": 30},
                "restricted": {"from_risk": 40},
                "blocked": {"from_risk": 50, "decision": "deny"},
            },
            "gateway": {"ja4_header": "X-Headcount-JA4"},
            "leases": {"longest": 5},
        }
    }
}
DISPUTED = {"status": "disputed", "disputes": 5, "declines_30d": 20, "funding": "prepaid"}


class Sidecar(NamedTuple):
    """A running `headcount serve`; every account has a key of its own."""

    check: int
    admin: int

    def put(self, account: str, key: str, **facts: Any) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=20)
        body = json.dumps({"keys": [key], **facts})
        connection.request("PUT", f"/v1/accounts/{account}", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status < 300, answer.read()
        connection.close()


@contextmanager
def serving(ports: Sidecar, directory: Path) -> Iterator["subprocess.Popen[bytes]"]:
    settings = directory / "headcount.yaml"
    settings.write_text(json.dumps(SETTINGS))  # JSON is YAML
    command = [binary("headcount"), "serve", "--config", str(settings), "--state", ":memory:"]
    command += ["--listen", f"127.0.0.1:{ports.check}", "--admin", f"127.0.0.1:{ports.admin}"]
    with running(command, directory, lambda: listening(ports.check) and listening(ports.admin)) as process:
        ports.put("probe", "sk-probe", plan="roomy")
        yield process
