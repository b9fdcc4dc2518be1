"""The comparison: its table from known samples, and one short turn of every server."""

import argparse

from benchmarks.http_check import cores, measure, summary
from benchmarks.http_load import Sample
from benchmarks.http_servers import NEW_HEADS, SERVERS


def test_ratios_are_taken_in_each_round() -> None:
    """A machine that gets slower from round to round does not change the ratios."""
    rounds = [
        {
            "aiohttp": Sample(speed, 40.0, 2.0),
            "httptools": Sample(5 * speed, 8.0, 1.0),
            "listener": Sample(4 * speed, 10, 1),
        }
        for speed in (100.0, 50.0, 10.0)
    ]
    rows = summary(["aiohttp", "httptools", "listener"], rounds)
    assert [row["rate"] for row in rows] == [50, 250, 200]
    assert [row["of_aiohttp"] for row in rows] == [1.0, 5.0, 4.0]
    assert [row["of_httptools"] for row in rows] == [0.2, 1.0, 0.8]


def test_every_server_answers() -> None:
    """Each server starts, answers every check with 200 and is measured; a wrong answer would end the run."""
    names = [*SERVERS, NEW_HEADS]
    options = argparse.Namespace(rounds=1, seconds=0.1, connections=2, cores=cores(), sidecar="")
    (only,) = measure(names, options)
    assert only.keys() == set(names)
    assert all(sample.rate > 0 for sample in only.values())
