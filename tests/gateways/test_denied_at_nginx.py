"""The deny list through a real nginx: of each kind of entry a refusal, and for a neighbour a pass."""

import time
from collections.abc import Iterator
from ipaddress import ip_network
from typing import NamedTuple

import gateway_wire as wire
import pytest
from gateway_shipped import NGINX, gateway
from gateway_wire import ask
from one_actor import EPOCHS, heads, honest, linked
from sidecar_process import Sidecar, running_sidecar

from geoip import mmdb
from geoip.ranges import Range

pytestmark = pytest.mark.gateway
DENIED, NEIGHBOUR = "127.66.1.5", "127.66.2.5"


class Front(NamedTuple):
    """nginx in front of a sidecar: a request passes or is refused."""

    sidecar: Sidecar
    port: int

    def status(self, account: str, source: str = "127.77.0.1") -> int:
        return ask(self.port, [("Authorization", f"Bearer sk-{account}")], source=source).status


@pytest.fixture(scope="module")
def front(api: wire.Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    directory = tmp_path_factory.mktemp("denials")
    places = directory / "places.mmdb"
    first = int(ip_network("127.66.1.0/24").network_address)
    mmdb.write(places, {4: [Range(first, first + 255, {"asn": 64500})], 6: []}, "an ASN of the tests", time.time())
    settings = {**EPOCHS, "geoip": {"databases": [str(places)]}}
    with running_sidecar(directory, settings) as sidecar, gateway(NGINX, directory, sidecar.check, api.port) as port:
        for name in ("probe", "head-0", "good-0", "good-1", "good-2"):
            known = next((one["account"] for one in heads(time.time()) + honest(time.time())
                          if one["account"]["id"] == name), {})  # fmt: skip
            facts = {key: value for key, value in known.items() if key != "id"}
            assert sidecar.tell("PUT", f"/v1/accounts/{name}", {**facts, "keys": [f"sk-{name}"]}).status == 204
        yield Front(sidecar, port)


def denied(front: Front, kind: str, value: str) -> str:
    """Deny it for a minute; the entry's id."""
    made = front.sidecar.tell("POST", "/v1/deny", {"kind": kind, "value": value, "expires_in": 60, "reason": "a test"})
    assert made.status == 201, made.body
    return str(made.json["id"])


@pytest.mark.parametrize(
    ("kind", "value", "stopped", "passes"),
    [
        ("account", "good-0", ("good-0", NEIGHBOUR), ("good-1", NEIGHBOUR)),
        ("network", "127.66.1.0/24", ("good-0", DENIED), ("good-0", NEIGHBOUR)),
        ("asn", "AS64500", ("good-0", DENIED), ("good-0", NEIGHBOUR)),
        ("card", "own-0", ("good-0", NEIGHBOUR), ("good-1", NEIGHBOUR)),
    ],
)
def test_an_entry_refuses_what_it_names_and_no_neighbour(front, kind, value, stopped, passes):
    assert front.status(*stopped) == front.status(*passes) == 200
    id_ = denied(front, kind, value)
    assert front.status(*stopped) == 403
    assert front.status(*passes) == 200
    assert front.sidecar.tell("DELETE", f"/v1/deny/{id_}?reason=done").status == 204
    assert front.status(*stopped) == 200


def test_a_cluster_is_refused_whole_and_nobody_else(front):
    sidecar = front.sidecar
    id_ = denied(front, "cluster", linked(sidecar, time.time()))
    assert front.status("head-0") == 403
    assert front.status("good-2") == 200
    sidecar.tell("DELETE", f"/v1/deny/{id_}?reason=done")
    assert front.status("head-0") != 403


def test_an_exception_for_the_account_passes_a_denied_network(front):
    id_ = denied(front, "network", "127.66.1.0/24")
    assert front.status("good-1", DENIED) == 403
    body = {"kind": "account", "value": "good-1", "expires_in": 60, "reason": "a customer"}
    front.sidecar.tell("POST", "/v1/allow", body)
    assert front.status("good-1", DENIED) == 200
    assert front.status("good-0", DENIED) == 403
    front.sidecar.tell("DELETE", f"/v1/deny/{id_}?reason=done")
