"""The sidecar as a process: started, told by signals, ended; what it says and with which exit code."""

import http.client
import json
import signal
import socket

import pytest
from ports import free_ports
from sidecar_process import call, headcount, running_sidecar, wait_for

pytestmark = pytest.mark.slow

QUICK = {"http": {"drain": 5}}


@pytest.fixture
def own(tmp_path):
    """A function that starts a sidecar of the test's own."""

    def start(settings=None, **options):
        return running_sidecar(tmp_path, settings, **options)

    return start


def is_refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), 10).close()
    except OSError:
        return True
    return False


def risk(sidecar, **body):
    return sidecar.ask({"account": {"id": "a"}, **body}).json["risk"]


class TestStart:
    def test_without_a_file_there_is_one_tenant_and_a_word_on_what_to_do_next(self, sidecar):
        verdict = sidecar.ask({"account": {"id": "start"}}).json
        assert (verdict["tenant"], verdict["mode"]) == ("default", "enforce")
        log = sidecar.log.read_text()
        assert f"curl -s http://{sidecar.listen}/v1/check" in log
        assert "admin_without_token" in log

    def test_what_cannot_work_is_said_in_one_line_with_exit_code_1(self, tmp_path, sidecar):
        (tmp_path / "bad.yaml").write_text("tenants:\n  acme:\n    weigths: {}\n")
        (tmp_path / "bad.mmdb").write_bytes(b"no database")
        (tmp_path / "geoip.yaml").write_text(json.dumps({"geoip": {"databases": [str(tmp_path / "bad.mmdb")]}}))
        (free,) = free_ports(1)
        for arguments, said in (
            (["--config", str(tmp_path / "bad.yaml")], f"{tmp_path / 'bad.yaml'}, line 3: tenants.acme.weigths"),
            (["--config", str(tmp_path / "geoip.yaml")], "bad.mmdb"),
            (["--listen", sidecar.listen, "--admin", f"127.0.0.1:{free}"], sidecar.listen),
            (["--listen", "nowhere"], "nowhere"),
            (["--admin", f"0.0.0.0:{free}"], "without a configured token the admin listener must be on loopback"),
        ):
            run = headcount("serve", *arguments)
            assert run.returncode == 1
            assert said in run.stderr.decode()
            assert b"Traceback" not in run.stderr

    def test_options_come_from_the_environment(self, own):
        with own({"tenants": {"acme": {}}}, in_environment=True) as found:
            assert found.ask({"tenant": "acme", "account": {"id": "a"}}).json["tenant"] == "acme"
        run = headcount("serve", extra={"HEADCOUNT_LISTENER": "fast"})
        assert (run.returncode, b"lean" in run.stderr) == (2, True)

    def test_a_unix_socket(self, own, tmp_path):
        path = tmp_path / "check.sock"
        with own(listen=f"unix:{path}") as found:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(path))
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
            assert headcount("healthcheck", "--listen", f"unix:{path}").returncode == 0
            assert f"curl -s --unix-socket {path} http://localhost/v1/check" in found.log.read_text()
            found.process.send_signal(signal.SIGTERM)
            assert found.process.wait(15) == 0
        assert not path.exists()


class TestReload:
    def test_sighup_puts_new_settings_in_force_and_keeps_state(self, own, tmp_path):
        path = tmp_path / "headcount.yaml"
        with own({"tenants": {"default": {}}}) as found:
            found.tell("PUT", "/v1/accounts/a", {"created_at": 1700000000})
            before = found.ask({"account": {"id": "a"}, "request": {"cost": 5}}).json
            path.write_text(json.dumps({"tenants": {"default": {"prior": -4.0}, "acme": {}}}))
            found.process.send_signal(signal.SIGHUP)
            wait_for(lambda: b'"reloaded"' in found.log.read_bytes(), "no reload", found.process, found.log)
            after = found.ask({"account": {"id": "a"}}).json
            assert after["reasons"][0]["points"] == -4.0
            assert len(after["reasons"]) == len(before["reasons"]) == 2
            assert after["limits"][1]["remaining"] < before["limits"][1]["remaining"] + 1
            assert found.ask({"tenant": "acme", "account": {"id": "a"}}).status == 200

    @pytest.mark.parametrize(
        "wrong", ["tenants:\n  default:\n    priro: 1\n", "{", json.dumps({"geoip": {"databases": ["/no/such.mmdb"]}})]
    )
    def test_a_wrong_file_changes_nothing_and_is_counted(self, own, tmp_path, wrong):
        with own({"tenants": {"default": {"prior": -4.0}}}) as found:
            before = risk(found)
            (tmp_path / "headcount.yaml").write_text(wrong)
            found.process.send_signal(signal.SIGHUP)
            wait_for(lambda: b"reload_failed" in found.log.read_bytes(), "no word of it", found.process, found.log)
            assert risk(found) == before
            assert "headcount_reload_failures_total 1.0" in found.tell("GET", "/metrics").body.decode()
            assert b"Traceback" not in found.log.read_bytes()


class TestEnd:
    def test_sigterm_is_not_ready_answers_what_is_open_and_ends_with_0(self, own):
        """A request whose body is on its way when the signal comes is answered, then the process ends."""
        body = b'{"account": {"id": "last"}}'
        head = b"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        with own(QUICK) as found, socket.create_connection(("127.0.0.1", found.check), 10) as connection:
            connection.sendall(head + body[:10])
            # answered on another connection, so the first one's head was read before the signal
            assert found.ask({"account": {"id": "first"}}).status == 200
            found.process.send_signal(signal.SIGTERM)
            wait_for(lambda: call(found.admin, "GET", "/readyz").status == 503, "still ready", found.process, found.log)
            wait_for(lambda: is_refused(found.check), "still taking newcomers", found.process, found.log)
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.1", found.check), 1)
            connection.sendall(body[10:])
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert answer.status == 200
            assert json.loads(answer.read())["decision"] == "allow"
            assert found.process.wait(15) == 0
        assert '"stopped"' in found.log.read_text()

    def test_a_request_that_never_ends_does_not_hold_it_up(self, own):
        with own({"http": {"drain": 0.3}}) as found, socket.create_connection(("127.0.0.1", found.check), 10) as open_:
            open_.sendall(b"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            assert found.ask({"account": {"id": "first"}}).status == 200
            found.process.send_signal(signal.SIGTERM)
            assert found.process.wait(15) == 0

    def test_idle_connections_do_not_hold_it_up(self, own):
        with own({"http": {"drain": 60}}) as found:
            kept = http.client.HTTPConnection("127.0.0.1", found.check, timeout=10)
            kept.request("GET", "/healthz")
            assert kept.getresponse().read() == b'{"ok":true}'
            found.process.send_signal(signal.SIGINT)
            assert found.process.wait(15) == 0
            kept.close()


class TestCheckListener:
    """What only the whole process shows; the protocol itself has its own suite."""

    def test_sizes(self, sidecar):
        large = {"account": {"id": "a"}, "x": "x" * (64 * 1024)}
        assert sidecar.ask(large).status == 413
        batch = [{"account": {"id": "a"}, "x": "x" * 60_000}] * 75
        assert sidecar.ask(batch, "/v1/check/batch").status == 413
        assert sidecar.ask(batch[:60], "/v1/check/batch").status == 200

    def test_problem_documents(self, sidecar):
        answer = sidecar.ask({"account": {"id": 5}})
        assert (answer.status, answer.json["pointer"]) == (422, "/account/id")
        assert answer.headers["Content-Type"] == "application/problem+json"

    def test_health_on_both_listeners(self, sidecar):
        for port in (sidecar.check, sidecar.admin):
            assert call(port, "GET", "/healthz").status == 200
            assert call(port, "GET", "/readyz").json["ready"] is True

    def test_verdicts_have_ids_that_sort_by_time_and_never_repeat(self, sidecar):
        items = [{"account": {"id": f"ids-{i % 50}"}} for i in range(1000)]
        ids = [verdict["id"] for verdict in sidecar.ask(items, "/v1/check/batch").json]
        assert len(set(ids)) == 1000
        assert ids == sorted(ids)
        assert all(len(id_) == 26 for id_ in ids)

    def test_decisions_are_logged_without_names(self, sidecar):
        """Stops are logged, accounts and addresses as keyed hashes."""
        for _ in range(30):
            sidecar.ask({"account": {"id": "secret-name"}, "client": {"ip": "203.0.113.77"}})
        wait_for(lambda: b'"decision": "throttle"' in sidecar.log.read_bytes(), "no line", sidecar.process, sidecar.log)
        lines = [json.loads(line) for line in sidecar.log.read_text().splitlines() if '"throttle"' in line]
        assert {"tenant", "verdict", "risk", "tier", "scope", "account", "address"} <= lines[-1].keys()
        log = sidecar.log.read_text()
        assert "secret-name" not in log
        assert "203.0.113.77" not in log
