"""The analyst: from the overview to a cluster, to a ruling with the count of payers, and back, with clicks counted."""

import json
import time

import pytest
from one_actor import EPOCHS, linked
from playwright.sync_api import expect
from redis_process import running_redis, until
from sidecar_process import headcount, running_sidecar

from tests.console.conftest import watched

pytestmark = pytest.mark.gateway
COUNT = """
window.clicks = 0;
addEventListener("click", (event) => { if (event.isTrusted && event.detail) window.clicks += 1; }, true);
"""
PAYER = "head-1"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A sidecar that found one actor, a payer among its accounts; and its cluster's id."""
    directory = tmp_path_factory.mktemp("analyst")
    with (
        running_redis(directory) as redis,
        running_sidecar(directory, EPOCHS, extra={"HEADCOUNT_STATE": redis.url}) as sidecar,
    ):
        cluster = linked(sidecar, time.time())
        payment = {"status": "ok", "settled_usd": 60.0, "fingerprint": "fp-0", "funding": "prepaid"}
        facts = {"created_at": time.time() - 15 * 86_400, "payment": payment}
        assert sidecar.tell("PUT", f"/v1/accounts/{PAYER}", facts).status == 204
        yield sidecar, cluster


def decision(sidecar, account):
    return sidecar.ask({"account": {"id": account}}).json["decision"]


def test_from_the_overview_to_a_denial_and_back_in_six_clicks(browser, found):
    sidecar, cluster = found
    with watched(browser, sidecar) as open_page:
        page = open_page("overview")
        page.evaluate(COUNT)
        expect(page.locator("#sentence")).to_contain_text("accounts of one actor held to ")
        page.get_by_role("link", name=f"{cluster}: ").click()
        expect(page.locator("main h1")).to_have_text(f"Cluster {cluster}")
        expect(page.get_by_role("group", name="Members")).to_contain_text(PAYER)
        page.get_by_role("button", name="Deny", exact=True).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"among them 1 paying customer: {PAYER}")
        page.keyboard.press("Enter")  # without a reason nothing is done
        expect(dialog).to_be_visible()
        page.keyboard.type("resold keys")
        dialog.get_by_role("button", name="Deny").click()
        expect(page.get_by_role("status")).to_have_text(f"deny: cluster {cluster}")
        assert decision(sidecar, "head-0") == "deny"
        page.get_by_role("button", name=f"Take back deny of cluster {cluster}").click()
        expect(page.get_by_role("status")).to_have_text(f"taken back: deny of cluster {cluster}")
        assert page.evaluate("clicks") <= 6
        assert decision(sidecar, "head-0") != "deny"
        expect(page.locator(".lifted")).to_have_count(0)


def test_the_same_by_commands(found):
    sidecar, cluster = found
    admin = ("--admin", sidecar.admin_listen)
    assert cluster in headcount("clusters", "list", *admin).stdout.decode()
    assert PAYER in headcount("clusters", "show", cluster, *admin).stdout.decode()
    common = ("clusters", "restrain", cluster, "--reason", "resold keys", *admin)
    assert b"among them 1 paying customer" in headcount(*common).stderr
    made = json.loads(headcount(*common, "--yes", "--json").stdout)
    assert made["id"] in headcount("clusters", "rulings", *admin).stdout.decode()
    assert headcount("clusters", "undo", made["id"], "--reason", "a mistake", *admin).returncode == 0
    assert "no rulings" in headcount("clusters", "rulings", *admin).stdout.decode()


def test_the_page_of_lists_denies_after_it_said_whom(browser, found):
    sidecar, _ = found
    with watched(browser, sidecar) as open_page:
        page = open_page("exceptions")
        page.get_by_label("What to deny").select_option("card")
        page.get_by_label("Which one").fill("fp-0")
        page.get_by_role("button", name="See whom it stops").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"1 account, among them 1 paying customer: {PAYER}")
        dialog.get_by_label("Reason, for the audit log").fill("stolen")
        dialog.get_by_role("button", name="Deny").click()
        expect(page.get_by_role("button", name="End the denial of card fp-0")).to_be_visible()
        assert decision(sidecar, PAYER) == "deny"
        page.get_by_role("button", name="End the denial of card fp-0").click()
        until(lambda: decision(sidecar, PAYER) != "deny", "it was not ended")


def test_the_account_s_page_says_which_of_two_entries_counts(browser, found):
    sidecar, _ = found
    body = {"kind": "account", "value": "good-5", "expires_in": 60, "reason": "r"}
    assert {sidecar.tell("POST", path, body).status for path in ("/v1/deny", "/v1/allow")} == {201}
    with watched(browser, sidecar) as open_page:
        words = open_page("accounts/good-5").locator(".listed")
        expect(words).to_contain_text("The exception of account good-5 counts, not the denial of account good-5")


def test_a_sidecar_that_does_not_answer_leaves_no_number_that_looks_live(browser, found):
    sidecar, _ = found
    with watched(browser, sidecar) as open_page:
        page = open_page("overview")
        expect(page.locator("#away")).to_be_hidden()
        page.route("**/v1/**", lambda route: route.abort())
        away = "The sidecar does not answer: what is shown is of "
        expect(page.locator("#away")).to_contain_text(away, timeout=20_000)  # after the next turn of the page
        expect(page.locator("main")).to_have_class("stale")
        page.unroute("**/v1/**")
        expect(page.locator("#away")).to_be_hidden(timeout=20_000)
