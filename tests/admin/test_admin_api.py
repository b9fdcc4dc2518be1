"""Facts, outcomes, decisions, clusters and metrics of a running sidecar."""

from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families

FACTS = {
    "created_at": "2026-01-01T00:00:00Z",
    "plan": "paid",
    "keys": ["sk-round"],
    "external": {"stripe": "cus_9"},
    "verified": ["email", "phone"],
    "organisation": {"id": "corp.example", "verified": True},
    "payment": {"status": "ok", "settled_usd": 120.0, "funding": "credit", "issuer_country": "US"},
}


class TestAccounts:
    def test_a_round_trip(self, sidecar):
        """What was pushed comes back, keys only as they are stored."""
        assert sidecar.tell("PUT", "/v1/accounts/round", FACTS).status == 204
        found = sidecar.tell("GET", "/v1/accounts/round").json
        assert (found["id"], found["tenant"], found["plan"], found["created_at"]) == (
            "round",
            "default",
            "paid",
            1767225600.0,
        )
        assert found["verified"] == ["email", "phone"]
        assert found["external"] == {"stripe": "cus_9"}
        assert found["payment"]["settled_usd"] == 120.0
        assert (found["payer"], found["proven"]) == (True, True)
        assert len(found["keys"]) == 1
        assert found["keys"][0].startswith("hk1_")
        sidecar.ask({"account": {"key": "sk-round"}})
        assert sidecar.tell("GET", "/v1/accounts/round").json["buckets"]["burst"]["remaining"] > 0
        assert sidecar.tell("DELETE", "/v1/accounts/round").status == 204
        assert sidecar.tell("GET", "/v1/accounts/round").status == 404
        assert sidecar.tell("DELETE", "/v1/accounts/round").status == 404

    def test_what_comes_back_can_be_pushed_again(self, sidecar):
        sidecar.tell("PUT", "/v1/accounts/again", {**FACTS, "keys": ["sk-again"]})
        found = sidecar.tell("GET", "/v1/accounts/again").json
        assert sidecar.tell("PUT", "/v1/accounts/again", found).status == 204
        after = sidecar.tell("GET", "/v1/accounts/again").json
        assert {k: after[k] for k in FACTS} == {k: found[k] for k in FACTS}

    @pytest.mark.parametrize(
        "account", ["a b", "org/team/a", "ü-✓", "100%", "a?b#c", "..", "a\nb", "x" * 256, "%2F", "a+b", "."]
    )
    def test_any_id_can_be_pushed_and_is_the_one_that_checks_name(self, sidecar, account):
        path = f"/v1/accounts/{quote(account, safe='')}"
        assert sidecar.tell("PUT", path, {"created_at": 1}).status == 204
        assert sidecar.tell("GET", path).json["id"] == account
        reasons = sidecar.ask({"account": {"id": account}}).json["reasons"]
        assert "account_age" in [reason["signal"] for reason in reasons]
        assert sidecar.tell("DELETE", path).status == 204

    def test_a_key_of_another_account_is_refused_and_changes_nothing(self, sidecar):
        sidecar.tell("PUT", "/v1/accounts/owner", {"keys": ["sk-owned"], "plan": "paid"})
        answer = sidecar.tell("PUT", "/v1/accounts/thief", {"keys": ["sk-other", "sk-owned"]})
        assert (answer.status, answer.json["pointer"]) == (409, "/keys/1")
        assert sidecar.tell("GET", "/v1/accounts/thief").status == 404
        assert "sk-owned" not in answer.body.decode()

    @pytest.mark.parametrize(
        ("body", "status", "pointer"),
        [
            (b"", 400, ""),
            (b"[]", 422, ""),
            ({"plan": 5}, 422, "/plan"),
            ({"keys": "sk"}, 422, "/keys"),
            ({"keys": ["sk", " \t\r\n"]}, 422, "/keys/1"),
            ({"keys": ["k"] * 65}, 422, "/keys"),
            ({"verified": ["fax"]}, 422, "/verified/0"),
            ({"payment": {"status": "paid"}}, 422, "/payment/status"),
            ({"created_at": "soon"}, 422, "/created_at"),
            ({"created_at": -5}, 422, "/created_at"),
            (b'{"x": "' + b"x" * 70_000 + b'"}', 413, ""),
        ],
    )
    def test_malformed_facts_are_a_problem_at_their_place_and_are_not_kept(self, sidecar, body, status, pointer):
        sidecar.tell("PUT", "/v1/accounts/kept", {"plan": "paid"})
        answer = sidecar.tell("PUT", "/v1/accounts/kept", body)
        assert (answer.status, answer.json.get("pointer")) == (status, pointer)
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert sidecar.tell("GET", "/v1/accounts/kept").json["plan"] == "paid"

    def test_an_id_that_no_check_could_name_is_refused(self, sidecar):
        assert sidecar.tell("PUT", "/v1/accounts/" + "x" * 257, {}).status == 400
        assert sidecar.tell("PUT", "/v1/accounts/", {}).status == 404
        assert sidecar.tell("PUT", "/v1/accounts/%FF", {}).status in (204, 400)


class TestOutcomes:
    def test_an_outcome_marks_its_account(self, sidecar):
        before = sidecar.ask({"account": {"id": "marked"}}).json["risk"]
        outcome = {
            "tenant": "default",
            "account": "marked",
            "outcome": "chargeback",
            "at": 1790812800,
            "verdict": "01J",
        }
        assert sidecar.tell("POST", "/v1/outcomes", outcome).status == 204
        assert sidecar.ask({"account": {"id": "marked"}}).json["risk"] > before

    @pytest.mark.parametrize(
        ("body", "status", "pointer"),
        [
            ({"account": "a"}, 422, "/outcome"),
            ({"account": "a", "outcome": "fine"}, 422, "/outcome"),
            ({"outcome": "good"}, 422, "/account"),
            ({"account": "a", "outcome": "good", "tenant": "x"}, 404, "/tenant"),
        ],
    )
    def test_malformed_outcomes(self, sidecar, body, status, pointer):
        answer = sidecar.tell("POST", "/v1/outcomes", body)
        assert (answer.status, answer.json["pointer"]) == (status, pointer)


class TestDecisions:
    def test_a_recent_verdict_is_explained(self, sidecar):
        body = {"account": {"id": "why", "payment": {"funding": "prepaid"}}, "request": {"cost": 2, "route": "/v1/x"}}
        verdict = sidecar.ask(body).json
        found = sidecar.tell("GET", f"/v1/decisions/{verdict['id']}").json
        assert found["verdict"] == verdict
        assert found["request"] == {"account": "why", "ip": None, "route": "/v1/x", "cost": 2}
        assert "milder_without" in found

    def test_what_would_have_made_it_milder(self, sidecar):
        facts = {
            "id": "new",
            "created_at": "2999-01-01T00:00:00Z",
            "payment": {"status": "failed", "funding": "prepaid", "declines_30d": 4},
        }
        verdict = sidecar.ask({"account": facts}).json
        found = sidecar.tell("GET", f"/v1/decisions/{verdict['id']}").json
        assert verdict["tier"] != "standard"
        assert {item["signal"] for item in found["milder_without"]} <= {r["signal"] for r in verdict["reasons"]}
        assert all(item["log_odds"] < found["tier_begins_at"] for item in found["milder_without"])
        assert found["milder_without"]

    def test_the_newest_come_first_and_as_many_as_asked_for(self, sidecar):
        ids = [sidecar.ask({"account": {"id": f"newest-{i}"}}).json["id"] for i in range(3)]
        found = sidecar.tell("GET", "/v1/decisions?limit=3").json["decisions"]
        assert [verdict["id"] for verdict in found] == ids[::-1]

    @pytest.mark.parametrize("limit", ["0", "1001", "x", "-1", "1e3", "", "٣"])
    def test_a_limit_is_a_whole_number_within_bounds(self, sidecar, limit):
        answer = sidecar.tell("GET", f"/v1/decisions?limit={quote(limit)}")
        assert (answer.status, answer.json["pointer"]) == (400, "/limit")

    def test_an_unknown_one_is_not_found(self, sidecar):
        assert sidecar.tell("GET", "/v1/decisions/01JUNKNOWN").status == 404


class TestClusters:
    def test_there_are_none_before_anything_is_linked(self, sidecar):
        assert sidecar.tell("GET", "/v1/clusters").json["clusters"] == []
        assert sidecar.tell("GET", "/v1/clusters/h-1").status == 404


class TestMetrics:
    def samples(self, sidecar):
        """Every sample by its name and labels."""
        text = sidecar.tell("GET", "/metrics").body.decode()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def test_they_parse_and_count(self, sidecar):
        before = self.samples(sidecar)
        for _ in range(30):
            sidecar.ask({"account": {"id": "counted"}})
        after = self.samples(sidecar)
        throttled = ("headcount_throttled_total", (("scope", "account"), ("tenant", "default")))
        assert after[throttled] > before.get(throttled, 0)
        allowed = [
            n
            for (name, labels), n in after.items()
            if name == "headcount_checks_total" and ("decision", "allow") in labels
        ]
        assert sum(allowed) >= 20
        assert after["headcount_requests_total", ()] > before["headcount_requests_total", ()]
        assert after["headcount_failures_total", ()] == 0

    def test_labels_are_few_words_alone(self, sidecar):
        """Never an account, an address or an ASN: those would make as many series as there are clients."""
        sidecar.ask({"account": {"id": "secret"}, "client": {"ip": "203.0.113.9"}})
        labels = {name for (_, pairs) in self.samples(sidecar) for name, _ in pairs}
        about_the_program = {"le", "version", "python", "compiled", "event", "result", "listener"}
        assert labels <= {"tenant", "mode", "tier", "decision", "scope", "reason", "plan"} | about_the_program

    def test_their_type_is_the_text_format(self, sidecar):
        assert sidecar.tell("GET", "/metrics").headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


class TestPaths:
    def test_what_is_not_there_is_a_problem_document(self, sidecar):
        for path in ("/v1", "/v1/check", "/v1/accounts", "/consoles"):
            answer = sidecar.tell("GET", path)
            if answer.status != 200:
                assert answer.status in (404, 405)
                assert answer.json["status"] == answer.status

    @pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
    def test_what_can_be_got_can_be_asked_for_its_head(self, sidecar, path):
        """Probes ask so."""
        answer = sidecar.tell("HEAD", path)
        assert answer.status == 200
        assert answer.headers["Content-Type"] == sidecar.tell("GET", path).headers["Content-Type"]

    @pytest.mark.parametrize(("charset", "status"), [("latin-1", 400), ("utf-16", 400), ("UTF-8", 204)])
    def test_json_is_utf_8(self, sidecar, charset, status):
        kind = {"Content-Type": f"application/json; charset={charset}"}
        assert sidecar.tell("PUT", "/v1/accounts/charset", {"plan": "free"}, kind).status == status

    def test_a_large_body_is_a_problem_of_the_whole_body(self, sidecar):
        answer = sidecar.tell("PUT", "/v1/accounts/large", {"plan": "x" * 70_000})
        assert (answer.status, answer.json["status"], answer.json["pointer"]) == (413, 413, "")

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [({"external": {"stripe": 5}}, "/external"), ({"payment": {"status": "x"}}, "/payment/status")],
    )
    def test_a_pointer_leads_to_what_is_there(self, sidecar, body, pointer):
        assert sidecar.tell("PUT", "/v1/accounts/pointed", body).json["pointer"] == pointer

    @pytest.mark.parametrize(
        ("path", "body", "words"),
        [
            ("/v1/allow", {"kind": "x", "value": "a", "expires_in": 9, "reason": "r"}, "account, network, asn"),
            ("/v1/labels", {"account": "a", "label": "x"}, "abuse, good"),
        ],
    )
    def test_an_unknown_word_is_answered_with_the_known_ones(self, sidecar, path, body, words):
        assert words in sidecar.tell("POST", path, body).json["detail"]

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("PATCH", "/v1/accounts/a", {"PUT", "GET", "DELETE"}),
            ("DELETE", "/v1/outcomes", {"POST"}),
            ("POST", "/metrics", {"GET", "HEAD"}),
        ],
    )
    def test_another_method_is_told_the_right_ones(self, sidecar, method, path, allowed):
        answer = sidecar.tell(method, path, {})
        assert answer.status == 405
        assert allowed <= set(answer.headers["Allow"].replace(" ", "").split(","))
