"""What others wrote is printed as it is written and steers nothing; a closed pipe is no fault."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import command
from hypothesis import given
from hypothesis import strategies as st
from sidecar_process import HEADCOUNT, environment, running_sidecar

from geoip.plain import plain

pytestmark = pytest.mark.slow

HOSTILE = (
    "[/x]",
    "team[eu]",
    "[bold]b[/bold]",
    ":smile:",
    "\x1b[31mred\x1b]0;t\x07",
    "\u202egnp.exe",
    "a\nb",
    "[link=x]y",
)
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SETTINGS = {"recording": {"others": 1.0}, "tenants": {"default": {"owner": "api"}}}
WIDE = {"COLUMNS": "400"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A sidecar with hostile words wherever somebody can put some."""
    with running_sidecar(tmp_path_factory.mktemp("hostile"), SETTINGS) as sidecar:
        for number, words in enumerate(HOSTILE):
            body = {"kind": "account", "value": words, "expires_in": 3600, "reason": words}
            assert sidecar.tell("POST", "/v1/allow", body).status == 201
            draft = {"settings": {"prior": -3 - number / 10}, "reason": words}
            assert sidecar.tell("POST", "/v1/tenants/default/revisions", draft).status == 201
            facts = {"created_at": time.time() - 20 * 86_400, "payment": {"status": "ok", "settled_usd": 30.0}}
            quoted = "".join(f"%{byte:02X}" for byte in words.encode())
            assert sidecar.tell("PUT", f"/v1/accounts/{quoted}", facts).status == 204
            sidecar.ask({"account": {"id": words}})
            assert (
                sidecar.tell("POST", "/v1/labels", {"account": words, "label": "good", "reason": words}).status == 200
            )
        yield sidecar


def run(sidecar, *words, code=0):
    found = command(*words, extra={"HEADCOUNT_ADMIN": sidecar.admin_listen, **WIDE})
    assert found.code == code, found.err
    return found


@pytest.mark.parametrize(
    "words",
    [("allow", "list"), ("audit", "list", "--limit", "1000"), ("audit", "export"), ("weights", "list"),
     ("weights", "show", "2"), ("weights", "diff", "2"), ("weights", "show")],
    ids=" ".join,
)  # fmt: skip
def test_a_list_shows_words_as_they_are_written(world, words):
    found = run(world, *words)
    assert not STEERING.search(found.out)
    if words[1] == "list":
        for text in HOSTILE:
            assert plain(text) in found.out
    assert run(world, *words, "--json").code == 0


def test_a_replay_names_accounts_as_they_are_written(world):
    draft = {"settings": {"prior": 0.5, "weights": {"payment": 0, "account": 3}}, "reason": "r"}
    number = world.tell("POST", "/v1/tenants/default/revisions", draft).json["number"]
    world.tell("DELETE", "/v1/allow")
    found = run(world, "weights", "replay", str(number))
    assert not STEERING.search(found.out)
    named = [text for text in HOSTILE if plain(text) in found.out]
    assert named == list(HOSTILE)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_change_tells_words_as_they_are_written(world, text):
    said = [
        run(world, "label", "--reason", text, "--", text, "good"),
        run(world, "label", "--", text, "challenge_passed"),
        run(world, "allow", "add", "--expires", "1h", "--reason", text, "--", "account", text),
    ]
    for found in said:
        assert plain(text) in found.out
        assert len(found.out.splitlines()) == 1
        assert not STEERING.search(found.out)
    listed = json.loads(run(world, "allow", "list", "--json").out)["allow"]
    id_ = next(one["id"] for one in listed if one["value"] == text)
    assert run(world, "allow", "remove", id_, "--reason", text).out == f"{id_}: ended\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_an_error_quotes_words_as_they_are_written(world, text, tmp_path):
    """Whoever wrote them: the one at the keyboard, a file, a sidecar."""
    rows = tmp_path / "labels.csv"
    rows.write_text(f'account,label\n"{text}",\n', encoding="utf-8")
    cases = tmp_path / "cases.yaml"
    cases.write_text(json.dumps([{"check": {}, "expect": {text: 1}}]))
    draft = tmp_path / "draft.yaml"
    draft.write_text("{}")
    for words in (
        ("explain", "--", text),
        ("clusters", "show", "--", text),
        ("weights", "show", "2", "--tenant", text),
        ("label", "--csv", str(rows)),
        ("weights", "test", str(draft), str(cases)),
        ("geoip", "lookup", "--", text),
        ("check", "--", json.dumps({"account": {"id": "a", "plan": 5}, text: 1})),
        ("config", "show", text),
    ):
        found = command(*words, extra={"HEADCOUNT_ADMIN": world.admin_listen, **WIDE})
        assert found.code == 1, words
        assert not STEERING.search(found.err), words


def test_cases_are_named_as_they_are_written(tmp_path):
    cases, draft = tmp_path / "cases.yaml", tmp_path / "draft.yaml"
    cases.write_text(json.dumps([{"name": text, "check": {"account": {"id": text}}} for text in HOSTILE]))
    draft.write_text("{}")
    found = command("weights", "test", str(draft), str(cases), extra=WIDE)
    assert [text for text in HOSTILE if plain(text) not in found.out] == []
    assert not STEERING.search(found.out)


@given(st.text())
def test_plain_words_steer_nothing_and_ordinary_ones_stay(text):
    assert not STEERING.search(plain(text))
    assert plain("Zürich 東京 ürün 👩‍💻 [x]") == "Zürich 東京 ürün 👩‍💻 [x]"


class TestLabels:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "the first line has no column account, label"),
            ("\n", "the first line has no column account, label"),
            ("account\na\n", "the first line has no column label"),
            ("account,label\na\n", "line 2"),
            ("account,label\n,good\n", "line 2"),
            ("account,label\na,perhaps\n", "line 2"),
        ],
    )
    def test_a_file_without_labels_is_named_with_what_it_lacks(self, world, tmp_path, text, said):
        path = tmp_path / "labels.csv"
        path.write_text(text)
        found = run(world, "label", "--csv", str(path), code=1)
        assert said in found.err
        assert str(path) in found.err

    def test_a_file_with_its_first_line_alone_has_no_labels(self, world, tmp_path):
        path = tmp_path / "labels.csv"
        path.write_text("account,label\n")
        assert run(world, "label", "--csv", str(path)).out.strip() == "0 labels stored"


class TestAddresses:
    def test_one_that_is_no_address_is_named_and_the_others_are_told(self):
        for option in ((), ("--json",)):
            found = command("geoip", "lookup", *option, "203.0.113.7", "203.0.113.777", "nonsense")
            assert found.code == 1
            assert "203.0.113.777, nonsense" in found.err
            assert "203.0.113.7" in found.out
        assert command("geoip", "lookup", "203.0.113.7", "::1").code == 0


def read_one_line(*words, extra=None):
    """Run a command whose reader closes the pipe after one byte; returns its exit code and standard error."""
    process = subprocess.Popen(
        [HEADCOUNT, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(extra or {})
    )
    with process:
        process.stdout.read(1)
        process.stdout.close()
        said = process.stderr.read().decode()
        return process.wait(30), said


class TestPipesThatAreClosed:
    """The reader has read enough: no error, and no fault of the input."""

    def test_a_replay(self, tmp_path):
        events = tmp_path / "events.jsonl"
        line = {"at": 1_790_000_000, "account": {"id": "a"}}
        events.write_text("".join(json.dumps(line) + "\n" for _ in range(5000)))
        code, said = read_one_line("replay", str(events), "--out", "-", "--reasons")
        assert (code, said) == (1, "")

    @pytest.mark.parametrize(
        "words",
        [("config", "schema"), ("config", "show"), ("geoip", "status"), ("geoip", "lookup", *["203.0.113.7"] * 2000),
         ("geoip", "lookup", "--json", *["203.0.113.7"] * 2000), ("check", '{"account": {"id": "a"}}'), ("--help",)],
        ids=lambda words: " ".join(words[:3]),
    )  # fmt: skip
    def test_a_command_without_a_sidecar(self, words):
        code, said = read_one_line(*words)
        assert code in (0, 1)
        assert said == ""

    @pytest.mark.parametrize(
        "words",
        [("audit", "export"), ("audit", "list", "--limit", "1000"), ("allow", "list"), ("weights", "list"),
         ("weights", "show"), ("weights", "show", "--json"), ("clusters", "list")],
        ids=" ".join,
    )  # fmt: skip
    def test_a_command_about_a_sidecar(self, world, words):
        code, said = read_one_line(*words, extra={"HEADCOUNT_ADMIN": world.admin_listen})
        assert code in (0, 1)
        assert said == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_cannot_be_written_is_named_and_not_the_input(tmp_path):
    events = tmp_path / "events.jsonl"
    events.write_text(json.dumps({"at": 1_790_000_000, "account": {"id": "a"}}) + "\n")
    for out in ("/dev/full", str(tmp_path / "no" / "such" / "place")):
        found = command("replay", str(events), "--out", out)
        assert found.code == 1
        assert out in found.err
        assert str(events) not in found.err
    missing = command("replay", str(tmp_path / "none.jsonl"), "--out", os.devnull)
    assert (missing.code, "none.jsonl" in missing.err) == (1, True)


def test_the_command_line_starts_without_what_draws_tables():
    code = "import sys, reputation.commands.cli; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
