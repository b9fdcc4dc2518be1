"""The site: every page is in its contents, no link is broken, and it asks no other host for anything."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tools.site import SECTIONS, START, build, pages

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*MystReferenceResolver.app")]

FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Links(HTMLParser):
    """What a page of the site fetches, links to, and has as anchors."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.linked: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag in FETCHED and FETCHED[tag] in named:
            self.fetched.append(named[FETCHED[tag]])
        if tag == "a" and "href" in named:
            self.linked.append(named["href"])
        self.anchors.add(named.get("id", ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    assert build(out) == 0
    return out


def test_every_page_is_in_the_contents_once() -> None:
    listed = sorted([START, *(name for names in SECTIONS.values() for name in names)])
    assert listed == sorted(page.removesuffix(".md") for page in pages())


def test_every_link_of_the_site_leads_to_a_page_and_a_place_in_it(site: Path) -> None:
    found = {page: Links(page) for page in site.rglob("*.html")}
    broken = []
    for page, links in found.items():
        for link in links.linked:
            parts = urlsplit(link)
            if parts.scheme or link == "#":
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            place = found[target].anchors if target in found else {parts.fragment}
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in place):
                broken.append(f"{page.relative_to(site)}: {link}")
    assert len(found) > len(pages())
    assert broken == []


def test_the_site_asks_no_other_host(site: Path) -> None:
    fetched = {link for page in site.rglob("*.html") for link in Links(page).fetched}
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    fetched |= set(re.findall(r"(?:url\(|@import )['\"]?(?!data:|#)([^'\")]+)", styles))
    assert len(fetched) > 10
    assert [link for link in fetched if urlsplit(link).netloc] == []


def test_the_start_page_is_the_readme_and_can_be_searched(site: Path) -> None:
    assert "Rate-limit the actor, not the account" in (site / "index.html").read_text(encoding="utf-8")
    assert "purse" in (site / "searchindex.js").read_text(encoding="utf-8")
