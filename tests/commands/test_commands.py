"""Each command against real files and a real sidecar."""

import hashlib
import json
import socket
import subprocess
import sys
import threading

import jsonschema
import pytest
import yaml
from commands import command
from ports import free_ports
from sidecar_process import HASH_KEY

CHECK = {"account": {"id": "cli", "created_at": "2026-01-01T00:00:00Z"}, "client": {"ip": "203.0.113.7"}}


def answer_once(server):
    """Another program's answer."""
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>")


def _mailbox(prices):
    """The row of a mailbox on the plan `free`."""
    return next(row for row in prices if (row["plan"], row["credential"]) == ("free", "mailbox"))


class TestCheck:
    def test_a_verdict_with_its_reasons_for_people_and_for_programs(self):
        shown = command("check", json.dumps(CHECK)).words
        assert "allow" in shown
        assert "account_age" in shown
        verdict = json.loads(command("check", "--json", json.dumps(CHECK)).words)
        assert verdict["decision"] == "allow"
        assert verdict["reasons"][0]["signal"] == "prior"

    def test_from_standard_input(self):
        assert json.loads(command("check", "--json", "-", given=json.dumps(CHECK)).words)["decision"] == "allow"

    def test_from_a_file_with_a_configuration_from_the_environment(self, tmp_path):
        (tmp_path / "body.json").write_text(json.dumps(CHECK))
        (tmp_path / "headcount.yaml").write_text("tenants: {default: {prior: -5}}")
        run = command(
            "check",
            "--json",
            f"@{tmp_path / 'body.json'}",
            extra={"HEADCOUNT_CONFIG": str(tmp_path / "headcount.yaml")},
        )
        assert json.loads(run.words)["reasons"][0]["points"] == -5

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("{", "JSON"),
            ("{}", "account.id"),
            ('{"account": {"id": 5}}', "got `int` (/account/id)"),
            ("@/no/such/file", "/no/such/file: No such file"),
        ],
    )
    def test_what_cannot_be_checked_is_one_line_and_exit_code_1(self, body, said):
        run = command("check", body)
        assert run.code == 1
        assert said in run.words


class TestConfig:
    def test_validate_reads_the_file_that_a_sidecar_would(self, tmp_path):
        good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
        good.write_text("tenants: {acme: {}}")
        bad.write_text("tenants:\n  acme: {mode: shdow}\n")
        for arguments, extra in ((["--config", str(good)], {}), ([], {"HEADCOUNT_CONFIG": str(good)})):
            found = json.loads(command("config", "validate", "--json", *arguments, extra=extra).words)
            assert found == {"file": str(good), "valid": True, "tenants": ["acme"], "warnings": []}
            assert "acme" in command("config", "show", *arguments, extra=extra).words
        run = command("config", "validate", "--json", str(bad))
        assert run.code == 1
        assert not json.loads(run.out)["valid"]
        assert "line 2" in json.loads(run.out)["error"]
        assert command("config", "validate").code == 2

    def test_validate(self, tmp_path):
        good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
        good.write_text("tenants: {acme: {preset: strict}}")
        bad.write_text("tenants:\n  acme:\n    weigths: {}\n")
        assert "acme" in command("config", "validate", str(good)).words
        run = command("config", "validate", str(bad))
        assert run.code == 1
        assert f"{bad}, line 3: tenants.acme.weigths: unknown key; did you mean weights?" in run.words

    def test_validate_refuses_a_gateway_that_no_sidecar_could_load(self, tmp_path):
        path = tmp_path / "headcount.yaml"
        path.write_text("gateways: {lines: no.such.module}")
        run = command("config", "validate", str(path))
        assert (run.code, "module 'no.such.module' cannot be imported" in run.words) == (1, True)

    def test_each_warning_of_validate_has_a_line_of_its_own(self, tmp_path):
        path = tmp_path / "old.yaml"
        path.write_text("tenants: {acme: {linking: {floor: 1}}}")
        lines = command("config", "validate", str(path)).words.splitlines()
        assert lines[0].endswith("acme")
        assert "floor" in lines[1]

    def test_prices_of_a_file_need_no_sidecar(self, tmp_path):
        path = tmp_path / "headcount.yaml"
        path.write_text("tenants: {acme: {entry: {email: 0.05}}}")
        dear = json.loads(command("prices", "--json", "--tenant", "acme", "--config", str(path)).words)["prices"]
        path.write_text("tenants: {acme: {}}")
        cheap = json.loads(command("prices", "--json", "--tenant", "acme", "--config", str(path)).words)["prices"]
        assert _mailbox(dear)["million"] > 4 * _mailbox(cheap)["million"]
        run = command("prices", "--tenant", "other", "--config", str(path))
        assert run.code == 1
        assert "there are: acme" in run.words

    def test_show_is_yaml_that_can_be_validated_and_json_for_programs(self, tmp_path):
        shown = command("config", "show").words
        assert yaml.safe_load(shown)["tenants"]["default"]["prior"] == -2.2
        path = tmp_path / "shown.yaml"
        path.write_text(shown)
        assert command("config", "validate", str(path)).code == 0
        assert json.loads(command("config", "show", "--json").words)["tenants"]["default"]["preset"] == "balanced"

    def test_schema(self):
        found = json.loads(command("config", "schema").words)
        jsonschema.validate({"tenants": {"acme": {"preset": "strict"}}}, found)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"tenant": {}}, found)


class TestHash:
    def test_the_stored_form_is_what_a_push_takes_in_the_keys_place(self, sidecar):
        stored = command("hash", "sk-hashed").words.strip()
        assert stored.startswith("hk1_")
        assert "sk-hashed" not in stored
        sidecar.tell("PUT", "/v1/accounts/hashed", {"keys": [stored], "created_at": 1700000000})
        reasons = sidecar.ask({"account": {"key": "sk-hashed"}}).json["reasons"]
        assert "account_age" in [reason["signal"] for reason in reasons]

    def test_from_standard_input_so_that_no_key_is_in_a_history(self):
        assert command("hash", "-", given="sk-1\n").out == command("hash", "sk-1").out
        assert command("hash", "-", given="\tsk-1 \r\n").out == command("hash", "sk-1").out
        assert "the key is empty" in command("hash", " ").words
        short = "sha256:" + hashlib.sha256(b"k" * 257).hexdigest()
        assert command("hash", "k" * 257).out == command("hash", short).out

    def test_without_the_sidecars_hash_key_it_would_match_nothing(self, tmp_path):
        run = command("hash", "sk-1", extra={"HEADCOUNT_HASH_KEY": "short"})
        assert "at least 16 characters" in run.words
        (tmp_path / "key").write_text(HASH_KEY + "\n")
        from_file = command("hash", "sk-1", extra={"HEADCOUNT_HASH_KEY": f"@{tmp_path / 'key'}"})
        assert from_file.out == command("hash", "sk-1").out
        assert "cannot read" in command("hash", "sk-1", extra={"HEADCOUNT_HASH_KEY": "@/no/such/file"}).words


class TestRunningSidecar:
    """Commands that ask a running sidecar, by its admin listener."""

    def test_explain_says_why_a_past_verdict_was_what_it_was(self, sidecar):
        verdict = sidecar.ask({"account": {"id": "explained", "payment": {"funding": "prepaid"}}}).json
        shown = command("explain", verdict["id"], "--admin", sidecar.admin_listen).words
        assert "payment" in shown
        found = json.loads(command("explain", verdict["id"], "--json", "--admin", sidecar.admin_listen).words)
        assert found["verdict"]["risk"] == verdict["risk"]
        assert found["request"]["account"] == "explained"

    def test_an_unknown_verdict_is_an_error_in_words(self, sidecar):
        run = command("explain", "01JUNKNOWN", extra={"HEADCOUNT_ADMIN": sidecar.admin_listen})
        assert run.code == 1
        assert "neither recent nor a stop that is kept" in run.words

    def test_label_moves_the_risk(self, sidecar):
        before = sidecar.ask({"account": {"id": "labelled"}}).json["risk"]
        assert command("label", "labelled", "chargeback", "--admin", sidecar.admin_listen).code == 0
        assert sidecar.ask({"account": {"id": "labelled"}}).json["risk"] > before

    def test_clusters(self, sidecar):
        run = command("clusters", "list", "--json", extra={"HEADCOUNT_ADMIN": sidecar.admin_listen})
        assert json.loads(run.words)["clusters"] == []
        run = command("clusters", "show", "h-none", "--admin", sidecar.admin_listen)
        assert (run.code, "no current cluster" in run.words) == (1, True)

    def test_what_a_command_did_is_told_to_programs(self, sidecar):
        def told(*arguments):
            extra = {"HEADCOUNT_ADMIN": sidecar.admin_listen, "HEADCOUNT_LISTEN": sidecar.listen}
            return json.loads(command(*arguments, "--json", extra=extra).words)

        assert told("label", "told", "declined") == {"tenant": "default", "account": "told", "outcome": "declined"}
        assert told("clusters", "rulings")["rulings"] == []
        assert told("audit", "list")["entries"]
        allowed = told("allow", "add", "account", "told", "--expires", "1h", "--reason", "x")
        assert told("allow", "remove", allowed["id"], "--reason", "y")["id"] == allowed["id"]
        assert told("healthcheck") == {"ready": True, "detail": "ready"}
        assert told("hash", "sk")["hash"].startswith("hk1_")

    def test_nobody_there_is_told_to_programs(self):
        nobody = command("healthcheck", "--json", "--listen", f"127.0.0.1:{free_ports(1)[0]}")
        assert (nobody.code, json.loads(nobody.out)["ready"]) == (1, False)

    def test_healthcheck(self, sidecar):
        assert command("healthcheck", "--listen", sidecar.listen).code == 0
        assert command("healthcheck", extra={"HEADCOUNT_LISTEN": sidecar.listen}).code == 0
        assert command("healthcheck", "--listen", f"127.0.0.1:{free_ports(1)[0]}").code == 1

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--admin", "zz:abc"], "write it as HOST:PORT"),
            (["--token", "a\nb"], "printable ASCII"),
            (["--token", "\u20ac"], "printable ASCII"),
        ],
    )
    def test_what_cannot_be_asked_is_said_in_one_line(self, options, words):
        run = command("clusters", "list", *options)
        assert (run.code, len(run.words.splitlines())) == (1, 1)
        assert words in run.words

    def test_somebody_else_there_is_said_in_one_line(self):
        """A port that another program has."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            answered = threading.Thread(target=answer_once, args=(other,))
            answered.start()
            run = command("clusters", "list", "--admin", f"127.0.0.1:{other.getsockname()[1]}")
            answered.join()
        assert (run.code, len(run.words.splitlines())) == (1, 1)
        assert "not an admin listener of Headcount" in run.words

    def test_the_admin_listener_may_be_written_as_an_address_of_the_web(self, sidecar):
        run = command("clusters", "list", "--json", "--admin", f"http://{sidecar.admin_listen}/")
        assert json.loads(run.words)["clusters"] == []

    def test_a_change_that_is_no_yaml_is_said(self, sidecar):
        arguments = ["weights", "edit", "--set", "weights.asn=[", "--reason", "r", "--admin", sidecar.admin_listen]
        run = command(*arguments)
        assert (run.code, "--set weights.asn=[" in run.words) == (1, True)

    def test_nobody_there_is_said_in_one_line(self):
        run = command("label", "a", "good", "--admin", f"127.0.0.1:{free_ports(1)[0]}")
        assert run.code == 1
        assert "no sidecar answers" in run.words
        assert len(run.words.splitlines()) == 1


IMPORTED = """
import sys
from click.testing import CliRunner
from reputation.commands.cli import headcount
CliRunner().invoke(headcount, ["healthcheck", "--listen", "127.0.0.1:1"])
print(*{"aiohttp", "msgspec", "numpy", "yaml", "rich", "asyncio", "maxminddb"} & {m.split(".")[0] for m in sys.modules})
"""


def test_healthcheck_imports_neither_the_engine_nor_a_web_framework():
    """It runs every few seconds in a container."""
    run = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, check=True, timeout=60)
    assert run.stdout.split() == []
