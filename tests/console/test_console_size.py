"""A thousand clusters, one of them large: as quick as ten."""

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from playwright.sync_api import expect
from sidecar_process import running_sidecar

from reputation.hydra.book import Book, ClusterMember, KeptCluster
from reputation.hydra.links import NOTHING, Cluster, LinkEvidence, Links, difference
from reputation.linking.live import BOOK, LINKS, KeptLinks
from reputation.state.tenant import TenantState
from reputation.stores.sqlite.store import SqliteStore
from tests.console.conftest import TENANTS, watched

pytestmark = pytest.mark.gateway
CLUSTERS, LARGE = 1000, 2000
SOON = 1500  # milliseconds until a page of the list has to be there, on a machine that is busy with other things
FAMILIES = ("network", "payment")


def members_of(n):
    return [f"account-{n}-{i}" for i in range(LARGE if n == 0 else 5 + n % 40)]


def kept(now):
    """What a linker keeps of a thousand clusters, and the links that were in force."""
    found = {f"h-{n:04x}": members_of(n) for n in range(CLUSTERS)}
    book = Book({id_: KeptCluster(id_, now - 9e4, now, FAMILIES, {m: ClusterMember(0.99, now) for m in members})
                 for id_, members in found.items()}, made=CLUSTERS)  # fmt: skip
    evidence = (LinkEvidence("iin", "533333", "payment", 5, 0.01, 42.0, (0, 1, 2)),)
    clusters = {id_: Cluster(id_, now - 9e4, len(members), 0.99, FAMILIES, "restricted", evidence, 50.0, 1.0,
                             tuple(members[:60])) for id_, members in found.items()}  # fmt: skip
    owners = {member: (id_, 0.99) for id_, members in found.items() for member in members}
    return KeptLinks(msgspec.msgpack.encode(book), difference(NOTHING, Links(now, owners, clusters, 20.0)))


@pytest.fixture
def crowded(tmp_path):
    """A sidecar that takes up a thousand clusters from the state that another one left."""
    path = tmp_path / "state.sqlite3"
    with ThreadPoolExecutor(1) as aside:  # the thread of the tests has Playwright's event loop
        aside.submit(leave, path, msgspec.msgpack.encode(kept(time.time()))).result()
    with running_sidecar(tmp_path, TENANTS, extra={"HEADCOUNT_STATE": str(path)}) as sidecar:
        assert len(sidecar.tell("GET", "/v1/clusters").json["clusters"]) == CLUSTERS
        yield sidecar


def leave(path, body):
    asyncio.run(keep(path, body))


async def keep(path, body):
    store = SqliteStore(path, TenantState, None, time.time)
    await store.records.put("default", BOOK, LINKS, body)
    await store.close()


def rows(page, table):
    return page.get_by_role("group", name=table, exact=True).locator("tbody tr")


def test_a_thousand_clusters_are_listed_sorted_filtered_and_turned_at_once(browser, crowded):
    with watched(browser, crowded) as open_page:
        page = open_page("clusters")
        expect(page.get_by_text(re.compile("^1.50 of 1,000$"))).to_be_visible(timeout=SOON)
        expect(rows(page, "Clusters")).to_have_count(50)
        expect(rows(page, "Clusters").first).to_contain_text("2,000")
        page.get_by_role("button", name="Cluster", exact=True).click()
        expect(rows(page, "Clusters").first).to_contain_text("h-0000", timeout=SOON)
        page.get_by_role("button", name="Next").click()
        expect(rows(page, "Clusters").first).to_contain_text("h-0032", timeout=SOON)
        page.get_by_label("Filter Clusters").fill("h-03e")
        expect(rows(page, "Clusters")).to_have_count(8, timeout=SOON)
        assert page.evaluate("document.querySelectorAll('*').length") < 1500


def test_a_large_cluster_is_drawn_in_part_and_listed_whole(browser, crowded):
    with watched(browser, crowded) as open_page:
        page = open_page("clusters/h-0000")
        expect(page.locator(".graph")).to_have_attribute("data-drawn", "60", timeout=4 * SOON)
        expect(page.get_by_text("60 of 2,000 members are drawn")).to_be_visible()
        expect(page.get_by_text(re.compile("^1.15 of 2,000$"))).to_be_visible()
        page.get_by_label("Filter Members").fill("account-0-1999")
        expect(rows(page, "Members")).to_have_count(1)


def test_a_large_cluster_costs_the_checks_beside_it_little(crowded):
    """The list of a thousand is one answer of the sidecar's; checks wait for it no longer than this."""
    began = time.monotonic()
    crowded.tell("GET", "/v1/clusters")
    assert time.monotonic() - began < 1.0
