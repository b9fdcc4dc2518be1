"""The hash key: one that the state was not made with ends the sidecar, and says so, wherever the state is."""

import subprocess

import pytest
from ports import free_ports
from redis_process import RedisServer, running_redis, until
from sidecar_process import HEADCOUNT, environment, running_sidecar

pytestmark = pytest.mark.slow

ONE, OTHER = "one hash key of these tests", "another hash key of these tests"
KEPT = {"keys": ["sk-1"], "plan": "paid"}


def with_key(key, state):
    return {"HEADCOUNT_HASH_KEY": key, "HEADCOUNT_STATE": str(state)}


def start(key, state):
    """A sidecar that is expected to end by itself."""
    ports = [f"--{name}=127.0.0.1:{port}" for name, port in zip(("listen", "admin"), free_ports(2), strict=True)]
    return subprocess.Popen(
        [HEADCOUNT, "serve", *ports],
        env=environment(with_key(key, state)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def refused(key, state):
    """What it says when it ends."""
    process = start(key, state)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert b"Traceback" not in said
    return said.decode()


def owner_is_found(directory, key, state):
    """Whether a sidecar with this hash key tells a pushed key from one that was never pushed."""
    with running_sidecar(directory, extra=with_key(key, state)) as sidecar:
        answers = [sidecar.ask({"account": {"key": key}}).json for key in ("sk-1", "nobody's")]
    pushed, unknown = [[limit["burst"] for limit in answer["limits"]] for answer in answers]
    return pushed != unknown


def push(directory, key, state):
    with running_sidecar(directory, extra=with_key(key, state)) as sidecar:
        assert sidecar.tell("PUT", "/v1/accounts/a", KEPT).status == 204


def test_another_hash_key_than_the_state_file_s_is_refused_and_changes_nothing(tmp_path):
    state = tmp_path / "state.sqlite3"
    push(tmp_path, ONE, state)
    said = refused(OTHER, state)
    assert "made with another HEADCOUNT_HASH_KEY" in said
    assert ONE not in said
    assert OTHER not in said
    assert "HEADCOUNT_HASH_KEY" in refused(None, state), "a new one is not made in its place"
    assert owner_is_found(tmp_path, ONE, state)


def test_a_state_that_keeps_its_own_hash_key_refuses_one_from_outside(tmp_path):
    state = tmp_path / "state.sqlite3"
    push(tmp_path, None, state)
    assert "Leave HEADCOUNT_HASH_KEY unset" in refused(OTHER, state)
    assert owner_is_found(tmp_path, None, state)


@pytest.mark.parametrize(("where", "written"), [("environment", " {}\n"), ("file", "\t{} \r\n\n")])
def test_blanks_around_the_hash_key_do_not_count(tmp_path, where, written):
    """`echo` and mounted secrets add a line end."""
    state = tmp_path / "state.sqlite3"
    push(tmp_path, ONE, state)
    (tmp_path / "key").write_text(written.format(ONE))
    key = written.format(ONE) if where == "environment" else written.format(f"@{tmp_path / 'key'}")
    assert owner_is_found(tmp_path, key, state)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("x" * 65, "at most 64 bytes, but this one has 65"),
        ("é" * 33, "at most 64 bytes, but this one has 66"),
        ("short", "at least 16 characters"),
        (" " * 40, "at least 16 characters"),
        ("@/nowhere/at/all", "cannot read /nowhere/at/all"),
    ],
)
def test_a_hash_key_that_cannot_be_used_as_it_is_is_refused(tmp_path, key, says):
    """A longer one was cut, so that two keys with one beginning were the same."""
    assert says in refused(key, tmp_path / "state.sqlite3")


def test_64_bytes_are_not_too_many(tmp_path):
    push(tmp_path, "x" * 64, tmp_path / "state.sqlite3")
    assert "made with another" in refused("x" * 63 + "y", tmp_path / "state.sqlite3")


@pytest.mark.gateway
def test_a_replica_with_another_hash_key_ends(tmp_path):
    """Whether the first replica's came from the environment or was made for the state."""
    for kept in (ONE, None):
        directory = tmp_path / str(kept)
        directory.mkdir()
        with running_redis(directory) as server, running_sidecar(directory, extra=with_key(kept, server.url)) as first:
            assert first.tell("PUT", "/v1/accounts/a", KEPT).status == 204
            assert "made with another HEADCOUNT_HASH_KEY" in refused(OTHER, server.url)
            if kept is not None:
                assert "set HEADCOUNT_HASH_KEY to the same one" in refused(None, server.url)


@pytest.mark.gateway
def test_a_replica_that_starts_while_redis_is_away_ends_when_it_is_back_with_another_hash_key(tmp_path):
    (port,) = free_ports(1)
    server = RedisServer(tmp_path, port, "--port", str(port), "--appendonly", "yes", "--appendfsync", "always")
    server.start()
    try:
        push(tmp_path, ONE, server.url)
        server.kill()
        process = start(OTHER, server.url)
        (tmp_path / "right").mkdir()
        with running_sidecar(tmp_path / "right", extra=with_key(ONE, server.url)) as right:
            server.start()
            _, said = process.communicate(timeout=60)
            assert process.returncode == 1
            assert b"made with another HEADCOUNT_HASH_KEY" in said
            until(lambda: not right.ask({"account": {"key": "sk-1"}}).json["degraded"], "it did not come back")
    finally:
        server.kill()
