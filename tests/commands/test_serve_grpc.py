"""`headcount serve` over gRPC: on the check listener, and on `--grpc` with TLS; health, metrics, errors, the end."""

import signal

import grpc
import pytest
from certificates import make_certificate
from ports import free_ports
from sidecar_process import headcount, running_sidecar

from plugins.envoy.calls import AUTHZ, RLS
from plugins.envoy.messages_pb2 import CheckRequest, CheckResponse, RateLimitRequest, RateLimitResponse
from reputation.listeners.http2.health import CHECK, SERVING

pytestmark = pytest.mark.slow


def limited(channel):
    entries = [{"key": "api_key", "value": "k1"}]
    message = RateLimitRequest(domain="default", descriptors=[{"entries": entries}])
    answer = channel.unary_unary(RLS.decode())(message.SerializeToString(), timeout=10)
    return RateLimitResponse.FromString(answer).overall_code


def test_the_check_listener_answers_grpc_and_counts_it(tmp_path):
    """And ends with its calls answered."""
    with running_sidecar(tmp_path) as sidecar, grpc.insecure_channel(f"127.0.0.1:{sidecar.check}") as channel:
        assert limited(channel) == RateLimitResponse.OK
        message = CheckRequest()
        message.attributes.request.http.headers["authorization"] = "Bearer k1"
        answer = channel.unary_unary(AUTHZ.decode())(message.SerializeToString(), timeout=10)
        assert CheckResponse.FromString(answer).status.code == 0
        assert channel.unary_unary(CHECK.decode())(b"", timeout=10) == SERVING
        metrics = sidecar.tell("GET", "/metrics").body.decode()
        assert 'headcount_checks_total{decision="allow"' in metrics
        sidecar.process.send_signal(signal.SIGTERM)
        assert sidecar.process.wait(15) == 0


def test_the_grpc_listener_with_tls(tmp_path):
    """A client that does not trust the certificate, or speaks without TLS, gets nothing."""
    trusted = make_certificate(tmp_path)
    (port,) = free_ports(1)
    extra = {"HEADCOUNT_GRPC": f"127.0.0.1:{port}", "HEADCOUNT_GRPC_TLS": f"{tmp_path}/cert.pem:{tmp_path}/key.pem"}
    with running_sidecar(tmp_path, extra=extra) as sidecar:
        with grpc.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials(trusted)) as channel:
            assert limited(channel) == RateLimitResponse.OK
            services = [b"envoy.service.ratelimit.v3.RateLimitService", b"envoy.service.auth.v3.Authorization"]
            for name in services:
                request = b"\x0a" + bytes((len(name),)) + name
                assert channel.unary_unary(CHECK.decode())(request, timeout=10) == SERVING
            metrics = sidecar.tell("GET", "/metrics").body.decode()
            assert "headcount_grpc_requests_total 3.0" in metrics
            assert "headcount_grpc_connections 1.0" in metrics
        for channel in (
            grpc.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials()),
            grpc.insecure_channel(f"127.0.0.1:{port}"),
        ):
            with channel, pytest.raises(grpc.RpcError):
                limited(channel)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--grpc-tls", "a.pem:b.pem"], "set --grpc too"),
        (["--grpc", "127.0.0.1:1", "--grpc-tls", "a.pem"], "CERTIFICATE:KEY"),
        (["--grpc", "127.0.0.1:1", "--grpc-tls", "a.pem:b.pem"], "cannot be read"),
        (["--grpc", "nowhere"], "--grpc"),
    ],
)
def test_what_cannot_be_served_is_an_error_that_names_the_option(tmp_path, options, message):
    done = headcount("serve", "--state", ":memory:", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *options)
    assert done.returncode == 1
    assert message in done.stderr.decode()
