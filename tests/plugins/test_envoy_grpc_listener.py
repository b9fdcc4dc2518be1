"""The gRPC listener with a real gRPC client: the calls, their errors, and streams of quotas."""

import socket

import grpc
import pytest

from plugins.envoy import listener as envoy_grpc
from plugins.envoy import rlqs
from plugins.envoy.calls import AUTHZ, MOST_BODY
from plugins.envoy.messages_pb2 import (
    CheckRequest,
    CheckResponse,
    RateLimitQuotaResponse,
    RateLimitQuotaUsageReports,
)
from plugins.gateway import Listening
from reputation.checkapi.gateways import LimitersTenants
from reputation.checkapi.routes import CheckRoutes
from reputation.config.file import from_text
from reputation.listeners.sockets import OPEN
from reputation.sidecar.build import build, open_addresses
from reputation.sidecar.embedded import EmbeddedChecks
from reputation.stores.memory import MemoryStore
from reputation.wire.errors import ConfigError
from reputation.wire.ids import Ulids

NOW = 1_790_812_800.0
SETTINGS = from_text("""
tenants:
  default: {gateway: {envoy: {quotas: {plan: {free: {rate: 10, burst: 40}}}}}}
  acme: {gateway: {envoy: {domains: [shop], quotas: {plan: {free: {rate: 1, burst: 4}}}}}}
""")


def asked() -> bytes:
    message = CheckRequest()
    message.attributes.request.http.headers["authorization"] = "Bearer k1"
    return message.SerializeToString()


def limiter():
    return build(SETTINGS, open_addresses(SETTINGS, NOW))


def listening(address, tenants, application=None):
    methods = {} if application is None else application.methods("envoy")
    return Listening(address, OPEN, application, LimitersTenants(tenants), lambda: NOW, print, methods)


@pytest.fixture
async def listener(tmp_path):
    tenants = limiter()
    checks = EmbeddedChecks(tenants, MemoryStore(), lambda: NOW)
    routes = CheckRoutes(checks, lambda: NOW, Ulids(), dict, lambda *_: None)
    started = await envoy_grpc.listen(listening(f"unix:{tmp_path}/grpc.sock", tenants, routes))
    yield started
    await started.drain(0)


@pytest.fixture
async def channel(listener, tmp_path):
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/grpc.sock") as opened:
        yield opened


def quotas(channel, domain, plan="free"):
    """A stream that has sent its first report."""
    message = RateLimitQuotaUsageReports(domain=domain)
    message.bucket_quota_usages.add(bucket_id={"bucket": {"plan": plan}}, num_requests_allowed=1)
    return channel.stream_stream(rlqs.METHOD.decode())(), message.SerializeToString()


async def burst_of(stream) -> int:
    (action,) = RateLimitQuotaResponse.FromString(await stream.read()).bucket_action
    return action.quota_assignment_action.rate_limit_strategy.token_bucket.max_tokens


async def test_a_call_is_answered_as_on_the_check_listener(channel):
    answer = await channel.unary_unary(AUTHZ.decode())(asked())
    assert CheckResponse.FromString(answer).status.code == 0


@pytest.mark.parametrize(
    ("method", "body", "code"),
    [
        (AUTHZ.decode(), b"\xff", grpc.StatusCode.INVALID_ARGUMENT),
        (AUTHZ.decode(), b"\n" * (MOST_BODY + 1), grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("/envoy.service.auth.v3.Authorization/Other", b"", grpc.StatusCode.UNIMPLEMENTED),
    ],
)
async def test_what_cannot_be_read_is_an_error_of_the_call(channel, method, body, code):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await channel.unary_unary(method)(body)
    assert error.value.code() == code


@pytest.mark.parametrize(("domain", "burst"), [("default", 40), ("acme", 4), ("shop", 4)])
async def test_a_stream_s_domain_tells_the_tenant(channel, domain, burst):
    stream, first = quotas(channel, domain)
    await stream.write(first)
    assert await burst_of(stream) == burst


async def test_a_stream_of_a_domain_that_is_nobody_s_ends_and_gets_no_other_tenant_s_quotas(channel):
    stream, first = quotas(channel, "anybody")
    await stream.write(first)
    assert await stream.code() == grpc.StatusCode.NOT_FOUND


async def test_a_second_stream_is_told_its_half_and_so_is_the_first_and_the_whole_when_it_goes(channel):
    (one, first), (two, second) = quotas(channel, "default"), quotas(channel, "default")
    await one.write(first)
    assert await burst_of(one) == 40
    await two.write(second)
    assert (await burst_of(one), await burst_of(two)) == (20, 20)
    two.cancel()
    assert await burst_of(one) == 40


async def test_a_report_that_cannot_be_read_ends_its_stream_alone(channel):
    (one, first), (two, _) = quotas(channel, "default"), quotas(channel, "default")
    await one.write(first)
    assert await burst_of(one) == 40
    await two.write(b"\xff")
    assert await two.code() == grpc.StatusCode.INVALID_ARGUMENT
    await one.write(first)
    assert await burst_of(one) == 40


async def test_a_first_report_without_a_domain_is_refused(channel):
    stream, first = quotas(channel, "")
    await stream.write(first)
    assert await stream.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_draining_does_not_wait_for_streams(listener, channel):
    """They never end by themselves; the time allowed is for calls."""
    stream, first = quotas(channel, "default")
    await stream.write(first)
    assert await burst_of(stream) == 40
    assert await listener.drain(3600) == 0
    assert await stream.read() == grpc.aio.EOF


async def test_a_port_in_use_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="--grpc"):
            await envoy_grpc.listen(listening(f"127.0.0.1:{taken.getsockname()[1]}", limiter()))
