"""One search from whatever an operator is given, within the tenants of the caller; an API key is never shown again."""

import base64
import hashlib
import time

import pytest
from redis_process import running_redis
from sidecar_process import JSON, headcount, running_sidecar, wait_for

pytestmark = pytest.mark.slow
KEY = "sk-live-4242"
TINY = {"rate": 1, "burst": 1, "daily": 50}
TENANTS = {
    "acme": {"plans": {"free": {}, "tiny": {"standard": TINY, "trusted": TINY}}},
    "other": {},
}
TOKENS = [
    {"name": name, "role": "reader" if name == "narrow" else "admin", "tenants": tenants,
     "sha256": hashlib.sha256(name.encode()).hexdigest()}
    for name, tenants in (("wide", []), ("narrow", ["other"]))
]  # fmt: skip


def token(name):
    return {**JSON, "Authorization": f"Bearer {name}"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with running_sidecar(tmp_path_factory.mktemp("find"), {"tenants": TENANTS, "tokens": TOKENS}) as sidecar:
        facts = {
            "plan": "tiny", "keys": [KEY], "external": {"stripe": "cus_9"},
            "payment": {"status": "ok", "fingerprint": "fp_1"},
        }  # fmt: skip
        for account, more in (("acct/1", {}), ("acct_2", {"keys": ["user:secret"], "external": None})):
            path = f"/v1/accounts/{account.replace('/', '%2F')}?tenant=acme"
            assert sidecar.tell("PUT", path, {**facts, **more}, token("wide")).status == 204
            client = {"ip": "24.1.2.3", "device": "dev_1"}
            sidecar.ask({"tenant": "acme", "account": {"id": account}, "client": client})
        sidecar.ask({"tenant": "other", "account": {"id": "acct_2", "plan": "free"}})
        yield sidecar


def find(sidecar, text, name="wide", **query):
    more = "".join(f"&{member}={value}" for member, value in query.items())
    return sidecar.tell("GET", f"/v1/find?q={quoted(text)}{more}", headers=token(name))


def quoted(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


def hits(sidecar, text, name="wide", **query):
    answer = find(sidecar, text, name, **query)
    assert answer.status == 200, answer.body
    return [(one["kind"], one["by"], one["tenant"], one["id"]) for one in answer.json["hits"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("acct/1", [("account", "id", "acme", "acct/1")]),
        ("  acct/1 ", [("account", "id", "acme", "acct/1")]),
        (KEY, [("account", "key", "acme", "acct/1")]),
        (f"Bearer {KEY}", [("account", "key", "acme", "acct/1")]),
        (f"basic {base64.b64encode(b'user:secret').decode()}", [("account", "key", "acme", "acct_2")]),
        ("24.1.2.3", [("account", "address", "acme", "acct/1"), ("account", "address", "acme", "acct_2")]),
        ("::ffff:24.1.2.3", [("account", "address", "acme", "acct/1"), ("account", "address", "acme", "acct_2")]),
        ("fp_1", [("account", "card", "acme", "acct/1"), ("account", "card", "acme", "acct_2")]),
        ("dev_1", [("account", "device", "acme", "acct/1"), ("account", "device", "acme", "acct_2")]),
        ("cus_9", [("account", "stripe", "acme", "acct/1")]),
        ("acct_2", [("account", "id", "acme", "acct_2"), ("account", "id", "other", "acct_2")]),
        ("nothing", []),
        ("01J00000000000000000000000", []),
        ("Bearer two words", []),
    ],
)
def test_what_a_text_leads_to(world, text, found):
    assert hits(world, text) == found


def test_a_stop_is_found_by_its_id_with_its_sentence(world):
    body = {"tenant": "acme", "account": {"key": KEY}, "client": {"ip": "24.1.2.9"}}
    stopped = next(one for one in (world.ask(body).json for _ in range(5)) if one["decision"] == "throttle")
    (hit,) = find(world, stopped["id"].lower()).json["hits"]
    assert (hit["kind"], hit["id"]) == ("verdict", stopped["id"])
    assert hit["words"].startswith("Stopped because this account used its own burst of 1;")
    opened = world.tell("GET", hit["link"], headers=token("wide")).json
    assert (opened["sentence"], opened["request"]["account"]) == (hit["words"], "acct/1")
    assert opened["verdict"]["limits"][opened["binding"]]["name"] == "burst"
    assert opened["at"] == pytest.approx(time.time(), abs=60)


def test_a_link_leads_to_what_was_found(world):
    (hit,) = find(world, "acct/1").json["hits"]
    assert world.tell("GET", hit["link"], headers=token("wide")).json["id"] == "acct/1"


def test_a_caller_finds_nothing_of_other_tenants(world):
    assert hits(world, "acct_2", "narrow") == [("account", "id", "other", "acct_2")]
    assert hits(world, KEY, "narrow") == []
    assert find(world, "acct_2", "narrow", tenant="acme").status == 403
    assert hits(world, "acct_2", tenant="acme") == [("account", "id", "acme", "acct_2")]


def test_a_key_is_in_no_answer_and_in_no_log(world):
    for text in (KEY, f"Bearer {KEY}", "sk-unknown-4343"):
        answer = find(world, text)
        assert b"4242" not in answer.body
        assert b"4343" not in answer.body
    for bad in (find(world, "x" * 4097), find(world, KEY, tenant="none"), find(world, KEY, limit=0)):
        assert bad.status in (400, 404)
        assert b"4242" not in bad.body
    assert "4242" not in world.log.read_text()
    assert find(world, "x" * 4097).json["pointer"] == find(world, " ").json["pointer"] == "/q"


def test_an_unknown_key_that_asked_is_found_under_its_hash(world):
    world.ask({"tenant": "acme", "account": {"key": "sk-made-up"}, "client": {"ip": "24.1.2.4"}})
    ((kind, by, _, id_),) = hits(world, "sk-made-up")
    assert (kind, by, id_[:8]) == ("account", "key", "key:hk1_")
    assert hits(world, id_.removeprefix("key:")) == [("account", "key", "acme", id_)]


def test_hits_are_bounded_and_the_rest_is_counted(world):
    for n in range(5):
        body = {"tenant": "acme", "account": {"id": f"crowd-{n}", "plan": "free"}, "client": {"ip": "24.9.9.9"}}
        world.ask(body)
    found = find(world, "24.9.9.9", limit=2).json
    assert (len(found["hits"]), found["left_off"]) == (2, 3)


def test_the_command_finds_the_same_and_reads_a_key_from_standard_input(world):
    extra = {"HEADCOUNT_ADMIN": world.admin_listen, "HEADCOUNT_TOKEN": "wide"}
    shown = headcount("find", "-", extra=extra, given=f"{KEY}\n".encode()).stdout.decode()
    assert "acct/1" in shown
    assert KEY not in shown
    assert b"nothing found" in headcount("find", "nobody", extra=extra).stdout
    assert b"1 more" in headcount("find", "24.1.2.3", "--limit", "1", extra=extra).stdout


@pytest.mark.gateway
def test_every_replica_finds_what_another_one_was_told(tmp_path):
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    with running_redis(tmp_path) as server:
        shared = {"HEADCOUNT_STATE": server.url}
        settings = {"tenants": TENANTS}
        with (
            running_sidecar(folders[0], settings, extra=shared) as one,
            running_sidecar(folders[1], settings, extra=shared) as other,
        ):
            facts = {"plan": "tiny", "keys": [KEY], "external": {"stripe": "cus_9"}}
            assert one.tell("PUT", "/v1/accounts/acct_1?tenant=acme", facts).status == 204
            for text in (KEY, "cus_9", "acct_1"):
                found = other.tell("GET", f"/v1/find?q={text}").json
                assert [hit["id"] for hit in found["hits"]] == ["acct_1"]
            server.kill()
            gone = lambda: other.tell("GET", "/v1/find?q=acct_1").status == 503  # noqa: E731 - polled
            wait_for(gone, "no word of the outage", other.process, other.log, within=20)
