"""Exceptions and the audit log of a running sidecar, by API and by command."""

import json
import time

import pytest
from sidecar_process import commanding

BODY = {"kind": "account", "value": "vip", "expires_in": 3600, "reason": "ticket 7"}


@pytest.fixture
def run(sidecar):
    return commanding(sidecar)


class TestAllow:
    def test_from_the_answer_on_it_is_told_in_verdicts_until_it_is_removed(self, sidecar):
        made = sidecar.tell("POST", "/v1/allow", BODY)
        assert (made.status, made.json["by"], made.json["within_limits"]) == (201, "local", False)
        told = sidecar.ask({"account": {"id": "vip"}}).json["allow"]
        assert told == {name: made.json[name] for name in ("id", "kind", "value", "reason", "expires")}
        assert made.json["id"] in [one["id"] for one in sidecar.tell("GET", "/v1/allow").json["allow"]]
        assert sidecar.tell("DELETE", f"/v1/allow/{made.json['id']}?reason=done").status == 204
        assert "allow" not in sidecar.ask({"account": {"id": "vip"}}).json
        assert sidecar.tell("DELETE", f"/v1/allow/{made.json['id']}?reason=done").status == 404

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"kind": "country"}, "/kind"),
            ({"kind": "network", "value": "203.0.113.7/24"}, "/value"),
            ({"expires_in": 0}, "/expires_in"),
            ({"expires_in": 1e9}, "/expires_in"),
            ({"reason": ""}, "/reason"),
            ({"forever": True}, "/forever"),
        ],
    )
    def test_what_cannot_be_is_refused_with_the_member_at_fault(self, sidecar, change, pointer):
        before = sidecar.tell("GET", "/v1/allow").json["total"]
        answer = sidecar.tell("POST", "/v1/allow", BODY | change)
        assert (answer.status, answer.json["pointer"]) == (422, pointer)
        assert sidecar.tell("GET", "/v1/allow").json["total"] == before

    def test_an_end_needs_its_reason(self, sidecar):
        answer = sidecar.tell("DELETE", "/v1/allow/x")
        assert (answer.status, answer.json["pointer"]) == (400, "/reason")

    def test_the_commands(self, sidecar, run):
        arguments = ["allow", "add", "network", "198.51.100.0/24", "--expires", "7d", "--reason", "ticket 8"]
        made = json.loads(run(*arguments, "--json"))
        assert made["expires"] - made["at"] == 7 * 86_400
        assert "198.51.100.0/24" in run("allow", "list")
        assert (
            sidecar.ask({"account": {"id": "any"}, "client": {"ip": "198.51.100.9"}}).json["allow"]["kind"] == "network"
        )
        assert "ended" in run("allow", "remove", made["id"], "--reason", "done")
        assert "host bits" in run(
            "allow", "add", "network", "198.51.100.1/24", "--expires", "7d", "--reason", "r", code=1
        )
        assert "7d" in run("allow", "add", "account", "a", "--expires", "soon", "--reason", "r", code=2)


class TestAudit:
    def test_a_write_of_an_account_is_a_line_with_who_what_fields_and_why_and_no_value(self, sidecar, run):
        sidecar.tell("PUT", "/v1/accounts/audited", {"plan": "free", "keys": ["sk-audited"]})
        card = {"status": "ok", "fingerprint": "fp_audited"}
        sidecar.tell(
            "PUT", "/v1/accounts/audited", {"plan": "paid", "payment": card, "external": {"crm": "ext-audited"}}
        )
        sidecar.tell("POST", "/v1/outcomes", {"account": "audited", "outcome": "good", "at": 1790812800})
        sidecar.tell("DELETE", "/v1/accounts/audited")
        made = sidecar.tell("POST", "/v1/allow", BODY | {"value": "audited"}).json
        sidecar.tell("DELETE", f"/v1/allow/{made['id']}?reason=was%20a%20mistake")
        lines = sidecar.tell("GET", "/v1/audit?limit=1000&account=audited").json["entries"]
        assert [e["what"] for e in lines] == [
            "allow.remove",
            "allow.add",
            "account.delete",
            "outcome.good",
            "account.put",
            "account.put",
        ]
        assert {e["who"] for e in lines} == {"local"}
        assert (lines[0]["why"], lines[1]["why"]) == ("was a mistake", BODY["reason"])
        assert set(lines[4]["fields"]) == {"plan", "keys", "payment.status", "payment.fingerprint", "external"}
        assert len({e["subject"].removeprefix("account ") for e in lines}) == 1
        assert "audited" not in json.dumps(lines)
        assert "payment.status" in run("audit", "list", "--account", "audited")
        assert "payment.status" not in run("audit", "list", "--account", "another")

    def test_a_refused_write_is_none(self, sidecar):
        def newest():
            return sidecar.tell("GET", "/v1/audit?limit=1").json["entries"]

        before = newest()
        assert sidecar.tell("PUT", "/v1/accounts/refused", {"plan": 5}).status == 422
        assert newest() == before

    def test_pages_in_both_directions_and_the_export_are_the_same_lines(self, sidecar, run):
        for i in range(5):
            sidecar.tell("PUT", f"/v1/accounts/page-{i}", {})
        first = sidecar.tell("GET", "/v1/audit?limit=2").json["entries"]
        second = sidecar.tell("GET", f"/v1/audit?limit=2&before={first[-1]['id']}").json["entries"]
        exported = [json.loads(line) for line in run("audit", "export").splitlines()]
        assert exported[::-1][:4] == first + second
        assert "account.put" in run("audit", "list")

    def test_it_is_filtered_by_who_what_when_and_by_people_or_programs(self, sidecar, run):
        began = time.time()
        sidecar.tell("PUT", "/v1/accounts/filtered", {"plan": "free"})
        made = sidecar.tell("POST", "/v1/allow", BODY | {"value": "filtered"}).json
        sidecar.tell("DELETE", f"/v1/allow/{made['id']}?reason=over")

        def whats(query):
            return [e["what"] for e in sidecar.tell("GET", f"/v1/audit?since={began}&{query}").json["entries"]]

        assert whats("") == ["allow.remove", "allow.add", "account.put"]
        assert whats("by=people") == ["allow.remove", "allow.add"]
        assert whats("by=programs") == ["account.put"]
        assert whats("what=allow&who=local") == ["allow.remove", "allow.add"]
        assert whats("who=someone") == whats(f"until={began}") == []
        assert '"allow.remove"' in run("audit", "export", "--since", "1h")
        assert run("audit", "export", "--who", "no") == ""
        listed = json.loads(run("audit", "list", "--what", "allow.remove", "--by", "people", "--limit", "1", "--json"))
        assert [entry["why"] for entry in listed["entries"]] == ["over"]
        assert "account.put" not in run("audit", "list", "--by", "people", "--since", "2026-01-01T00:00Z")

    @pytest.mark.parametrize(
        ("query", "pointer"), [("by=me", "/by"), ("since=soon", "/since"), ("until=-1", "/until"), ("by=", "/by")]
    )
    def test_a_filter_that_cannot_be_is_named(self, sidecar, query, pointer):
        for path in ("/v1/audit", "/v1/audit/file"):
            answer = sidecar.tell("GET", f"{path}?{query}")
            assert (answer.status, answer.json["pointer"]) == (400, pointer)

    def test_a_time_that_is_none_is_named_by_the_command(self, run):
        assert "12h" in run("audit", "list", "--since", "yesterday", code=2)

    def test_the_file_has_every_line_that_the_filters_leave(self, sidecar, run):
        answer = sidecar.tell("GET", "/v1/audit/file?what=allow")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
        lines = answer.body.decode().splitlines()
        assert [json.loads(line) for line in lines] == [
            json.loads(line) for line in run("audit", "export", "--what", "allow").splitlines()
        ]
        assert lines
        assert sidecar.tell("GET", "/v1/audit/file?tenant=nobody").status == 404
