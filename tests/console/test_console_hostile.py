"""What a client can write into is shown as text: markup in every field it controls, on every page, does nothing."""

import json
import time
import urllib.parse

import pytest
from playwright.sync_api import expect
from sidecar_process import call

from tests.console.conftest import WATCH, linked, watched
from tests.console.console_world import ask, newcomers, payers, push, traffic

pytestmark = pytest.mark.gateway
MARKUP = "\"'><img src=x onerror=hacked=1><script>hacked=1</script><svg/onload=hacked=1>{{7*7}}"
LINK = "javascript:hacked=1//"
HEADS = 40


def hostile(field):
    return f"{field}{MARKUP}"


@pytest.fixture
def hacked(own):
    """A sidecar that a client has sent markup in every field, as an account alone and as a linked crowd."""
    now = time.time()
    honest = [*payers(40, now), *newcomers(80, now)]
    push(own, honest)
    ask(own, traffic(honest, 1200))
    ask(own, [check(n, now) for n in range(HEADS) for _ in range(6)])
    return own


def check(n, now):
    """A check whose every free text is markup."""
    return {
        "account": {
            "id": hostile(f"head-{n}"),
            "created_at": now - 4 * 3600 - n,
            "plan": hostile("plan"),
            "organisation": {"id": hostile("org"), "verified": False},
            "payment": {
                "status": "ok",
                "funding": "prepaid",
                "iin": "533333",
                "fingerprint": hostile(f"card-{n // 4}"),
            },
        },
        "client": {
            "ip": f"104.18.{n % 8}.{n + 1}",
            "ja4": hostile("ja4"),
            "user_agent": hostile("agent"),
            "device": hostile("device"),
            "session": hostile(f"session-{n // 2}"),
        },
        "request": {"route": hostile("/route"), "model": hostile("model")},
    }


def written_everywhere(sidecar):
    """Markup in all that billing and operators write too."""
    facts = {
        "plan": hostile("plan"),
        "external": {"stripe": hostile("cus"), "x": LINK},
        "organisation": {"id": hostile("org")},
        "payment": {"status": "ok", "fingerprint": hostile("card")},
        "keys": [hostile("key")],
    }
    account = urllib.parse.quote(hostile("pushed"), safe="")
    told = [
        sidecar.tell("PUT", f"/v1/accounts/{account}", facts),
        sidecar.tell(
            "POST", "/v1/allow", {"kind": "account", "value": hostile("pushed"), "expires_in": 9e4, "reason": MARKUP}
        ),
        sidecar.tell(
            "POST", "/v1/allow", {"kind": "organisation", "value": hostile("org"), "expires_in": 9e4, "reason": LINK}
        ),
        sidecar.tell("POST", "/v1/tenants/default/revisions", {"settings": {"prior": -2.4}, "reason": MARKUP}),
        sidecar.tell("POST", "/v1/deny", {"kind": "card", "value": hostile("x"), "reason": MARKUP, "expires_in": 60}),
    ]
    assert all(answer.status in (200, 201, 204) for answer in told), [answer.body for answer in told]
    etag = sidecar.tell("GET", "/v1/tenants/default").headers["ETag"]
    step = {"step": "shadow", "revision": 2, "reason": MARKUP}
    headers = {"Content-Type": "application/json", "If-Match": etag}
    assert sidecar.tell("POST", "/v1/tenants/default/rollout", step, headers).status == 200
    sidecar.ask({"account": {"id": hostile("pushed")}, "request": {"route": hostile("/pushed")}})
    return account


def exception(kind, value, reason):
    return {"kind": kind, "value": value, "expires_in": 9e4, "reason": reason}


def test_markup_in_every_field_is_text_on_every_page(browser, hacked):
    account = written_everywhere(hacked)
    cluster = linked(hacked)
    recent = hacked.tell("GET", "/v1/recent?limit=1").json["recent"][0]["verdict"]["id"]
    one = [f"verdicts/{recent}", f"accounts/{account}", f"clusters/{cluster}"]
    pages = [*one, "overview", "verdicts", "accounts", "clusters", "tuning", "prices", "exceptions", "audit", "tenants"]
    with watched(browser, hacked) as open_page:
        for name in pages:
            page = open_page(name)
            expect(page.locator("main h1")).to_be_attached()
            if name == f"clusters/{cluster}":
                expect(page.locator(".graph")).to_have_attribute("data-drawn", str(HEADS))
                expect(page.get_by_role("group", name="Evidence")).to_contain_text("<script>")
            if name == "audit":
                for summary in page.locator("main summary").all():
                    summary.click()
            if name in ("verdicts", f"accounts/{account}", "exceptions", "audit", "tuning", "accounts"):
                expect(page.locator("main")).to_contain_text("<img src=x onerror=hacked=1>")
            unharmed(page)


def unharmed(page):
    """Nothing ran, and there is no element but ours."""
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("main :is(img, script, svg, iframe, style, object)").count() == 0
    assert page.locator("[onerror], [onload], [onclick]").count() == 0
    assert page.evaluate("[...document.links].every((a) => a.href.startsWith(location.origin))")


def test_markup_in_the_address_of_a_page_is_text(browser, hacked):
    with watched(browser, hacked) as open_page:
        part = urllib.parse.quote(MARKUP, safe="")
        for page in (open_page(f"accounts/{part}"), open_page("overview", tenant=part), open_page(f"verdicts/{part}")):
            expect(page.locator("main h1")).to_be_attached()
            unharmed(page)


def test_the_browser_refuses_inline_scripts_other_hosts_and_text_as_markup(browser, own):
    """The policy itself, tried from inside: what would be left if a page of ours had a hole."""
    page = browser.new_page()
    page.add_init_script(WATCH)
    page.goto(f"http://127.0.0.1:{own.admin}/console/")
    found = page.evaluate("""async () => {
        const found = {};
        const inline = document.createElement("script");
        inline.append("hacked = 1");
        document.body.append(inline);
        try { document.body.innerHTML = "<b>x</b>"; } catch (error) { found.markup = error.name; }
        try { await fetch("http://127.0.0.1:9/"); } catch (error) { found.elsewhere = error.name; }
        await new Promise((resolve) => setTimeout(resolve, 100));  // violations are told a turn later
        const broken = [...new Set(violations.map((line) => line.split(" ")[0]))];
        return { ...found, ran: typeof hacked, broken };
    }""")
    page.close()
    assert (found["ran"], found["markup"], found["elsewhere"]) == ("undefined", "TypeError", "TypeError")
    assert {"connect-src", "require-trusted-types-for"} <= set(found["broken"])


@pytest.mark.parametrize("path", ["", "main.js", "console.css", "libraries/cytoscape.esm.min.js"])
def test_every_file_comes_with_the_policy(own, path):
    answer = call(own.admin, "GET", f"/console/{path}")
    policy = answer.headers["Content-Security-Policy"]
    assert answer.status == 200
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'; base-uri 'none'; form-action 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "connect-src 'self'" in json.dumps(policy)
