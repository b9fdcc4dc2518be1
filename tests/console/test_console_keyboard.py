"""The console without a mouse: everything is reached in order, is seen to have the focus, and works."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.gateway
FOCUSED = """() => {
    const at = document.activeElement;
    const look = getComputedStyle(at);
    const box = at.getBoundingClientRect();
    const words = at.getAttribute("aria-label") || at.labels?.[0]?.innerText || at.innerText || "";
    const outlined = look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 1;
    return { tag: at.tagName, words: words.trim(), outlined, shown: box.width > 0 && box.height > 0 };
}"""
MOST_STOPS = 80
PAGES = [
    "accounts/payer-1",
    "overview",
    "verdicts",
    "accounts",
    "clusters",
    "tuning",
    "prices",
    "exceptions",
    "audit",
    "tenants",
]


def walk(page, key="Tab"):
    """Press a key until the focus leaves the page or comes round; what it stopped at."""
    stops = []
    for _ in range(MOST_STOPS):
        page.keyboard.press(key)
        stop = page.evaluate(FOCUSED)
        if stop["tag"] == "BODY":
            break
        stops.append(stop)
    return stops


def test_the_first_stop_skips_the_navigation(open_page):
    page = open_page("clusters")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)["words"] == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)["words"] == "Filter Clusters"


@pytest.mark.parametrize("name", PAGES)
def test_every_stop_is_seen_and_has_a_name(open_page, name):
    page = open_page(name)
    stops = walk(page)
    assert len(stops) > 10
    assert [stop for stop in stops if not (stop["words"] and stop["outlined"] and stop["shown"])] == []


def test_a_page_is_opened_a_table_sorted_and_turned_and_a_slider_moved_by_keys_alone(open_page):
    page = open_page("overview")
    page.get_by_role("link", name="Accounts", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("main h1")).to_have_text("Accounts")
    assert page.evaluate("document.activeElement.id") == "main"
    page.get_by_role("button", name="Stopped").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Stopped")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Space")
    expect(page.get_by_text(re.compile("^51.* of "))).to_be_visible()
    page.get_by_role("link", name="Tuning").focus()
    page.keyboard.press("Enter")
    slider = page.get_by_label("asn", exact=True)
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("asn, exactly")).to_have_value("1.05")
    expect(page.locator(".changes")).to_contain_text("weights.asn")


def test_a_dialog_keeps_the_focus_escape_closes_it_and_gives_it_back(open_page):
    page = open_page("exceptions")
    page.get_by_label("Value").fill("acct_9")
    page.get_by_label("Reason").fill("keys")
    page.keyboard.press("Enter")
    end = page.get_by_role("button", name="End the exception for account acct_9")
    end.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    for _ in range(4):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(end).to_be_focused()


def test_a_link_keeps_the_focus_while_its_table_is_refreshed(open_page, peopled):
    page = open_page("verdicts")
    link = page.get_by_role("group", name="Recent verdicts").locator("tbody a").nth(2)
    kept = link.get_attribute("href")
    link.focus()
    peopled.ask({"account": {"id": "comes-in-between"}})
    expect(page.get_by_text("comes-in-between")).to_be_visible()
    assert page.evaluate("document.activeElement.getAttribute('href')") == kept
