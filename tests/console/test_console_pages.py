"""Each page of the console in Debian's Chromium, against a real sidecar: it shows what the API tells."""

import hashlib
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from redis_process import running_redis
from sidecar_process import running_sidecar

from tests.console.conftest import linked, watched

pytestmark = pytest.mark.gateway
LISTS = ["overview", "verdicts", "accounts", "clusters", "tuning", "prices", "exceptions", "audit", "tenants"]


def rows(page, table):
    return page.get_by_role("group", name=table, exact=True).locator("tbody tr")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_navigation_has_its_heading_and_one_main_part(browser, peopled, scheme):
    with watched(browser, peopled, color_scheme=scheme) as open_page:
        page = open_page()
        for name in LISTS:
            page.get_by_role("navigation").get_by_role("link", name=name.capitalize(), exact=True).click()
            expect(page.locator("main h1")).to_have_text(name.capitalize())
            expect(page.locator("nav [aria-current=page]")).to_have_text(name.capitalize())
            assert page.title().startswith(name.capitalize())
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", ground))) < 384) == (scheme == "dark")


def test_the_overview_draws_what_was_counted_and_says_it_in_words(open_page):
    page = open_page("overview")
    expect(page.locator("figure canvas")).to_have_count(5)
    latest = page.get_by_role("img", name=re.compile("Requests a second, by tier, latest: trusted"))
    expect(latest).to_be_visible(timeout=25_000)  # the second sample is taken ten seconds after the start
    page.get_by_text("Show as a table").first.click()
    expect(rows(page, "Requests a second, by tier, as a table").first).to_be_visible()
    page.get_by_label("Span of the charts").select_option("day")
    expect(page.get_by_role("img", name=re.compile("Stops a second"))).to_be_visible()


def test_an_outage_of_the_shared_state_is_seen_while_it_lasts(browser, tmp_path):
    with running_redis(tmp_path) as redis:
        extra = {"HEADCOUNT_STATE": redis.url}
        with running_sidecar(tmp_path, extra=extra) as sidecar, watched(browser, sidecar) as open_page:
            page = open_page("overview")
            state = page.locator(".figures dd").last
            expect(state).to_have_text("healthy")
            redis.kill()
            sidecar.ask({"account": {"id": "a"}})
            expect(state).to_have_text("degraded", timeout=30_000)
            later = open_page("overview")  # an outage is when somebody opens it
            expect(later.locator(".figures dd").last).to_have_text("degraded")
            later.get_by_role("link", name="Tuning").click()
            expect(later.get_by_role("alert")).to_contain_text("away")
            redis.start()
            expect(state).to_have_text("healthy", timeout=60_000)


def test_a_verdict_shows_up_by_itself_and_leads_to_all_its_reasons(open_page, peopled):
    page = open_page("verdicts")
    peopled.ask({"account": {"id": "just-now"}, "client": {"ip": "104.16.1.1"}, "request": {"route": "/v1/late"}})
    row = rows(page, "Recent verdicts").filter(has_text="just-now")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("/v1/late")
    row.get_by_role("link").first.click()
    expect(page.locator("main h1")).to_contain_text("Verdict 01")
    verdict = peopled.tell("GET", "/v1/recent?account=just-now").json["recent"][0]["verdict"]
    expect(rows(page, "Reasons")).to_have_count(len(verdict["reasons"]))
    expect(rows(page, "Limits")).to_have_count(len(verdict["limits"]))


def test_verdicts_are_chosen_by_account_decision_and_tier_and_can_be_paused(open_page, peopled):
    page = open_page("verdicts")
    page.get_by_label("Decision").select_option("throttle")
    expect(rows(page, "Recent verdicts").filter(has_text="allow")).to_have_count(0)
    page.get_by_label("Decision").select_option("")
    page.get_by_label("Account").fill("payer-1")
    page.get_by_label("Account").press("Enter")
    expect(rows(page, "Recent verdicts").filter(has_text="head-")).to_have_count(0)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_have_attribute("aria-pressed", "true")


def test_an_account_is_found_by_its_id_with_facts_standing_and_verdicts(open_page, peopled):
    page = open_page("accounts")
    page.get_by_label("Account id").fill("payer-3")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("main h1")).to_have_text("Account payer-3")
    told = peopled.tell("GET", "/v1/accounts/payer-3").json
    expect(page.get_by_text(told["tier"], exact=True).first).to_be_visible()
    expect(page.get_by_text("cannot take its floor")).to_be_visible()
    assert rows(page, "Recent verdicts of payer-3").count() > 0


def test_an_account_is_labelled_with_a_reason(open_page, peopled):
    page = open_page("accounts/new-7")
    page.get_by_role("button", name="Label", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("resold")
    dialog.get_by_role("button", name="Label it").click()
    expect(dialog).to_be_visible()  # neither word is chosen beforehand
    dialog.get_by_label("It is").select_option("abuse")
    dialog.get_by_role("button", name="Label it").click()
    expect(page.get_by_role("status")).to_have_text("labelled: abuse")
    expect(page.locator("main")).to_contain_text("Label: abuse by local (person)")
    labels = peopled.tell("GET", "/v1/labels").json["labels"]
    by_people = [(one["account"], one["label"], one["reason"]) for one in labels if one["source"] == "person"]
    assert by_people == [("new-7", "abuse", "resold")]


def test_an_account_that_nothing_was_pushed_of_is_no_error(open_page, peopled):
    peopled.ask({"account": {"id": "/odd id?#%"}})
    page = open_page("accounts/%2Fodd%20id%3F%23%25")
    expect(page.locator("main h1")).to_have_text("Account /odd id?#%")
    expect(rows(page, "Recent verdicts of /odd id?#%")).to_have_count(1)


def test_a_cluster_is_drawn_with_its_members_and_what_they_share(open_page, peopled):
    id_ = linked(peopled)
    page = open_page("clusters")
    rows(page, "Clusters").get_by_role("link", name=id_).click()
    told = peopled.tell("GET", f"/v1/clusters/{id_}").json
    expect(page.locator(".graph")).to_have_attribute("data-drawn", str(len(told["drawn"])))
    assert page.locator(".graph canvas").count() > 0
    expect(rows(page, "Evidence")).to_have_count(len(told["evidence"]))
    expect(rows(page, "Evidence").first).to_contain_text(told["evidence"][0]["value"])
    page.get_by_label("Filter Members").fill("head-4")
    expect(rows(page, "Members").first).to_contain_text("head-4")


def test_an_exception_is_added_and_ended_with_a_reason_and_both_are_in_the_audit_log(open_page, peopled):
    page = open_page("exceptions")
    page.get_by_label("Kind").select_option("network")
    page.get_by_label("Value").fill("203.0.113.0/24")
    page.get_by_label("Reason").fill("a conference")
    page.get_by_role("button", name="Let through").click()
    row = rows(page, "Active exceptions").filter(has_text="203.0.113.0/24")
    expect(row).to_contain_text("a conference")
    row.get_by_role("button", name="End").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("it is over")
    page.get_by_role("button", name="End exception").click()
    expect(row).to_have_count(0)
    page.get_by_role("link", name="Audit").click()
    lines = rows(page, "Audit log")
    expect(lines.filter(has_text="allow.remove").first).to_contain_text("it is over")
    expect(lines.filter(has_text="allow.add").first).to_contain_text("a conference")


def test_what_is_looked_for_is_in_the_address_so_that_a_colleague_sees_the_same(open_page, peopled, browser):
    """Window, filters and order, on each page that has them; the address is opened in another browser."""
    peopled.tell(
        "POST", "/v1/allow", {"kind": "account", "value": "customer-1", "expires_in": 60, "reason": "to be sent"}
    )
    pages = {
        "overview": lambda page: page.get_by_label("Span of the charts").select_option("day"),
        "verdicts": lambda page: (page.get_by_label("Tier").select_option("standard"), page.keyboard.press("Tab")),
        "clusters": lambda page: page.get_by_label("Filter Clusters").fill("card"),
        "tenants": lambda page: page.get_by_role("button", name="Mode").click(),
        "audit": lambda page: (page.get_by_label("What").fill("allow.add"), page.keyboard.press("Tab")),
    }
    shown = {
        "overview": lambda page: expect(page.get_by_label("Span of the charts")).to_have_value("day"),
        "verdicts": lambda page: expect(page.get_by_label("Tier")).to_have_value("standard"),
        "clusters": lambda page: expect(page.get_by_label("Filter Clusters")).to_have_value("card"),
        "tenants": lambda page: expect(page.get_by_role("columnheader", name="Mode")).to_have_attribute(
            "aria-sort", "ascending"
        ),
        "audit": lambda page: expect(page.get_by_label("What")).to_have_value("allow.add"),
    }
    with watched(browser, peopled) as colleague:
        for name, choose in pages.items():
            page = open_page(name)
            choose(page)
            page.wait_for_url(f"**/console/#/default/{name}?**")
            there = colleague(page.url.partition("#/default/")[2])
            shown[name](there)
            if name == "audit":
                lines = rows(there, "Audit log")
                expect(lines.filter(has_text="to be sent")).to_have_count(1)
                expect(lines.filter(has_not_text="allow.add")).to_have_count(0)


def test_pushes_of_programs_are_apart_from_changes_of_people_and_the_log_is_exported(open_page, peopled):
    peopled.tell("PUT", "/v1/accounts/pushed", {"plan": "free"})
    peopled.tell(
        "POST", "/v1/allow", {"kind": "account", "value": "customer-2", "expires_in": 60, "reason": "to be kept"}
    )
    page = open_page("audit")
    lines = rows(page, "Audit log")
    expect(lines.filter(has_text="to be kept")).to_have_count(1)
    expect(lines.filter(has_text="account.put")).to_have_count(0)
    page.get_by_label("Changes by").select_option("programs")
    expect(lines.filter(has_text="account.put").first).to_contain_text("local (admin)")
    expect(lines.filter(has_text="to be kept")).to_have_count(0)
    page.get_by_label("Changes by").select_option("people")
    expect(lines.filter(has_text="to be kept")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as JSON lines").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == "audit.jsonl"
    assert "to be kept" in text
    assert "account.put" not in text
    later = "2099-01-01T00:00"
    page.get_by_label("From").fill(later)
    page.keyboard.press("Tab")
    expect(lines).to_contain_text("nothing yet")


def test_what_the_api_refuses_is_told_and_what_was_typed_stays(open_page):
    page = open_page("exceptions")
    page.get_by_label("Kind").select_option("network")
    page.get_by_label("Value").fill("not a network")
    page.get_by_label("Reason").fill("kept")
    page.get_by_role("button", name="Let through").click()
    expect(page.get_by_role("status")).to_contain_text("network")
    expect(page.get_by_label("Reason")).to_have_value("kept")


def test_a_ruling_on_a_cluster_is_listed_taken_back_and_in_the_audit_log(open_page, peopled):
    page = open_page(f"clusters/{linked(peopled)}")
    page.get_by_role("button", name="Allow-list").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("no paying customer among them")
    dialog.get_by_label("Reason").fill("a travel agency")
    dialog.get_by_role("button", name="Allow-list").click()
    expect(page.locator(".lifted")).to_contain_text("a travel agency")
    page.get_by_role("button", name="Take back").click()
    expect(page.locator(".lifted")).to_have_count(0)
    lines = peopled.tell("GET", "/v1/audit?limit=2").json["entries"]
    assert [line["what"] for line in lines] == ["ruling.undo", "ruling.allow"]


def test_tenants_of_a_file_are_shown_and_not_tuned(open_page):
    page = open_page("tenants")
    expect(rows(page, "Tenants")).to_contain_text(["free 200, paid 1,000"] * 2)
    rows(page, "Tenants").get_by_role("link", name="filed").click()
    expect(page.get_by_label("Tenant")).to_have_value("filed")
    expect(page.get_by_text("The configuration file owns this tenant").first).to_be_visible()
    expect(page.get_by_role("button", name="Save as a revision")).to_be_disabled()
    expect(page.get_by_role("button", name="Apply", exact=True)).to_be_disabled()


@pytest.mark.parametrize("page", ["clusters/h-none", "verdicts/01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_what_is_not_there_is_said_so(open_page, page):
    expect(open_page(page).get_by_role("alert")).to_be_visible()


def test_without_a_token_nothing_is_shown_and_a_reader_changes_nothing(browser, tmp_path):
    """No script of the page holds the token or the session; a second tab is signed in too, until the session ends."""
    secrets = {"reader": "read-only-secret", "admin": "all-mighty-secret"}
    tokens = [{"name": role, "role": role, "sha256": hashlib.sha256(text.encode()).hexdigest()}
              for role, text in secrets.items()]  # fmt: skip
    settings = {"tokens": tokens, "tenants": {"default": {"owner": "api"}}}
    with running_sidecar(tmp_path, settings) as sidecar, watched(browser, sidecar) as open_page:
        page = open_page("exceptions")
        expect(page.locator("main h1")).to_have_text("Sign in")
        sign_in(page, "wrong")
        expect(page.get_by_role("alert").last).to_have_text("this token is not known")
        sign_in(page, secrets["reader"])
        expect(page.locator("#caller")).to_have_text("reader (reader)")
        expect(page.get_by_role("button", name="Let through")).to_be_disabled()
        expect(page.get_by_text("you need the role operator").first).to_be_visible()
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("main h1")).to_have_text("Sign in")
        sign_in(page, secrets["admin"])
        expect(page.get_by_role("button", name="Let through")).to_be_enabled()
        expect(open_page("exceptions").get_by_role("button", name="Let through")).to_be_enabled()


def sign_in(page, text):
    page.get_by_label("Token").fill(text)
    page.get_by_role("button", name="Sign in").click()


def test_the_search_box_opens_a_single_hit_and_lists_several(open_page, peopled):
    verdict = peopled.ask({"account": {"id": "looked-for"}, "client": {"ip": "24.200.1.1"}}).json["id"]
    page = open_page("tuning")
    page.get_by_role("searchbox", name="Find by id").fill(f" {verdict.lower()} ")
    page.keyboard.press("Enter")
    expect(page.locator("main h1")).to_have_text(f"Verdict {verdict}")
    expect(page.locator("#sentence")).to_have_text(peopled.tell("GET", f"/v1/decisions/{verdict}").json["sentence"])
    expect(rows(page, "Limits").filter(has_text="(binding)")).to_have_count(1)
    cluster = linked(peopled)
    page.locator("#wanted").fill(cluster)
    page.keyboard.press("Enter")
    expect(page.locator("main h1")).to_have_text(f"Cluster {cluster}")
    page.locator("#wanted").fill("virtual-0")
    page.keyboard.press("Enter")
    expect(page.locator("main h1")).to_have_text("Search results")
    expect(rows(page, "Search results")).to_have_count(4)
    page.locator("#wanted").fill("sk-nobody")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Nothing was found")
    assert "sk-nobody" not in page.url
    expect(page.locator("#wanted")).to_have_value("")
    page.reload()
    expect(page.locator("main")).to_contain_text("Search again")
