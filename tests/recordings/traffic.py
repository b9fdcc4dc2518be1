"""Traffic of every kind through a real engine that records it: payers, heads, borderline accounts, clusters."""

import random

from small_engine import DAY, HOUR, NOW, SECRET, new_id, push, report

from reputation.config.file import RecordingSettings
from reputation.engine.exceptions import Allow, Exceptions
from reputation.hydra.links import Cluster, Links
from reputation.recordings.columns import read_all
from reputation.recordings.effects import Effects
from reputation.recordings.tenant_recorder import Recorder
from reputation.recordings.variants import Variant
from reputation.wire.ids import Ulids
from reputation.wire.messages import Account, Call, Client, Organisation, Payment, Request

ALL = RecordingSettings(payers=1.0, others=1.0, per_second=100_000, most=10_000_000)
OUTCOMES = ("chargeback", "declined", "abuse", "good", "challenge_passed", "challenge_failed")
STATUSES = ("shared", "restricted", "challenged", "blessed")
HOSTS = ("11.0", "12.0", "13.0", "14.0", "15.0", "16.0")


def recorded(engine, settings=ALL):
    """Let an engine record; returns its recorder."""
    recorder = Recorder(engine.tenant, settings, SECRET, Ulids())
    engine.verdict_hooks = (*engine.verdict_hooks, recorder.watch)
    return recorder


def live(engine, count, seed, recorder, accounts=400):
    """Play `count` checks with what happens between them; verdicts come back in order."""
    rng, now, verdicts = random.Random(seed), NOW, []
    for i in range(accounts // 4):
        push(engine, f"a{i}", created_at=NOW - rng.choice([0, 13, 14, 30, 400]) * DAY, **_pushed(rng))
    engine.exceptions = Exceptions([Allow("1", "account", f"a{i}", "r", "ann", NOW, NOW + DAY) for i in range(3)])
    engine.marked = frozenset(f"a{i}" for i in range(3, 7))
    for i in range(count):
        now += rng.expovariate(1 / 20)
        if i % 50 == 0:
            report(engine, f"a{rng.randrange(accounts)}", rng.choice(OUTCOMES), now)
        if i % 2000 == 0:
            engine.links = _links(rng, accounts, now)
        verdicts.append(engine.check(_request(rng, accounts), now, new_id))
        if i % 3000 == 0:
            recorder.keep(recorder.pack_waiting(), now)
    recorder.close_open()
    recorder.keep(recorder.pack_waiting(), now)
    return verdicts


def _pushed(rng):
    settled = rng.choice([0, 19.99, 20, 40, 500])
    payment = {"status": rng.choice(["none", "ok", "ok", "failed", "disputed"]), "settled_usd": settled}
    return {"payment": payment, "plan": rng.choice(["free", "paid", "gold"])}


def _links(rng, accounts, now):
    clusters, members = {}, {}
    for number, standing in enumerate(STATUSES):
        clusters[f"h-{number}"] = Cluster(f"h-{number}", now, 20, 0.9, ("net",), standing, (), 100.0, 10.0)
        for _ in range(20):
            members[f"a{rng.randrange(accounts)}"] = f"h-{number}", rng.random()
    return Links(now, members, clusters, 50.0)


def _request(rng, accounts):
    name = f"a{int(accounts * rng.random() ** 2)}"
    payment = None
    if rng.random() < 0.5:
        payment = Payment(
            status=rng.choice(["none", "ok", "failed", "disputed", None]),
            fingerprint=rng.choice(["f1", "f2", None]),
            funding=rng.choice(["credit", "prepaid", None]),
            issuer_country=rng.choice(["US", "DE", None]),
            settled_usd=rng.choice([None, 0.0, 19.0, 25.0, 300.0]),
            declines_30d=rng.choice([None, 0, 2, 9]),
            disputes=rng.choice([None, 0, 1]),
        )
    account = Account(
        id=name,
        created_at=rng.choice([None, NOW - HOUR, NOW - 5 * DAY, NOW - 60 * DAY]),
        plan=rng.choice([None, "free", "paid"]),
        verified=rng.choice([None, ("email",), ("email", "phone")]),
        organisation=rng.choice([None, None, Organisation("corp.example", True)]),
        payment=payment,
    )
    host = f"{rng.choice(HOSTS)}.{rng.randrange(3)}.{rng.randrange(60)}"
    return Request(account=account, client=Client(ip=host, device=rng.choice([None, "d1", "d2"])),
                   request=Call(cost=rng.choice([1.0, 1.0, 3.5])))  # fmt: skip


def decisions(recorder):
    """Everything recorded, segment by segment."""
    return list(read_all(segment.data for segment in recorder.segments(0.0)))


def judged(recorder, tenant):
    """Everything recorded, judged by a revision: scores and tiers in order."""
    variant, log_odds, tiers = Variant(tenant), [], []
    for part in decisions(recorder):
        found = variant.judge(part)
        log_odds += found.scored.log_odds.tolist()
        tiers += found.tiers
    return log_odds, tiers


def effects(recorder, before, after):
    """The effects of a draft on everything recorded."""
    found = Effects(before, after)
    for part in decisions(recorder):
        found.add(part)
    return found
