"""A state file that fails: a clear word at the start, and while it runs a sidecar that goes on and writes it all later.

What SQLite answers here is its own: a bound on pages, a connection told not to write, bytes overwritten on the disk.
"""

import asyncio
import resource
import sqlite3

import pytest
from test_sqlite_store import CARD, START, Run

from reputation.state.facts import Facts
from reputation.state.history import noted
from reputation.state.transactions import AccountData, Document, Transaction
from reputation.stores.contract import Opening
from reputation.stores.places import default_place, open_store
from reputation.stores.sqlite.schema import MIGRATIONS, migrate
from reputation.wire.errors import ConfigError, Unavailable
from reputation.wire.messages import AccountFacts


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.sqlite3"


def filled(path, accounts=200):
    """A file with some hundred accounts, cleanly closed."""
    run = Run(path)
    for number in range(accounts):
        run.tenant.push(f"account_{number}", CARD if number == 0 else AccountFacts(plan="free"), START)
    run.stop()
    return path


def counts(path):
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT count(*) FROM accounts").fetchone()[0]


class TestStart:
    def refused(self, path):
        with pytest.raises(ConfigError) as refused:
            Run(path)
        assert str(path) in str(refused.value)
        return str(refused.value)

    def test_a_file_that_is_no_database(self, path):
        path.write_bytes(b"a letter to my aunt " * 100)
        assert "not a database" in self.refused(path)
        assert path.read_bytes().startswith(b"a letter")

    def test_a_database_of_somebody_else_is_not_touched(self, path):
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        assert "not a database of Headcount" in self.refused(path)

    def test_a_newer_file_is_refused_and_not_touched(self, path):
        filled(path)
        with sqlite3.connect(path) as connection:
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        said = self.refused(path)
        assert f"schema {len(MIGRATIONS) + 1}, this Headcount knows {len(MIGRATIONS)}" in said
        assert counts(path) == 200

    def test_a_damaged_file(self, path):
        filled(path)
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * (size - 4096))
        assert "the file is damaged; restore a backup, or move the file away" in self.refused(path)

    def test_damaged_values_that_sqlite_cannot_see(self, path):
        filled(path)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE tenants SET body = x'c1'")
        run = Run(path)
        assert run.store.damage.count == 1
        assert run.state.row("account_8").facts.plan == "free"

    def test_one_damaged_account_is_a_newcomer_and_counted(self, path):
        filled(path)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE accounts SET body = x'9b00c1' WHERE key = CAST('account_7' AS BLOB)")
        run = Run(path)
        assert run.state.row("account_7").facts.plan is None
        assert run.state.row("account_8").facts.plan == "free"

    @pytest.mark.parametrize("wrong", ["a directory", "below a file"])
    def test_a_place_where_no_file_can_be(self, path, wrong):
        if wrong == "a directory":
            path.mkdir()
        else:
            path.write_bytes(b"")
            path /= "state.sqlite3"
        self.refused(path)

    def test_a_refused_file_can_be_opened_once_it_is_mended(self, path):
        path.write_bytes(b"a letter to my aunt " * 100)
        self.refused(path)
        path.unlink()
        Run(path).stop()


class TestWhileRunning:
    @pytest.fixture
    def run(self, path):
        run = Run(path)
        run.tenant.push("a", CARD, START)
        run.flush()
        return run

    def fails_and_recovers(self, run, repair):
        """Degraded in store, state and verdict after a failed write; OK again, and all written, after the repair."""
        run.tenant.push("b", AccountFacts(plan="paid"), START)
        run.flush()
        assert run.store.degraded
        assert run.check("c").degraded
        repair()
        run.flush()
        assert not run.store.degraded
        assert not run.check("c").degraded
        assert run.event_log.events == ["state_away", "state_back"]
        run.stop()
        again = Run(run.store._file.path)
        assert [again.state.row(name).facts.plan for name in "abc"] == [None, "paid", None]
        assert again.state.row("a").facts == run.state.row("a").facts
        return again

    def test_a_full_disk(self, run):
        pages = run.store._file.connection.execute("PRAGMA page_count").fetchone()[0]
        run.store._file.connection.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(300):
            run.tenant.push(f"account_{number}", AccountFacts(plan="free"), START)
        again = self.fails_and_recovers(run, lambda: None)
        assert again.state.size() == 303

    def test_a_file_that_may_not_be_written(self, run):
        run.store._file.connection.execute("PRAGMA query_only = ON")
        self.fails_and_recovers(run, lambda: None)

    def test_a_disk_that_refuses_writes_until_it_does_not(self, run):
        """The kernel's own refusal, by a bound on file sizes; several attempts fail, and it is said once."""
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        try:
            run.tenant.push("b", AccountFacts(plan="paid"), START)
            for _ in range(3):
                run.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert run.store.failures == 3
        assert run.store.degraded
        run.flush()
        assert run.event_log.events == ["state_away", "state_back"]
        run.die()
        assert Run(run.store._file.path).state.row("b").facts.plan == "paid"

    def test_a_file_that_was_deleted_is_made_again_with_everything(self, run, path):
        run.store._tenants["default"].state.dirty.take()
        path.unlink()
        self.fails_and_recovers(run, lambda: None)

    def test_a_damaged_file_is_put_aside_and_everything_written_anew(self, run, path):
        """Documents too; and what was asleep, unread since the start."""
        asyncio.run(run.store.records.put("default", "label", "1", b"x"))
        run.stop()
        run = Run(path)
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.write(b"\xa5" * size)
        again = self.fails_and_recovers(run, lambda: None)
        assert path.with_name(path.name + ".damaged").read_bytes()[:4] == b"\xa5" * 4
        assert len(asyncio.run(again.store.records.all("default", "label"))) == 1

    def test_what_cannot_be_written_is_refused_and_changes_nothing(self, run, path):
        """Facts, outcomes and documents of one transaction, all or nothing; it can be repeated afterwards."""
        data = AccountData(Facts(plan="paid"), noted(b"", "abuse", 1.0))
        asked = Transaction("a", lambda _: data, (Document("label", "1", b"x"),))
        run.store._file.connection.execute("PRAGMA query_only = ON")
        for _ in range(2):
            with pytest.raises(Unavailable):
                asyncio.run(run.store.commit("default", asked))
        assert run.store.degraded
        assert (run.state.row("a").facts.plan, run.state.row("a").outcomes) == (None, b"")
        assert asyncio.run(run.store.records.all("default", "label")) == []
        run.flush()
        assert asyncio.run(run.store.commit("default", asked)).versions == (1,)
        run.die()
        again = Run(path)
        assert (again.state.row("a").facts, again.state.row("a").outcomes) == data
        assert asyncio.run(again.store.records.get("default", "label", "1")).body == b"x"


def test_an_older_file_is_migrated_forward_and_a_failed_migration_changes_nothing(path):
    filled(path)
    connection = sqlite3.connect(path, isolation_level=None)
    broken = (*MIGRATIONS, ("CREATE TABLE more (x)", "no SQL at all"))
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, path, broken)
    connection.close()
    connection = sqlite3.connect(path, isolation_level=None)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    migrate(connection, path, (*MIGRATIONS, ("CREATE TABLE more (x)",)))
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS) + 1
    assert connection.execute("SELECT count(*) FROM more").fetchone() == (0,)
    connection.close()


def test_places_are_chosen_by_their_scheme(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    opening = Opening(dict, None, lambda: START)
    assert default_place() == str(tmp_path / "headcount" / "state.sqlite3")
    assert open_store(":memory:", opening).figures() is None
    store = open_store(None, opening)
    assert (tmp_path / "headcount" / "state.sqlite3").stat().st_mode & 0o777 == 0o600
    asyncio.run(store.close())
    with pytest.raises(ConfigError, match="--state ftp://x: give a path"):
        open_store("ftp://x", opening)
