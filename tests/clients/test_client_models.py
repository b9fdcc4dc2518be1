"""The client's models follow the API's description, and the client's distribution holds the client alone."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest
from headcount_client import Account, AccountFacts, Call, LeaseReport, Payment, Request, Verdict
from headcount_client.json_form import MalformedError, decode, encode

from reputation.wire.messages import AccountFacts as WireFacts
from reputation.wire.messages import Request as WireRequest
from reputation.wire.messages import wire_type
from tools.client_models import MODELS, render


def read(body, kind):
    return msgspec.json.decode(body, type=kind, dec_hook=wire_type)


CLIENT = Path(__file__).parents[2] / "clients" / "python"


def test_the_models_are_those_of_the_openapi_document():
    assert MODELS.read_text() == render(), "run `python -m tools.client_models --write`"


def test_a_request_reads_as_the_sidecar_reads_it():
    sent = Request(
        tenant="acme",
        account=Account(id="a", payment=Payment(status="ok", settled_usd=40.0), verified=("email",)),
        request=Call(cost=2.5, hold=True, content=("9f3c5a0012bd77e1",)),
        leases=(LeaseReport(id="l", used=3, slices=((1790812795.0, 3),)),),
        lease=True,
    )
    made = read(encode(sent), WireRequest)
    assert (made.tenant, made.account.id, made.account.verified) == ("acme", "a", ("email",))
    assert (made.account.payment.status, made.account.payment.settled_usd) == ("ok", 40.0)
    assert (made.request.cost, made.request.hold, made.request.content) == (2.5, True, ("9f3c5a0012bd77e1",))
    assert (made.leases[0].used, made.leases[0].slices, made.lease) == (3, ((1790812795.0, 3),), True)


def test_facts_read_as_the_sidecar_reads_them():
    made = read(encode(AccountFacts(keys=("sk",), external={"stripe": "cus_9"}, created_at=5)), WireFacts)
    assert (made.keys, made.external, made.created_at, made.plan) == (("sk",), {"stripe": "cus_9"}, 5, None)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": 1}', b'"text"', b"\xff"])
def test_an_answer_that_is_no_verdict_is_malformed(body):
    with pytest.raises(MalformedError):
        decode(Verdict, body)


def test_the_client_imports_nothing_of_the_sidecar():
    for path in (CLIENT / "headcount_client").glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
        others = {name.split(".")[0] for name in names} - sys.stdlib_module_names
        assert others <= {"aiohttp", "multidict"}, path.name


@pytest.mark.slow
def test_the_wheel_has_the_client_alone_and_runs_without_the_sidecar(tmp_path):
    options = ["--no-deps", "--no-build-isolation", "--no-index", "-q"]
    source = tmp_path / "source"
    source.mkdir()
    files = [path for path in CLIENT.rglob("*") if path.suffix in (".py", ".toml", ".md", ".typed")]
    for path in files:
        target = source / path.relative_to(CLIENT)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", *options, "-w", str(tmp_path), str(source)], check=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"headcount_client"}
    assert "headcount_client/py.typed" in names
    subprocess.run(
        [*pip, "install", *options, "--target", str(tmp_path / "there"), str(wheel)], check=True, timeout=120
    )
    text = "import headcount_client, sys; print(headcount_client.__file__, any('reputation' in m for m in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "there")},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert run.stdout.split() == [str(tmp_path / "there" / "headcount_client" / "__init__.py"), "False"]
