"""`make screenshots`: the pictures of docs/console.md, of a small population under load, and of the demo."""

import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright
from sidecar_process import Sidecar, running_sidecar

from tests.console.console_world import everybody, populate, traffic

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1280, "height": 860}
EVERY = 2.0
ROUNDS = 45
"""Of traffic, before the pictures are taken: enough for the charts to have a shape."""


def main() -> int:
    """Take every picture again."""
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with running_sidecar(Path(directory), {"tenants": {"default": {"owner": "api"}}}) as sidecar:
            populate(sidecar)
            load(sidecar)
            for scheme in ("light", "dark"):
                page = chromium.new_context(viewport=SIZE, color_scheme=scheme, locale="en-GB").new_page()
                for name, path, prepare in pictures(sidecar):
                    page.goto(f"http://127.0.0.1:{sidecar.admin}/console/#/default/{path}")
                    expect(page.locator("main h1")).to_be_attached()
                    prepare(page)
                    page.screenshot(path=IMAGES / f"console-{name}-{scheme}.png", full_page=name != "verdicts")
        demo(chromium, Path(directory))
        chromium.close()
    return 0


def demo(chromium: Browser, directory: Path) -> None:
    """The overview of what `make demo` starts: a day with a hydra, played into a sidecar of its own."""
    day = directory / "day.jsonl.gz"
    subprocess.run([sys.executable, ROOT / "examples" / "generate.py", "--now", day], check=True)
    extra = {
        "HEADCOUNT_CONFIG": str(ROOT / "examples" / "linked.yaml"),
        "HEADCOUNT_STATE": str(directory / "demo.sqlite3"),
        "HEADCOUNT_PLAY": str(day),
    }
    with running_sidecar(directory, extra=extra) as sidecar:
        page = chromium.new_context(viewport=SIZE, locale="en-GB").new_page()
        page.goto(f"http://127.0.0.1:{sidecar.admin}/console/")
        page.get_by_label("Span of the charts").select_option("day")
        expect(page.locator("#sentence")).to_contain_text("accounts of one actor held to ")
        expect(page.locator("figure canvas")).to_have_count(5)
        page.screenshot(path=IMAGES / "demo-overview-light.png")


def load(sidecar: Sidecar) -> None:
    """Steady traffic with a wave in it, at the pace of people."""
    people, pause = everybody(), threading.Event()
    for turn in range(ROUNDS):
        sent = traffic(people, 120 + 60 * abs(turn % 20 - 10), seed=turn)
        answer = sidecar.ask(sent[:1000], "/v1/check/batch")
        assert answer.status == 200, answer.body
        pause.wait(EVERY)


def pictures(sidecar: Sidecar) -> list[tuple[str, str, Any]]:
    """Name, page, and what is done before a picture is taken."""
    cluster = sidecar.tell("GET", "/v1/clusters").json["clusters"][0]["id"]
    verdict = sidecar.tell("GET", f"/v1/recent?cluster={cluster}").json["recent"][0]["verdict"]["id"]
    return [
        ("overview", "overview", lambda page: expect(page.locator("figure canvas")).to_have_count(5)),
        ("verdicts", "verdicts", lambda page: None),
        ("verdict", f"verdicts/{verdict}", lambda page: None),
        ("cluster", f"clusters/{cluster}", lambda page: page.wait_for_selector(".graph[data-drawn]")),
        ("tuning", "tuning", draft),
    ]


def draft(page: Page) -> None:
    """Move two sliders so far that payers are harmed."""
    expect(page.locator("#payers-tightened")).to_have_text("0")
    page.get_by_label("prior", exact=True).fill("-1.2")
    page.get_by_label("payment", exact=True).fill("2")
    expect(page.locator("#payers-tightened")).to_have_class("danger")


if __name__ == "__main__":
    sys.exit(main())
