"""Revisions and rollouts of a running sidecar, by API and by command."""

import json
import time

import pytest
from sidecar_process import JSON, commanding, headcount, running_sidecar

pytestmark = pytest.mark.slow

DRAFT = {"settings": {"prior": -4.0}, "reason": "too many false alarms"}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A sidecar of this module's own: `default` is tuned by the API, `filed` by its file."""
    settings = {"tenants": {"default": {"owner": "api"}, "filed": {}, "other": {"owner": "api"}}}
    with running_sidecar(tmp_path_factory.mktemp("tuned"), settings) as found:
        yield found


@pytest.fixture
def run(own):
    return commanding(own, "weights")


def etag(sidecar, tenant="default"):
    return sidecar.tell("GET", f"/v1/tenants/{tenant}").headers["ETag"]


def step(sidecar, body, tenant="default", match=None):
    headers = JSON | {"If-Match": match or etag(sidecar, tenant)}
    return sidecar.tell("POST", f"/v1/tenants/{tenant}/rollout", {"reason": "r", **body}, headers)


def draft(sidecar, tenant="default", **body):
    answer = sidecar.tell("POST", f"/v1/tenants/{tenant}/revisions", DRAFT | body)
    assert answer.status == 201, answer.body
    return answer.json["number"]


def risk(sidecar, account="a"):
    verdict = sidecar.ask({"account": {"id": account}}).json
    return verdict["reasons"][0]["points"], verdict["revision"]


class TestRevisions:
    def test_a_new_one_is_kept_and_in_force_nowhere(self, own):
        before = risk(own)
        number = draft(own)
        assert risk(own) == before
        found = own.tell("GET", f"/v1/tenants/default/revisions/{number}").json
        assert (found["author"], found["reason"], found["parent"]) == ("local", DRAFT["reason"], before[1])
        assert (found["settings"], found["in_force"]["prior"]) == ({"prior": -4.0}, -4.0)
        listed = own.tell("GET", "/v1/tenants/default/revisions?limit=1").json
        assert [one["number"] for one in listed["revisions"]] == [number]

    def test_what_is_wrong_is_named_and_nothing_is_kept(self, own):
        before = own.tell("GET", "/v1/tenants/default/revisions").json["total"]
        for settings, pointer in (
            ({"weights": {"ans": 1}}, "/settings/weights/ans"),
            ({"prior": 3}, "/settings/prior"),
            ({"owner": "file"}, "/settings/owner"),
        ):
            for place in ("revisions", "validate"):
                answer = own.tell("POST", f"/v1/tenants/default/{place}", {"settings": settings, "reason": "r"})
                assert (answer.status, answer.json["pointer"]) == (422, pointer)
        assert own.tell("GET", "/v1/tenants/default/revisions").json["total"] == before

    def test_a_reason_is_required(self, own):
        assert own.tell("POST", "/v1/tenants/default/revisions", {"settings": {}}).status == 422
        assert step(own, {"step": "rollback", "reason": ""}).status == 422

    def test_two_editors_of_one_state_the_second_hears_of_it_and_nothing_is_lost(self, own):
        headers = JSON | {"If-Match": etag(own)}
        first, second = (
            own.tell("POST", "/v1/tenants/default/revisions", DRAFT | {"reason": who}, headers)
            for who in ("ann", "bob")
        )
        assert (first.status, second.status) == (201, 409)
        newest = own.tell("GET", "/v1/tenants/default/revisions?limit=1").json["revisions"][0]
        assert newest["reason"] == "ann"

    def test_settings_can_be_validated_without_being_kept(self, own):
        answer = own.tell(
            "POST", "/v1/tenants/default/validate", {"settings": {"preset": "strict"}, "reason": "r"}
        ).json
        assert answer["in_force"]["prior"] == -1.7
        assert "prior" in [change["path"] for change in answer["changes"]]


class TestRollout:
    def test_a_promoted_revision_judges_the_very_next_check_and_a_rollback_takes_it_back(self, own):
        before = risk(own)
        number = draft(own)
        assert step(own, {"step": "promote", "revision": number}).status == 200
        assert risk(own) == (-4.0, number)
        assert step(own, {"step": "rollback"}).json["rollout"]["live"] == before[1]
        assert risk(own) == before

    def test_a_step_needs_the_state_that_it_is_a_step_from(self, own):
        number = draft(own)
        stale = etag(own)
        draft(own)
        assert step(own, {"step": "promote", "revision": number}, match=stale).status == 409
        bare = own.tell("POST", "/v1/tenants/default/rollout", {"step": "rollback", "reason": "r"})
        assert (bare.status, "If-Match" in bare.json["detail"]) == (400, True)
        assert risk(own)[1] != number

    def test_a_revision_that_is_not_there_is_refused(self, own):
        assert step(own, {"step": "shadow", "revision": 999}).status == 404
        assert own.tell("GET", "/v1/tenants/default").json["candidate"] is None

    def test_shadow_counts_beside_and_has_a_series_of_its_own(self, own):
        number = draft(own, settings={"prior": 0.6})
        step(own, {"step": "shadow", "revision": number})
        before = risk(own, "shadowed")
        assert before[1] != number
        trial = own.tell("GET", "/v1/tenants/default").json["trial"]
        assert (trial["revision"], trial["scored"], trial["tiers"]) == (number, 1, {"standard": 1})
        metrics = own.tell("GET", "/metrics").body.decode()
        assert f'headcount_candidate_checks_total{{revision="{number}",stage="shadow"' in metrics
        step(own, {"step": "stop"})
        assert own.tell("GET", "/v1/tenants/default").json["trial"] is None

    def test_a_canary_that_hurts_payers_ends_itself(self, own):
        number = draft(own, settings={"prior": 0.6, "weights": {"account": 3, "payment": 0}})
        step(own, {"step": "promote", "revision": number, "percent": 99.99, "most_payers_tightened": 1})
        for i in range(4):
            facts = {"created_at": time.time() - 15 * 86_400, "payment": {"status": "ok", "settled_usd": 30.0}}
            own.tell("PUT", f"/v1/accounts/hurt-{i}", facts)
            own.ask({"account": {"id": f"hurt-{i}"}})
        found = own.tell("GET", "/v1/tenants/default").json
        assert found["candidate"] is None
        assert "payers tightened: 2" in found["rollout"]["stopped"]
        line = own.tell("GET", "/v1/audit?limit=20").json["entries"]
        assert [e["who"] for e in line if e["what"] == "rollout.stop" and "tightened" in e["why"]] == ["headcount"]

    def test_every_step_is_in_the_audit_log(self, own):
        number = draft(own, tenant="other")
        step(own, {"step": "promote", "revision": number, "reason": "fewer alarms"}, "other")
        lines = own.tell("GET", "/v1/audit?tenant=other").json["entries"]
        assert [line["what"] for line in lines] == ["rollout.promote", "revision.create"]
        assert (lines[0]["before"]["live"], lines[0]["after"]["live"], lines[0]["why"]) == (1, number, "fewer alarms")


class TestWhoseTenantItIs:
    def test_a_tenant_of_the_file_refuses_edits(self, own):
        answer = own.tell("POST", "/v1/tenants/filed/revisions", DRAFT)
        assert (answer.status, "SIGHUP" in answer.json["detail"]) == (409, True)
        assert step(own, {"step": "rollback"}, "filed").status == 409

    def test_lists_say_who_owns_a_tenant(self, own):
        owners = {one["name"]: one["owner"] for one in own.tell("GET", "/v1/tenants").json["tenants"]}
        assert owners == {"default": "api", "filed": "file", "other": "api"}

    def test_prices_are_those_of_the_live_revision_and_the_command_prints_them(self, own):
        found = own.tell("GET", "/v1/tenants/default/prices").json
        assert {"mailbox", "settled_dollar", "aged_account"} <= {row["credential"] for row in found["prices"]}
        done = headcount("prices", "--admin", own.admin_listen)
        assert f"{found['prices'][0]['million']:,.0f}".encode() in done.stdout.splitlines()[1]
        assert own.tell("GET", "/v1/tenants/nobody/prices").status == 404

    def test_presets_are_laid_out_to_start_from(self, own):
        assert set(own.tell("GET", "/v1/presets").json["presets"]) == {"lenient", "balanced", "strict"}


class TestCommands:
    def test_from_edit_to_rollback(self, own, run):
        made = run("edit", "--set", "weights.asn=0.5", "--set", "prior=-3", "--reason", "offices")
        number = made.split()[1]
        assert f"headcount weights replay {number}" in made
        assert "weights.asn" in run("diff", number)
        assert "in_force" in run("show", number, "--json")
        assert "offices" in run("list", "--quality")
        assert "scores traffic in shadow" in run("shadow", number, "--reason", "look")
        assert "shadow" in run("list")
        assert "10% of accounts" in run("promote", number, "--percent", "10", "--reason", "try")
        assert "every account" in run("promote", number, "--reason", "good")
        assert risk(own) == (-3.0, int(number))
        assert "live again" in run("rollback", "--reason", "back")
        assert risk(own)[1] != int(number)

    def test_from_a_file_or_a_preset(self, run, tmp_path):
        (tmp_path / "draft.yaml").write_text("weights: {velocity: 2}\n")
        number = run("edit", str(tmp_path / "draft.yaml"), "--reason", "r").split()[1]
        assert json.loads(run("show", number, "--json"))["settings"] == {"weights": {"velocity": 2}}
        number = run("edit", "--preset", "strict", "--reason", "r").split()[1]
        assert json.loads(run("show", number, "--json"))["settings"] == {"preset": "strict"}

    @pytest.mark.parametrize(
        ("arguments", "code", "said"),
        [
            (["edit", "--set", "weights.ans=1", "--reason", "r"], 1, "asn"),
            (["edit", "--set", "weights", "--reason", "r"], 2, "weights.asn=0.5"),
            (["edit", "--set", "prior=-3"], 2, "--reason"),
            (["promote", "999", "--reason", "r"], 1, "no revision 999"),
            (["edit", "--set", "prior=-3", "--reason", "r", "--tenant", "filed"], 1, "owns tenant"),
            (["stop", "--reason", "r"], 1, "no revision is on trial"),
        ],
    )
    def test_what_goes_wrong_says_what_to_do(self, run, arguments, code, said):
        assert said in run(*arguments, code=code)


def test_a_tenant_and_its_metrics_show_the_newcomers_day(own):
    days = {"free": {"day": 200.0, "voters": 0}, "paid": {"day": 1000.0, "voters": 0}}
    assert own.tell("GET", "/v1/tenants/filed").json["newcomers"] == days
    text = own.tell("GET", "/metrics").body.decode()
    assert 'headcount_newcomer_day{plan="free",tenant="filed"} 200.0' in text
    assert 'headcount_newcomer_voters{plan="paid",tenant="filed"} 0.0' in text
