"""The search for bytes that the HTTP/2 session cannot bear, a little of it at every run of the tests."""

import random
from collections import Counter

from benchmarks.fuzz_http2 import one, stream_of


def test_three_hundred_streams_of_a_known_seed_are_borne() -> None:
    """`make fuzz` goes on for as long as one likes."""
    dice, counts = random.Random(7), Counter[str]()
    for _ in range(300):
        one(dice, stream_of(dice), counts)
    assert counts["messages"] > 50
    assert {"no fault", "a header block is interrupted", "a frame is larger than the settings allow"} <= set(counts)
