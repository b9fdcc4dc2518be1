"""One line when newcomers begin to take too much together, and one when that is over."""

from msgspec import structs
from small_engine import NOW, limiter

from reputation.engine.metrics import together_metrics
from reputation.hydra.links import NOTHING, SharedValue, Together
from reputation.sidecar.surges import Surges

VALUE = SharedValue("mail", "an e-mail address at farm.example", 0.8, 0.012)
SURGE = structs.replace(NOTHING, together=Together(900.0, 950.0, 40, 0.1, 7, 2000.0, 600.0, 10.0, NOW, (VALUE,)))
QUIET = structs.replace(NOTHING, together=Together(90.0, 90.0, 4, None, 2, 2000.0, 600.0, 600.0))


class Log:
    """Lines that were logged."""

    def __init__(self):
        self.lines = []

    def warning(self, event, **words):
        self.lines.append((event, words))

    def info(self, event, **words):
        self.lines.append((event, words))


def test_a_surge_is_logged_once_with_what_newcomers_have_in_common(addresses):
    both, log = limiter(addresses, one={}, two={"newcomers": {"together": "cap"}}), Log()
    surges = Surges(both, log)
    surges.look()
    both.tenant("two").links = SURGE
    for _ in range(3):
        surges.look()
    ((event, words),) = log.lines
    assert (event, words["tenant"], words["together"], words["units"]) == ("newcomers_surge", "two", "cap", 900.0)
    assert words["common"] == ["an e-mail address at farm.example: 80% of them, 1.2% of others"]
    both.tenant("two").links = QUIET
    surges.look()
    assert [event for event, _ in log.lines] == ["newcomers_surge", "newcomers_surge_over"]


def test_a_tenant_that_came_back_is_logged_again(addresses):
    both, log = limiter(addresses, one={}, two={}), Log()
    surges = Surges(both, log)
    two = both.tenants["two"]
    two.links = SURGE
    surges.look()
    del both.tenants["two"]
    surges.look()
    both.tenants["two"] = two
    surges.look()
    assert [event for event, _ in log.lines] == ["newcomers_surge", "newcomers_surge"]


def test_the_metrics_have_no_figures_before_the_first_links():
    found = {one.name: one.samples for one in together_metrics([("a", NOTHING), ("b", SURGE), ("c", QUIET)])}
    assert [(one.labels["tenant"], one.value) for one in found["headcount_newcomers_surge"]] == [("b", 1.0), ("c", 0.0)]
    usual = [one.value for one in found["headcount_newcomers_usual_share"]]
    assert usual[0] == 0.1
    assert usual[1] != usual[1]
