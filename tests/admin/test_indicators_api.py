"""Indicators of a running sidecar: a cluster is exported, another tenant counts it, and it is taken back."""

import json
import time

import pytest
import stix2
from one_actor import EPOCHS, linked
from sidecar_process import commanding, running_sidecar

pytestmark = pytest.mark.slow

SETTINGS = EPOCHS | {"tenants": {"default": {}, "other": {}}}
ASKED = {"account": {"id": "new"}, "client": {"ip": "203.0.113.9", "ja4": "script"}, "tenant": "other"}
PATH = "/v1/indicators?tenant=other&source=acme&reason=campaign&weight=0.8"


def reasons(sidecar):
    found = sidecar.ask(ASKED).json
    return [one["signal"] for one in found["reasons"] if one["signal"].startswith("indicator_")], found["risk"]


def test_a_cluster_found_here_is_evidence_there_until_it_is_taken_back(tmp_path):
    state = {"HEADCOUNT_STATE": str(tmp_path / "state.sqlite3")}
    file = tmp_path / "cluster.json"
    with running_sidecar(tmp_path, SETTINGS, extra=state) as sidecar:
        run = commanding(sidecar)
        cluster = linked(sidecar, time.time())
        run("indicators", "export", cluster, "--out", str(file))
        assert {one["type"] for one in stix2.parse(file.read_text(), version="2.1").objects} >= {
            "indicator",
            "grouping",
        }
        before, risk = reasons(sidecar)
        assert before == []
        dry = json.loads(
            run("indicators", "import", str(file), "--tenant", "other", "--reason", "campaign", "--dry-run", "--json")
        )
        assert (dry["bundles"][0]["dry_run"], dry["taken"] > 0, reasons(sidecar)[0]) == (True, True, [])
        taken = json.loads(
            run("indicators", "import", str(file), "--tenant", "other", "--reason", "campaign", "--json")
        )
        named, after = reasons(sidecar)
        assert set(named) & {"indicator_network", "indicator_ja4"}
        assert after > risk
        (bundle,) = taken["bundles"]
        listed = sidecar.tell("GET", "/v1/indicators?tenant=other").json["bundles"]
        assert [(one["id"], one["source"]) for one in listed] == [(bundle["id"], "cluster")]
        line = sidecar.tell("GET", "/v1/audit?tenant=other&limit=1").json["entries"][0]
        assert (line["what"], line["after"]["indicators"], line["why"]) == (
            "indicators.import",
            taken["taken"],
            "campaign",
        )
    with running_sidecar(tmp_path, SETTINGS, extra=state) as sidecar:
        assert set(reasons(sidecar)[0]) == set(named)
        commanding(sidecar)("indicators", "remove", bundle["id"], "--tenant", "other", "--reason", "a mistake")
        assert reasons(sidecar)[0] == []
        assert sidecar.tell("GET", "/v1/indicators?tenant=other").json["total"] == 0


@pytest.mark.parametrize(
    ("path", "body", "status", "pointer"),
    [
        ("/v1/indicators?reason=r", {"type": "bundle"}, 422, "/source"),
        ("/v1/indicators?source=s", {"type": "bundle"}, 422, "/reason"),
        ("/v1/indicators?source=s&reason=r&weight=2", {"type": "bundle"}, 422, "/weight"),
        ("/v1/indicators?source=s&reason=r&wieght=1", {"type": "bundle"}, 422, "/wieght"),
        ("/v1/indicators?source=s&reason=r", {"type": "bundle"}, 422, "/objects"),
        ("/v1/indicators?source=s&reason=r", {"type": "bundle", "objects": "x" * 70_000}, 413, ""),
        ("/v1/indicators?source=s&reason=r&tenant=nobody", {"type": "bundle"}, 404, "/tenant"),
    ],
)
def test_a_wrong_import_is_refused_and_changes_nothing(sidecar, path, body, status, pointer):
    answer = sidecar.tell("POST", path, body)
    assert (answer.status, answer.json.get("pointer")) == (status, pointer), answer.json
    assert sidecar.tell("GET", "/v1/indicators").json["total"] == 0


def test_unknown_clusters_and_bundles_are_errors(sidecar):
    assert sidecar.tell("GET", "/v1/indicators?cluster=h-none").status == 404
    assert sidecar.tell("DELETE", "/v1/indicators/none?reason=r").status == 404


def test_a_long_bundle_is_imported_in_parts(sidecar, tmp_path):
    file = tmp_path / "long.json"
    objects = [
        {"type": "indicator", "pattern": f"[autonomous-system:number = {n + 1}]", "name": "x" * 500} for n in range(900)
    ]
    file.write_text(json.dumps({"type": "bundle", "objects": [{"type": "identity"}, *objects]}))
    run = commanding(sidecar)
    taken = json.loads(run("indicators", "import", str(file), "--reason", "campaign", "--source", "acme", "--json"))
    assert (taken["taken"], len(taken["bundles"])) == (900, 3)
    for bundle in taken["bundles"]:
        run("indicators", "remove", bundle["id"], "--reason", "done")


@pytest.mark.parametrize("text", ["{", "[]", '{"type": "grouping"}', '{"type": "bundle", "objects": [1]}'])
def test_a_file_that_is_no_bundle_is_an_error_with_its_name(sidecar, tmp_path, text):
    file = tmp_path / "wrong.json"
    file.write_text(text)
    assert f"{file}: no " in commanding(sidecar)("indicators", "import", str(file), "--reason", "r", code=1)
