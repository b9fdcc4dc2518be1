"""axe-core finds nothing wrong on any page of the console, in light and in dark, on a desk and on a phone."""

import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sidecar_process import running_sidecar

from tests.console.conftest import linked, watched

pytestmark = pytest.mark.gateway

AXE = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"
LISTS = ("overview", "verdicts", "accounts", "clusters", "tuning", "prices", "exceptions", "audit", "tenants")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def axe():
    assert AXE.is_file(), "axe-core comes from npm: make test, or npm ci --prefix tests/console/axe"
    return AXE.read_text(encoding="utf-8")


def findings(page, axe):
    """What axe-core finds: the rule, how serious it is, and up to three elements."""
    page.evaluate(axe)  # the policy lets no script in by a tag
    found = page.evaluate("(rules) => axe.run(document, {runOnly: rules})", RULES)
    assert found["passes"]
    return [(one["id"], one["impact"], [node["target"] for node in one["nodes"]][:3]) for one in found["violations"]]


def looked_at(page, axe, name):
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        assert findings(page, axe) == [], f"{name} at {width} px"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width} px"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_console(browser, peopled, axe, scheme):
    asked = peopled.ask({"account": {"id": "looked-at"}, "client": {"ip": "24.200.1.9"}}).json
    one = (f"verdicts/{asked['id']}", "accounts/looked-at", f"clusters/{linked(peopled)}", "find", "clusters/h-none")
    with watched(browser, peopled, color_scheme=scheme) as open_page:
        for name in (*LISTS, *one):
            page = open_page(name)
            page.wait_for_function("!document.querySelector('main > .quiet')")
            looked_at(page, axe, name)
            page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dialogs_and_signing_in(browser, tmp_path, axe, scheme):
    token = {"name": "ann", "role": "admin", "sha256": hashlib.sha256(b"look").hexdigest()}
    oidc = {"issuer": "https://login.example", "client_id": "a", "url": "https://headcount.example"}
    settings = {"tokens": [token], "sign_in": {"oidc": oidc, "groups": [{"name": "ops"}]}}
    with (
        running_sidecar(tmp_path, settings) as sidecar,
        watched(browser, sidecar, color_scheme=scheme) as open_page,
    ):
        verdict = sidecar.ask({"account": {"id": "a"}}).json["id"]
        page = open_page(f"verdicts/{verdict}")
        expect(page.get_by_role("button", name="Sign in with OpenID Connect")).to_be_visible()
        looked_at(page, axe, "sign-in")
        page.get_by_label("Token").fill("look")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Label", exact=True).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        looked_at(page, axe, "a dialog")


def test_axe_is_at_work(open_page, axe):
    page = open_page("tenants")
    page.evaluate("document.querySelector('#wanted').removeAttribute('aria-label')")
    page.evaluate("document.querySelector('#wanted').removeAttribute('placeholder')")
    assert [found[0] for found in findings(page, axe)] == ["label"]
