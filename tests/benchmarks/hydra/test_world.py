"""Simulated worlds are what they claim to be: repeatable, in time order, valid, with all classes in them."""

import gzip
import hashlib
from collections import Counter, defaultdict
from functools import cache

import msgspec
import pytest
import zstandard

from benchmarks.hydra import truth, worlds
from benchmarks.hydra.attackers import LADDER, VARIANTS
from benchmarks.hydra.clock import DAY, START
from benchmarks.hydra.honest import classes
from benchmarks.hydra.lines import VIEWS
from benchmarks.hydra.world import Spec, make, stream
from reputation.wire.messages import AccountFacts, Outcome, Request, wire_type

SMALL = Spec(honest=300, heads=60, days=3)


def with_(**changes):
    return msgspec.structs.replace(SMALL, **changes)


@cache
def parsed(spec):
    """(world, truth, [(at, line)]) with the lines as plain dicts."""
    world = make(spec)
    return world, truth.of(world), [(at, msgspec.json.decode(line)) for at, line in stream(world)]


def checks(spec):
    return [(at, line) for at, line in parsed(spec)[2] if "kind" not in line]


def digest(spec):
    return hashlib.sha256("".join(line for _, line in stream(make(spec))).encode()).hexdigest()


def test_same_seed_gives_the_same_bytes_and_another_seed_others():
    assert digest(SMALL) == digest(SMALL)
    assert digest(with_(seed=2)) != digest(SMALL)


def test_lines_are_in_time_order_and_their_time_is_on_them():
    lines = parsed(SMALL)[2]
    times = [at for at, _ in lines]
    assert times == sorted(times)
    assert all(abs(line["at"] - at) < 0.001 for at, line in lines)
    assert times[0] >= START
    assert times[-1] < START + SMALL.days * DAY


def test_the_honest_part_does_not_depend_on_the_hydra():
    def honest_lines(spec):
        _, facts, lines = parsed(spec)
        return [line for _, line in lines if line.get("account", {}).get("id") in world_ids(facts)]

    def world_ids(facts):
        return {name for name, fact in facts.accounts.items() if fact.label == "honest"}

    assert honest_lines(with_(levels=())) == honest_lines(with_(levels=("L1",)))


@pytest.mark.parametrize("level", LADDER)
def test_every_line_of_every_level_is_one_that_the_contract_knows(level):
    world = make(with_(levels=(level,), days=2, content=True))
    kinds = {None: Request, "account": AccountFacts, "outcome": Outcome}
    decoders = {kind: msgspec.json.Decoder(shape, dec_hook=wire_type) for kind, shape in kinds.items()}
    for _, line in stream(world):
        decoders[msgspec.json.decode(line).get("kind")].decode(line)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_makes_a_world_with_heads_that_send(name):
    spec = with_(variants=(name,), levels=("L5" if name in {"mixed", "pivot"} else "L3",))
    world = parsed(spec)[0]
    sent = Counter(line["account"]["id"] for _, line in checks(spec))
    assert sum(sent[a.id] > 0 for a in world.hydra.accounts) > 0.9 * spec.heads


def test_nobody_sends_before_signing_up_and_sign_ups_are_announced_first():
    known = set()
    for _, line in parsed(SMALL)[2]:
        if line.get("kind") == "account":
            known.add(line["id"])
        else:
            assert line["account"]["id"] in known


@pytest.mark.parametrize("gathered", [False, True])
def test_all_classes_are_there_in_their_shares(gathered):
    facts = parsed(with_(honest=1000, days=1, gatherings=gathered))[1]
    sizes = Counter(fact.klass for fact in facts.accounts.values() if fact.label == "honest")
    rows = classes(gathered=gathered)
    assert set(sizes) == set(rows)
    assert sum(sizes.values()) == 1000
    assert all(abs(sizes[name] - row.share * 1000) <= 5 for name, row in rows.items())


def test_honest_load_is_ten_a_day_heavy_tailed_and_a_third_are_payers():
    spec = with_(honest=3000, heads=0, levels=(), days=7)
    world, facts, _ = parsed(spec)
    sent = Counter(line["account"]["id"] for _, line in checks(spec))
    daily = sorted(sent[account.id] / 7 for account in world.accounts)
    assert 8.5 < sum(daily) / len(daily) < 11.5
    assert daily[len(daily) // 2] < 2
    assert daily[-1] > 100
    payers = sum(fact.payer for fact in facts.accounts.values())
    assert 0.25 <= payers / len(facts.accounts) <= 0.35


@pytest.mark.parametrize(
    ("level", "most"),
    [("L0", 1), ("L1", 5)],
)
def test_low_levels_leave_through_few_addresses(level, most):
    spec = with_(levels=(level,))
    heads = {account.id for account in parsed(spec)[0].hydra.accounts}
    assert len({line["client"]["ip"] for _, line in checks(spec) if line["account"]["id"] in heads}) <= most


def test_rotating_addresses_are_shared_by_heads_and_sticky_ones_hardly_at_the_same_time():
    for level, low, high in (("L3", 5, 60), ("L4", 1, 2.5)):
        spec = with_(levels=(level,), heads=200, daily=40.0)
        heads = {account.id for account in parsed(spec)[0].hydra.accounts}
        users = defaultdict(set)
        for at, line in checks(spec):
            if line["account"]["id"] in heads:
                users[line["client"]["ip"], int(at / DAY)].add(line["account"]["id"])
        assert low <= sum(map(len, users.values())) / len(users) <= high


def test_relayed_sessions_wander_from_head_to_head_and_honest_ones_never():
    spec = with_(levels=("L5",))
    world = parsed(spec)[0]
    heads, owners = {account.id for account in world.hydra.accounts}, defaultdict(set)
    for _, line in checks(spec):
        if "session" in line["client"]:
            owners[line["client"]["session"]].add(line["account"]["id"])
    wandering = [found for found in owners.values() if len(found) > 1]
    assert len(wandering) > 50
    assert all(found <= heads for found in wandering)


def test_bought_heads_have_an_age_and_fresh_ones_do_not():
    for level, aged in (("L3", False), ("L5", True)):
        ages = [START - account.created for account in parsed(with_(levels=(level,)))[0].hydra.accounts]
        assert all((age > 30 * DAY) == aged for age in ages)


def test_a_ban_ends_the_first_pool_and_a_second_one_goes_on():
    spec = with_(variants=("second-pool",), days=5)
    world = parsed(spec)[0]
    banned = {account.id for account in world.hydra.accounts if account.banned_at}
    fresh = {account.id for account in world.hydra.accounts} - banned
    ban = START + 3.25 * DAY
    assert len(banned) == len(fresh) == 60
    assert sum(line.get("kind") == "outcome" for _, line in parsed(spec)[2]) == 60
    assert all(
        (at < ban) == (line["account"]["id"] in banned)
        for at, line in checks(spec)
        if line["account"]["id"] in banned | fresh
    )


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_shows_what_its_deployment_sees_and_no_more(view):
    spec = with_(view=view, days=1)
    seen, key = VIEWS[view], "key" if VIEWS[view].by_key else "id"
    lines = parsed(spec)[2]
    assert any("kind" in line for _, line in lines) == seen.facts
    for _, line in checks(spec):
        assert set(line["account"]) == {key}
        assert ("ja4" in line["client"]) == seen.hints
        assert seen.session or not {"session", "device"} & set(line["client"])
        assert ("request" in line) == seen.body


def test_the_truth_names_every_account_and_key_and_the_actor_behind_each_head():
    _, facts, _ = parsed(with_(levels=("L1", "L4")))
    heads = [fact for fact in facts.accounts.values() if fact.label == "hydra"]
    assert Counter(fact.cluster for fact in heads) == {"hydra-0-L1": 30, "hydra-1-L4": 30}
    assert all(fact.cluster is None for fact in facts.accounts.values() if fact.label == "honest")
    assert len({key for fact in facts.accounts.values() for key in fact.keys}) == len(facts.accounts)


@pytest.mark.parametrize(("suffix", "unpack"), [("", bytes), (".gz", gzip.decompress), (".zst", None)])
def test_the_command_writes_lines_and_truth_in_any_of_three_formats(tmp_path, suffix, unpack):
    out = tmp_path / f"w.jsonl{suffix}"
    worlds.main(["--level", "L0", "--honest", "60", "--heads", "12", "--days", "1", "--out", str(out)])
    raw = out.read_bytes()
    text = unpack(raw) if unpack else zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    assert len(text.splitlines()) > 72
    assert len(truth.read(tmp_path / "w.truth.json").accounts) == 72


def test_measured_clients_and_listed_exits_are_used_where_they_are_given(tmp_path):
    hours = ",".join(f"h{hour:02d}" for hour in range(24))
    row = ",".join(["0"] * 8 + ["0.5", "0.5"] + ["0"] * 14)
    (tmp_path / "llm_clients.csv").write_text(
        f"client,mean_per_s,peak_per_s,median_cv,{hours}\na,1,2,1,{row}\nb,9,9,1,{row}\n"
    )
    (tmp_path / "proxy_exits_2025-09.txt").write_text("192.0.2.7\n192.0.2.8\n")
    spec = with_(data=str(tmp_path))
    assert {"192.0.2.7", "192.0.2.8"} & {
        line["client"]["ip"] for _, line in checks(with_(data=str(tmp_path), heads=300))
    }
    assert digest(spec) != digest(SMALL)
