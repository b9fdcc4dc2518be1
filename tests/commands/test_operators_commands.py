"""Commands for operators: accounts, verdicts, outcomes and tenants; errors as JSON; nothing is cut in a pipe."""

import json

import pytest
from commands import command
from sidecar_process import headcount

LONG = "an-account-with-a-name-that-is-longer-than-any-terminal-" + "x" * 100


@pytest.fixture
def run(sidecar):
    return lambda *words, **more: command(*words, extra={"HEADCOUNT_ADMIN": sidecar.admin_listen}, **more)


def test_an_account_is_shown_with_its_facts_history_and_neighbours(sidecar, run):
    for account in ("shown-1", "shown-2"):
        facts = {"plan": "free", "created_at": 1_790_000_000, "payment": {"status": "ok", "fingerprint": "card-shown"}}
        sidecar.tell("PUT", f"/v1/accounts/{account}", facts)
        sidecar.ask({"account": {"id": account}, "client": {"ip": "24.5.5.5"}})
    sidecar.tell("POST", "/v1/outcomes", {"account": "shown-1", "outcome": "challenge_passed"})
    shown = run("account", "show", "shown-1").words
    for words in ("plan: free", "created_at: 2026-09-", "payment.fingerprint: card-shown", "outcomes: challenge_passed",
                  "address 24.5.5.5", "2 accounts", "with its card: shown-2", "burst: "):  # fmt: skip
        assert words in shown
    assert json.loads(run("account", "show", "shown-1", "--json").out)["same_card"]["accounts"] == ["shown-2"]
    assert run("outcomes", "shown-1").words.strip().endswith("challenge_passed")
    assert run("outcomes", "shown-2").words == "no outcomes\n"


@pytest.mark.parametrize("words", [("account", "show"), ("outcomes",)])
def test_an_account_that_nothing_is_known_of_is_an_error(sidecar, run, words):
    shown = run(*words, "never-seen")
    assert (shown.code, "nothing is known of account 'never-seen'" in shown.words) == (1, True)
    sidecar.tell("POST", "/v1/labels", {"account": "only-labelled", "label": "good", "reason": "r"})
    assert run(*words, "only-labelled").code == 0


def test_verdicts_are_listed_by_what_is_asked_for_and_nothing_is_cut(sidecar, run):
    ids = [sidecar.ask({"account": {"id": LONG}, "client": {"ip": "24.5.5.6"}}).json["id"] for _ in range(2)]
    shown = run("decisions", "--account", LONG).words
    assert all(id_ in shown for id_ in ids)
    assert shown.count(LONG) == 2
    assert [one["verdict"]["id"] for one in json.loads(run("decisions", "--account", LONG, "--json").out)] == ids[::-1]
    assert "no such verdict" in run("decisions", "--account", LONG, "--decision", "deny").words
    piped = headcount("decisions", "--account", LONG, extra={"HEADCOUNT_ADMIN": sidecar.admin_listen}).stdout.decode()
    assert piped.count(LONG) == 2


def test_tenants_are_listed_and_shown(run):
    assert "default" in run("tenants", "list").words
    assert json.loads(run("tenants", "list", "--json").out)[0]["name"] == "default"
    assert "owner api, preset balanced" in run("tenants", "show", "default").words
    assert run("tenants", "show", "none").code == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("explain", "01J", "--json"), {"status": 404, "exit_code": 1}),
        (("find", " ", "--json"), {"status": 400, "pointer": "/q", "exit_code": 1}),
        (("explain", "--json"), {"exit_code": 2}),
        (("chekc", "--json"), {"exit_code": 2}),
    ],
)
def test_with_json_an_error_is_one_line_of_json(run, words, expected):
    found = run(*words)
    assert found.code == expected["exit_code"]
    assert found.out == ""
    document = json.loads(found.err)
    assert expected.items() <= document.items()
    assert len(document["error"]) > 10


def test_without_json_an_error_is_words(run):
    assert run("explain", "01J").err.startswith("Error: verdict '01J'")
    assert run("explain", "--", "--json").err.startswith("Error: ")


@pytest.mark.parametrize(
    ("typed", "meant"), [(("chekc",), "check"), (("tenant",), "tenants"), (("allow", "lst"), "list")]
)
def test_a_command_that_is_misspelt_is_named_as_it_was_meant(typed, meant):
    found = command(*typed)
    assert found.code == 2
    assert f"'{meant}'" in found.err


def test_a_warning_where_a_change_names_an_unknown_account_or_millions_of_addresses(sidecar, run):
    sidecar.ask({"account": {"id": "warned-known", "plan": "free"}})
    for account, known in (("warned-known", True), ("warned-unknown", False)):
        for words in (("label", account, "good"), ("allow", "add", "account", account)):
            more = ("--expires", "1h", "--reason", "r") if words[0] == "allow" else ()
            account_id = account if words[0] == "label" or known else "warned-unknown-too"
            found = run(*[account_id if word == account else word for word in words], *more)
            assert ("warning: no state is kept of account" in found.words) == (not known), words
    wide = run("allow", "add", "network", "12.0.0.0/8", "--expires", "1h", "--reason", "r").words
    assert "warning: 12.0.0.0/8 has 16,777,216 addresses" in wide
    wide = run("allow", "add", "network", "2a01:100::/28", "--expires", "1h", "--reason", "r").words
    assert "networks of customers" in wide
    assert "warning" not in run("allow", "add", "network", "12.0.0.0/16", "--expires", "1h", "--reason", "r").words


def test_a_tenant_is_deleted_without_a_terminal_only_with_yes(run):
    run("tenants", "create", "to-delete", "--reason", "r")
    asked = run("tenants", "delete", "to-delete", "--reason", "r", "--json")
    assert (asked.code, "add --yes" in json.loads(asked.err)["error"]) == (1, True)
    assert "no tenant is called 'mistyped'" in run("tenants", "delete", "mistyped", "--reason", "r").words
    assert run("tenants", "delete", "to-delete", "--reason", "r", "--yes").code == 0
    assert run("tenants", "show", "to-delete").code == 1
