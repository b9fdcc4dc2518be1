"""The check routes: bodies in, problem documents with a pointer out, and nothing changed by what is refused."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_engine import NOW, PROVEN, ask, limiter, new_id, push

from reputation.checkapi.routes import MOST_BATCH, MOST_CHECK, CheckRoutes, body_limit
from reputation.sidecar.embedded import EmbeddedChecks
from reputation.stores.memory import MemoryStore
from reputation.wire.gateway import HttpMessage, Reply

JSON = ((b"content-type", b"application/json"),)
A = '{"account": {"id": "a"}, '
PAYMENT = '{"account": {"id": "a", "payment": '

# what is wrong: (the body, the status, the pointer, what the detail must say)
MALFORMED = {
    "nothing": ("", 400, "", "one JSON document"),
    "blanks": (" \n", 400, "", "one JSON document"),
    "half an object": ("{", 400, "", "truncated"),
    "null": ("null", 422, "", "got `null`"),
    "a list": ("[]", 422, "", "got `array`"),
    "a text": ('"a"', 422, "", "got `str`"),
    "two documents": (A + '"lease": false}{}', 400, "", "trailing characters"),
    "a trailing comma": (A + "}", 400, "", "JSON is malformed"),
    "single quotes": ("{'account': {'id': 'a'}}", 400, "", "JSON is malformed"),
    "a byte order mark": ("\ufeff" + A + '"lease": false}', 400, "", "JSON is malformed"),
    "a raw tab in a text": ('{"account": {"id": "a\tb"}}', 400, "", "invalid character"),
    "nobody": ("{}", 422, "/account", "account.id, account.key and client.ip"),
    "an empty account": ('{"account": {}}', 422, "/account", "give at least one"),
    "no account object": ('{"account": "a"}', 422, "/account", "Expected `object`"),
    "a number as an id": ('{"account": {"id": 5}}', 422, "/account/id", "got `int`"),
    "an empty id": ('{"account": {"id": ""}}', 422, "/account/id", "length >= 1"),
    "a long id": ('{"account": {"id": "' + "x" * 257 + '"}}', 422, "/account/id", "length <= 256"),
    "a malformed address alone": ('{"client": {"ip": "300.0.0.1"}}', 422, "/client/ip", "IPv4 or IPv6"),
    "a cost of zero": (A + '"request": {"cost": 0}}', 422, "/request/cost", "> 0"),
    "a negative cost": (A + '"request": {"cost": -1}}', 422, "/request/cost", "> 0"),
    "a vanishing cost": (A + '"request": {"cost": 1e-400}}', 422, "/request/cost", "> 0"),
    "a huge cost": (A + '"request": {"cost": 1e10}}', 422, "/request/cost", "<= 1000000000"),
    "a cost beyond numbers": (A + '"request": {"cost": 1e999}}', 422, "/request/cost", "out of range"),
    "NaN": (A + '"request": {"cost": NaN}}', 400, "", "invalid character"),
    "Infinity": (A + '"request": {"cost": Infinity}}', 400, "", "invalid character"),
    "a cost in quotes": (A + '"request": {"cost": "1"}}', 422, "/request/cost", "got `str`"),
    "a switch as a cost": (A + '"request": {"cost": true}}', 422, "/request/cost", "got `bool`"),
    "a number as a switch": (A + '"request": {"hold": 1}}', 422, "/request/hold", "got `int`"),
    "a short SimHash": (A + '"request": {"content": ["9f3c"]}}', 422, "/request/content/0", "regex"),
    "nine SimHashes": (
        A + f'"request": {{"content": {json.dumps(["0" * 16] * 9)}}}}}',
        422,
        "/request/content",
        "<= 8",
    ),
    "no time": (A + '"at": "yesterday"}', 422, "/at", "RFC 3339"),
    "a time without offset": (A + '"at": "2026-01-01T00:00:00"}', 422, "/at", "offset"),
    "a time before 1970": (A + '"at": -1}', 422, "/at", "since 1970"),
    "a time after 9999": (A + '"at": 1e300}', 422, "/at", "year 10000"),
    "an unknown status": (
        PAYMENT + '{"status": "paid"}}}',
        422,
        "/account/payment/status",
        "none, ok, failed, disputed",
    ),
    "an unknown funding": (
        PAYMENT + '{"funding": "gift"}}}',
        422,
        "/account/payment/funding",
        "credit, debit, prepaid, unknown",
    ),
    "an unknown verification": (
        '{"account": {"id": "a", "verified": ["email", "fax"]}}',
        422,
        "/account/verified/1",
        "email, phone, identity",
    ),
    "an issuer number of letters": (PAYMENT + '{"iin": "4111x1"}}}', 422, "/account/payment/iin", "regex"),
    "a country of three letters": (
        PAYMENT + '{"issuer_country": "USA"}}}',
        422,
        "/account/payment/issuer_country",
        "regex",
    ),
    "negative money": (PAYMENT + '{"settled_usd": -1}}}', 422, "/account/payment/settled_usd", ">= 0"),
    "half a decline": (PAYMENT + '{"declines_30d": 1.5}}}', 422, "/account/payment/declines_30d", "got `float`"),
    "a number of 30 digits": (
        PAYMENT + '{"disputes": ' + "1" * 30 + "}}}",
        422,
        "/account/payment/disputes",
        "<= 1000000000",
    ),
    "an organisation with a number as its id": (
        '{"account": {"id": "a", "organisation": {"id": 1, "verified": true}}}',
        422,
        "/account/organisation/id",
        "`str`",
    ),
    "an unknown tenant": (A + '"tenant": "nobody"}', 404, "/tenant", "no tenant is called"),
    "a lease without id": (A + '"leases": [{"used": 1}]}', 422, "/leases/0/id", "`id`"),
    "a lease whose id is null": (A + '"leases": [{"id": null}]}', 422, "/leases/0/id", "`id`"),
    "null among words": ('{"account": {"id": "a", "verified": [null]}}', 422, "/account/verified/0", "got `null`"),
    "half a slice": (A + '"leases": [{"id": "l", "slices": [[1]]}]}', 422, "/leases/0/slices/0", "length 2"),
    "bytes that are no UTF-8": (b'{"account": {"id": "\xff"}}', 400, "", "UTF-8"),
    "half a surrogate pair": ('{"account": {"id": "\\ud800"}}', 400, "", "JSON"),
    "the other half": ('{"account": {"id": "\\ude00x"}}', 400, "", "JSON"),
    "depth": ('{"x": ' + "[" * 30_000 + "]" * 30_000 + "}", 400, "", "nested too deeply"),
    "size": (A + '"x": "' + "x" * MOST_CHECK + '"}', 413, "", "65536 bytes"),
}


def snapshot(routes):
    """Everything that a refused body must leave as it is."""
    state = routes.limiter.tenants["default"].state
    rows = {name: repr(row) for name, row in state.registered.items()}
    counted = [len(t) for t in (state.traffic, state.unconfirmed, state.budgets, state.accounts_on_address)]
    return rows, counted, dict(routes.limiter.tenants["default"].counts.verdicts)


def embedded(engine):
    return EmbeddedChecks(engine, MemoryStore(), lambda: NOW)


@pytest.fixture
def routes(addresses):
    """The routes with one known account that has spent something."""
    engine = limiter(addresses)
    push(engine.tenant("default"), "a", plan="free", keys=["sk-1"])
    ask(engine, "a", "11.0.0.1")
    return CheckRoutes(embedded(engine), lambda: NOW, new_id, lambda: {"tenants": 1}, lambda *_: None)


def post(routes, body, path=b"/v1/check", headers=JSON):
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    found = routes(HttpMessage(b"POST", path, list(headers), data))
    return found if isinstance(found, Reply) else asyncio.run(awaited(found))


async def awaited(later):
    return await later


def test_null_is_the_same_as_leaving_a_member_out(routes):
    """Many clients write null for what they do not have."""
    body = {"tenant": None, "at": None, "account": None, "client": {"ip": "203.0.113.7", "ja4": None}, "lease": None}
    body |= {"request": {"id": None, "cost": None, "hold": None, "content": None}, "leases": None}
    reply = post(routes, body)
    assert reply.status == 200
    assert json.loads(reply.body)["limit"]["remaining"] == json.loads(reply.body)["limit"]["burst"] - 1


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_body_is_a_problem_at_its_place_and_changes_nothing(routes, what):
    body, status, pointer, words = MALFORMED[what]
    before = snapshot(routes)
    reply = post(routes, body)
    found = json.loads(reply.body)
    assert (reply.status, found["status"], found["pointer"]) == (status, status, pointer)
    assert words in found["detail"]
    assert {"type", "title", "status", "detail", "pointer"} == set(found)
    assert dict(reply.headers)[b"content-type"] == b"application/problem+json"
    assert not any(word in reply.body for word in (b"Traceback", b".py", b"msgspec"))
    assert snapshot(routes) == before


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_bytes_make_it_fail(addresses, body):
    """Anything at all ends in a verdict or a problem document, never in an exception."""
    routes = CheckRoutes(embedded(limiter(addresses)), lambda: NOW, new_id, lambda: None, lambda *_: None)
    for path in (b"/v1/check", b"/v1/check/batch"):
        reply = post(routes, body, path)
        assert reply.status in (200, 400, 413, 422)
        json.loads(reply.body)


members = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["tenant", "at", "account", "client", "request", "leases", "lease", "other"])


@given(
    st.dictionaries(names, members | st.dictionaries(st.sampled_from(["id", "ip", "key", "cost", "payment"]), members))
)
def test_no_json_makes_it_fail_and_every_error_points_into_the_body(addresses, body):
    """A pointer leads to a member that is there, or to one that is missing where it is needed."""
    routes = CheckRoutes(embedded(limiter(addresses)), lambda: NOW, new_id, lambda: None, lambda *_: None)
    reply = post(routes, json.dumps(body))
    if reply.status == 200:
        return
    place = body
    for part in json.loads(reply.body).get("pointer", "").split("/")[1:]:
        if isinstance(place, dict) and part not in place:
            assert part in ("account", "tenant", "id")
            return
        place = place[int(part)] if isinstance(place, list) else place[part]


class TestRules:
    """Stated rules of reading, where JSON leaves them open."""

    def test_of_a_member_that_is_there_twice_the_last_wins(self, routes):
        """As in JavaScript and Python, so that a gateway and Headcount agree on what was said."""
        verdict = json.loads(post(routes, '{"account": {"id": "x", "id": "a"}, "request": {"cost": 5}}').body)
        assert verdict["limits"][0]["remaining"] == 20 - 1 - 5
        again = json.loads(post(routes, '{"account": {"id": "x"}, "account": {"id": "a"}}').body)
        assert again["limits"][0]["remaining"] == 20 - 1 - 5 - 1

    def test_unknown_members_are_passed_over(self, routes):
        """So that an older sidecar can stand behind a newer gateway."""
        assert post(routes, A + '"later": {"version": [2]}, "client": {"ja5": "x"}}').status == 200

    @pytest.mark.parametrize(
        "kind",
        [
            "application/json; charset=utf-8",
            'application/json; charset="UTF-8"',
            "application/json; charset=utf8",
            "text/plain",
        ],
    )
    def test_utf_8_under_any_name_is_read(self, routes, kind):
        assert post(routes, {"account": {"id": "a"}}, headers=((b"content-type", kind.encode()),)).status == 200
        assert post(routes, {"account": {"id": "ä"}}, headers=()).status == 200

    @pytest.mark.parametrize("charset", ["latin-1", "utf-16", "shift_jis", "latin-1; was=utf-8"])
    def test_another_charset_is_refused_before_it_is_misread(self, routes, charset):
        headers = ((b"content-type", f"application/json; charset={charset}".encode()),)
        assert post(routes, {"account": {"id": "a"}}, headers=headers).status == 400
        assert post(routes, [], b"/v1/check/batch", headers=headers).status == 400

    def test_the_time_of_a_live_check_is_the_sidecars(self, routes):
        """`at` is honoured in a replay alone: a client may not choose when it is."""
        for _ in range(30):
            reply = post(routes, {"account": {"id": "a"}, "at": NOW + 1e6})
        assert json.loads(reply.body)["decision"] == "throttle"

    @pytest.mark.parametrize(
        "at",
        ["2026-09-30T23:20:00Z", "2026-09-30t23:20:00z", "2026-09-30T23:20:00.5+02:00", 1.5, 0, "1970-01-01T00:00:00Z"],
    )
    def test_times_are_seconds_or_rfc_3339(self, routes, at):
        assert post(routes, {"account": {"id": "a", "created_at": at}, "at": at}).status == 200


class TestBatch:
    """A list in, a list out, in the same order; a bad item has its error in its place."""

    def test_bad_items_stay_in_place_and_the_others_count(self, routes):
        items = [{"account": {"id": "a"}}, {"account": {"id": 5}}, 7, {"account": {"id": "a"}}, {"tenant": "x"}, {}]
        found = json.loads(post(routes, items, b"/v1/check/batch").body)
        assert ["error" in item for item in found] == [False, True, True, False, True, True]
        assert found[1]["error"]["pointer"] == "/account/id"
        assert [found[0]["limits"][0]["remaining"], found[3]["limits"][0]["remaining"]] == [18, 17]

    def test_order_is_kept(self, routes):
        items = [{"account": {"id": "a"}, "request": {"cost": cost}} for cost in (1, 2, 3, 4)]
        found = json.loads(post(routes, items, b"/v1/check/batch").body)
        assert [item["limits"][0]["remaining"] for item in found] == [18, 16, 13, 9]

    def test_one_id_of_two_requests_in_a_batch_is_a_conflict_in_its_place(self, routes):
        one, other = [{"account": {"id": "a"}, "request": {"id": "r1", "cost": cost}} for cost in (1, 2)]
        first, conflict, again = json.loads(post(routes, [one, other, one], b"/v1/check/batch").body)
        assert (conflict["error"]["status"], conflict["error"]["pointer"]) == (409, "/request/id")
        assert first == again
        assert post(routes, other).status == 409

    def test_one_id_in_a_batch_is_charged_once(self, routes):
        items = [{"account": {"id": "a"}, "request": {"id": "r"}}] * 3
        assert len({item["id"] for item in json.loads(post(routes, items, b"/v1/check/batch").body)}) == 1

    def test_a_thousand_are_taken_and_a_thousand_and_one_refused_whole(self, routes):
        items = [{"account": {"id": f"b{i}"}} for i in range(1001)]
        assert len(json.loads(post(routes, items[:1000], b"/v1/check/batch").body)) == 1000
        before = snapshot(routes)
        reply = post(routes, items, b"/v1/check/batch")
        assert (reply.status, json.loads(reply.body)["detail"]) == (
            413, "a batch has at most 1000 items, this one has 1001",
        )  # fmt: skip
        assert snapshot(routes) == before

    def test_an_item_is_at_most_64_kib(self, routes):
        items = [{"account": {"id": "a"}, "x": "x" * MOST_CHECK}, {"account": {"id": "a"}}]
        found = json.loads(post(routes, items, b"/v1/check/batch").body)
        assert found[0]["error"]["status"] == 413
        assert found[1]["decision"] == "allow"

    def test_gateways_with_leases_get_the_same_verdicts_as_lines(self, routes):
        """A bad check has its status in its place; without the header the answer is JSON."""
        asking = {"account": {"id": "a"}, "client": {"ip": "12.0.0.1"}, "lease": True}
        items = [asking, {"account": {"id": 5}}, {"account": {"id": "b"}, "request": {"cost": 1000}}]
        headers = [(b"accept", b"text/x-headcount-lines")]
        reply = post(routes, items, b"/v1/check/batch", headers=headers)
        assert (reply.status, dict(reply.headers)[b"content-type"]) == (200, b"text/x-headcount-lines")
        passed, bad, stopped = [line.split("\t") for line in reply.body.decode().split("\n")]
        assert (passed[1], int(passed[4]) > 0, bad, stopped[1]) == ("0", True, ["error", "422"], "429")
        assert json.loads(post(routes, items, b"/v1/check/batch", headers=[(b"accept", b"*/*")]).body)

    @pytest.mark.parametrize(("body", "status"), [("{}", 422), ("[", 400), ("[1,]", 400), ("", 400), ("[]", 200)])
    def test_what_is_no_list_is_refused_whole(self, routes, body, status):
        assert post(routes, body, b"/v1/check/batch").status == status

    def test_deep_items_are_bad_items(self, routes):
        body = '[{"account": {"id": "a"}, "x": ' + "[" * 30_000 + "]" * 30_000 + "}]"
        reply = post(routes, body, b"/v1/check/batch")
        assert reply.status in (200, 400)
        assert b"nested too deeply" in reply.body


class TestPaths:
    @pytest.mark.parametrize(
        "path", [b"/", b"/v1", b"/v1/check/", b"/v1/checks", b"/metrics", b"/v1/accounts/a", b"/gateway/x/default"]
    )
    def test_what_is_not_there_is_not_found(self, routes, path):
        reply = post(routes, {}, path)
        assert (reply.status, json.loads(reply.body)["status"]) == (404, 404)

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [(b"GET", b"/v1/check", b"POST"), (b"POST", b"/healthz", b"GET, HEAD"), (b"BREW", b"/v1/check/batch", b"POST")],
    )
    def test_another_method_is_told_the_right_one(self, routes, method, path, allowed):
        reply = routes(HttpMessage(method, path, []))
        assert (reply.status, dict(reply.headers)[b"allow"]) == (405, allowed)

    def test_health_and_readiness(self, addresses, routes):
        assert routes(HttpMessage(b"GET", b"/healthz", [])).status == 200
        assert json.loads(routes(HttpMessage(b"HEAD", b"/readyz", [])).body) == {"ready": True, "tenants": 1}
        draining = CheckRoutes(embedded(limiter(addresses)), lambda: NOW, new_id, lambda: None, lambda *_: None)
        assert draining(HttpMessage(b"GET", b"/readyz", [])).status == 503
        assert draining(HttpMessage(b"GET", b"/healthz", [])).status == 200

    def test_a_query_makes_no_difference(self, routes):
        assert post(routes, {"account": {"id": "a"}}, b"/v1/check?x=1").status == 200

    def test_bodies_are_bounded_by_their_route(self):
        assert body_limit(b"/v1/check") == MOST_CHECK == 64 * 1024
        assert body_limit(b"/v1/check/batch") == MOST_BATCH == 4 * 1024 * 1024
        assert body_limit(b"/anything") == MOST_CHECK


def test_the_answer_has_every_member_of_the_contract(routes):
    push(routes.limiter.tenant("default"), "b", **PROVEN)
    found = json.loads(post(routes, {"account": {"id": "b"}, "client": {"ip": "12.0.0.1"}}).body)
    assert {"id", "tenant", "revision", "mode", "decision", "risk", "tier", "limit", "limits", "retry_after"} <= set(
        found
    )
    assert {"cluster", "reasons", "actions", "lease", "degraded"} <= set(found)
    assert set(found["limit"]) == {"unit", "rate", "burst", "remaining", "scope"}
    assert [limit["name"] for limit in found["limits"]] == ["burst", "daily"]
    assert set(found["reasons"][0]) == {"signal", "points"}
    assert any("detail" in reason for reason in found["reasons"])
    assert found["degraded"] is False


UNSETTLED = {
    "nothing": ("{}", 422, "/verdict"),
    "no verdict": ('{"actual": 1}', 422, "/verdict"),
    "no amount": ('{"verdict": "v"}', 422, "/actual"),
    "a negative amount": ('{"verdict": "v", "actual": -1}', 422, "/actual"),
    "an amount in quotes": ('{"verdict": "v", "actual": "1"}', 422, "/actual"),
    "a huge amount": ('{"verdict": "v", "actual": 1e10}', 422, "/actual"),
    "an unknown verdict": ('{"verdict": "v", "actual": 1}', 404, "/verdict"),
    "an unknown tenant": ('{"tenant": "nobody", "verdict": "v", "actual": 1}', 404, "/tenant"),
    "a lease that used less than nothing": ('{"leases": [{"id": "l", "used": -1}]}', 422, "/leases/0/used"),
    "257 leases": (json.dumps({"leases": [{"id": "l"}] * 257}), 422, "/leases"),
    "a list": ("[]", 422, ""),
    "half an object": ("{", 400, ""),
    "size": ('{"verdict": "' + "x" * MOST_CHECK + '"}', 413, ""),
}


@pytest.mark.parametrize("what", UNSETTLED)
def test_a_malformed_settlement_is_a_problem_at_its_place(routes, what):
    body, status, pointer = UNSETTLED[what]
    reply = post(routes, body, b"/v1/settle")
    found = json.loads(reply.body)
    assert (reply.status, found["pointer"]) == (status, pointer)


def test_a_hold_and_a_lease_are_settled_over_http(routes):
    """Ids come from verdicts, refunds show in what remains, and asking twice answers the same."""
    held = json.loads(post(routes, A + '"request": {"cost": 10, "hold": true}}').body)
    leased = json.loads(post(routes, A + '"lease": true}').body)
    body = {"verdict": held["id"], "actual": 2, "leases": [{"id": leased["lease"]["id"], "used": 1}]}
    answers = [json.loads(post(routes, body, b"/v1/settle").body) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["charged"] == 2.0
    assert answers[0]["leases"] == [{"id": leased["lease"]["id"], "charged": 1.0}]
    after = json.loads(post(routes, A + '"lease": false}').body)
    assert after["limit"]["remaining"] == leased["limit"]["remaining"] + 8 - 1 - 1


@pytest.mark.parametrize("method", [b"GET", b"PUT"])
def test_settle_takes_post_alone(routes, method):
    assert routes(HttpMessage(method, b"/v1/settle", [], b"")).status == 405
