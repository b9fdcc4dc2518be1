"""The page of the API: every operation, no other host, the strict policy, and operations that are tried out."""

import hashlib

import pytest
from playwright.sync_api import expect
from sidecar_process import running_sidecar

from reputation.admin.openapi_routes import TAGS
from tests.console.conftest import watched

pytestmark = pytest.mark.gateway


def open_docs(open_page, sidecar):
    page = open_page()
    page.goto(f"http://127.0.0.1:{sidecar.admin}/docs")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_operation_is_shown_by_tag_with_its_example(browser, peopled, scheme):
    described = peopled.tell("GET", "/openapi.json").json
    with watched(browser, peopled, color_scheme=scheme) as open_page:
        page = open_docs(open_page, peopled)
        expect(page.locator(".opblock")).to_have_count(sum(map(len, described["paths"].values())))
        titles = page.locator(".opblock-tag-section h3 > a").all_text_contents()
        assert titles == list(TAGS)
        page.locator("#operations-Checks-post_check .opblock-summary-control").click()
        expect(page.locator("#operations-Checks-post_check")).to_contain_text("203.0.113.7")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(22, 24, 26)") is (scheme == "dark")
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_person_tries_out_an_operation_by_the_session_of_the_console(browser, tmp_path):
    token = {"name": "ann", "role": "operator", "sha256": hashlib.sha256(b"let-me-in").hexdigest()}
    with running_sidecar(tmp_path, {"tokens": [token]}) as sidecar, watched(browser, sidecar) as open_page:
        page = open_docs(open_page, sidecar)
        expect(page.get_by_role("alert")).to_contain_text("Sign in to read the description")
        page.get_by_role("link", name="the console").click()
        page.get_by_label("Token").fill("let-me-in")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#caller")).to_have_text("ann (operator)")
        page.goto(f"http://127.0.0.1:{sidecar.admin}/docs/")
        block = page.locator("#operations-Accounts-put_account")
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
        block.get_by_role("button", name="Execute").click()
        expect(block.locator(".live-responses-table .response-col_status").last).to_contain_text("204")
        found = sidecar.tell("GET", "/v1/accounts/acct_42", headers={"Authorization": "Bearer let-me-in"})
        assert found.json["plan"] == "paid"
