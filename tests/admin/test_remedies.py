"""What an operator can do about a verdict: shown beforehand with what it touches, in the audit log, taken back."""

import time

import pytest
from sidecar_process import commanding, running_sidecar

pytestmark = pytest.mark.slow

DAY = 86_400.0
SMALL = {"rate": 0.001, "burst": 2, "daily": 50}
SETTINGS = {"tenants": {"default": {"plans": {"free": {}, "small": {"standard": SMALL, "trusted": SMALL}}}}}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with running_sidecar(tmp_path_factory.mktemp("remedies"), SETTINGS) as found:
        yield found


@pytest.fixture
def run(own):
    return commanding(own)


def at_its_limit(own, account):
    """The id of a stop by the account's own burst."""
    own.tell("PUT", f"/v1/accounts/{account}", {"plan": "small"})
    answers = own.ask([{"account": {"id": account}, "client": {"ip": "24.1.1.1"}}] * 4, "/v1/check/batch").json
    return next(one["id"] for one in answers if one["decision"] == "throttle")


def suspected(own, account):
    """The id of a verdict in a stricter tier, because of reports."""
    for _ in range(3):
        own.tell("POST", "/v1/outcomes", {"account": account, "outcome": "abuse"})
    return own.ask({"account": {"id": account}}).json["id"]


def decision(own, verdict):
    return own.tell("GET", f"/v1/decisions/{verdict}").json


def test_what_each_remedy_touches_and_which_helps(own):
    lift, double = decision(own, at_its_limit(own, "full"))["remedies"]
    assert "Account full alone, until " in lift["words"]
    assert "2 at once" in lift["words"]
    assert "4 at once" in double["words"]
    assert (lift["helps"], double["helps"]) == (False, True)
    lift, _ = decision(own, suspected(own, "reported"))["remedies"]
    assert (lift["helps"], lift["refused"], lift["review"]) == (True, None, None)
    lift, _ = decision(own, own.ask({"account": {"id": "fine"}}).json["id"])["remedies"]
    assert "nothing to lift" in lift["refused"]
    address = own.ask({"client": {"ip": "24.1.1.2"}}).json["id"]
    assert decision(own, address)["remedies"] == [] or decision(own, address)["request"]["account"] is not None


def test_a_doubled_account_has_twice_its_limits_until_it_is_taken_back(own):
    verdict = at_its_limit(own, "doubled")
    made = own.tell("POST", "/v1/appeals", {"verdict": verdict, "reason": "a customer", "times": 2})
    assert (made.status, made.json["times"]) == (201, 2)
    assert made.json["expires"] - made.json["at"] == pytest.approx(DAY)
    limits = {one["name"]: one["burst"] for one in own.ask({"account": {"id": "doubled"}}).json["limits"]}
    assert limits == {"burst": 4, "daily": 100}
    (line,) = [one for one in audit(own) if one["what"] == "appeal.double"]
    assert line["why"] == "a customer"
    assert "times" in line["fields"]
    (active,) = decision(own, verdict)["exceptions"]
    assert own.tell("POST", "/v1/appeals", {"verdict": verdict, "reason": "again"}).status == 409
    assert own.tell("DELETE", f"/v1/allow/{active['id']}?reason=wrong").status == 204
    assert decision(own, verdict)["exceptions"] == []
    assert own.ask({"account": {"id": "doubled"}}).json["limits"][0]["burst"] == 2
    assert own.tell("POST", "/v1/appeals", {"verdict": verdict, "reason": "again"}).status == 201


def audit(own):
    return own.tell("GET", "/v1/audit?limit=100").json["entries"]


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/allow", {"kind": "account", "value": "a", "expires_in": 60, "reason": "r", "times": 2}, "/times"),
        ("/v1/allow", {"kind": "account", "value": "a", "expires_in": 60, "reason": "r", "times": 11}, "/times"),
        ("/v1/appeals", {"verdict": "v", "reason": "r", "times": 3}, "/times"),
        ("/v1/appeals", {"verdict": "v", "reason": "r", "times": 0.5}, "/times"),
    ],
)
def test_how_many_times_over_has_bounds(own, path, body, pointer):
    answer = own.tell("POST", path, body)
    assert (answer.status, answer.json["pointer"]) == (422, pointer)


def test_the_history_of_an_account_has_what_people_and_programs_said(own):
    client = {"ip": "24.7.7.7", "device": "dev-7"}
    for account in ("one", "two"):
        facts = {"plan": "free", "payment": {"fingerprint": "card-7"}}
        own.tell("PUT", f"/v1/accounts/{account}", facts)
        own.ask({"account": {"id": account}, "client": client})
    own.tell("POST", "/v1/outcomes", {"account": "one", "outcome": "good"})
    own.tell("POST", "/v1/labels", {"account": "one", "label": "good", "reason": "known to us"})
    body = {"kind": "account", "value": "one", "expires_in": 60, "reason": "r", "within_limits": True, "times": 2}
    own.tell("POST", "/v1/allow", body)
    found = own.tell("GET", "/v1/history?account=one").json
    assert found["standing"]["id"] == "one"
    assert (found["label"]["label"], found["label"]["source"]) == ("good", "person")
    assert [one["outcome"] for one in found["outcomes"]] == ["good"]
    assert [(one["times"], one["reason"]) for one in found["exceptions"]] == [(2, "r")]
    assert [(one["ip"], one["accounts"]) for one in found["addresses"]] == [("24.7.7.7", 2)]
    assert found["addresses"][0]["at"] == pytest.approx(time.time(), abs=60)
    assert found["same_card"] == found["same_device"] == {"total": 1, "accounts": ["two"]}
    assert [one["kind"] for one in found["remedies"]] == ["lift", "double"]


def test_the_history_of_nobody_is_empty_and_a_name_is_needed(own):
    found = own.tell("GET", "/v1/history?account=nobody").json
    assert (found["standing"], found["label"], found["outcomes"], found["appeals"]) == (None, None, [], [])
    answer = own.tell("GET", "/v1/history")
    assert (answer.status, answer.json["pointer"]) == (400, "/account")


def test_the_command_shows_the_verdict_and_its_account_and_lifts_and_takes_back(own, run):
    verdict = suspected(own, "by-hand")
    shown = run("appeal", verdict)
    assert decision(own, verdict)["sentence"] in shown
    for words in ("account by-hand", "unproven, in no cluster", "outcomes: abuse", "--lift: Account by-hand alone"):
        assert words in shown
    assert "give a reason" in run("appeal", verdict, "--lift", code=2)
    assert decision(own, verdict)["exceptions"] == []
    assert "lifted: account by-hand until " in run("appeal", verdict, "--lift", "--reason", "ticket 7")
    assert own.ask({"account": {"id": "by-hand"}}).json["tier"] == "standard"
    assert "let through until" in run("appeal", verdict)
    assert "taken back: account by-hand" in run("appeal", verdict, "--undo", "--reason", "a mistake")
    assert own.ask({"account": {"id": "by-hand"}}).json["tier"] != "standard"
    told = [(one["what"], one["why"]) for one in own.tell("GET", "/v1/audit?account=by-hand").json["entries"][:2]]
    assert told == [("allow.remove", "a mistake"), ("appeal.lift", "ticket 7")]
