"""Rulings on a found cluster: whom each touches, what it does, that it is listed, and that it can be taken back."""

import json
import time

import pytest
from one_actor import EPOCHS, HEADS, linked
from redis_process import running_redis, until
from sidecar_process import headcount, running_sidecar

pytestmark = pytest.mark.gateway
PAYER = "head-1"


@pytest.fixture
def ruled(tmp_path):
    """A sidecar that found one actor, a payer among its accounts; and its cluster's id."""
    with (
        running_redis(tmp_path) as redis,
        running_sidecar(tmp_path, EPOCHS, extra={"HEADCOUNT_STATE": redis.url}) as sidecar,
    ):
        payment = {"status": "ok", "settled_usd": 60.0, "fingerprint": "fp-0", "funding": "prepaid"}
        facts = {"plan": "free", "created_at": time.time() - 15 * 86_400, "payment": payment}
        cluster = linked(sidecar, time.time())
        sidecar.tell("PUT", f"/v1/accounts/{PAYER}", facts)
        yield sidecar, cluster


def rule(sidecar, cluster, word, status=201, **more):
    body = {"ruling": word, "reason": "ticket 312"} | more
    answer = sidecar.tell("POST", f"/v1/clusters/{cluster}/rulings", body)
    assert answer.status == status, answer.body
    return answer.json


def standing(sidecar, cluster):
    found = sidecar.tell("GET", f"/v1/clusters/{cluster}")
    return found.json["standing"] if found.status == 200 else None


def decision(sidecar, account):
    return sidecar.ask({"account": {"id": account}}).json["decision"]


def undo(sidecar, ruling):
    return sidecar.tell("DELETE", f"/v1/rulings/{ruling}?reason=a%20mistake").status


def in_force(sidecar):
    return [(one["id"], one["ruling"]) for one in sidecar.tell("GET", "/v1/rulings").json["rulings"]]


def test_a_dry_run_says_how_many_accounts_and_payers_and_changes_nothing(ruled):
    sidecar, cluster = ruled
    assert cluster != "h-9e37"
    size = sidecar.tell("GET", f"/v1/clusters/{cluster}").json["size"]
    told = rule(sidecar, cluster, "deny", 200, dry_run=True)["reach"]
    assert (told["accounts"], told["payers"], told["payer_names"]) == (size, 1, [PAYER])
    assert told["words"] == f"{size} accounts, among them 1 paying customer"
    assert in_force(sidecar) == []
    assert decision(sidecar, "head-2") != "deny"


def test_its_page_says_who_is_in_it_and_why_its_status_is_what_it_is(ruled):
    sidecar, cluster = ruled
    page = sidecar.tell("GET", f"/v1/clusters/{cluster}").json
    assert page["sentence"].startswith(f"{page['size']} accounts of one actor held to ")
    assert page["sentence"].endswith(" requests a day each; 1 paying customer among them.")
    assert page["why"]
    first, second = page["who"][:2]
    assert (first["account"], first["payer"], first["settled_usd"]) == (PAYER, True, 60.0)
    assert (first["plan"], first["created_at"] > 0, second["payer"]) == ("free", True, False)
    assert second["last_seen"] > 0
    assert second["passed"] + second["stopped"] == 4
    assert len(page["who"]) == page["listed"] == page["size"]
    part = sidecar.tell("GET", f"/v1/clusters/{cluster}?offset=1&limit=1").json
    assert [one["account"] for one in part["who"]] == [second["account"]]
    overview = sidecar.tell("GET", "/v1/overview").json
    assert [one["id"] for one in overview["clusters"]] == [cluster]
    assert "requests stopped in the last day; 1 paying customer among them." in overview["sentence"]


def test_a_denied_cluster_is_refused_at_once_and_let_go_at_once(ruled):
    sidecar, cluster = ruled
    made = rule(sidecar, cluster, "deny")
    assert [decision(sidecar, f"head-{n}") for n in (0, 1, 2)] == ["deny"] * 3
    assert decision(sidecar, "good-1") == "allow"
    assert in_force(sidecar) == [(made["id"], "deny")]
    assert [one["id"] for one in sidecar.tell("GET", "/v1/deny").json["deny"]] == [made["id"]]
    assert undo(sidecar, made["id"]) == 204
    assert decision(sidecar, "head-0") != "deny"
    assert in_force(sidecar) == sidecar.tell("GET", "/v1/deny").json["deny"] == []
    assert undo(sidecar, made["id"]) == 404


def test_allow_and_restrain_change_its_standing_and_an_undo_gives_it_back(ruled):
    sidecar, cluster = ruled
    before = standing(sidecar, cluster)
    made = rule(sidecar, cluster, "allow")
    until(lambda: standing(sidecar, cluster) == "blessed", "it was not allow-listed")
    undo(sidecar, made["id"])
    until(lambda: standing(sidecar, cluster) == before, "the undo had no effect")
    made = rule(sidecar, cluster, "restrain")
    until(lambda: standing(sidecar, cluster) == "restricted", "it was not restrained")
    audit = sidecar.tell("GET", "/v1/audit").json["entries"]
    assert [line["what"] for line in audit if line["subject"] == cluster] == [
        "ruling.restrain", "ruling.undo", "ruling.allow",
    ]  # fmt: skip


def test_a_split_can_be_taken_back_after_the_cluster_is_gone(ruled):
    sidecar, cluster = ruled
    made = rule(sidecar, cluster, "split")
    until(lambda: standing(sidecar, cluster) is None, "it was not split")
    assert in_force(sidecar) == [(made["id"], "split")]
    assert undo(sidecar, made["id"]) == 204
    assert in_force(sidecar) == []
    until(lambda: sidecar.tell("GET", "/v1/clusters").json["clusters"], "its members were not linked again")


@pytest.mark.parametrize(
    ("cluster", "change", "status", "pointer"),
    [
        ("h-none", {}, 404, "/cluster"),
        (None, {"ruling": "forget"}, 422, "/ruling"),
        (None, {"ruling": "pin"}, 422, "/account"),
        (None, {"account": "a"}, 422, "/account"),
        (None, {"ruling": "release", "account": "nobody"}, 404, "/account"),
        (None, {"reason": ""}, 422, "/reason"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(sidecar_with_cluster, cluster, change, status, pointer):
    sidecar, found = sidecar_with_cluster
    body = {"ruling": "deny", "reason": "r"} | change
    answer = sidecar.tell("POST", f"/v1/clusters/{cluster or found}/rulings", body)
    assert (answer.status, answer.json["pointer"]) == (status, pointer)
    assert in_force(sidecar) == []


@pytest.fixture(scope="module")
def sidecar_with_cluster(tmp_path_factory):
    with running_sidecar(tmp_path_factory.mktemp("rulings"), EPOCHS) as sidecar:
        yield sidecar, linked(sidecar, time.time())


def test_the_commands_ask_before_a_payer_is_stopped_list_and_undo(ruled):
    sidecar, cluster = ruled

    def run(*arguments, code=0):
        done = headcount("clusters", *arguments, "--admin", sidecar.admin_listen)
        assert done.returncode == code, done.stderr
        return (done.stdout if code == 0 else done.stderr).decode()

    common = ("deny", cluster, "--reason", "resold keys")
    assert "among them 1 paying customer" in run(*common, "--dry-run")
    assert f"paying customer: {PAYER}; add --yes" in run(*common, code=1)
    made = json.loads(run(*common, "--yes", "--expires", "7d", "--json"))
    assert decision(sidecar, "head-0") == "deny"
    assert made["id"] in run("rulings", cluster)
    assert "taken back" in run("undo", made["id"], "--reason", "a mistake")
    assert run("rulings").strip() == "no rulings"
    assert "no current cluster" in run("restrain", "h-none", "--reason", "r", code=1)
    labelled = json.loads(run("label", cluster, "abuse", "--reason", "one reseller", "--json"))
    assert labelled["labelled"] in (HEADS - 1, HEADS)
    assert decision(sidecar, "head-0") == "deny"
    until(lambda: decision(sidecar, "good-3") == "allow", "a neighbour was stopped")
    json.loads(run("release", cluster, "head-2", "--reason", "a student", "--json"))
    members = lambda: sidecar.tell("GET", f"/v1/clusters/{cluster}").json.get("members", [])  # noqa: E731 - polled
    until(lambda: "head-2" not in [name for name, *_ in members()], "it was not released")
    assert [one["account"] for one in sidecar.tell("GET", "/v1/rulings").json["rulings"]] == ["head-2"]
    forgotten = sidecar.tell("POST", "/v1/accounts/head-2/forget", {"reason": "an erasure request"})
    assert (forgotten.status, in_force(sidecar)) == (200, [])
