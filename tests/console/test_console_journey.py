"""The journey of docs/tuning.md in the browser under load: a bad draft is caught, a good one goes live and back."""

import http.client
import json
import re
import threading
import time

import pytest
from playwright.sync_api import expect

from tests.console.conftest import watched
from tests.console.console_world import ask, payers, populate, push, traffic

pytestmark = pytest.mark.gateway
EVERY = 0.05


class Load(threading.Thread):
    """Asks for small batches over one connection until it is told to stop; keeps what was not a verdict."""

    def __init__(self, port, checks):
        super().__init__(daemon=True)
        self.port, self.checks = port, checks
        self.answered, self.failed, self.revisions = 0, [], set()
        self._stop_asking = threading.Event()
        self._news = threading.Condition()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        turn = 0
        while not self._stop_asking.wait(EVERY):
            body = [self.checks[(turn + i) % len(self.checks)] for i in range(10)]
            connection.request("POST", "/v1/check/batch", json.dumps(body))
            answer = connection.getresponse()
            verdicts = json.loads(answer.read())
            self.failed += [v for v in verdicts if "error" in v] if answer.status == 200 else [answer.status]
            self.revisions |= {v["revision"] for v in verdicts}
            with self._news:
                self.answered += len(verdicts)
                self._news.notify()
            turn += 10
        connection.close()

    def goes_on(self):
        """Whether more requests are answered from now on."""
        before = self.answered
        with self._news:
            return self._news.wait_for(lambda: self.answered > before, timeout=60)

    def end(self):
        self._stop_asking.set()
        self.join(20)


@pytest.fixture
def load(own):
    """Steady traffic of the people that the sidecar knows."""
    populate(own, requests=1500)
    running = Load(own.check, traffic(payers(60, time.time()), 500))
    running.start()
    yield running
    running.end()


def turn(page, dial, value):
    """Move a slider as a hand does: set it, and let it say so."""
    page.get_by_label(dial, exact=True).fill(str(value))


def keep(page, reason):
    page.locator("#draft-reason").fill(reason)
    page.get_by_role("button", name="Save as a revision").click()
    expect(page.get_by_role("status")).to_contain_text("saved as revision")


def step(page, name, reason, **fields):
    page.locator("#step").select_option(name)
    for field, value in fields.items():
        page.locator(f"#{field}").fill(str(value))
    page.locator("#step-reason").fill(reason)
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.get_by_role("status")).to_have_text(f"{name} taken")


LATE = """() => {
    const plain = window.fetch;
    window.fetch = async (url, options) => {
        const answer = await plain(url, options);
        const saves = options?.method === "POST" && String(url).includes("/revisions");
        if (saves) await new Promise((done) => setTimeout(done, 4000));
        return answer;
    };
}"""
"""Answers to a save arrive later than the page's next look at the tenant, as on a slow connection."""


def test_what_a_page_saves_itself_is_no_change_by_someone_else(browser, own):
    with watched(browser, own) as open_page:
        page = open_page("tuning")
        page.evaluate(LATE)
        said = page.get_by_role("status")
        turn(page, "velocity", 0.5)
        page.locator("#draft-reason").fill("fewer alarms at midnight")
        with page.expect_response(lambda answer: answer.request.method == "GET" and "/revisions" not in answer.url):
            page.get_by_role("button", name="Save as a revision").click()
        expect(said).to_contain_text(re.compile("saved as revision|changed by"), timeout=20_000)
        assert "saved as revision" in said.inner_text()
        expect(page.locator("#revision")).to_have_value("2")


def test_a_bad_draft_is_caught_and_a_good_one_goes_shadow_a_share_live_and_back(browser, own, load):
    with watched(browser, own) as open_page:
        page = open_page("tuning")
        tightened = page.locator("#payers-tightened")
        expect(tightened).to_have_text("0")

        # a bad draft: payers are harmed, in red, by name
        turn(page, "prior", 0)
        turn(page, "payment", 0)
        expect(tightened).not_to_have_text("0")
        expect(tightened).to_have_class("danger")
        expect(page.get_by_role("group", name="Payers tightened").first.get_by_role("link").first).to_contain_text(
            "payer-"
        )
        expect(page.locator(".changes").first).to_contain_text("weights.payment")
        page.get_by_role("button", name="Reset draft").click()
        expect(page.get_by_label("prior", exact=True)).to_have_value("-2.2")

        # a good one
        turn(page, "velocity", 0.5)
        expect(tightened).to_have_text("0")
        expect(page.locator(".changes")).to_contain_text("weights.velocity")
        keep(page, "fewer alarms at midnight")
        expect(page.locator("#live")).to_have_text("1")
        expect(page.locator("#revision")).to_have_value("2")
        step(page, "shadow", "look first")
        expect(page.locator("#trial")).to_have_text("2: shadow")
        assert load.goes_on()
        expect(page.locator("#scored")).not_to_have_text("0")
        step(page, "percent", "nobody was hurt", percent=10)
        expect(page.locator("#trial")).to_have_text("2: canary, 10% of accounts")
        assert load.goes_on()
        step(page, "promote", "it went well")
        expect(page.locator("#live")).to_have_text("2")
        assert load.goes_on()
        assert own.ask({"account": {"id": "anybody"}}).json["revision"] == 2
        page.get_by_role("button", name="Diff of revision 1").click()
        expect(page.get_by_text("Revision 1 against the live one, 2")).to_be_visible()
        step(page, "rollback", "ticket 412")
        expect(page.locator("#live")).to_have_text("1")
        assert load.goes_on()
        assert own.ask({"account": {"id": "anybody"}}).json["revision"] == 1
        page.get_by_role("link", name="Audit").click()
        lines = page.get_by_role("group", name="Audit log").locator("tbody")
        for reason in ("fewer alarms at midnight", "look first", "nobody was hurt", "it went well", "ticket 412"):
            expect(lines).to_contain_text(reason)
    load.end()
    assert (load.failed, load.revisions) == ([], {1, 2})


def test_two_people_at_once_the_second_hears_of_it_and_loses_nothing(browser, own):
    with watched(browser, own) as open_page:
        page = open_page("tuning")
        page.locator("#step-reason").fill("typed already")
        turn(page, "asn", 2)
        answer = own.tell(
            "POST", "/v1/tenants/default/revisions", {"settings": {"prior": -2.5}, "reason": "somebody else's"}
        )
        assert answer.status == 201
        expect(page.get_by_role("status")).to_contain_text("changed by someone else")
        expect(page.locator("#step-reason")).to_have_value("typed already")
        expect(page.get_by_label("asn", exact=True)).to_have_value("2")
        expect(page.get_by_role("group", name="Revisions", exact=True)).to_contain_text("somebody else's")


def test_settings_that_cannot_be_are_named_and_the_picture_is_marked_stale(browser, own):
    with watched(browser, own) as open_page:
        page = open_page("tuning")
        page.get_by_text("All settings").click()
        page.get_by_label("The draft's settings as JSON").fill('{"weights": {"ans": 1}}')
        page.get_by_role("button", name="Use settings").click()
        expect(page.locator(".effect [role=alert]")).to_contain_text("/settings/weights/ans")
        expect(page.locator(".effect")).to_have_class("effect stale")


def test_a_share_that_hurts_payers_ends_itself_and_the_page_says_why(browser, own):
    """Of the payers judged by it, more are treated more strictly than were allowed."""
    people = payers(40, time.time())
    push(own, people)
    body = {"settings": {"prior": 0.6, "weights": {"account": 3, "payment": 0}}, "reason": "a bad idea"}
    assert own.tell("POST", "/v1/tenants/default/revisions", body).status == 201
    with watched(browser, own) as open_page:
        page = open_page("tuning")
        step(page, "percent", "see what happens", percent=99.99, most=1)
        ask(own, traffic(people, 200))
        expect(page.get_by_text("The last trial was stopped automatically: payers tightened")).to_be_visible()
        expect(page.locator("#trial")).to_have_text("none")
