"""Senders that are at work in some spans of time only: jobs of a dispatcher, the time around an outage, events."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from msgspec.structs import replace as changed

from benchmarks.hydra.clock import DAY, HOUR, START
from benchmarks.hydra.model import Population, Sender

Rng = np.random.Generator
Span = tuple[float, float]
JOB_TAKES = (HOUR / 3, 1.5 * HOUR)


def within(sender: Sender, spans: Iterable[Span], faster: float = 1.0) -> Iterator[Sender]:
    """The sender in each of these spans in which it is there; its requests come so much faster."""
    load = changed(sender.load, daily=sender.load.daily * faster)
    for begin, end in spans:
        begins, ends = max(begin, sender.start), min(end, sender.end)
        if begins < ends:
            yield replace(sender, start=begins, end=ends, load=load)


def jobs(rng: Rng, a_day: float, days: float) -> list[Span]:
    """Spans of work in a queue: they come at any time of the day, take 20 to 90 minutes, and leave pauses."""
    spans, at = [], START
    takes = sum(JOB_TAKES) / 2
    while (at := at + float(rng.exponential(DAY / a_day - takes))) < START + days * DAY:
        spans.append((at, at := at + float(rng.uniform(*JOB_TAKES))))
    return spans


def dispatched(made: Population, a_day: float, seed: int, days: float) -> Population:
    """The same heads, with as much to do: their own work is handed out in jobs, so all begin and pause together."""
    spans = jobs(np.random.default_rng([seed, 8]), a_day, days)
    faster = DAY / (a_day * sum(JOB_TAKES) / 2)
    return Population(made.accounts, list(_work(made.senders, spans, faster)))


def _work(senders: Sequence[Sender], spans: Sequence[Span], faster: float) -> Iterator[Sender]:
    for sender in senders:
        if sender.route or sender.shows:  # relayed users, and what is shown once, follow no queue
            yield sender
        else:
            yield from within(sender, spans, faster)
