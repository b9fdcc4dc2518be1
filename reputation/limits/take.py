"""One verdict, several buckets: taken all or none. Pure arithmetic over buckets, the clock is an argument."""

import math
from collections.abc import Hashable, Sequence
from typing import Final

from reputation.limits.bucket import NEVER, Bucket, retry_after, settled, spend
from reputation.limits.reservations import Reserve, ReservedCharges, Settlement
from reputation.wire.messages import BindingLimit, LimitState, Scope


class Charge:
    """A bucket of a verdict, and its name in the answer.

    key names the bucket in every store, such as `("burst", "acct_42")`; bucket is this process's copy of it.
    """

    __slots__ = ("bucket", "key", "name", "scope")

    def __init__(self, name: str, scope: Scope, key: tuple[Hashable, ...], bucket: Bucket) -> None:
        self.name: Final = name
        self.scope: Final = scope
        self.key: Final = key
        self.bucket: Final = bucket


ALL: Final = 1000
"""More draws than any ask has."""
Draw = Sequence[Charge]
"""Buckets that are drawn on together."""


class Ask:
    """One atomic step of a check: settle earlier leases, take `cost` from the first sufficient draw, lease more.

    want: most tokens of a lease beyond the cost, 0 for none; share: most of the least remaining that one lease takes.
    reserve: what the lease is settled by, or without a lease the cost itself, which is then a hold; None: neither.
    settlements: leases of earlier checks and what was used of them. token: the same for every try of the same take,
    so that a store across a network does not charge twice. roomy: how many of the first draws may lease more than one
    token; what is drawn from another is shared by many, so a lease of it has one.
    """

    __slots__ = ("cost", "draws", "reserve", "roomy", "settlements", "share", "token", "want")

    def __init__(
        self, draws: Sequence[Draw], cost: float, want: int = 0, share: float = 0.0, reserve: Reserve | None = None,
        settlements: tuple[Settlement, ...] = (), token: str = "",
    ) -> None:  # fmt: skip
        self.draws: Final = draws
        self.cost: Final = cost
        self.want: Final = want
        self.share: Final = share
        self.reserve: Final = reserve
        self.settlements: Final = settlements
        self.token: Final = token
        self.roomy = ALL

    def sharing(self, roomy: int) -> "Ask":
        """Let only so many of the first draws lease more than one token."""
        self.roomy = roomy
        return self


class Taken:
    """The result of a take from `draw`. `wait` is 0 if it was granted; `binding` is the index of the tightest bucket.

    states are those after the cost and before the lease, whose tokens are the account's until they are used.
    granted: tokens of the lease, beyond the cost; 0 if there is none.
    """

    __slots__ = ("binding", "draw", "granted", "states", "wait")

    def __init__(self, wait: float, binding: int, states: tuple[LimitState, ...], draw: Draw, granted: int = 0) -> None:
        self.wait: Final = wait
        self.binding: Final = binding
        self.states: Final = states
        self.draw: Final = draw
        self.granted: Final = granted

    @property
    def never(self) -> bool:
        """Whether no waiting makes the cost fit."""
        return self.wait == NEVER


def take(ask: Ask, reserved: ReservedCharges, now: float) -> Taken:
    """Carry out one ask on this process's own buckets."""
    for settlement in ask.settlements:
        reserved.leases.settle(settlement.id, settlement.used, now, debt=False, holders=settlement.holders)
    taken = take_first(ask.draws, ask.cost, now)
    if taken.wait or ask.reserve is None:
        return taken
    buckets, keys = [charge.bucket for charge in taken.draw], [charge.key for charge in taken.draw]
    if not ask.want:
        reserved.holds.open(ask.reserve, buckets, ask.cost, now, keys)
        return taken
    want = ask.want if taken.draw in ask.draws[: ask.roomy] else 1
    granted = lease_size(min(state.remaining for state in taken.states), ask.share, want)
    if not granted or not reserved.leases.open(ask.reserve, buckets, granted, now, keys):
        return taken
    for bucket in buckets:
        spend(bucket, granted, now)
    return Taken(taken.wait, taken.binding, taken.states, taken.draw, granted)


class AskGroup:
    """Asks of one request in the names of several accounts: all of them take, or none does.

    stopped: the request does not pass whatever its buckets hold, so they are only looked at.
    """

    __slots__ = ("asks", "stopped")

    def __init__(self, asks: Sequence[Ask], *, stopped: bool) -> None:
        self.asks: Final = asks
        self.stopped: Final = stopped


class TakenAll:
    """The result of a group, each ask's part in order; unless it `passed`, nothing was taken."""

    __slots__ = ("passed", "taken")

    def __init__(self, taken: list[Taken], *, passed: bool) -> None:
        self.taken: Final = taken
        self.passed: Final = passed


def take_group(group: AskGroup, reserved: ReservedCharges, now: float) -> TakenAll:
    """Carry out a group on this process's own buckets; its asks may hold, and lease nothing."""
    for settlement in [settlement for ask in group.asks for settlement in ask.settlements]:
        reserved.leases.settle(settlement.id, settlement.used, now, debt=False, holders=settlement.holders)
    found = take_all(group, now)
    if found.passed:
        for ask, taken in zip(group.asks, found.taken, strict=True):
            if ask.reserve is not None:
                buckets, keys = [charge.bucket for charge in taken.draw], [charge.key for charge in taken.draw]
                reserved.holds.open(ask.reserve, buckets, ask.cost, now, keys)
    return found


def take_all(group: AskGroup, now: float) -> TakenAll:
    """Take each ask's cost, or nothing at all. Asks of cost 0 see the buckets before the other asks take."""
    asks = group.asks
    charges = [charge for ask in asks for draw in ask.draws for charge in draw]
    before = [(charge.bucket, charge.bucket.tokens, min(charge.bucket.at, now)) for charge in charges]
    found: dict[int, Taken] = {}
    passed = not group.stopped
    for i in sorted(range(len(asks)), key=lambda i: asks[i].cost > 0):
        found[i] = take_first(asks[i].draws, asks[i].cost, now)
        passed = passed and not refused(found[i], asks[i].cost)
    if not passed:
        _put_back(before)
        for i, taken in found.items():
            if not taken.wait:  # how things stand now that nothing was taken; an ask that did not hold has its wait
                found[i] = take_first(asks[i].draws, 0.0, now)
        _put_back(before)
    return TakenAll([found[i] for i in range(len(asks))], passed=passed)


def _put_back(before: Sequence[tuple[Bucket, float, float]]) -> None:
    for bucket, tokens, at in before:
        bucket.tokens, bucket.at = tokens, at


def refused(taken: Taken, cost: float) -> bool:
    """Whether this take stops its request: it has to wait, or it only looked, and one unit would have to."""
    return taken.wait > 0 or (cost == 0 and any(state.remaining < 1 for state in taken.states))


def lease_size(least: float, share: float, want: int) -> int:
    """Tokens of a lease where the tightest bucket holds `least`: a share of it, 1 near the limit, 0 at it."""
    if least < 1.0:
        return 0
    return min(want, max(1, math.floor(least * share)))


def take_first(draws: Sequence[Draw], cost: float, now: float) -> Taken:
    """Take `cost` from the first draw with enough tokens; without one, name the draw with the shortest wait.

    A payer's floor and its cluster's purse are such alternatives.
    """
    for draw in draws:
        if holds(draw, cost, now):
            return granted(draw, cost, now)
    return denied(draws, cost, now)


def denied(draws: Sequence[Draw], cost: float, now: float) -> Taken:
    """Answer for draws of which none holds `cost`: the one with the shortest wait, and the first of such."""
    soonest = _denied(draws[0], cost, now)
    for draw in draws[1:]:
        other = _denied(draw, cost, now)
        if other.wait < soonest.wait:
            soonest = other
    return soonest


def holds(draw: Draw, cost: float, now: float) -> bool:
    """Whether every bucket holds `cost`."""
    for charge in draw:  # noqa: SIM110 - a generator costs more than the whole take
        if settled(charge.bucket, now) < cost:
            return False
    return True


def granted(draw: Draw, cost: float, now: float) -> Taken:
    """Take `cost` from a draw that holds it."""
    binding, least = 0, 2.0
    states: list[LimitState] = []
    for charge in draw:
        bucket = charge.bucket
        remaining = spend(bucket, cost, now)
        limit = bucket.limit
        burst = limit.burst
        if remaining < least * burst:
            binding, least = len(states), remaining / burst
        states.append(LimitState(charge.name, limit.rate, burst, remaining, charge.scope))
    return Taken(0.0, binding, tuple(states), draw)


def _denied(draw: Draw, cost: float, now: float) -> Taken:
    wait, binding = 0.0, 0
    states: list[LimitState] = []
    for charge in draw:
        bucket = charge.bucket
        limit, held = bucket.limit, settled(bucket, now)
        if held < cost and (lack := retry_after(bucket, cost, now)) > wait:
            wait, binding = lack, len(states)
        states.append(LimitState(charge.name, limit.rate, limit.burst, held, charge.scope))
    return Taken(wait, binding, tuple(states), draw)


def binding_limit(unit: str, state: LimitState) -> BindingLimit:
    """Return the binding limit, as the answer's `limit`."""
    return BindingLimit(unit, state.rate, state.burst, state.remaining, state.scope)
