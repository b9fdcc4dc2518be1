"""Worlds of more than a week go on to their end: people stay, others join, bills come each month."""

from collections import Counter, defaultdict
from functools import cache

import msgspec

from benchmarks.hydra.clock import DAY, START, WEEK
from benchmarks.hydra.world import Spec, make, stream

LONG = Spec(honest=100, heads=10, levels=("L3",), days=45, populations=("course",))


@cache
def world():
    return make(LONG)


@cache
def read():
    return [msgspec.json.decode(line) for _, line in stream(world())]


def checks():
    return [line for line in read() if "kind" not in line]


def weeks(names):
    return {int((c["at"] - START) // WEEK) for c in checks() if c["account"]["id"] in names}


def test_everybody_goes_on_to_the_end():
    for population in (world().honest, world().beside, world().hydra):
        assert weeks({account.id for account in population.accounts}) == set(range(7))
    assert read()[-1]["at"] < START + 45 * DAY


def test_newcomers_keep_coming_and_send_from_their_sign_up_on():
    joined = Counter(int((a.created - START) // WEEK) for a in world().honest.accounts if a.created >= START)
    assert set(joined) == set(range(7))
    assert max(joined.values()) < 4 * min(joined.values())
    born = {account.id: account.created for account in world().accounts}
    assert all(c["at"] >= born[c["account"]["id"]] for c in checks())
    assert len(born) == len(world().accounts)


def test_the_load_of_an_account_is_ten_a_day_while_it_is_there():
    until = START + 45 * DAY
    there = sum(until - max(START, account.created) for account in world().honest.accounts) / DAY
    names = {account.id for account in world().honest.accounts}
    assert 7 < sum(c["account"]["id"] in names for c in checks()) / there < 13


def test_paying_accounts_are_billed_each_month_and_what_they_settled_grows_evenly():
    pushes = defaultdict(list)
    for line in read():
        if "kind" in line:
            pushes[line["id"]].append((line["at"], line["payment"]["settled_usd"]))
    assert {len(found) for found in pushes.values()} <= {1, 2, 3}
    for account in world().honest.accounts:
        (_, first), *bills = pushes[account.id]
        assert all(abs((at - account.created) / DAY % 30 - 15) > 14.99 for at, _ in bills)
        assert (first >= 20 and account.created < START + 14 * DAY) <= bool(bills)
        assert [first, *(paid for _, paid in bills)] == sorted({first, *(paid for _, paid in bills)})
