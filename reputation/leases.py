"""Leases: how large, to whom, and what the linker is told of requests that passed without a check.

Sizes follow two rules: a share of what the tightest bucket still holds (`charges.lease_size`), and not much more than
the key used lately, so that a key that came by once does not tie tokens up.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from reputation.charges import Ask, Draw
from reputation.errors import Invalid, NotFound
from reputation.events import Charged, Lease, LeaseReport, Request, Settle, Settled
from reputation.hydra.sightings import Sighting
from reputation.identity import Who
from reputation.reservations import Ahead, Reserve, Settlement
from reputation.tenants import LeaseSettings
from reputation.witness import Witness, sighting_of

GRACE = 10.0
"""Seconds after the end of a lease in which its gateway may still report what it used."""
LASTING = 64.0
"""Requests that a lease should serve before it ends: the dearest part of enforcing it, its check, is then rare."""
AHEAD = 2.0
"""A lease has so many times what its key should use until it ends: growth doubles, and waste is half."""
FIRST = 2
"""Tokens beside those, so that a key which begins need not ask about its every request."""
MOST_KEYS = 131_072
"""Keys of which recent use is remembered, and leases whose use can be told; 25 MB each when full."""
NO_HOLD = "no hold is open under this verdict: it never was, or it expired and stays charged as it was estimated"


class Pace:
    """How much each key used lately, fading over the longest lease's life; in a flood the oldest go."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def add(self, key: int, used: float, fade: float, now: float) -> None:
        total = self.lately(key, fade, now) + used
        self._used.pop(key, None)
        if len(self._used) >= self._most:
            del self._used[next(iter(self._used))]
        self._used[key] = (total, now)

    def lately(self, key: int, fade: float, now: float) -> float:
        """Say how much a key used within about `fade` seconds."""
        total, at = self._used.get(key, (0.0, now))
        return total * math.exp(-max(now - at, 0.0) / fade)


class Given:
    """A lease that is out: whose it is, how large, since when, and the sighting that its requests resemble."""

    __slots__ = ("at", "key", "pace", "sighting", "tokens")

    def __init__(self, key: int, pace: Pace, tokens: int, at: float, sighting: Sighting) -> None:
        self.key: Final = key
        self.pace: Final = pace
        self.tokens: Final = tokens
        self.at: Final = at
        self.sighting: Final = sighting


def key_of(who: Who, request: Request) -> int:
    """Return what stands for a leased key while the process lives: account, address and JA4 together."""
    return hash((who.name, request.client.ip, request.client.ja4))


class Terms(NamedTuple):
    """What a key's next lease may have at most: tokens, and seconds to use them in."""

    tokens: int
    ttl: float


class Leases:
    """One tenant's leases and holds as its checks see them; `ahead` has the tokens.

    tokens and used count what was leased, and what gateways said they used of it.
    """

    def __init__(self, witness: Witness, most: int = MOST_KEYS) -> None:
        self.ahead = Ahead()
        self.tokens = 0
        self.used = 0
        self._witness = witness
        self._most = most
        self._confirmed = Pace(most)
        self._strangers = Pace(most // 16)
        self._out: OrderedDict[str, Given] = OrderedDict()

    def ask(
        self, who: Who, request: Request, draws: Sequence[Draw], settings: LeaseSettings, id_: str, now: float,
        *, stopped: bool,
    ) -> Ask:  # fmt: skip
        """Say what a check takes and leases, once it was heard what became of the leases before.

        stopped: whatever its limits hold, this check does not pass, so there is no lease.
        """
        self.hear(request.leases, settings, now)
        call, want, reserve = request.request, 0, None
        if request.lease and not call.hold and not stopped:
            self._pace(who).add(key_of(who, request), 1.0, settings.longest, now)
            want, ttl = self.terms(who, request, settings, now)
            reserve = Reserve(id_, now + ttl + GRACE) if want else None
        elif call.hold:
            reserve = Reserve(id_, now + settings.hold)
        settlements = tuple([Settlement(report.id, report.used) for report in request.leases])
        return Ask(draws, call.cost, want, settings.share, reserve, settlements, id_)

    def terms(self, who: Who, request: Request, settings: LeaseSettings, now: float) -> Terms:
        """Say how large and long a key's lease should be, by how much it used lately.

        A busy key's lease is short, so that links and facts reach it soon; a slow key's lasts for a few requests at
        least. An unconfirmed account, perhaps a made-up key, has short ones alone, and none at first sight: a flood of
        them would carry an address's whole budget away. They are remembered apart, so that they push nobody else out.
        """
        lately = self._pace(who).lately(key_of(who, request), settings.longest, now)
        if not who.confirmed and lately <= 1.0:
            return Terms(0, settings.ttl)
        rate = max(lately, 1.0) / settings.longest
        ttl = min(max(settings.ttl, LASTING / rate), settings.longest) if who.confirmed else settings.ttl
        return Terms(min(settings.most, math.ceil(AHEAD * rate * ttl) + FIRST), ttl)

    def give(self, who: Who, request: Request, lease: Lease, now: float) -> Lease:
        """Remember a lease for as long as it can be reported, or less in a flood of them."""
        sighting = sighting_of(who, request, now, stopped=False)
        while self._out:
            oldest = next(iter(self._out))
            if len(self._out) < self._most and self._out[oldest].at + lease.ttl + GRACE >= now:
                break
            del self._out[oldest]
        self._out[lease.id] = Given(key_of(who, request), self._pace(who), lease.tokens, now, sighting)
        self.tokens += lease.tokens
        return lease

    def hear(self, reports: Iterable[LeaseReport], settings: LeaseSettings, now: float) -> None:
        """Tell the linker of each second in which a lease was used, once; of a lease that is not known nothing."""
        for report in reports:
            given = self._out.pop(report.id, None)
            used = 0 if given is None else min(report.used, given.tokens)
            if given is not None and used:
                self.used += used
                given.pace.add(given.key, used, settings.longest, now)
                for at, count in by_second(report, used, given.at, now):
                    self._witness.used(used_like(given.sighting, at, count))

    def settle(self, body: Settle, settings: LeaseSettings, now: float) -> Settled:
        """Settle a hold, leases, or both. Raises Invalid for a body without either, NotFound for no open hold."""
        charged = None
        check_settle(body)
        if body.verdict is not None and body.actual is not None:
            charged = self.ahead.holds.settle(body.verdict, body.actual, now, debt=True)
            if charged is None:
                raise NotFound(NO_HOLD, "/verdict")
        self.hear(body.leases, settings, now)
        settle = self.ahead.leases.settle
        leases = [Charged(r.id, settle(r.id, r.used, now, debt=False)) for r in body.leases]
        return Settled(body.verdict, charged, tuple(leases))

    def _pace(self, who: Who) -> Pace:
        return self._confirmed if who.confirmed else self._strangers


def check_settle(body: Settle) -> None:
    """Raise Invalid for a settlement that says too little."""
    if body.verdict is None and (body.actual is not None or not body.leases):
        raise Invalid("name the verdict whose hold is settled, or leases", "/verdict")
    if body.verdict is not None and body.actual is None:
        raise Invalid("say what the request came to, in the tenant's unit", "/actual")


def by_second(report: LeaseReport, used: int, since: float, now: float) -> list[tuple[float, int]]:
    """Lay `used` requests out by second, as the slices say; what no slice covers was used at the end.

    A gateway's clock may be off: times are kept between `since` and `now`.
    """
    seconds: dict[float, int] = {}
    left = used
    for at, count in sorted(report.slices):
        second = min(max(float(math.floor(at)), since), now)
        some = min(count, left)
        seconds[second] = seconds.get(second, 0) + some
        left -= some
    seconds[now] = seconds.get(now, 0) + left
    return [(at, count) for at, count in sorted(seconds.items()) if count]


def used_like(sighting: Sighting, at: float, count: int) -> Sighting:
    """Make the sighting of `count` requests that resemble one that was checked."""
    return Sighting(
        at, sighting.account, sighting.host, sighting.net, sighting.asn, sighting.country, sighting.network,
        sighting.ja4, sighting.user_agent, sighting.device, sighting.session, sighting.model, cost=float(count),
    )  # fmt: skip
