"""What the console's tests share: Debian's Chromium, watched pages, and a sidecar with people and a cluster."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from sidecar_process import Sidecar, running_sidecar, wait_for

from tests.console.console_world import populate

TENANTS = {"tenants": {"default": {"owner": "api"}, "filed": {}}}
LONGEST_LINKING = 90.0
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
    window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
Open = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; no browser is downloaded. Not for the session: no asynchronous test can run beside it."""
    path = shutil.which("chromium")
    assert path, "the console's tests drive Debian's Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield found
        found.close()


@contextmanager
def watched(
    browser: Browser, sidecar: Sidecar, others: tuple[str, ...] = (), path: str = "", **options: object
) -> Iterator[Open]:  # fmt: skip
    """Opens pages of a sidecar's console; what a page did wrong fails the test at its end.

    Wrong is: an error, a violation of the policy, a dialog of the page's own, a request to anybody else but `others`.
    """
    home = f"http://127.0.0.1:{sidecar.admin}"
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    context.set_default_timeout(20_000)
    wrong: list[str] = []
    context.on(
        "request", lambda r: None if r.url.startswith((home, "data:", *others)) else wrong.append(f"asked {r.url}")
    )
    context.on("weberror", lambda error: wrong.append(f"error {error.error}"))
    context.on("dialog", lambda dialog: wrong.append(f"dialog {dialog.message}"))
    context.on(
        "console",
        lambda said: (
            wrong.append(f"{said.type} {said.text}")
            if said.type in ("error", "warning") and "Failed to load resource" not in said.text
            else None
        ),
    )
    context.add_init_script(WATCH)

    def open_page(page: str = "overview", tenant: str = "default") -> Page:
        found = context.new_page()
        found.goto(f"{home}{path}/console/#/{tenant}/{page}")
        found.wait_for_selector("main h1", state="attached")
        return found

    try:
        yield open_page
        for page in context.pages:
            wrong += page.evaluate("window.violations")
        assert wrong == []
    finally:
        context.close()


@pytest.fixture(scope="package")
def peopled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar whose tenant `default` has payers, newcomers and one linked cluster."""
    with running_sidecar(tmp_path_factory.mktemp("console"), TENANTS) as sidecar:
        populate(sidecar)
        linked(sidecar)
        yield sidecar


def linked(sidecar: Sidecar) -> str:
    """Wait for the first cluster, and return its id."""
    clusters = "/v1/clusters"
    wait_for(lambda: sidecar.tell("GET", clusters).json["clusters"], "nothing was linked", sidecar.process,
             sidecar.log, LONGEST_LINKING)  # fmt: skip
    return str(sidecar.tell("GET", clusters).json["clusters"][0]["id"])


@pytest.fixture
def open_page(browser: Browser, peopled: Sidecar) -> Iterator[Open]:
    with watched(browser, peopled) as found:
        yield found


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Sidecar]:
    """A sidecar of a test's own."""
    with running_sidecar(tmp_path, TENANTS) as found:
        yield found
