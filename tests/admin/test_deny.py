"""The deny list of a running sidecar: who it would stop, from when on it stops, and how it is taken back."""

import json
import time

import pytest
from sidecar_process import commanding

DAY = 86_400.0
BODY = {"kind": "account", "value": "eve", "expires_in": 3600, "reason": "resold keys"}


def payer(card):
    payment = {"status": "ok", "settled_usd": 400.0, "fingerprint": card}
    return {"created_at": time.time() - 90 * DAY, "payment": payment}


@pytest.fixture
def run(sidecar):
    return commanding(sidecar)


@pytest.fixture
def network(sidecar):
    """A network of a test's own, with one payer and two newcomers seen in it, and a neighbour."""
    number = time.monotonic_ns() % 250 + 1
    at = f"198.18.{number}"
    sidecar.tell("PUT", f"/v1/accounts/payer-{number}", payer(f"card-{number}"))
    for account in (f"payer-{number}", f"new-{number}", f"newer-{number}"):
        body = {"id": account} | ({} if account.startswith("payer") else {"plan": "free"})
        sidecar.ask({"account": body, "client": {"ip": f"{at}.7"}})
    sidecar.ask({"account": {"id": f"neighbour-{number}", "plan": "free"}, "client": {"ip": f"198.19.{number}.7"}})
    return number, f"{at}.0/24"


def decision(sidecar, account, ip):
    return sidecar.ask({"account": {"id": account}, "client": {"ip": ip}}).json["decision"]


def test_from_the_answer_on_it_stops_until_it_is_removed(sidecar):
    made = sidecar.tell("POST", "/v1/deny", BODY)
    assert (made.status, made.json["by"], made.json["expires"] - made.json["at"]) == (201, "local", 3600)
    verdict = sidecar.ask({"account": {"id": "eve"}}).json
    assert verdict["decision"] == "deny"
    assert verdict["deny"] == {name: made.json[name] for name in ("id", "kind", "value", "reason", "expires")}
    assert made.json["id"] in [one["id"] for one in sidecar.tell("GET", "/v1/deny").json["deny"]]
    sentence = sidecar.tell("GET", f"/v1/decisions/{verdict['id']}").json["sentence"]
    assert sentence.startswith("Denied because account eve is on the deny list until ")
    assert sentence.endswith(": resold keys.")
    assert sidecar.tell("DELETE", f"/v1/deny/{made.json['id']}?reason=done").status == 204
    assert sidecar.ask({"account": {"id": "eve"}}).json["decision"] == "allow"
    assert sidecar.tell("DELETE", f"/v1/deny/{made.json['id']}?reason=done").status == 404


def test_a_dry_run_counts_accounts_and_payers_and_changes_nothing(sidecar, network):
    number, value = network
    audit = sidecar.tell("GET", "/v1/audit?limit=1").json["entries"]
    body = BODY | {"kind": "network", "value": value, "dry_run": True}
    answer = sidecar.tell("POST", "/v1/deny", body)
    assert answer.status == 200
    assert answer.json["reach"] == {
        "accounts": 3,
        "payers": 1,
        "payer_names": [f"payer-{number}"],
        "words": "3 accounts, among them 1 paying customer",
    }
    assert sidecar.tell("GET", "/v1/audit?limit=1").json["entries"] == audit
    assert decision(sidecar, f"new-{number}", f"198.18.{number}.7") == "allow"
    by_card = sidecar.tell("POST", "/v1/deny", body | {"kind": "card", "value": f"card-{number}"}).json["reach"]
    assert (by_card["accounts"], by_card["payers"]) == (1, 1)
    missing = sidecar.tell("POST", "/v1/deny", body | {"kind": "account", "value": "no such account"}).json
    assert (missing["reach"]["accounts"], len(missing["warnings"])) == (0, 1)
    assert (
        "1,048,576 addresses" in sidecar.tell("POST", "/v1/deny", body | {"value": "11.0.0.0/12"}).json["warnings"][0]
    )


def test_the_commands_say_who_pays_before_they_stop_them(sidecar, network, run):
    number, value = network
    common = ["deny", "add", "network", value, "--reason", "resold", "--expires", "7d"]
    assert "would stop 3 accounts, among them 1 paying customer" in run(*common, "--dry-run")
    refused = run(*common, code=1)
    assert f"among them 1 paying customer: payer-{number}; add --yes" in refused
    assert decision(sidecar, f"payer-{number}", f"198.18.{number}.9") == "allow"
    made = json.loads(run(*common, "--yes", "--json"))
    assert made["expires"] - made["at"] == 7 * DAY
    assert decision(sidecar, f"payer-{number}", f"198.18.{number}.9") == "deny"
    assert decision(sidecar, f"neighbour-{number}", f"198.19.{number}.7") == "allow"
    assert value in run("deny", "list")
    assert "ended" in run("deny", "remove", made["id"], "--reason", "done")
    assert decision(sidecar, f"payer-{number}", f"198.18.{number}.9") == "allow"
    assert "7d" in run("deny", "add", "account", "a", "--expires", "soon", "--reason", "r", code=2)
    assert "host bits" in run("deny", "add", "network", "1.2.3.4/24", "--expires", "7d", "--reason", "r", code=1)


def test_each_change_is_a_line_of_the_audit_log(sidecar):
    made = sidecar.tell("POST", "/v1/deny", BODY | {"value": "audited-denial"}).json
    sidecar.tell("DELETE", f"/v1/deny/{made['id']}?reason=a%20mistake")
    lines = sidecar.tell("GET", "/v1/audit?account=audited-denial").json["entries"]
    assert [(e["what"], e["who"], e["why"]) for e in lines] == [
        ("deny.remove", "local", "a mistake"),
        ("deny.add", "local", "resold keys"),
    ]
    assert "expires" in lines[0]["fields"]
    assert "audited-denial" not in str(lines)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"kind": "country"}, "/kind"),
        ({"kind": "asn", "value": "AS0"}, "/value"),
        ({"expires_in": 0}, "/expires_in"),
        ({"reason": ""}, "/reason"),
        ({"forever": True}, "/forever"),
    ],
)
def test_what_cannot_be_is_refused_with_the_member_at_fault(sidecar, change, pointer):
    before = sidecar.tell("GET", "/v1/deny").json["total"]
    answer = sidecar.tell("POST", "/v1/deny", BODY | change)
    assert (answer.status, answer.json["pointer"]) == (422, pointer)
    assert sidecar.tell("GET", "/v1/deny").json["total"] == before


def test_the_account_s_page_says_which_of_two_entries_counts_and_why(sidecar, run):
    denial = sidecar.tell("POST", "/v1/deny", BODY | {"value": "both"}).json
    sidecar.ask({"account": {"id": "both", "plan": "free"}})
    history = sidecar.tell("GET", "/v1/history?account=both").json
    assert [one["id"] for one in history["denials"]] == [denial["id"]]
    assert history["listed"]["words"] == "The denial of account both counts."
    sidecar.tell("POST", "/v1/allow", BODY | {"value": "both"})
    listed = sidecar.tell("GET", "/v1/history?account=both").json["listed"]
    assert (listed["counts"]["value"], listed["overruled"]["id"]) == ("both", denial["id"])
    assert "an exception wins over a denial unless the denial is more specific" in listed["words"]
    assert listed["words"] in " ".join(run("account", "show", "both").split())
    verdict = sidecar.ask({"account": {"id": "both"}}).json
    assert (verdict["decision"], verdict["overruled"]["id"]) == ("allow", denial["id"])


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_cluster_that_is_not_current_is_an_error(sidecar, dry_run):
    before = sidecar.tell("GET", "/v1/deny").json["total"]
    answer = sidecar.tell("POST", "/v1/deny", BODY | {"kind": "cluster", "value": "h-typo", "dry_run": dry_run})
    assert (answer.status, answer.json["pointer"]) == (404, "/value")
    assert sidecar.tell("GET", "/v1/deny").json["total"] == before
