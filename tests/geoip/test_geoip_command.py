"""`headcount geoip` for people and for programs."""

import json

import pytest
from click.testing import CliRunner

from geoip.cli import geoip
from tools import lookup_timing as timing


@pytest.fixture
def run():
    """A function that runs the command and gives its result."""
    return lambda *words, **options: CliRunner().invoke(geoip, [str(word) for word in words], **options)


def test_lookup_tells_people_what_is_known(run):
    """One line a fact, unknown facts left out."""
    result = run("lookup", "8.8.8.8")
    assert result.exit_code == 0
    assert "Google LLC" in result.output
    assert "8.8.8.0/24" in result.output
    assert "None" not in result.output


def test_lookup_gives_programs_json(run):
    """One address gives an object, several a list; keys are text; malformed text is an answer too, and exit code 1."""
    one = json.loads(run("lookup", "--json", "2001:4860::8888").output)
    assert (one["asn"], one["host"], one["network"]) == (15169, "2001:4860::/64", "2001:4860::/48")
    several = run("lookup", "--json", "8.8.8.8", "nonsense")
    assert [item["scope"] for item in json.loads(several.stdout)] == ["public", "malformed"]
    assert several.exit_code == 1


def test_lists_are_built_and_used(run, tmp_path):
    """The way that the docs describe: build, then look up with it; the environment can name it too."""
    source, out = tmp_path / "vpn.txt", tmp_path / "lists.mmdb"
    source.write_text("203.0.113.0/24\n")
    built = run("build", f"vpn={source}", "--out", out, "--json")
    assert json.loads(built.output) == {"path": str(out), "entries": 1, "ranges": 1, "left_out": []}
    assert json.loads(run("lookup", "--json", "--database", out, "203.0.113.7").output)["kind"] == "vpn"
    named = run("lookup", "--json", "203.0.113.7", env={"HEADCOUNT_DATABASE": str(out)})
    assert json.loads(named.output)["kind"] == "vpn"
    assert "1 ranges" in run("build", f"vpn={source}", "--out", out).output


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("lookup", "--database", "/gone.mmdb", "8.8.8.8"), 1, "/gone.mmdb: No such file"),
        (("lookup",), 2, "Missing argument"),
        (("build", "vpn=/gone.txt", "--out", "x.mmdb"), 1, "/gone.txt: No such file"),
        (("build", "nonsense=/gone.txt", "--out", "x.mmdb"), 2, "is not KIND=FILE with one of tor, vpn"),
        (("build", "vpn", "--out", "x.mmdb"), 2, "is not KIND=FILE"),
        (("status", "--database", "/gone.mmdb"), 1, "/gone.mmdb: No such file"),
    ],
)
def test_mistakes_are_told_without_a_trace(run, words, code, message):
    """File and cause on standard error, and an exit code for scripts."""
    result = run(*words)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_bad_line_of_a_list_is_told(run, tmp_path):
    """File, line and text."""
    source = tmp_path / "vpn.txt"
    source.write_text("203.0.113.0/24\nexample.org\n")
    result = run("build", f"vpn={source}", "--out", tmp_path / "x.mmdb")
    assert result.exit_code == 1
    assert "line 2: 'example.org'" in result.stderr


def test_status_tells_which_databases_are_used(run, database):
    """In the order in which they are asked, with age and what they supply."""
    path = database("GeoIP2-Anonymous-IP", {"1.0.0.0/8": {"is_anonymous": 1}}, built=86400)
    rows = json.loads(run("status", "--database", path, "--json").output)
    assert [row["layout"] for row in rows] == ["MaxMind Anonymous IP or Anonymous Plus", "Headcount's own"]
    assert (rows[0]["path"], rows[0]["stale"], rows[0]["fast"]) == (str(path), True, True)
    assert "country" in rows[1]["supplies"]
    shown = run("status", "--no-embedded", "--database", path).output
    assert "1970-01-02" in shown
    assert "stale" in shown


def test_the_timing_command_prints_what_the_docs_quote(capsys, monkeypatch):
    """It runs, in short, and names what it measured."""
    monkeypatch.setattr(timing, "_RUNS", 1)
    timing.main()
    assert "lookup, in the cache" in capsys.readouterr().out
