"""The search for messages that Envoy's adapters cannot bear, a little of it at every run of the tests."""

import random

from benchmarks.fuzz_envoy import Subject, one


def test_a_thousand_messages_of_a_known_seed_are_borne() -> None:
    """`make fuzz` goes on for as long as one likes."""
    subject, dice = Subject(), random.Random(7)
    for _ in range(1000):
        one(subject, dice)
    assert {"Check 200", "Check 400", "ShouldRateLimit 200", "ShouldRateLimit 400", "reports taken"} <= set(
        subject.counts
    )
