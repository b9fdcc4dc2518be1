"""A damaged state file: one clear line, or all of it that can be read; and one file has one sidecar, by any name."""

import asyncio
import os
import random
import sqlite3

import msgspec
import pytest
from sidecar_process import headcount, running_sidecar
from test_sqlite_store import CARD, START, Run

from reputation.engine.exceptions import Allow
from reputation.linking.kept_rulings import KeptRulings
from reputation.linking.live import LiveLinking
from reputation.sidecar.hash_key import kept_hash_key
from reputation.stores.sqlite.file import StateFile
from reputation.tuning.audit import Audit, Author, Change
from reputation.tuning.documents import Documents
from reputation.wire.errors import ConfigError
from reputation.wire.messages import AccountFacts, Outcome

pytestmark = pytest.mark.slow

ACCOUNTS = 120


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The bytes of a real state file: accounts pushed and met, buckets, outcomes, documents, a clean stop."""
    path = tmp_path_factory.mktemp("sound") / "state.sqlite3"
    run = Run(path)
    for number in range(ACCOUNTS):
        run.tenant.push(f"account_{number}", CARD if number == 0 else AccountFacts(plan="free", created_at=1e9), START)
        run.check(f"account_{number}", ip=f"203.0.113.{number}", ja4="x")
        run.check(f"met_{number}", ip=f"198.51.100.{number}")
        run.tenant.report(Outcome(f"account_{number}", "chargeback" if number % 2 else "good"), START)
    asyncio.run(documents(run))
    run.stop()
    return path.read_bytes()


async def documents(run):
    records = run.store.records
    allows = Documents(records, "exception", Allow)
    for number in range(30):
        await allows.put(
            "default", f"x{number}", Allow(f"x{number}", "account", "a", "ticket", "ann", START, START + 1e6)
        )
        await Audit(records).add(Change("default", "account.put", f"a{number}"), f"{number:026}", Author("ann"), START)
    await kept_hash_key(records)


async def use(run):
    """Read all that there is, as a sidecar does at its start and the admin API afterwards."""
    records = run.store.records
    await kept_hash_key(records)
    linking = LiveLinking(run.tenant and _Only(run.tenant), lambda *_, **__: None, records=records)
    await linking.take_up()
    await KeptRulings(records).take_up(run.tenant)
    await Documents(records, "exception", Allow).all("default")
    await Audit(records).entries("default", 1000)
    while run.state.asleep:
        run.state.wake_one(run.now)
    for number in range(ACCOUNTS):
        run.check(f"account_{number}", ip=f"203.0.113.{number}")
        run.check(f"met_{number}", ip=f"198.51.100.{number}")
    await run.store.flush()


class _Only:
    """A limiter of one tenant, as far as linking asks."""

    def __init__(self, tenant):
        self.tenants = {"default": tenant}


def damaged(content, seed):
    """Some bytes changed: single ones anywhere, a run of them, or a page that is another page's."""
    chance, spoilt = random.Random(seed), bytearray(content)
    kind = seed % 3
    if kind == 0:
        for _ in range(chance.choice([1, 4, 40])):
            spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
    elif kind == 1:
        at = chance.randrange(len(spoilt) - 64)
        spoilt[at : at + 64] = chance.randbytes(64)
    else:
        for _ in range(200):  # not the first page, which says what the file is
            spoilt[chance.randrange(4096, len(spoilt))] = chance.randrange(256)
    return bytes(spoilt)


def outcome(path):
    """Start on a file and use all of it; "served", or the one line that says why not."""
    try:
        run = Run(path)
    except ConfigError as error:
        return str(error)
    try:
        asyncio.run(use(run))
    finally:
        run.die()
    return "served"


@pytest.mark.parametrize("seed", range(90))
def test_a_damaged_file_is_served_or_refused_with_one_line(sound, tmp_path, seed):
    path = tmp_path / "state.sqlite3"
    path.write_bytes(damaged(sound, seed))
    said = outcome(path)
    assert said == "served" or (str(path) in said and "\n" not in said)


def test_the_file_that_is_damaged_above_is_served_whole(sound, tmp_path):
    path = tmp_path / "state.sqlite3"
    path.write_bytes(sound)
    run = Run(path)
    asyncio.run(use(run))
    assert run.state.row("account_0").facts.keys
    assert run.store.damage.count == 0
    run.die()


@pytest.mark.parametrize(
    ("table", "body"),
    [
        ("accounts", b""),
        ("accounts", b"\x9b\x63\x00"),
        ("accounts", b"\x9b" + b"\x00" * 3),
        ("accounts", "text"),
        ("owners", b"\xff\xfe"),
        ("budgets", b"garbage"),
        ("networks", b"garbage"),
        ("asns", msgspec.msgpack.encode((float("nan"), 1.0, 1.0))),
    ],
)  # fmt: skip
def test_one_bad_row_is_left_out_counted_and_named(sound, tmp_path, table, body):
    path = tmp_path / "state.sqlite3"
    path.write_bytes(sound)
    with sqlite3.connect(path) as connection:
        key = b"account_7" if table == "accounts" else (7).to_bytes(8, "big")
        connection.execute(f"INSERT OR REPLACE INTO {table} VALUES (1, ?, ?)", (key, body))  # noqa: S608
    run = Run(path)
    asyncio.run(use(run))
    assert run.store.damage.count == 1
    assert "state_damaged" in run.event_log.events
    assert run.state.row("account_8").facts.plan == "free"
    run.die()


def test_one_bad_document_is_left_out_and_the_pages_of_the_admin_api_go_on(tmp_path):
    state = tmp_path / "state.sqlite3"
    allow = {"kind": "account", "value": "a", "reason": "ticket", "expires_in": 1000}
    with running_sidecar(tmp_path, extra={"HEADCOUNT_STATE": str(state)}) as found:
        for _ in range(3):
            assert found.tell("POST", "/v1/allow", allow).status in (200, 201)
        found.tell("PUT", "/v1/accounts/a", {"plan": "free"})
    with sqlite3.connect(state) as connection:
        kinds = [kind for (kind,) in connection.execute("SELECT DISTINCT kind FROM records WHERE kind != 'secret'")]
        for kind in kinds:
            connection.execute("INSERT INTO records VALUES ('default', ?, '0bad', 1, ?)", (kind, b"\xff{garbage"))
    with running_sidecar(tmp_path, extra={"HEADCOUNT_STATE": str(state)}) as found:
        assert {"exception", "audit", "pushed"} <= set(kinds)
        assert len(found.tell("GET", "/v1/allow").json["allow"]) == 3
        assert len(found.tell("GET", "/v1/audit?limit=100").json["entries"]) >= 4
        for page in ("revisions", "labels", "appeals", "rollout", "overview"):
            assert found.tell("GET", f"/v1/tenants/default/{page}").status in (200, 404, 405), page
        assert found.ask({"account": {"id": "a"}}).status == 200
        assert "state_damaged" in found.log.read_text()
        assert "admin_failed" not in found.log.read_text()
        assert b"headcount_state_damaged_total 0.0" not in found.tell("GET", "/metrics").body


class TestOneFile:
    @pytest.fixture
    def names(self, tmp_path):
        """Other names of one state file: through links, and by another way."""
        real = tmp_path / "real" / "state.sqlite3"
        StateFile(real).close()
        (tmp_path / "link.sqlite3").symlink_to(real)
        (tmp_path / "directory").symlink_to(real.parent)
        os.link(real, tmp_path / "hard.sqlite3")
        (tmp_path / "chain").symlink_to("link.sqlite3")
        others = ("link.sqlite3", "directory/state.sqlite3", "hard.sqlite3", "chain", "real/../real/state.sqlite3")
        return real, [tmp_path / other for other in others]

    def test_has_one_sidecar_whatever_each_calls_it(self, names):
        real, others = names
        for one, other in [(real, other) for other in others] + [(other, real) for other in others]:
            held = StateFile(one)
            with pytest.raises(ConfigError, match="uses"):
                StateFile(other)
            held.close()
            StateFile(other).close()

    def test_is_refused_with_one_line_by_a_second_process(self, names, tmp_path):
        real, others = names
        with running_sidecar(tmp_path, extra={"HEADCOUNT_STATE": str(real)}):
            for other in (others[0], others[2]):
                run = headcount("serve", "--admin", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--state", str(other))
                assert run.returncode == 1
                assert b"Traceback" not in run.stderr
                assert len(run.stderr.strip().splitlines()) == 1
