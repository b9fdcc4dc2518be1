"""Replicas that see the same links announce each event once, and lost state is announced to a real endpoint."""

import asyncio
from functools import partial

import structlog
from receiver import receiving
from redis_process import running_redis
from sidecar_process import running_sidecar
from small_engine import NOW, PAYER, address_book, push
from small_engine import limiter as engine
from structlog.testing import capture_logs

from reputation.config.file import NotifySettings
from reputation.hydra.links import Cluster, Links
from reputation.notices.watch import ANNOUNCED, NOTICE, Watch
from reputation.sidecar.embedded import EmbeddedChecks
from reputation.stores.memory import MemoryStore

CLUSTER = Cluster("h-1", NOW, 3, 0.99, ("time",), "restricted", (), 100.0, 1.0)
LINKS = Links(NOW, dict.fromkeys(("a", "b", "payer"), ("h-1", 0.99)), {"h-1": CLUSTER}, 10.0)
NOWHERE = NotifySettings("http://127.0.0.1:9/")


def watching(limiter, store, *endpoints):
    checks = EmbeddedChecks(limiter, store, lambda: NOW)
    return Watch(checks, store, lambda: endpoints, lambda: NOW, structlog.get_logger())


def test_two_watches_over_one_store_announce_a_cluster_once_with_its_payers(tmp_path):
    limiter, store = engine(address_book(tmp_path)), MemoryStore()
    tenant = limiter.tenant("default")
    push(tenant, "payer", **PAYER)
    tenant.links = LINKS

    async def story():
        watches = [watching(limiter, store) for _ in range(2)]
        await asyncio.gather(*(watch.look() for watch in watches))
        await watching(limiter, store).look()  # and one that starts later

    with capture_logs() as logs:
        asyncio.run(story())
    said = [line["text"] for line in logs if line["event"] == "notice"]
    assert said == [
        "default: Found 3 accounts of one actor: cluster h-1, restricted, by time. 1 paying customer is among them."
    ]


def test_a_notice_is_kept_until_it_is_delivered_and_only_where_someone_wants_it(tmp_path):
    limiter = engine(address_book(tmp_path))
    limiter.tenant("default").links = LINKS

    async def kept(*endpoints):
        store = MemoryStore()
        watch = watching(limiter, store, *endpoints)
        await watch.look()
        await watch.delivery.close()
        return [len(await store.records.all("default", kind)) for kind in (ANNOUNCED, NOTICE)]

    assert asyncio.run(kept(NOWHERE)) == [1, 1]
    assert asyncio.run(kept()) == [1, 0]


def test_an_unreadable_notice_is_counted_and_the_others_are_sent(tmp_path):
    limiter, store = engine(address_book(tmp_path)), MemoryStore()
    limiter.tenant("default").links = LINKS

    async def story():
        await store.records.put("default", NOTICE, "x", b"{")
        await store.records.put("default", ANNOUNCED, "h-0", b"[]")
        watch = watching(limiter, store)
        await watch.look()
        return watch.happened

    assert asyncio.run(story()) == {("default", "cluster.found"): 1}
    assert store.damage.count == 2


def test_state_that_is_away_and_back_is_announced(tmp_path):
    with receiving() as receiver, running_redis(tmp_path) as redis:
        found = {"notify": [{"url": receiver.url}]}
        with running_sidecar(tmp_path, found, extra={"HEADCOUNT_STATE": redis.url}) as sidecar:
            ask = partial(sidecar.ask, {"account": {"id": "a"}, "client": {"ip": "203.0.113.7"}})
            assert ask().status == 200
            redis.kill()
            ask()
            assert receiver.wait(1)[0].json["event"] == "state.away"
            redis.start()
            assert receiver.wait(2)[1].json["event"] == "state.back"
