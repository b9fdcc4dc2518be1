"""Who may be lifted by an appeal."""

import pytest
from small_engine import CAUGHT, DAY, NOW, check, report, tenant

from reputation.engine.exceptions import Allow
from reputation.hydra.links import Cluster, Links
from reputation.tuning.appeals import PERIOD, Appeal, AppealBody, check_appeal, lift_of, taken_back
from reputation.tuning.labels import Label, stands
from reputation.wire.errors import Conflict, Invalid


@pytest.fixture
def stopped(addresses):
    """A verdict that denied account a, in a cluster."""
    engine = tenant(addresses)
    for _ in range(2):
        report(engine, "a", "abuse")
    cluster = Cluster("h-1", NOW, 9, 0.9, ("net",), "restricted", (), 10.0, 1.0)
    engine.links = Links(NOW, {"a": ("h-1", 0.9)}, {"h-1": cluster}, 10.0)
    return check(engine, account={"id": "a", **CAUGHT})


def earlier(account, at):
    return Appeal("1", account, "v", None, "r", "ann", at, at + DAY, "x")


def test_a_member_of_a_cluster_only_after_somebody_looked(stopped):
    with pytest.raises(Conflict, match="h-1"):
        check_appeal("a", stopped, AppealBody("v", "r"), [], NOW)
    assert check_appeal("a", stopped, AppealBody("v", "r", reviewed=True), [], NOW) == "a"


def test_once_a_period_and_of_an_account_alone(stopped):
    body = AppealBody("v", "r", reviewed=True)
    with pytest.raises(Conflict, match=r"1\.0 days"):
        check_appeal("a", stopped, body, [earlier("a", NOW - PERIOD + DAY)], NOW)
    assert check_appeal("a", stopped, body, [earlier("a", NOW - PERIOD), earlier("b", NOW)], NOW) == "a"
    with pytest.raises(Invalid, match="no account"):
        check_appeal(None, stopped, body, [], NOW)


def test_a_lift_is_an_exception_within_the_accounts_limits():
    lift = lift_of("a", AppealBody("v", "x" * 1024))
    assert (lift.kind, lift.value, lift.within_limits, len(lift.reason)) == ("account", "a", True, 1024)


@pytest.mark.parametrize(
    ("known", "new", "takes_its_place"),
    [
        (None, "outcome", True),
        ("outcome", "stripe", True),
        ("outcome", "person", True),
        ("person", "outcome", False),
        ("appeal", "stripe", False),
        ("person", "appeal", True),
    ],
)
def test_a_persons_word_stands_above_a_programs(known, new, takes_its_place):
    before = None if known is None else Label("a", "good", known, "ann", NOW)
    assert stands(before, Label("a", "abuse", new, "bob", NOW)) is takes_its_place


def test_a_lift_that_was_taken_back_is_not_the_one_of_its_period(stopped):
    body, first = AppealBody("v", "r", reviewed=True), earlier("a", NOW - DAY / 2)
    with pytest.raises(Conflict, match="headcount allow remove x"):
        check_appeal("a", stopped, body, [first], NOW)
    lift = Allow("x", "account", "a", "r", "ann", NOW, NOW + DAY, within_limits=True)
    assert check_appeal("a", stopped, body, [taken_back([first], lift, NOW)], NOW) == "a"
    assert taken_back([], lift, NOW) is None
