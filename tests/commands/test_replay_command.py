"""`headcount replay`: files in, files out, the same bytes every time, in memory that does not grow."""

import gzip
import json
import os
import subprocess

import pytest
import zstandard
from commands import command
from sidecar_process import HEADCOUNT, environment, headcount

pytestmark = pytest.mark.slow

START = 1_790_812_800
UNLINKED = "tenants: {default: {linking: {enabled: false}}}\n"


def day(checks, accounts=50):
    """A recorded day: facts first, then checks with outcomes between them."""
    for i in range(accounts):
        yield {"kind": "account", "at": START, "id": f"a{i}", "created_at": START - i * 86_400, "keys": [f"sk-{i}"]}
    for i in range(checks):
        client = {"ip": f"11.0.{i % 7}.{i % 200}", "ja4": f"t13d{i % 9}", "device": f"d{i % 40}"}
        yield {"at": START + i, "account": {"key": f"sk-{i % accounts}"}, "client": client, "request": {"model": "m"}}
        if i % 97 == 0:
            yield {"kind": "outcome", "at": START + i, "account": f"a{i % accounts}", "outcome": "abuse"}


def written(path, lines):
    path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    return path


@pytest.fixture
def recorded(tmp_path):
    return written(tmp_path / "day.jsonl", day(1500))


@pytest.fixture
def unlinked(tmp_path):
    path = tmp_path / "unlinked.yaml"
    path.write_text(UNLINKED)
    return str(path)


def test_two_runs_give_the_same_bytes_whatever_their_hash_seeds(recorded, tmp_path):
    """With linking, in two processes; one line for each check, in order."""
    outs = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for seed, out in zip(("1", "2"), outs, strict=True):
        run = headcount("replay", str(recorded), "--out", str(out), "--reasons", extra={"PYTHONHASHSEED": seed})
        assert run.returncode == 0, run.stderr
    first, second = (out.read_bytes() for out in outs)
    assert first == second
    verdicts = [json.loads(line) for line in first.splitlines()]
    assert len(verdicts) == 1500
    ids = [verdict["id"] for verdict in verdicts]
    assert ids == sorted(ids)


def test_packed_files_and_pipes_are_the_same_events(recorded, tmp_path, unlinked):
    plain = tmp_path / "plain.jsonl"
    assert command("replay", str(recorded), "--out", str(plain), "--config", unlinked).code == 0
    wanted = plain.read_bytes()
    packed = tmp_path / "day.jsonl.gz"
    packed.write_bytes(gzip.compress(recorded.read_bytes()))
    frames = tmp_path / "day.jsonl.zst"
    half = recorded.read_bytes().index(b"\n") + 1  # two frames, as several writers leave them
    compress = zstandard.ZstdCompressor().compress
    frames.write_bytes(compress(recorded.read_bytes()[:half]) + compress(recorded.read_bytes()[half:]))
    for source in (packed, frames):
        for name, unpack in (
            ("out.gz", gzip.decompress),
            ("out.zst", lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)),
        ):
            out = tmp_path / name
            assert command("replay", str(source), "--out", str(out), "--config", unlinked).code == 0
            assert unpack(out.read_bytes()) == wanted
    piped = headcount("replay", "-", "--out", "-", "--config", unlinked, given=recorded.read_bytes())
    assert piped.stdout == wanted


def test_a_summary_at_the_end_for_people_and_for_programs(recorded, tmp_path, unlinked):
    out = str(tmp_path / "out.jsonl")
    run = command("replay", str(recorded), "--out", out, "--config", unlinked)
    assert "1,500 checks" in run.err
    assert "50 account lines, 16 outcomes, 0 bad lines" in run.err
    found = json.loads(command("replay", str(recorded), "--out", out, "--config", unlinked, "--json").out)
    assert (found["lines"], found["checks"], sum(found["decisions"].values())) == (1566, 1500, 1500)


def test_the_summary_stays_away_from_verdicts_on_standard_output(recorded, unlinked):
    run = command("replay", str(recorded), "--out", "-", "--config", unlinked, "--json")
    assert len(run.out.splitlines()) == json.loads(run.err)["checks"]


@pytest.mark.parametrize("wrong", [["--epoch", "0"], ["--epoch", "-1"], ["--lag", "-1"], []])
def test_a_replay_that_could_only_do_harm_is_refused(recorded, tmp_path, unlinked, wrong):
    """Without a wrong option --out is the events themselves."""
    before = recorded.read_bytes()
    out = str(tmp_path / "out.jsonl") if wrong else str(recorded)
    assert command("replay", str(recorded), "--out", out, "--config", unlinked, *wrong).code == 2
    assert recorded.read_bytes() == before


def test_a_bad_line_stops_with_its_number_or_is_skipped(tmp_path, unlinked):
    lines = [{"at": START, "account": {"id": "a"}}] * 3
    events = written(tmp_path / "events.jsonl", lines)
    events.write_bytes(events.read_bytes() + b"{broken\n" + json.dumps(lines[0]).encode())
    out = tmp_path / "out.jsonl"
    run = command("replay", str(events), "--out", str(out), "--config", unlinked)
    assert (run.code, "line 4" in run.err, "--skip-bad" in run.err) == (1, True, True)
    assert len(out.read_bytes().splitlines()) == 3
    assert command("replay", str(events), "--out", str(out), "--config", unlinked, "--skip-bad").code == 0
    answers = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert ["error" in answer for answer in answers] == [False, False, False, True, False]
    assert answers[3]["error"]["line"] == 4


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.jsonl", None),
        ("not.gz", b"plain text"),
        ("cut.gz", gzip.compress(b"{}\n" * 1000, mtime=0)[:-20]),
        ("not.zst", b"plain text"),
        ("cut.zst", zstandard.ZstdCompressor().compress(b'{"at": 1, "account": {"id": "a"}}\n' * 9999)[:-9]),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path, unlinked, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    run = command("replay", str(path), "--out", str(tmp_path / "out"), "--config", unlinked, "--skip-bad")
    assert run.code == 1
    assert name in run.err


def largest(path, unlinked):
    """Most memory that a replay of a file held at once, in bytes."""
    process = subprocess.Popen(
        [HEADCOUNT, "replay", str(path), "--out", os.devnull, "--config", unlinked],
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss * 1024


def test_memory_does_not_grow_with_the_file(tmp_path, unlinked):
    """More than twice the lines; what is kept of accounts and of recent verdicts is full after the first ones."""
    few = written(tmp_path / "few.jsonl", day(15_000))
    many = written(tmp_path / "many.jsonl", day(40_000))
    assert largest(many, unlinked) - largest(few, unlinked) < 6 << 20
