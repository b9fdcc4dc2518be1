"""Sign-up facts: in one view alone, honest people's from where they live, heads' from where theirs come."""

from collections import Counter
from functools import cache

import msgspec
import pytest

from benchmarks.hydra import closed_loop, networks
from benchmarks.hydra.attackers import LADDER, STRATEGIES, attacker
from benchmarks.hydra.baselines import per_account
from benchmarks.hydra.clock import DAY, START
from benchmarks.hydra.populations import LOOKALIKES
from benchmarks.hydra.signups import WAYS
from benchmarks.hydra.world import Spec, make, stream
from reputation.wire.messages import AccountFacts, Request, wire_type

FULL = Spec(honest=300, heads=48, levels=("L3",), days=2, populations=tuple(LOOKALIKES))
ORIGIN = msgspec.structs.replace(FULL, view="origin")


@cache
def read(spec):
    return [line for _, line in stream(make(spec))]


@cache
def heads(level, **changes):
    world = make(Spec(honest=60, heads=48, levels=(level,), days=2, view="origin", **changes))
    return world.hydra.accounts


@cache
def people():
    return [account for account in make(ORIGIN).accounts if account.label == "honest"]


def checks(spec):
    return [line for line in read(spec) if '"kind"' not in line]


def pushed(spec):
    return [msgspec.json.decode(line) for line in read(spec) if '"kind"' in line]


def test_checks_are_the_same_with_sign_up_facts_and_without_and_account_lines_only_gain():
    assert checks(ORIGIN) == checks(FULL)
    for shown, plain in zip(pushed(ORIGIN), pushed(FULL), strict=True):
        assert shown.pop("email_domain")
        assert shown.pop("signup")["at"] == shown["created_at"]
        assert shown["payment"].pop("settled_30d_usd") >= 0
        assert shown == plain


@pytest.mark.parametrize("level", [*LADDER, *STRATEGIES])
def test_every_line_is_one_that_the_contract_knows(level):
    accounts, requests = (msgspec.json.Decoder(shape, dec_hook=wire_type) for shape in (AccountFacts, Request))
    lines = [line for _, line in stream(make(Spec(honest=200, heads=20, levels=(level,), days=1, view="origin")))]
    assert all(accounts.decode(line).signup.ip for line in lines if '"kind"' in line)
    assert all(requests.decode(line).client.ip for line in lines if '"kind"' not in line)


def test_the_same_seed_gives_the_same_sign_ups():
    assert read(ORIGIN) == [line for _, line in stream(make(ORIGIN))]


def test_honest_mail_is_mixed_and_members_of_one_company_share_its_domain():
    kinds = Counter(account.facts["signup"]["email_kind"] for account in people())
    assert {"free", "business", "education"} <= set(kinds)
    assert kinds["disposable"] < 0.02 * kinds.total()
    seats = Counter(a.facts["email_domain"] for a in people() if a.klass == "arrears")
    assert seats.most_common(1)[0][1] > 0.9 * seats.total()
    loners = Counter(a.facts["email_domain"] for a in people() if a.klass == "home")
    assert len(loners) > 10


def test_honest_people_sign_up_in_a_browser_and_owners_of_servers_not_from_the_server():
    for account in people():
        if account.klass in {"server", "ci", "sdk_servers"}:
            found = networks.holder(account.facts["signup"]["ip"])
            assert found is None or found.kind != "hosting"
            assert account.facts["signup"]["user_agent"].startswith("Mozilla/")


def test_the_time_to_the_first_request_is_known_of_accounts_older_than_the_world_alone():
    for account in people():
        known = account.facts["signup"].get("seconds_to_first_request")
        assert (known is not None) == (account.created < START - DAY)
        assert known is None or known < START - account.created


@pytest.mark.parametrize("level", ["rooms_of_30", "paid_unsettled"])
def test_a_farm_signs_up_25_heads_from_one_rented_address_with_one_browser(level):
    addresses = Counter(account.facts["signup"]["ip"] for account in heads(level))
    assert sorted(addresses.values()) == [23, 25]
    assert all(networks.holder(address).kind == "hosting" for address in addresses)
    assert len({account.facts["signup"]["user_agent"] for account in heads(level)}) == 1


def test_a_pool_signs_up_from_many_exits_with_one_browser_and_mostly_free_mail():
    found = [account.facts["signup"] for account in heads("cardless_home")]
    assert len({signup["ip"] for signup in found}) > 40
    assert len({signup["user_agent"] for signup in found}) == 1
    assert 0.5 < sum(signup["email_kind"] == "free" for signup in found) / 48 < 0.95


def test_a_script_signs_up_from_where_it_sends():
    assert len({account.facts["signup"]["ip"] for account in heads("L0")}) == 1
    assert {account.facts["signup"]["user_agent"] for account in heads("L0")} == {"python-requests/2.32.5"}


def test_bought_heads_were_signed_up_by_people_apart_from_each_other():
    found = [account.facts["signup"] for account in heads("L5")]
    assert len({signup["ip"] for signup in found}) == 48
    assert len({signup["user_agent"] for signup in found}) > 4
    assert all(signup["seconds_to_first_request"] > 0 for signup in found)


def test_members_of_a_verified_organisation_have_its_mail():
    assert len({account.facts["email_domain"] for account in heads("verified_domain")}) == 1


def test_groups_sign_up_apart():
    found = heads("groups_of_eight")
    groups = [{a.facts["signup"]["ip"] for a in found[first : first + 8]} for first in range(0, 48, 8)]
    assert all(len(group) == 1 for group in groups)
    assert len(set.union(*groups)) == 6


def test_every_row_signs_up_in_a_way_that_there_is():
    assert {row.signs_up for row in (LADDER | STRATEGIES).values()} | {"former"} == set(WAYS)


def test_replacements_of_a_hydra_that_reacts_have_sign_up_facts_of_the_time_they_came():
    lines = []
    limit = per_account(1)

    def engine(line):
        lines.append(line)
        return limit(line)

    spec = Spec(honest=30, heads=10, levels=("cardless_home",), days=3, daily=60.0, view="origin")
    reaction = msgspec.structs.replace(closed_loop.REACTIONS["replace"], rest=1.0, replace_after=2)
    closed_loop.run(make(spec), engine, reaction)
    known = {account.id for account in make(spec).accounts}
    fresh = [line for line in lines if line.get("kind") == "account" and line["id"] not in known]
    assert fresh
    assert all(line["signup"]["at"] == line["created_at"] <= line["at"] for line in fresh)
    assert attacker("cardless_home").signs_up == "pool"
