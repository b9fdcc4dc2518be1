"""Whose check it is: one account by its id, its key or its address, in one table at a time."""

import pytest
from small_engine import DAY, NOW, PAYER, PROVEN, SECRET, check, push, report, request, tenant

from reputation.config.file import from_text
from reputation.engine.identity import account_of, identify, judged_by, names_of, presented
from reputation.sidecar.build import build
from reputation.state.crowds import Row
from reputation.state.facts import Facts, Standards
from reputation.wire.errors import Invalid
from reputation.wire.ids import of_text, printed
from reputation.wire.messages import Account, Credential


def who(engine, addresses, now=NOW, **body):
    return identify(request(body), engine.tenant, engine.state, addresses, SECRET, now)


def small(addresses, accounts=1000, unconfirmed=100):
    tenants = "tenants: {default: {plans: {free: {entry: off}}}}"
    settings = from_text(f"memory: {{accounts: {accounts}, strangers: {unconfirmed}}}\n{tenants}")
    return build(settings, addresses, SECRET).tenant("default")


def test_an_account_that_brings_facts_moves_to_the_confirmed_with_what_it_spent(addresses):
    """It is in one table: else it would be counted twice, and come back as it was."""
    engine = tenant(addresses)
    check(engine, account={"id": "a"}, request={"cost": 15})
    state = engine.state
    assert (len(state.unconfirmed), len(state.traffic)) == (1, 0)
    verdict = check(engine, account={"id": "a", "plan": "free"}, request={"cost": 3})
    assert verdict.limits[0].remaining == 2.0
    assert (len(state.unconfirmed), len(state.traffic)) == (0, 1)
    assert state.unconfirmed.get("a") is None
    assert check(engine, account={"id": "a"}).limits[0].remaining == 1.0
    assert (len(state.unconfirmed), len(state.traffic)) == (0, 1)


def test_where_the_confirmed_have_no_place_it_keeps_the_row_that_it_has(addresses):
    engine = small(addresses)
    for i in range(1000):
        check(engine, account={"id": f"early-{i}", "plan": "free"}, request={"cost": 20})
    check(engine, account={"id": "a"}, request={"cost": 15})
    assert check(engine, account={"id": "a", "plan": "free"}).limits[0].remaining == 4.0
    assert "a" in engine.state.unconfirmed
    assert "a" not in engine.state.traffic


def test_an_account_with_facts_that_came_a_while_ago_stays_through_a_flood_of_others(addresses):
    engine = small(addresses)
    for later in (0.0, 60.0):
        check(engine, NOW + later, account={"id": "early", "plan": "free"})
    check(engine, NOW + 60, account={"id": "late", "plan": "free"})
    for i in range(3000):
        check(engine, NOW + 120 + i / 100, account={"id": f"made-up-{i}", "plan": "free"})
    assert engine.state.row("early") is not None
    assert engine.state.row("late") is None


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"account": {"id": "a", "key": "k"}, "client": {"ip": "11.0.0.1"}}, "a"),
        ({"client": {"ip": "11.0.0.1"}}, "ip:11.0.0.1"),
        ({"client": {"ip": "2a01:100::1"}}, "ip:2a01:100::/64"),
        ({"account": {"key": "pushed"}}, "owner"),
    ],
)
def test_the_name_is_that_of_the_id_then_the_key_then_the_address(addresses, body, name):
    engine = tenant(addresses)
    push(engine, "owner", plan="free", keys=["pushed"])
    assert who(engine, addresses, **body).name == name


def test_a_key_that_nobody_owns_is_an_unconfirmed_account_of_its_own(addresses):
    engine = tenant(addresses)
    one, again, other = (who(engine, addresses, account={"key": key}) for key in ("k", "k", "l"))
    assert one.name.startswith("key:")
    assert one.row is again.row is not other.row
    assert not one.confirmed


@pytest.mark.parametrize(("body", "pointer"), [({}, "/account"), ({"client": {"ip": "odd"}}, "/client/ip")])
def test_nobody_is_an_error_that_names_what_is_missing(addresses, body, pointer):
    with pytest.raises(Invalid) as found:
        who(tenant(addresses), addresses, **body)
    assert found.value.pointer == pointer


def test_who_is_confirmed(addresses):
    """Pushed, with a fact in the check or before, or with an outcome; an address alone is not."""
    engine = tenant(addresses)
    push(engine, "pushed", plan="free")
    report(engine, "judged", "good")
    confirmed = {
        "pushed": who(engine, addresses, account={"id": "pushed"}).confirmed,
        "judged": who(engine, addresses, account={"id": "judged"}).confirmed,
        "told": who(engine, addresses, account={"id": "told", "verified": []}).confirmed,
        "told before": who(engine, addresses, account={"id": "told"}).confirmed,
        "address": who(engine, addresses, client={"ip": "11.0.0.1"}).confirmed,
        "id": who(engine, addresses, account={"id": "new"}).confirmed,
    }
    assert confirmed == {**dict.fromkeys(confirmed, True), "address": False, "id": False}


def test_an_actor_that_is_an_address_is_no_account():
    assert [account_of(name) for name in ("a", "key:5f", "ip:11.0.0.1", "ipx")] == ["a", "key:5f", None, "ipx"]


def test_an_account_that_sleeps_is_woken_with_all_that_is_known_of_it(addresses):
    engine = tenant(addresses)
    for crowd in ("known", "met"):
        row = Row(days=3, facts=Facts(plan="paid"))
        engine.state.lay_to_sleep({crowd: b""}, int(crowd == "met"), 0, lambda _, kept=(crowd, row): kept)
        found = who(engine, addresses, account={"id": crowd})
        assert (found.row, found.confirmed) == (row, True)
    assert who(engine, addresses, account={"id": "known"}).facts.plan == "paid"


def test_facts_of_the_check_fill_what_was_not_pushed(addresses):
    engine = tenant(addresses)
    push(engine, "a", plan="paid")
    found = who(engine, addresses, account={"id": "a", "plan": "free", **PAYER})
    assert (found.facts.plan, found.payer, found.proven) == ("paid", True, False)
    assert who(engine, addresses, account={"id": "a"}).payer is False


def test_standing_is_by_the_standards_of_the_revision_that_judges(addresses):
    engine = tenant(addresses)
    push(engine, "a", **PROVEN)
    found = who(engine, addresses, account={"id": "a"})
    assert (found.payer, found.proven) == (True, True)
    dearer = judged_by(found, Standards(payer_usd=1000.0), NOW)
    assert (dearer.payer, dearer.proven) == (False, False)
    assert (dearer.name, dearer.row, dearer.facts, dearer.confirmed) == (found.name, found.row, found.facts, True)


def test_steady_use_is_counted_on_the_row(addresses):
    engine = tenant(addresses)
    old = {"created_at": NOW - 500 * DAY, "plan": "free"}
    for day in range(10):
        assert not who(engine, addresses, NOW + day * DAY, account={"id": "a", **old}).proven
        check(engine, NOW + day * DAY, account={"id": "a", **old})
    assert who(engine, addresses, NOW + 10 * DAY, account={"id": "a", **old}).proven


def test_newcomers_without_a_place_share_by_the_network_of_their_address(addresses):
    """A /24 each here; who comes without any address shares with those."""
    engine = small(addresses)
    for i in range(100):
        check(engine, account={"key": f"made-up-{i}"})
    rows = [
        who(engine, addresses, account={"key": f"late {ip}"}, **({"client": {"ip": ip}} if ip else {})).row
        for ip in ("11.0.0.1", "11.0.0.200", "11.0.1.1", None, None, "odd")
    ]
    assert rows[0] is rows[1] is not rows[2]
    assert rows[3] is rows[4] is rows[5] is not rows[0]
    assert all(row.shared for row in rows)


def test_a_credential_is_its_first_known_owner_s_alone():
    """`user:password` is looked up only where the user alone is unknown; unknown ones count where none is known."""

    def credentials(*pairs):
        return Account(credentials=tuple(Credential(key, full) for key, full in pairs))

    owners = {of_text("user", SECRET): "by user", of_text("u:p", SECRET): "by both"}
    assert presented(credentials(("user", "u:p")), owners, SECRET) == ["by user"]
    assert presented(credentials(("other", "u:p")), owners, SECRET) == ["by both"]
    assert presented(credentials(("other", "u:p"), ("user", None)), owners, SECRET) == ["by both", "by user"]
    assert presented(credentials(("other", None), ("user", None)), owners, SECRET) == ["by user"]
    unknown = presented(credentials(("one", "one:two"), ("three", None)), owners, SECRET)
    assert unknown == ["key:" + printed(of_text(key, SECRET)) for key in ("one", "three")]
    assert names_of(credentials(("user", None)), None, owners, SECRET) == ["by user"]


def test_a_plan_that_no_setting_knows_is_counted_and_no_other(addresses):
    engine = tenant(addresses)
    for plan in ("free", "paid", "pro", None):
        who(engine, addresses, account={"id": "a", "verified": [], **({"plan": plan} if plan else {})})
    assert list(engine.state.unknown_plans.names) == ["pro"]
