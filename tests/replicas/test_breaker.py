"""The circuit breaker: open after a failure, closed after a probe, and no check waits in between."""

import pytest

from reputation.replicas.breaker import LONGEST_PAUSE, PAUSE, Breaker

NOW = 1_790_812_800.0


def test_a_failure_opens_it_once():
    """Several checks fail of one cause; the first of them tells."""
    breaker = Breaker()
    assert breaker.closed
    assert breaker.failed(NOW)
    assert not breaker.failed(NOW)
    assert not breaker.closed
    assert breaker.opened == 1


def test_one_probe_at_a_time_and_none_before_its_time():
    breaker = Breaker()
    breaker.failed(NOW)
    assert not breaker.may_probe(NOW + PAUSE * 0.9)
    assert breaker.may_probe(NOW + PAUSE * 1.1)
    assert not breaker.may_probe(NOW + PAUSE * 1.1)


def test_what_fails_while_a_probe_is_on_its_way_does_not_end_it():
    """Checks that were sent before it opened fail one after the other."""
    breaker = Breaker()
    breaker.failed(NOW)
    assert breaker.may_probe(NOW + 1)
    breaker.failed(NOW + 1)
    assert not breaker.may_probe(NOW + 2)


def test_failed_probes_come_rarer_up_to_a_bound():
    """Half a second at most, so that Redis is not away for longer than it is."""
    breaker, now, pauses = Breaker(), NOW, []
    breaker.failed(now)
    for _ in range(6):
        start = now
        while not breaker.may_probe(now):
            now += 0.001
        pauses.append(round(now - start, 2))
        breaker.probe_failed(now)
    assert pauses == pytest.approx([PAUSE, PAUSE * 2, PAUSE * 4, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE], abs=0.02)


def test_a_probe_that_succeeds_closes_it_and_forgets_the_pauses():
    breaker = Breaker()
    breaker.failed(NOW)
    assert breaker.may_probe(NOW + 1)
    breaker.succeeded()
    assert breaker.closed
    assert not breaker.may_probe(NOW + 2)
    breaker.failed(NOW + 2)
    assert breaker.may_probe(NOW + 2 + PAUSE * 1.1)


def test_a_clock_that_was_set_back_delays_no_probe():
    breaker = Breaker()
    breaker.failed(NOW)
    assert breaker.may_probe(NOW - 3600)
