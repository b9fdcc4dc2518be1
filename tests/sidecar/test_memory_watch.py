"""Near the bound of memory tables keep their size: newcomers share rows, and accounts that are there go on."""

import msgspec
import pytest
from small_engine import NOW, check, limiter

from reputation.config.file import DEFAULT
from reputation.engine.notes import MOST_BYTES
from reputation.sidecar.memory_watch import IN_BETWEEN, MemoryWatch, resident
from reputation.wire.errors import ConfigError

BOUND = DEFAULT.memory.sidecar
STOP = BOUND - MOST_BYTES - DEFAULT.http.buffered - IN_BETWEEN


class Log:
    def __init__(self):
        self.lines = []

    def warning(self, event, **_):
        self.lines.append(event)

    info = warning


def ask(engines, number, facts=None):
    who = {"id": f"a{number}", **(facts or {})} if facts else {"key": f"made-up-{number}"}
    return check(engines, NOW, account=who, client={"ip": f"11.0.{number}.1"})


def test_tables_stop_growing_at_the_bound_and_grow_again_below_it(addresses):
    """Both of them: made-up keys, and accounts of which a check carried facts."""
    engines, log, used = limiter(addresses), Log(), STOP - 1
    watch = MemoryWatch(engines, DEFAULT, log, lambda: used)
    state = engines.tenant("default").state

    def ask_both(number):
        ask(engines, number)
        return ask(engines, number, {"plan": "free", "email_domain": "x.example"})

    for number in range(10):
        watch.look()
        ask_both(number)
    used = STOP
    watch.look()
    for number in range(10, 20):
        ask_both(number)
        watch.look()
    assert (len(state.traffic), len(state.unconfirmed)) == (10, 10)
    assert state.traffic.crowded + state.unconfirmed.crowded == 20
    used = int(STOP * 0.96)
    watch.look()
    assert watch.full
    used = int(STOP * 0.94)
    watch.look()
    ask_both(20)
    assert (len(state.traffic), len(state.unconfirmed)) == (11, 11)
    assert log.lines == ["memory_full", "memory_has_room"]


def test_the_bound_is_a_metric_and_leaves_room_for_what_fills_up_in_a_moment(addresses):
    small = msgspec.structs.replace(DEFAULT, memory=msgspec.structs.replace(DEFAULT.memory, sidecar=536_870_912))
    watch = MemoryWatch(limiter(addresses), small, Log(), lambda: 250_000_000)
    watch.look()
    figures = {metric.name: metric.samples[0].value for metric in watch.metrics()}
    assert figures == {"headcount_memory_bound_bytes": 536_870_912.0, "headcount_memory_full": 1.0}
    assert resident() > 1_000_000


def test_a_bound_that_leaves_nothing_for_accounts_is_an_error_with_the_least(addresses):
    small = msgspec.structs.replace(DEFAULT, memory=msgspec.structs.replace(DEFAULT.memory, sidecar=536_870_912))
    crowded = msgspec.structs.replace(small, http=msgspec.structs.replace(DEFAULT.http, buffered=1 << 30))
    with pytest.raises(ConfigError, match="at least 1344 MiB"):
        MemoryWatch(limiter(addresses), crowded, Log())
