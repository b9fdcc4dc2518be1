"""After `forget` no identifier of an account is in the state file, its log, recordings, the audit log or the log."""

import ipaddress
import sqlite3
from functools import partial
from pathlib import Path

import pytest
import zstandard
from sidecar_process import HASH_KEY, headcount, running_sidecar, wait_for

from reputation.wire.ids import hashed, pseudonym

TINY = {tier: {"rate": 0.001, "burst": 1, "daily": 10} for tier in ("trusted", "standard", "limited", "restricted")}
SETTINGS = {
    "tenants": {"default": {"plans": {"tiny": TINY}}},
    "log": {"decisions": 1.0, "stops": 1.0},
    "recording": {"others": 1.0},
}
ZSTD = b"\x28\xb5\x2f\xfd"
KEY = "sk-live-unforgettable-key"
IN_FACTS = {
    "account": "acct_unforgettable",
    "email domain": "mailbox-of-one.example",
    "card": "fp_only_this_card",
    "sign-up address": "198.18.77.91",
    "sign-up JA4": "t13d_signup_only_here",
    "sign-up user agent": "SignupAgent/7.31",
    "external id": "cus_only_this_one",
    "organisation": "only-member.example",
}
SEEN = {
    "address": "24.91.17.203",
    "JA4": "t13d_client_only_here",
    "user agent": "ClientAgent/9.17",
    "device": "device-only-here",
    "session": "session-only-here",
}
IDENTIFIERS = {**IN_FACTS, **SEEN, "key": KEY}
FACTS = {
    "created_at": 1_790_000_000,
    "plan": "tiny",
    "keys": [KEY],
    "external": {"stripe": IN_FACTS["external id"]},
    "email_domain": IN_FACTS["email domain"],
    "organisation": {"id": IN_FACTS["organisation"], "verified": True},
    "payment": {"status": "ok", "fingerprint": IN_FACTS["card"], "settled_usd": 20},
    "signup": {
        "ip": IN_FACTS["sign-up address"],
        "ja4": IN_FACTS["sign-up JA4"],
        "user_agent": IN_FACTS["sign-up user agent"],
    },
}
CLIENT = {
    "ip": SEEN["address"],
    "ja4": SEEN["JA4"],
    "user_agent": SEEN["user agent"],
    "device": SEEN["device"],
    "session": SEEN["session"],
}


def bytes_in(directory: Path) -> list[bytes]:
    """Every file below a directory, and what is packed in it."""
    found = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]
    packed = [data for data in found if data.startswith(ZSTD)]
    with sqlite3.connect(f"file:{directory / 'state.sqlite3'}?mode=ro", uri=True) as connection:
        packed += [bytes(body) for (body,) in connection.execute("SELECT body FROM records") if body.startswith(ZSTD)]
    return found + [zstandard.ZstdDecompressor().decompress(data) for data in packed]


def spellings(value: str) -> list[bytes]:
    """A value as text, and an address as its number too."""
    try:
        number = int(ipaddress.IPv4Address(value))
    except ValueError:
        return [value.encode()]
    return [value.encode(), number.to_bytes(4, "big"), number.to_bytes(4, "little")]


def found_of(values: dict[str, str], directory: Path) -> set[str]:
    data = bytes_in(directory)
    return {name for name, value in values.items() if any(one in part for one in spellings(value) for part in data)}


def is_recorded(account: str, directory: Path) -> bool:
    """Whether recorded decisions in files have the keyed hash of an account."""
    number = int(pseudonym(account, HASH_KEY.encode()), 16).to_bytes(8, "little")
    files = [path.read_bytes() for path in (directory / "state.sqlite3.recorded").rglob("*.decisions")]
    return any(number in zstandard.ZstdDecompressor().decompress(data) for data in files)


def forget(sidecar, account, reason="erasure request 12"):
    return sidecar.tell("POST", f"/v1/accounts/{account}/forget", {"reason": reason})


def use(sidecar):
    """Real requests that leave every identifier wherever the sidecar keeps one."""
    account = IDENTIFIERS["account"]
    assert sidecar.tell("PUT", f"/v1/accounts/{account}", FACTS).status == 204
    others = [{"account": {"id": f"other-{i}"}, "client": {"ip": f"24.7.{i}.9", "device": f"d{i}"}} for i in range(80)]
    for i in range(80):
        sidecar.tell("PUT", f"/v1/accounts/other-{i}", {"plan": "free"})
    sidecar.ask(others, "/v1/check/batch")
    decisions = [sidecar.ask({"account": {"key": KEY}, "client": CLIENT}).json for _ in range(4)]
    assert decisions[-1]["decision"] == "throttle"
    sidecar.tell("POST", "/v1/outcomes", {"account": account, "outcome": "good"})
    sidecar.tell("POST", "/v1/labels", {"account": account, "label": "abuse", "reason": f"{account} resells"})
    body = {"kind": "account", "value": account, "expires_in": 3600, "reason": "ticket 7"}
    assert sidecar.tell("POST", "/v1/allow", body).status == 201
    assert sidecar.tell("POST", "/v1/deny", body).status == 201
    sidecar.tell("POST", "/v1/appeals", {"verdict": decisions[-1]["id"], "reason": "a class"})
    return decisions[-1]["id"]


@pytest.mark.gateway
def test_no_identifier_is_left_in_files_after_forget(tmp_path):
    account, secret = IDENTIFIERS["account"], HASH_KEY.encode()
    state = {"HEADCOUNT_STATE": str(tmp_path / "state.sqlite3")}
    with running_sidecar(tmp_path, SETTINGS, extra=state) as sidecar:
        verdict = use(sidecar)
        wait = partial(wait_for, what="not stored", process=sidecar.process, log=sidecar.log)
        wait(lambda: forget(sidecar, "nobody").json["linker"] == "erased")  # the linker's sightings are stored now
        wait(lambda: found_of(IDENTIFIERS, tmp_path) == IDENTIFIERS.keys() - {"key"})
        assert any(hashed(KEY, secret) in data for data in bytes_in(tmp_path))
        answer = forget(sidecar, account)
        assert (answer.status, answer.json["linker"], answer.json["scrubbed"]) == (200, "erased", True)
        erased = answer.json["erased"]
        assert {"facts", "keys", "outcomes", "verdicts", "label", "marked", "exception", "denial"} <= erased.keys()
        assert "stripe_waiting" not in erased
        assert found_of(IDENTIFIERS, tmp_path) == set()
        assert not any(hashed(KEY, secret) in data for data in bytes_in(tmp_path))
        assert sidecar.tell("GET", f"/v1/accounts/{account}").status == 404
        assert sidecar.tell("GET", f"/v1/decisions/{verdict}").status == 404
        assert sidecar.tell("GET", "/v1/accounts/other-7").status == 200
        lines = sidecar.tell("GET", f"/v1/audit?account={account}").json["entries"]
        assert (lines[0]["what"], lines[0]["why"]) == ("account.forget", "erasure request 12")
        assert len(lines) > 5
    assert found_of(IDENTIFIERS, tmp_path) == set()
    assert (is_recorded(account, tmp_path), is_recorded("other-7", tmp_path)) == (False, True)
    with running_sidecar(tmp_path, SETTINGS, extra=state) as sidecar:
        assert sidecar.tell("GET", f"/v1/accounts/{account}").status == 404
        again = forget(sidecar, account)
        assert (again.status, again.json["erased"]) == (200, {})
        assert forget(sidecar, "other-7").json["erased"]["facts"] == 1
        assert (is_recorded("other-7", tmp_path), is_recorded("other-8", tmp_path)) == (False, True)


def test_the_command_needs_a_reason_and_says_what_was_erased(sidecar):
    sidecar.tell("PUT", "/v1/accounts/leaves", {"plan": "free", "keys": ["sk-leaves"]})
    refused = headcount("forget", "leaves", "--admin", sidecar.admin_listen)
    assert refused.returncode == 2
    done = headcount("forget", "leaves", "--reason", "left", "--admin", sidecar.admin_listen)
    assert done.returncode == 0, done.stderr
    assert b"facts 1" in done.stdout
    assert sidecar.tell("GET", "/v1/accounts/leaves").status == 404


def test_a_body_without_a_reason_changes_nothing(sidecar):
    sidecar.tell("PUT", "/v1/accounts/stays", {"plan": "free"})
    answer = sidecar.tell("POST", "/v1/accounts/stays/forget", {})
    assert answer.status == 422
    assert sidecar.tell("GET", "/v1/accounts/stays").status == 200
