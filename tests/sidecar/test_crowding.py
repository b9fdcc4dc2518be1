"""One line when newcomers begin to share, and one when that is over, however long and often it happens."""

from small_engine import NOW, check, limiter

from reputation.sidecar.crowding import QUIET, Crowding, Surge
from reputation.state.tenant import TenantState


class Log:
    """Lines that were logged."""

    def __init__(self):
        self.lines = []

    def warning(self, event, **words):
        self.lines.append((event, words["tenant"], words["table"]))

    def info(self, event, **words):
        self.lines.append((event, words["tenant"], words["table"], words["shared"]))


def test_a_surge_begins_once_and_ends_once_it_has_been_quiet_for_a_minute():
    surge = Surge()
    assert surge.look(0, NOW) is None
    assert [surge.look(5, NOW), surge.look(9, NOW + 1), surge.look(9, NOW + 2)] == ["begins", None, None]
    assert (surge.look(9, NOW + 1 + QUIET - 0.001), surge.lasts) == (None, True)
    assert (surge.look(9, NOW + 1 + QUIET), surge.lasts, surge.shared) == ("ends", False, 9)
    assert (surge.look(9, NOW + 500), surge.look(10, NOW + 501), surge.shared) == (None, "begins", 1)


def test_a_flood_of_made_up_keys_is_told_of_by_tenant_and_table(addresses):
    both, log, now = limiter(addresses, one={}, two={}), Log(), NOW
    both.tenant("two").state.unconfirmed = TenantState(1000, 100).unconfirmed
    crowding = Crowding(both, log, lambda: now)
    for i in range(300):
        check(both, now, tenant="two", account={"key": f"made-up-{i}"}, client={"ip": "11.0.0.1"})
        crowding.look()
    figures = {metric.name: metric.samples[0].value for metric in crowding.metrics()}
    assert figures == {"headcount_crowded": 200.0, "headcount_crowded_tables": 1.0}
    now += QUIET
    crowding.look()
    assert log.lines == [("newcomers_share", "two", "strangers"), ("newcomers_have_places", "two", "strangers", 200)]
    assert {metric.name: metric.samples[0].value for metric in crowding.metrics()}["headcount_crowded_tables"] == 0.0


def test_a_tenant_that_is_gone_is_forgotten(addresses):
    both, log = limiter(addresses, one={}, two={}), Log()
    both.tenant("two").state.unconfirmed = TenantState(1000, 100).unconfirmed
    crowding = Crowding(both, log, lambda: NOW)
    for i in range(101):
        check(both, NOW, tenant="two", account={"key": f"made-up-{i}"})
    crowding.look()
    del both.tenants["two"]
    assert {metric.name: metric.samples[0].value for metric in crowding.metrics()}["headcount_crowded_tables"] == 0.0
