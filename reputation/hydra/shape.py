"""Whether a group's use has the shape of people's use: uneven over its members, and with a sleep every day.

A dispatcher gives its heads even work around the clock. A class works evenly too, but all of it in the same few hours.
What is usual for people is learnt from proven accounts.
"""

import math
from typing import NamedTuple

import numpy as np

from reputation.hydra.columns import Floats

FEWEST_REQUESTS = 3
"""Requests from which on an account says something about the shape."""
FEWEST_MEMBERS = 5
"""Members that are needed to see a group's shape."""
FEWEST_PEOPLE = 20
"""Proven accounts that are needed to learn the shape of people."""
SHARE = 0.5
"""Part of the spread and of the sleep of proven accounts that a group must have. One company is more alike than all
customers are, and heads with equal work have next to none of either."""
LEAST_SPREAD = SHARE**2
"""Part of the spread of proven accounts that people in one place have: one school is more alike than one company."""
QUARTILES = 1.349
"""Distance of the quartiles of a normal distribution, in standard deviations."""
DOUBT = 2.0
"""Standard errors by which a group must be more even than people: the users of one feed, some dozen of hundreds that
were looked at, are more even by one."""
_HOURS = [turn(2 * np.pi * np.arange(24) / 24) for turn in (np.cos, np.sin)]


class Shape(NamedTuple):
    """spread: of members' logarithmic use, between the quartiles; sleep: 0 around the clock, 1 all in one hour.

    together: the sleep of all members' use as if it were one account's: those who work at different hours have little.
    at_most: the spread that use may have, two standard errors above the one that is seen.
    """

    spread: float
    sleep: float
    together: float
    at_most: float


def shape_of(by_hour: Floats, days: Floats, fewest: int, nights: float = 0.0) -> Shape | None:
    """Return the shape of accounts' use; None if fewer than so many made enough requests.

    by_hour: requests of each account in each hour of the day; days: for how long they were counted. What chance adds
    is subtracted from both figures, so that accounts with few requests look neither uneven nor asleep.
    nights: days from which on an account's hours say whether it sleeps; fewer such accounts have no shape either.
    """
    count = by_hour.sum(axis=1)
    enough = count >= FEWEST_REQUESTS
    by_hour, count, days = by_hour[enough], count[enough], days[enough]
    seen = by_hour[days >= nights]
    if len(seen) < fewest:
        return None
    sleep, together = float(np.mean(sleep_of(seen))), float(sleep_of(seen.sum(axis=0, keepdims=True))[0])
    daily = count / np.maximum(days, 1.0)
    return Shape(spread_of(daily, count), max(sleep, 0.0), max(together, 0.0), _at_most(daily, count))


def spread_of(daily: Floats, count: Floats) -> float:
    """Return the spread of so many requests a day, counted of so many requests, less what chance adds."""
    return _less(_seen(daily), count)


def surely_even(daily: Floats, count: Floats, usual: float) -> bool:
    """Whether use is more even than people's, whose spread is `usual`, also where few members show it."""
    return spread_of(daily, count) * _doubt(len(daily)) < SHARE * usual


def may_be_of_one_place(daily: Floats, count: Floats, usual: float) -> bool:
    """Whether use is not surely more even than that of people in one place, where people's spread is `usual`."""
    return _at_most(daily, count) > LEAST_SPREAD * usual


def _at_most(daily: Floats, count: Floats) -> float:
    """Return the spread that use may have, two standard errors above the one that is seen, chance included: of a few
    requests each no more can be said."""
    return _less(_seen(daily) * _doubt(len(daily)), count)


def _seen(daily: Floats) -> float:
    low, high = np.quantile(np.log(daily), [0.25, 0.75])
    return float(high - low)


def _less(spread: float, count: Floats) -> float:
    chance = QUARTILES**2 * float(np.mean(1.0 / count))
    return math.sqrt(max(spread**2 - chance, 0.0))


def _doubt(members: int) -> float:
    """Return the factor of two standard errors for the distance of the quartiles of so many values.

    Of n normal values it has a standard error of 1.166 / √n of its size: a quantile's variance is p (1 - p) / (n f²),
    where f is the density there.
    """
    return 1.0 + DOUBT * 1.166 / math.sqrt(members)


def sleep_of(by_hour: Floats) -> Floats:
    """Return the sleep of each account with two requests or more; chance alone gives 0 on average, or a little less."""
    count = by_hour.sum(axis=1)
    turned = [np.einsum("ij,j->i", by_hour, hours) for hours in _HOURS]  # a product of matrices would start threads
    together: Floats = (turned[0] ** 2 + turned[1] ** 2 - count) / (count * (count - 1.0))
    return together


def by_one_clock(group: Shape, people: Shape) -> bool:
    """Whether a group is like people, or sleeps as people do, at the same time, and is not surely more even than those
    of one place are."""
    if group.sleep <= SHARE * people.sleep:  # also where no people sleep, so that all groups look alike
        return False
    together = group.together >= SHARE * group.sleep and group.at_most > LEAST_SPREAD * people.spread
    return together or like_people(group, people)


def like_people(group: Shape, people: Shape) -> bool:
    """Whether a group is uneven enough and sleeps enough to be people, or is awake in the same few hours alone.

    Few: nearer to one hour a day than to the hours of a usual person. A dispatcher that keeps to them has little time.
    """
    uneven = group.spread >= SHARE * people.spread
    lesson = group.together >= (1.0 + people.sleep) / 2
    return group.sleep >= SHARE * people.sleep and (uneven or lesson)
