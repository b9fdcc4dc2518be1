"""What comes soon after a stop is counted against the time that lies soon after one."""

import math

import numpy as np
import pytest

from benchmarks.hydra.after_stops import main, shares


def test_requests_soon_after_a_stop_are_counted_and_so_is_the_time():
    stops, requests = np.array([100.0, 150.0, 500.0]), np.array([50.0, 160.0, 300.0, 520.0, 900.0])
    assert shares(stops, requests, 1000.0, 100.0) == pytest.approx((2 / 4, (50 + 100 + 100) / 900))


def test_without_stops_there_is_nothing_to_say():
    assert all(math.isnan(share) for share in shares(np.zeros(0), np.array([1.0]), 10.0, 5.0))


def test_an_unknown_world_is_an_error():
    with pytest.raises(Exception, match="no world"):
        main(["L99"])
