"""`headcount serve` that asks its callers for a secret (`http.secrets`) or for a client's certificate."""

import http.client
import json
import signal
import socket
import ssl
import subprocess
from contextlib import contextmanager

import grpc
import pytest
from certificates import make_certificate
from headcount_client import Account, Gate, Headcount, Request
from headcount_client.gate import Message
from ports import free_ports
from sidecar_process import JSON, headcount, running_sidecar, wait_for

from benchmarks import spop_peer as peer
from plugins.envoy.calls import AUTHZ, RLS
from plugins.envoy.messages_pb2 import CheckRequest, RateLimitRequest
from reputation.listeners.http2.health import CHECK, SERVING

pytestmark = pytest.mark.slow

OLD, NEW = "the-old-secret-of-all-gateways", "the-new-secret-of-all-gateways"
BODY = {"account": {"id": "a"}}


def holding(secret):
    return {**JSON, "X-Headcount-Secret": secret}


def series(sidecar, name):
    lines = sidecar.tell("GET", "/metrics").body.decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


@contextmanager
def asking(directory, *places, extra=None):
    """A sidecar that asks for secrets; `secret` in the directory has the old one."""
    (directory / "secret").write_text(f"{OLD}\n")
    with running_sidecar(directory, {"http": {"secrets": places or [f"@{directory}/secret"]}}, extra=extra) as found:
        yield found


def test_a_request_without_the_secret_is_refused_counted_and_judged_as_no_account(tmp_path):
    """Every route but those of probes; also with the secret twice, in another header, or with a blank more."""
    with asking(tmp_path) as sidecar:
        for headers in (JSON, holding("wrong"), holding(f"{OLD}, {OLD}"), {**JSON, "Authorization": f"Bearer {OLD}"}):
            answer = sidecar.ask(BODY, headers=headers)
            assert (answer.status, answer.headers["Content-Type"]) == (401, "application/problem+json")
            assert "X-Headcount-Secret" in answer.json["detail"]
        with socket.create_connection(("127.0.0.1", sidecar.check), 10) as connection:
            line = b"X-Headcount-Secret: %s\r\n" % OLD.encode()
            connection.sendall(b"GET /gateway/nginx/default HTTP/1.1\r\nHost: x\r\n" + line * 2 + b"\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 401 ")
        for path in ("/v1/check/batch", "/v1/settle", "/gateway/nginx/default", "/no-such-route", "/healthz/"):
            assert sidecar.ask([], path).status == 401
        assert series(sidecar, "headcount_unauthenticated_total") == 10
        assert series(sidecar, "headcount_checks_total") == 0
        assert sidecar.ask(BODY, headers=holding(OLD)).status == 200
        assert series(sidecar, "headcount_checks_total") == 1
        for path in ("/healthz", "/readyz?x=1"):
            connection = http.client.HTTPConnection("127.0.0.1", sidecar.check, timeout=20)
            connection.request("GET", path)
            assert connection.getresponse().status == 200
            connection.close()
        assert headcount("healthcheck", "--listen", sidecar.listen).returncode == 0
        log = sidecar.log.read_text()
        assert log.count('"not_a_gateway"') == 1
        assert OLD not in log


def test_calls_of_grpc_need_it_in_their_metadata(tmp_path):
    with asking(tmp_path) as sidecar, grpc.insecure_channel(f"127.0.0.1:{sidecar.check}") as channel:
        message = CheckRequest()
        message.attributes.request.http.headers["authorization"] = "Bearer k1"
        entries = [{"key": "api_key", "value": "k1"}]
        limit = RateLimitRequest(domain="default", descriptors=[{"entries": entries}])
        for method, body in ((AUTHZ, message), (RLS, limit)):
            call = channel.unary_unary(method.decode())
            for metadata in ((), (("x-headcount-secret", "wrong"),)):
                with pytest.raises(grpc.RpcError) as refused:
                    call(body.SerializeToString(), timeout=10, metadata=metadata)
                assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
            assert series(sidecar, "headcount_checks_total") == (0 if method == AUTHZ else 1)
            call(body.SerializeToString(), timeout=10, metadata=(("x-headcount-secret", OLD),))
        stream = channel.stream_stream("/envoy.service.rate_limit_quota.v3.RateLimitQuotaService/StreamRateLimitQuotas")
        with pytest.raises(grpc.RpcError) as refused:
            next(stream(iter([b""]), timeout=10))
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert channel.unary_unary(CHECK.decode())(b"", timeout=10) == SERVING
        assert series(sidecar, "headcount_unauthenticated_total") == 5


def test_spoe_needs_it_as_an_argument(tmp_path):
    (port,) = free_ports(1)
    arguments = [("tenant", "default"), ("x-api-key", "k"), ("x-forwarded-for", "203.0.113.9")]
    with (
        asking(tmp_path, extra={"HEADCOUNT_SPOE": f"127.0.0.1:{port}"}) as sidecar,
        socket.create_connection(("127.0.0.1", port), 10) as connection,
    ):
        connection.sendall(peer.HELLO_26 + peer.put_notify(3, 1, arguments))
        connection.sendall(peer.put_notify(4, 1, [*arguments, ("x-headcount-secret", OLD)]))
        data = b""
        while len(answers := peer.answers(data)) < 3:
            data += connection.recv(65_536)
        assert answers[1].variables == {b"status": 400}
        assert answers[2].variables[b"decision"] == b"allow"
        assert series(sidecar, "headcount_unauthenticated_total") == 1


@pytest.mark.parametrize(("given", "decision"), [(OLD, "allow"), ("wrong", "deny"), (None, "deny")])
async def test_the_python_client_sends_it_with_each_call_and_for_its_middlewares(tmp_path, given, decision):
    """Without it a check is refused, and denied, whatever the policy is for a sidecar that does not answer."""
    with asking(tmp_path) as sidecar:
        async with Headcount(f"http://{sidecar.listen}", secret=given, timeout=20.0) as asked:
            assert (await asked.check(Request(account=Account(id="a")))).decision == decision
            message = Message("GET", b"/", [(b"x-headcount-secret", OLD.encode())], "192.0.2.9")
            judged = await Gate(asked).judge(message)
            assert (judged.stop is None) == (decision == "allow")


async def test_the_python_client_shows_a_certificate(tmp_path):
    trusted = make_certificate(tmp_path)
    authority(tmp_path, "ours")
    context = ssl.create_default_context(cadata=trusted.decode())
    context.load_cert_chain(*client_certificate(tmp_path, "gateway", "ours"))
    extra = {"HEADCOUNT_LISTEN_TLS": f"{tmp_path}/cert.pem:{tmp_path}/key.pem"}
    extra["HEADCOUNT_LISTEN_CLIENT_CA"] = str(tmp_path / "ours.pem")
    (port,) = free_ports(1)
    with running_sidecar(tmp_path, listen=f"127.0.0.1:{port}", extra=extra):
        async with Headcount(f"https://localhost:{port}", tls=context, timeout=20.0) as asked:
            assert (await asked.check(Request(account=Account(id="a")))).id


def test_a_secret_is_changed_without_a_moment_in_which_a_gateway_is_refused(tmp_path):
    """Two are valid after the first reload, one after the second; the file is read again at each."""
    places = [f"@{tmp_path}/secret", "$HEADCOUNT_NEXT_SECRET"]
    with asking(tmp_path, extra={"HEADCOUNT_NEXT_SECRET": NEW}) as sidecar:

        def reloaded(times, *settings):
            (tmp_path / "headcount.yaml").write_text(json.dumps({"http": {"secrets": settings}}))
            sidecar.process.send_signal(signal.SIGHUP)
            wait_for(lambda: sidecar.log.read_text().count('"reloaded"') == times, "no reload", *sidecar[2:])

        assert [sidecar.ask(BODY, headers=holding(one)).status for one in (OLD, NEW)] == [200, 401]
        reloaded(1, *places)
        assert [sidecar.ask(BODY, headers=holding(one)).status for one in (OLD, NEW)] == [200, 200]
        (tmp_path / "secret").write_text("another-secret-of-all-gateways")
        reloaded(2, *places)
        assert [sidecar.ask(BODY, headers=holding(one)).status for one in (OLD, NEW)] == [401, 200]
        (tmp_path / "headcount.yaml").write_text("{}")
        sidecar.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "from a restart on" in sidecar.log.read_text(), "no word of it", *sidecar[2:])
        assert [sidecar.ask(BODY, headers=holding(one)).status for one in ("", NEW)] == [401, 200]


@pytest.mark.parametrize(
    ("secrets", "text", "words"),
    [
        (["@{}/none"], "", "cannot be read"),
        (["$HEADCOUNT_NO_SUCH_SECRET"], "", "cannot be read"),
        (["@{}/secret"], "short", "16 to 1,024 visible"),
        (["@{}/secret"], "words with blanks in them", "16 to 1,024 visible"),
        (["plain-text-in-the-configuration"], "", "http.secrets[0]"),
        (["@{}/a", "@{}/b", "@{}/c"], "", "http.secrets"),
    ],
)
def test_a_secret_that_cannot_be_one_ends_the_start_and_is_not_printed(tmp_path, secrets, text, words):
    (tmp_path / "secret").write_text(text)
    settings = {"http": {"secrets": [one.format(tmp_path) for one in secrets]}}
    (tmp_path / "headcount.yaml").write_text(json.dumps(settings))
    done = headcount("serve", "--config", str(tmp_path / "headcount.yaml"), "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert words in done.stderr.decode().replace("http.secrets.0", "http.secrets[0]")
    assert not text or text not in done.stderr.decode()


def openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def client_certificate(directory, name, ca):
    """Make NAME.pem and NAME.key, signed by the authority CA.pem, CA.key; return a context that shows them."""
    openssl(directory, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
            "-out", f"{name}.csr")  # fmt: skip
    openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-days", "2",
            "-out", f"{name}.pem")  # fmt: skip
    return directory / f"{name}.pem", directory / f"{name}.key"


def authority(directory, name):
    openssl(directory, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.pem")  # fmt: skip


def over_tls(port, path, trusted, shown=None):
    context = ssl.create_default_context(cadata=trusted.decode())
    if shown is not None:
        context.load_cert_chain(*shown)
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context)
    try:
        connection.request("GET" if path == "/healthz" else "POST", path, None if path == "/healthz" else b"{}")
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("option", ["listen", "grpc"])
def test_mutual_tls_answers_only_who_shows_a_certificate_of_the_authority(tmp_path, option):
    """On both listeners, over HTTP/1.1 and gRPC; without one the answer is 401, and a probe's is 200."""
    trusted = make_certificate(tmp_path)
    for name in ("ours", "theirs"):
        authority(tmp_path, name)
    gateway = client_certificate(tmp_path, "gateway", "ours")
    stranger = client_certificate(tmp_path, "stranger", "theirs")
    check, apart = free_ports(2)
    extra = {f"HEADCOUNT_{option.upper()}_TLS": f"{tmp_path}/cert.pem:{tmp_path}/key.pem"}
    extra[f"HEADCOUNT_{option.upper()}_CLIENT_CA"] = str(tmp_path / "ours.pem")
    port = check if option == "listen" else apart
    extra |= {"HEADCOUNT_GRPC": f"127.0.0.1:{apart}"} if option == "grpc" else {}
    with running_sidecar(tmp_path, listen=f"127.0.0.1:{check}", extra=extra) as sidecar:
        metric = "headcount_unauthenticated_total" if option == "listen" else "headcount_grpc_unauthenticated_total"
        assert over_tls(port, "/v1/settle", trusted, gateway) != 401
        assert series(sidecar, metric) == 0
        assert over_tls(port, "/v1/settle", trusted) == 401
        assert over_tls(port, "/healthz", trusted) == 200
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.BadStatusLine)):
            over_tls(port, "/v1/settle", trusted, stranger)
        message = CheckRequest()
        message.attributes.request.http.headers["authorization"] = "Bearer k1"
        shown = {"private_key": gateway[1].read_bytes(), "certificate_chain": gateway[0].read_bytes()}
        for pair, code in ((shown, None), ({}, grpc.StatusCode.UNAUTHENTICATED)):
            credentials = grpc.ssl_channel_credentials(trusted, **pair)
            with grpc.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
                call = channel.unary_unary(AUTHZ.decode())
                if code is None:
                    call(message.SerializeToString(), timeout=10)
                    continue
                with pytest.raises(grpc.RpcError) as refused:
                    call(message.SerializeToString(), timeout=10)
                assert refused.value.code() == code
                assert channel.unary_unary(CHECK.decode())(b"", timeout=10) == SERVING
        assert series(sidecar, metric) == 2
        assert series(sidecar, "headcount_checks_total") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--listen-client-ca", "a.pem"], "set --listen-tls too"),
        (["--grpc", "127.0.0.1:1", "--grpc-client-ca", "a.pem"], "set --grpc-tls too"),
        (["--listen-tls", "a.pem:b.pem"], "cannot be read"),
        (["--listen-tls", "cert.pem:key.pem", "--listen-client-ca", "none.pem"], "none.pem, the authorities"),
        (["--listen-tls", "cert.pem:key.pem", "--listener", "aiohttp"], "has no TLS"),
    ],
)
def test_tls_that_cannot_work_is_an_error_that_names_the_option(tmp_path, monkeypatch, options, words):
    make_certificate(tmp_path)
    monkeypatch.chdir(tmp_path)
    done = headcount("serve", "--state", ":memory:", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *options)
    assert done.returncode == 1
    assert words in done.stderr.decode()
