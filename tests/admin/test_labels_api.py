"""Recorded decisions, labels and appeals of a running sidecar, by API and by command."""

import json
import math
import time

import pytest
from sidecar_process import commanding, running_sidecar, wait_for

pytestmark = pytest.mark.slow

EVERYBODY = {"recording": {"others": 1.0}, "tenants": {"default": {"owner": "api"}}}
DAY = 86_400.0


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with running_sidecar(tmp_path_factory.mktemp("labelled"), EVERYBODY) as found:
        yield found


@pytest.fixture
def run(own):
    return commanding(own)


def pay(sidecar, account):
    facts = {"created_at": time.time() - 15 * DAY, "payment": {"status": "ok", "settled_usd": 30.0}}
    assert sidecar.tell("PUT", f"/v1/accounts/{account}", facts).status == 204


def label_of(sidecar, account):
    labels = sidecar.tell("GET", "/v1/labels?limit=1000").json["labels"]
    return next((one for one in labels if one["account"] == account), None)


def passes(sidecar, account):
    """Wait until the account passes: its bucket was as small as the strictest tier's, and fills at its own rate."""
    allowed = lambda: sidecar.ask({"account": {"id": account}}).json["decision"] == "allow"  # noqa: E731 - polled
    wait_for(allowed, f"{account} does not pass", sidecar.process, sidecar.log, within=5)


class TestRecorded:
    def test_a_preview_counts_moved_accounts_and_names_the_payers(self, own):
        pay(own, "previewed")
        own.ask({"account": {"id": "previewed"}})
        harsh = {"prior": 0.5, "weights": {"payment": 0, "account": 3}}
        found = own.tell("POST", "/v1/tenants/default/replay", {"settings": harsh}).json
        assert "previewed" in [payer["name"] for payer in found["payers_listed"]]
        assert found["before"]["tiers"] != found["after"]["tiers"]
        live = own.tell("POST", "/v1/tenants/default/replay", {"revision": 1}).json
        assert live["before"]["tiers"] == live["after"]["tiers"]

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "/settings"),
            ({"settings": {}, "revision": 1}, "/settings"),
            ({"settings": {"prior": 3}}, "/settings/prior"),
            ({"settings": {}, "decisions": 50_001}, "/decisions"),
        ],
    )
    def test_a_preview_that_cannot_be_is_refused(self, own, body, pointer):
        answer = own.tell("POST", "/v1/tenants/default/replay", body)
        assert (answer.status, answer.json["pointer"]) == (422, pointer)

    def test_segments_are_listed_and_sent(self, own):
        own.ask({"account": {"id": "listed"}})
        found = own.tell("GET", "/v1/tenants/default/recorded").json
        assert found["decisions"] == sum(one["decisions"] for one in found["segments"]) > 0
        segment = own.tell("GET", f"/v1/tenants/default/recorded/{found['segments'][-1]['id']}")
        assert (segment.status, segment.headers["Content-Type"]) == (200, "application/zstd")
        assert own.tell("GET", "/v1/tenants/default/recorded?since=99999999999").json["segments"] == []
        assert own.tell("GET", "/v1/tenants/default/recorded/none").status == 404
        assert own.tell("GET", "/v1/tenants/default/recorded?since=soon").status == 400

    def test_a_ci_lets_a_draft_pass_or_not_by_the_exit_code(self, own, run, tmp_path):
        pay(own, "in-ci")
        own.ask({"account": {"id": "in-ci"}})
        (tmp_path / "bad.yaml").write_text("{prior: 0.5, weights: {payment: 0, account: 3}}")
        (tmp_path / "good.yaml").write_text("{weights: {velocity: 1.5}}")
        said = run("weights", "replay", str(tmp_path / "bad.yaml"), "--max-paying-tightened", "0", code=3)
        assert "paying accounts tightened" in said
        shown = run("weights", "replay", str(tmp_path / "good.yaml"), "--max-paying-tightened", "0")
        assert "no paying account is tightened" in shown
        report = tmp_path / "report.json"
        run("weights", "replay", str(tmp_path / "bad.yaml"), "--save", str(report))
        found = json.loads(report.read_text())
        assert "in-ci" in found["names"].values()
        assert found["differences"] == 0 < found["checked"]
        assert "neither a revision's number nor a file" in run("weights", "replay", "nowhere", code=1)


class TestLabels:
    def test_outcomes_become_labels_and_never_replace_a_persons(self, own):
        own.tell("POST", "/v1/outcomes", {"account": "said", "outcome": "chargeback"})
        assert (label_of(own, "said")["label"], label_of(own, "said")["source"]) == ("abuse", "outcome")
        own.tell("POST", "/v1/labels", {"account": "said", "label": "good", "reason": "their bank's mistake"})
        own.tell("POST", "/v1/outcomes", {"account": "said", "outcome": "abuse"})
        assert (label_of(own, "said")["label"], label_of(own, "said")["source"]) == ("good", "person")
        own.tell("POST", "/v1/outcomes", {"account": "declined", "outcome": "declined"})
        assert label_of(own, "declined") is None

    def test_a_persons_word_marks_the_account_once(self, own):
        before = own.ask({"account": {"id": "marked"}}).json["risk"]
        own.tell("POST", "/v1/labels", {"account": "marked", "label": "abuse"})
        once = own.ask({"account": {"id": "marked"}}).json["risk"]
        own.tell("POST", "/v1/labels", {"account": "marked", "label": "abuse"})
        assert before < once == own.ask({"account": {"id": "marked"}}).json["risk"]
        assert own.tell("DELETE", "/v1/labels/marked?reason=wrong").status == 204
        assert own.tell("DELETE", "/v1/labels/marked?reason=wrong").status == 404

    @pytest.mark.parametrize("word", ["taken back", "good"])
    def test_a_persons_word_stops_a_payer_until_it_is_taken_back(self, own, word):
        """Own, hard evidence whatever the account paid: it bites, explains itself, and ends with the label."""
        account = f"rich-{word.replace(' ', '-')}"
        facts = {"created_at": time.time() - 400 * DAY, "payment": {"status": "ok", "settled_usd": 5000.0}}
        own.tell("PUT", f"/v1/accounts/{account}", facts)
        body = {"account": {"id": account}}
        assert own.ask(body).json["decision"] == "allow"
        own.tell("POST", "/v1/labels", {"account": account, "label": "abuse", "reason": "resells"})
        stopped = own.ask(body).json
        assert (stopped["decision"], stopped["tier"]) == ("deny", "blocked")
        assert stopped["reasons"][-1]["signal"] == "marked"
        log_odds = math.log(stopped["risk"] / (100 - stopped["risk"]))
        assert sum(reason["points"] for reason in stopped["reasons"]) == pytest.approx(log_odds)
        if word == "good":
            own.tell("POST", "/v1/labels", {"account": account, "label": "good", "reason": "a mistake"})
        else:
            assert own.tell("DELETE", f"/v1/labels/{account}?reason=mistake").status == 204
        assert own.ask(body).json["tier"] in ("trusted", "standard")
        passes(own, account)

    def test_a_programs_word_stops_no_payer_by_itself(self, own):
        pay(own, "reported")
        own.tell("POST", "/v1/outcomes", {"account": "reported", "outcome": "abuse"})
        assert own.ask({"account": {"id": "reported"}}).json["decision"] == "allow"

    def test_an_appeal_lifts_whom_a_person_marked(self, own):
        pay(own, "appealing")
        own.tell("POST", "/v1/labels", {"account": "appealing", "label": "abuse"})
        denied = own.ask({"account": {"id": "appealing"}}).json
        made = own.tell("POST", "/v1/appeals", {"verdict": denied["id"], "reason": "a teacher"}).json
        passes(own, "appealing")
        own.tell("POST", f"/v1/appeals/{made['id']}/decision", {"label": "abuse", "reason": "it is not"})
        assert own.ask({"account": {"id": "appealing"}}).json["decision"] == "deny"

    def test_precision_and_recall_are_told_by_revision(self, own):
        own.tell("POST", "/v1/labels", {"account": "measured", "label": "abuse"})
        own.ask({"account": {"id": "measured"}})
        found = own.tell("GET", "/v1/tenants/default/quality").json["revisions"]
        assert found[0]["labelled"]["abusers"] >= 1

    def test_the_command_labels_one_or_a_file(self, own, run, tmp_path):
        run("label", "by-hand", "abuse", "--reason", "resold")
        assert label_of(own, "by-hand")["reason"] == "resold"
        rows = tmp_path / "labels.csv"
        rows.write_text("account,label,reason\nrow-1,good,\nrow-2,abuse,ring\n")
        assert "2 labels stored" in run("label", "--csv", str(rows))
        assert (label_of(own, "row-1")["label"], label_of(own, "row-2")["reason"]) == ("good", "ring")
        rows.write_text("account,label\nrow-3,good\nrow-4,bad\n")
        assert "line 3" in run("label", "--csv", str(rows), code=1)
        assert label_of(own, "row-3") is None
        rows.write_text("id,label\nrow-3,good\n")
        assert "no column account" in run("label", "--csv", str(rows), code=1)
        assert "give an account" in run("label", code=2)


class TestAppeals:
    @staticmethod
    def stopped(sidecar, account):
        """A verdict of an account that reports of abuse have made `limited`."""
        for _ in range(3):
            sidecar.tell("POST", "/v1/outcomes", {"account": account, "outcome": "abuse"})
        verdict = sidecar.ask({"account": {"id": account}}).json
        assert verdict["tier"] not in ("trusted", "standard")
        return verdict["id"]

    def test_a_lift_for_a_time_within_the_accounts_own_limits(self, own):
        body = {"verdict": self.stopped(own, "lifted"), "reason": "says it is a class"}
        made = own.tell("POST", "/v1/appeals", body)
        assert (made.status, made.json["account"], made.json["label"]) == (201, "lifted", None)
        verdict = own.ask({"account": {"id": "lifted"}}).json
        assert (verdict["tier"], verdict["allow"]["id"]) == ("standard", made.json["allow"])
        assert verdict["allow"]["reason"].startswith("appeal: ")
        assert label_of(own, "lifted")["source"] == "outcome", "an appeal is no label yet"

    def test_what_came_by_key_is_found_under_its_account_everywhere_and_may_be_appealed(self, own):
        """As every gateway sends it: the account is the key's owner in all that is told of the verdict."""
        facts = {"keys": ["sk-of-keyed"], "plan": "free"}
        own.tell("PUT", "/v1/accounts/keyed", facts)
        for _ in range(3):
            own.tell("POST", "/v1/outcomes", {"account": "keyed", "outcome": "abuse"})
        headers = {"Authorization": "Bearer sk-of-keyed", "X-Forwarded-For": "203.0.113.7"}
        own.ask(None, "/gateway/nginx/default", headers)
        (found,) = own.tell("GET", "/v1/recent?account=keyed").json["recent"]
        verdict = found["verdict"]["id"]
        assert found["request"]["account"] == "keyed"
        assert own.tell("GET", f"/v1/decisions/{verdict}").json["request"]["account"] == "keyed"
        made = own.tell("POST", "/v1/appeals", {"verdict": verdict, "reason": "a class"})
        assert (made.status, made.json["account"]) == (201, "keyed")

    def test_one_an_account_and_period(self, own):
        verdict = self.stopped(own, "again")
        assert own.tell("POST", "/v1/appeals", {"verdict": verdict, "reason": "r"}).status == 201
        answer = own.tell("POST", "/v1/appeals", {"verdict": verdict, "reason": "r"})
        assert (answer.status, "days" in answer.json["detail"]) == (409, True)

    def test_a_persons_decision_makes_it_a_label_and_one_against_it_ends_the_lift(self, own):
        for account, word in (("right", "good"), ("wrong", "abuse")):
            made = own.tell("POST", "/v1/appeals", {"verdict": self.stopped(own, account), "reason": "r"}).json
            path = f"/v1/appeals/{made['id']}/decision"
            assert own.tell("POST", path, {"label": word, "reason": "looked at it"}).json["decided_by"] == "local"
            assert (label_of(own, account)["label"], label_of(own, account)["source"]) == (word, "appeal")
            assert ("allow" in own.ask({"account": {"id": account}}).json) == (word == "good")
            assert own.tell("POST", path, {"label": word, "reason": "twice"}).status == 409

    def test_what_there_is_nothing_to_lift_of(self, own):
        passed = own.ask({"account": {"id": "fine"}}).json["id"]
        assert own.tell("POST", "/v1/appeals", {"verdict": passed, "reason": "r"}).status == 422
        assert own.tell("POST", "/v1/appeals", {"verdict": "01J", "reason": "r"}).status == 404
        assert own.tell("POST", "/v1/appeals/none/decision", {"label": "good", "reason": "r"}).status == 404
