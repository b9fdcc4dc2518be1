"""The Python client against a real sidecar, and without one."""

import ast
import asyncio
import dataclasses
import hashlib
import importlib
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from headcount_client import (
    Account,
    AccountFacts,
    Admin,
    Call,
    Client,
    Headcount,
    LeasedKey,
    NoAnswerError,
    Outcome,
    RefusedError,
    Request,
)
from ports import free_port
from sidecar_process import running_sidecar

PAGE = Path(__file__).parents[2] / "clients" / "python" / "README.md"
BURST = 4
TIERS = ("trusted", "standard", "limited", "restricted", "blocked")
TIGHT = {"rate": 0.01, "burst": BURST, "daily": 1000}
ROOMY = {"rate": 10, "burst": 1000, "daily": 100_000}
SETTINGS = {
    "tenants": {"default": {"plans": {"free": dict.fromkeys(TIERS, TIGHT), "roomy": dict.fromkeys(TIERS, ROOMY)}}}
}
SLOW = 20.0
"""Seconds that a sidecar on a busy machine gets."""


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    with running_sidecar(tmp_path_factory.mktemp("sidecar"), SETTINGS) as sidecar:
        yield sidecar


@pytest.fixture
async def headcount(places):
    async with Headcount(f"http://{places.listen}", timeout=SLOW) as client:
        yield client


@pytest.fixture
async def admin(places):
    async with Admin(f"http://{places.admin_listen}", timeout=SLOW) as client:
        yield client


def of(account, **members):
    return Request(account=Account(id=account), client=Client(ip="192.0.2.7"), **members)


async def test_a_verdict_is_typed_and_a_stop_is_a_value(headcount, admin):
    await admin.put_facts("typed", AccountFacts(plan="free", created_at=1_700_000_000))
    verdicts = [await headcount.check(of("typed")) for _ in range(BURST + 1)]
    assert [verdict.decision for verdict in verdicts] == ["allow"] * BURST + ["throttle"]
    assert verdicts[-1].retry_after > 0
    assert verdicts[0].limits[0].burst == BURST
    assert verdicts[0].reasons[0].signal == "prior"
    assert not any(verdict.degraded for verdict in verdicts)


async def test_facts_and_outcomes_reach_the_account(headcount, admin, places):
    account = "a/b c?"
    await admin.put_facts(account, AccountFacts(plan="roomy", keys=("sk-facts",)))
    by_key = await headcount.check(Request(account=Account(key="sk-facts")))
    assert by_key.limits[0].burst == ROOMY["burst"]
    await admin.report_outcome(Outcome(account=account, outcome="chargeback", verdict=by_key.id))
    after = await headcount.check(Request(account=Account(key="sk-facts")))
    assert after.risk > by_key.risk
    await admin.delete_facts(account)
    assert places.tell("GET", "/v1/accounts/a%2Fb%20c%3F").json.get("plan") is None


async def test_a_refused_push_raises_with_the_detail(admin):
    with pytest.raises(RefusedError, match="may not begin") as caught:
        await admin.put_facts("ip:192.0.2.1", AccountFacts(plan="free"))
    assert caught.value.status == 422


async def test_a_hold_is_settled_by_its_real_cost(headcount, admin):
    await admin.put_facts("held", AccountFacts(plan="roomy"))
    verdict = await headcount.check(of("held", request=Call(cost=100.0, hold=True)))
    settled = await headcount.settle(verdict, 7.0)
    assert settled is not None
    assert settled.charged == 7.0
    assert await headcount.settle(await headcount.check(of("held")), 1.0) is None
    assert headcount.failures["refused"] == 1


async def test_a_batch_keeps_its_order_and_a_bad_item_is_denied(headcount):
    requests = [of("batch-1"), Request(), of("batch-2"), *[of(f"many-{n}") for n in range(1000)]]
    verdicts = await headcount.check_batch(requests)
    assert len(verdicts) == len(requests)
    assert [verdict.decision for verdict in verdicts[:3]] == ["allow", "deny", "allow"]
    assert verdicts[1].reasons[0].signal == "refused"
    assert (verdicts[1].degraded, headcount.failures) == (False, {"refused": 1})


async def test_a_batch_of_many_bytes_is_several_calls(headcount):
    requests = [of("large", request=Call(route="/" + "r" * 1000, model="m" * 256)) for _ in range(900)]
    wide = [dataclasses.replace(one, client=Client(ip="192.0.2.7", user_agent="é" * 1000)) for one in requests]
    verdicts = await headcount.check_batch(wide)
    assert len(verdicts) == 900
    assert not headcount.failures


async def test_what_the_sidecar_refuses_is_denied_under_either_policy(headcount):
    assert headcount.on_failure == "allow"
    verdict = await headcount.check(Request(tenant="unknown", account=Account(id="a")))
    assert (verdict.decision, verdict.id, verdict.degraded) == ("deny", "", False)
    assert "404" in verdict.reasons[0].detail


async def test_a_lease_admits_here_and_gives_back_the_rest(headcount, admin, places):
    await admin.put_facts("leased", AccountFacts(plan="roomy"))
    key = LeasedKey(headcount, of("leased"))
    verdicts = [await key.admit() for _ in range(60)]
    assert {verdict.decision for verdict in verdicts} == {"allow"}
    asked = {verdict.id for verdict in verdicts}
    assert len(asked) < len(verdicts) / 2
    await key.close()
    (account,) = [of("leased")]
    last = await headcount.check(account)
    spent = ROOMY["burst"] - last.limits[0].remaining
    assert spent <= len(verdicts) + 1
    assert not headcount.failures


async def test_over_the_limit_a_leased_key_answers_alone(headcount, admin):
    await admin.put_facts("stopped", AccountFacts(plan="free"))
    key = LeasedKey(headcount, of("stopped"))
    verdicts = [await key.admit() for _ in range(BURST + 5)]
    assert [verdict.decision for verdict in verdicts] == ["allow"] * BURST + ["throttle"] * 5
    stops = verdicts[BURST:]
    assert len({verdict.id for verdict in stops}) == 1
    waits = [verdict.retry_after for verdict in stops]
    assert waits == sorted(waits, reverse=True)
    await key.close()


async def test_concurrent_requests_on_leases_pass_no_more_than_the_limit(headcount, admin):
    """Two programs of ten requests at once, which ask, lease and report at the same time."""
    await admin.put_facts("crowd", AccountFacts(plan="free"))
    keys = [LeasedKey(headcount, of("crowd")) for _ in range(2)]
    verdicts = await asyncio.gather(*(key.admit() for _ in range(10) for key in keys))
    later = [await key.admit() for _ in range(10) for key in keys]
    assert sum(verdict.decision == "allow" for verdict in (*verdicts, *later)) <= BURST
    await asyncio.gather(*(key.close() for key in keys))


async def test_a_lease_is_used_for_its_ttl_alone(headcount, admin):
    """The lease is closed and reported with the check that follows."""
    await admin.put_facts("late", AccountFacts(plan="roomy"))
    key = LeasedKey(headcount, of("late"))
    first = await key.admit()
    assert first.lease is not None
    assert await key.admit() is first
    key._held._until = 0.0
    second = await key.admit()
    assert second.id != first.id
    spent = ROOMY["burst"] - second.limits[0].remaining
    assert spent <= 3 + second.lease.tokens
    await key.close()


def test_a_leased_key_has_no_request_id():
    with pytest.raises(ValueError, match="neither an id nor a hold"):
        LeasedKey(Headcount(), of("a", request=Call(id="1")))


@pytest.mark.parametrize("policy", ["allow", "deny"])
async def test_without_a_sidecar_the_policy_decides(policy):
    async with Headcount(f"http://127.0.0.1:{free_port()}", on_failure=policy) as client:
        verdicts = [await client.check(of("a")), *await client.check_batch([of("a"), of("b")])]
        assert await client.settle(verdicts[0], 1.0) is None
    assert {(verdict.decision, verdict.degraded, verdict.id) for verdict in verdicts} == {(policy, True, "")}
    assert client.failures == {"unreachable": 4}


@pytest.mark.parametrize("policy", ["allow", "deny"])
async def test_a_sidecar_that_never_answers_costs_the_time_out(policy):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with Headcount(url, on_failure=policy, timeout=0.05) as client:
            verdict = await asyncio.wait_for(client.check(of("a")), SLOW)
            key = LeasedKey(client, of("b"))
            assert (await key.admit()).decision == policy
    assert (verdict.decision, verdict.degraded, verdict.reasons[0].signal) == (policy, True, "timeout")
    assert client.failures == {"timeout": 2}


@pytest.mark.parametrize("answer", [b"HTTP/1.1 503 Busy", b"HTTP/1.1 200 OK"])
async def test_an_answer_that_is_no_verdict_is_a_failure(answer):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Headcount(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout=SLOW) as client:
        assert (await client.check(of("a"))).degraded
    assert client.failures == {"failed": 1}


async def test_the_admin_listener_s_token_is_sent(tmp_path):
    token = "a-token-of-the-tests-alone"
    tokens = [{"name": "ops", "role": "operator", "sha256": hashlib.sha256(token.encode()).hexdigest()}]
    with running_sidecar(tmp_path, {"tokens": tokens, "tenants": {"acme": {}}}) as own:
        url = f"http://{own.admin_listen}"
        async with Admin(url, token=token, timeout=SLOW) as known, Admin(url, timeout=SLOW) as unknown:
            await known.put_facts("a", AccountFacts(plan="free"), tenant="acme")
            with pytest.raises(RefusedError) as caught:
                await unknown.put_facts("a", AccountFacts(plan="free"), tenant="acme")
    assert caught.value.status == 401


async def test_a_push_without_an_answer_raises():
    async with Admin(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(NoAnswerError, match="unreachable"):
            await client.put_facts("a", AccountFacts(plan="free"))


def test_the_page_s_names_exist():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        tree = compile(block, str(PAGE), "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names)


def test_the_page_s_program_runs(places):
    (program,) = re.findall(r"```python\n# whole program\n(.*?)```", PAGE.read_text(), re.DOTALL)
    ports = {"127.0.0.1:8470": places.listen, "127.0.0.1:8471": places.admin_listen}
    for shown, real in ports.items():
        assert shown in program
        program = program.replace(shown, real)
    program = program.replace("timeout=0.2", f"timeout={SLOW}")
    run = subprocess.run([sys.executable, "-c", program], cwd=PAGE.parent, capture_output=True, check=True, timeout=60)
    assert run.stdout.decode().split()[:2] == ["allow", "standard"]
