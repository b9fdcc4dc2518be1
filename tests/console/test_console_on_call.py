"""The engineer on call: from a verdict's id to a lift in three clicks, and what an account's page tells."""

import hashlib
import json

import pytest
from playwright.sync_api import expect
from sidecar_process import headcount, running_sidecar

from tests.console.conftest import linked, watched

pytestmark = pytest.mark.gateway
COUNT = """
window.clicks = 0;
addEventListener("click", (event) => { if (event.isTrusted && event.detail) window.clicks += 1; }, true);
"""
SMALL = {"rate": 0.001, "burst": 2, "daily": 50}


def stopped(sidecar, account):
    """The id of a verdict that holds an account, because programs reported it."""
    for _ in range(3):
        sidecar.tell("POST", "/v1/outcomes", {"account": account, "outcome": "abuse"})
    verdict = sidecar.ask({"account": {"id": account}, "client": {"ip": "24.250.1.1"}}).json
    assert verdict["tier"] not in ("trusted", "standard")
    return verdict["id"]


def test_from_a_verdicts_id_to_a_lift_for_a_day_in_three_clicks(browser, peopled):
    verdict = stopped(peopled, "customer-1")
    with watched(browser, peopled) as open_page:
        page = open_page("overview")
        page.evaluate(COUNT)
        page.locator("#wanted").click()
        page.keyboard.type(verdict)
        page.keyboard.press("Enter")
        expect(page.locator("#sentence")).to_have_text(peopled.tell("GET", f"/v1/decisions/{verdict}").json["sentence"])
        expect(page.locator("main dd").first).to_have_text("customer-1")
        page.get_by_role("button", name="Lift for 24 h").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Account customer-1 alone, until ")
        dialog.get_by_role("button", name="Lift for 24 h").click()
        expect(page.get_by_role("status")).to_have_text("lifted for 24 hours: customer-1")
        assert page.evaluate("clicks") <= 3
        assert peopled.ask({"account": {"id": "customer-1"}}).json["tier"] == "standard"
        expect(page.locator(".lifted")).to_contain_text("Let through within its own limits until ")

        page.get_by_role("button", name="Take back the exception for customer-1").click()
        expect(page.get_by_role("status")).to_have_text("taken back: customer-1")
        expect(page.locator(".lifted")).to_have_count(0)
        assert peopled.ask({"account": {"id": "customer-1"}}).json["tier"] != "standard"
        assert page.evaluate("clicks") <= 4


def test_the_same_by_command_in_two(peopled):
    verdict = stopped(peopled, "customer-2")
    admin = ("--admin", peopled.admin_listen)
    hits = json.loads(headcount("find", verdict, "--json", *admin).stdout)["hits"]
    assert [(hit["kind"], hit["id"]) for hit in hits] == [("verdict", verdict)]
    done = headcount("appeal", verdict, "--lift", "--reason", "ticket 9", *admin)
    assert hits[0]["words"] in done.stdout.decode()
    assert peopled.ask({"account": {"id": "customer-2"}}).json["tier"] == "standard"


def test_an_account_at_its_own_limit_is_doubled_and_what_would_not_help_is_told(open_page, peopled):
    answers = peopled.ask([{"account": {"id": "customer-3", "plan": "free"}}] * 60, "/v1/check/batch").json
    verdict = next(one["id"] for one in answers if one["decision"] == "throttle" and one["limit"]["scope"] == "account")
    page = open_page(f"verdicts/{verdict}")
    page.get_by_role("button", name="Double for a day").click()
    page.get_by_role("dialog").get_by_role("button", name="Double for a day").click()
    expect(page.locator(".lifted")).to_contain_text("at 2 times its own limits")
    expect(page.get_by_role("button", name="Double for a day")).to_be_disabled()
    expect(page.locator("main")).to_contain_text("already had an appeal")


def test_a_member_of_a_cluster_is_lifted_only_after_a_person_says_that_it_was_reviewed(open_page, peopled):
    cluster = linked(peopled)
    recent = peopled.tell("GET", f"/v1/recent?cluster={cluster}&limit=1").json["recent"]
    if not recent:
        member = peopled.tell("GET", f"/v1/clusters/{cluster}").json["members"][0][0]
        peopled.ask({"account": {"id": member}})
        recent = peopled.tell("GET", f"/v1/recent?cluster={cluster}&limit=1").json["recent"]
    page = open_page(f"verdicts/{recent[0]['verdict']['id']}")
    page.get_by_role("button", name="Lift for 24 h").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Lift for 24 h").click()
    expect(dialog).to_be_visible()
    dialog.get_by_label(f"I have reviewed cluster {cluster}").check()
    dialog.get_by_role("button", name="Lift for 24 h").click()
    expect(page.locator(".lifted")).to_have_count(1)
    page.get_by_role("button", name="Take back").click()
    expect(page.locator(".lifted")).to_have_count(0)


def test_the_accounts_page_tells_its_label_outcomes_exceptions_addresses_and_neighbours(open_page, peopled):
    member = "head-0"
    peopled.tell("POST", "/v1/outcomes", {"account": member, "outcome": "challenge_failed"})
    page = open_page(f"accounts/{member}")
    expect(page.get_by_role("group", name="Outcomes", exact=True)).to_contain_text("challenge failed")
    expect(page.get_by_role("group", name="Addresses", exact=True)).to_contain_text("104.18.0.1")
    expect(page.get_by_role("region", name="Other accounts with its card").get_by_role("listitem")).to_have_count(3)
    page.get_by_role("button", name="Lift for 24 h").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("a class")
    page.get_by_role("dialog").get_by_role("button", name="Lift for 24 h").click()
    expect(page.locator(".lifted")).to_contain_text("a class")
    page.get_by_role("button", name="Take back").click()
    expect(page.locator(".lifted")).to_have_count(0)
    page.get_by_role("region", name="Other accounts with its card").get_by_role("link").first.click()
    expect(page.locator("main h1")).to_have_text("Account head-1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_the_journey_is_wider_than_a_phone(browser, peopled, scheme):
    verdict = stopped(peopled, f"customer-{scheme}")
    with watched(browser, peopled, color_scheme=scheme) as open_page:
        for name in (f"verdicts/{verdict}", f"accounts/customer-{scheme}", "find"):
            page = open_page(name)
            page.set_viewport_size({"width": 390, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


def test_a_reader_sees_what_could_be_done_and_can_do_nothing(browser, tmp_path):
    tokens = [{"name": "eve", "role": "reader", "sha256": hashlib.sha256(b"look").hexdigest()}]
    with running_sidecar(tmp_path, {"tokens": tokens}) as sidecar, watched(browser, sidecar) as open_page:
        id_ = sidecar.ask({"account": {"id": "a"}}).json["id"]
        page = open_page()
        page.get_by_label("Token").fill("look")
        page.keyboard.press("Enter")
        page.locator("#wanted").fill(id_)
        page.keyboard.press("Enter")
        expect(page.locator("#sentence")).to_be_visible()
        for name in ("Lift for 24 h", "Double for a day", "Label"):
            expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
        expect(page.locator("main")).to_contain_text("you need the role operator")
