"""Leases: their size, their holders, and the notes for the linker about requests without a check.

Sizes follow two rules: a share of what the tightest bucket still holds (`charges.lease_size`), and not much more than
the key used lately, so that a key that came by once does not tie tokens up.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from reputation.engine.identity import Who
from reputation.engine.notes import Outbox, sighting_of
from reputation.engine.shared_budgets import Drawn
from reputation.hydra.sightings import Sighting
from reputation.limits.reservations import Reserve, ReservedCharges, Settlement
from reputation.limits.take import Ask
from reputation.wire.errors import Invalid, NotFound
from reputation.wire.lease_settings import LeaseSettings
from reputation.wire.messages import Account, Charged, Client, Lease, LeaseReport, Request, Settle, Settled

GRACE = 10.0
"""Seconds after the end of a lease in which its gateway may still report what it used."""
LASTING = 64.0
"""Requests that a lease should serve before it ends: the dearest part of enforcing it, its check, is then rare."""
STEADY_LASTING = 256.0
"""The same for a steady key: its next check would say nothing new."""
STEADY = 3
"""Leases in a row that a key used about as fast as expected, at which it is steady."""
GROWTH = 2.0
"""A lease has so many times what its key should use until it ends: growth doubles, and waste is half."""
FIRST = 2
"""Further tokens, so that a new key need not ask about its every request."""
MOST_KEYS = 131_072
"""Keys of which recent use is remembered, and leases whose use can be reported; 25 MB each when full."""
NO_LEASE = "no lease of this id is open for this tenant, account and gateway key"
NO_CLIENT = Client()
NO_HOLD = "this verdict has no open hold: there was none, or it expired and its estimate stays charged"


Names = Callable[[Account, Client], Sequence[str]]


class Pace:
    """How much each key used lately, fading over the longest lease's life; in a flood the oldest go."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used: OrderedDict[int, tuple[float, float, int]] = OrderedDict()

    def add(self, key: int, used: float, fade: float, now: float) -> None:
        self._put(key, self.lately(key, fade, now) + used, now, self.steady(key))

    def report(self, given: "Given", used: float, fade: float, now: float) -> None:
        """Add what a lease was used for; as expected is a part of it, within twice of what its key used lately."""
        lately, seconds = self.lately(given.key, fade, now), max(now - given.at, 1e-3)
        expected = used < given.tokens and 1 / GROWTH <= used * fade / seconds / max(lately, 1.0) <= GROWTH
        self._put(given.key, lately + used, now, min(self.steady(given.key) + 1, STEADY) if expected else 0)

    def steady(self, key: int) -> int:
        """Say how many leases in a row a key used as expected, at most STEADY."""
        found = self._used.get(key)
        return 0 if found is None else found[2]

    def _put(self, key: int, total: float, now: float, steady: int) -> None:
        self._used.pop(key, None)
        if len(self._used) >= self._most:
            del self._used[next(iter(self._used))]
        self._used[key] = (total, now, steady)

    def lately(self, key: int, fade: float, now: float) -> float:
        """Say how much a key used within about `fade` seconds."""
        found = self._used.get(key)
        if found is None:
            return 0.0
        total, at, _ = found
        return total * math.exp(-max(now - at, 0.0) / fade)


class Given:
    """An open lease: its owner, its size, its start, and a sighting as the pattern for its requests."""

    __slots__ = ("at", "holder", "key", "pace", "sighting", "tokens")

    def __init__(self, key: int, pace: Pace, tokens: int, at: float, sighting: Sighting, holder: str) -> None:
        self.holder: Final = holder
        self.key: Final = key
        self.pace: Final = pace
        self.tokens: Final = tokens
        self.at: Final = at
        self.sighting: Final = sighting


def holder_of(name: str, client: Client) -> str:
    """Return the name of a leased key in every replica, from account, address and JA4."""
    text = "\0".join([name, client.ip or "", client.ja4 or ""])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def key_of(who: Who, request: Request) -> int:
    """Return the name of a leased key in this process, from account, address and JA4."""
    return hash((who.name, request.client.ip, request.client.ja4))


class Terms(NamedTuple):
    """The maximum of a key's next lease: tokens, and seconds to use them."""

    tokens: int
    ttl: float


class Leases:
    """One tenant's leases and holds as its checks see them; `ahead` has the tokens.

    names: the accounts that a report may be for. tokens and used count what was leased, and what gateways said they
    used of it.
    """

    def __init__(self, outbox: Outbox, names: Names, most: int = MOST_KEYS) -> None:
        self.reserved = ReservedCharges()
        self._names = names
        self.tokens = 0
        self.used = 0
        self._outbox = outbox
        self._most = most
        self._confirmed = Pace(most)
        self._unconfirmed = Pace(most // 16)
        self._out: OrderedDict[str, Given] = OrderedDict()

    def ask(
        self, who: Who, request: Request, drawn: Drawn, settings: LeaseSettings, id_: str, now: float,
        *, stopped: bool,
    ) -> Ask:  # fmt: skip
        """Return a check's take and lease, after the reports on earlier leases.

        stopped: whatever its limits hold, this check does not pass, so there is no lease.
        """
        settlements = self.settlements(request.leases, who.name, request.client)
        self.hear(request.leases, settlements, settings, now)
        call, want, reserve = request.request, 0, None
        if request.lease and not call.hold and not stopped:
            self._pace(who).add(key_of(who, request), 1.0, settings.longest, now)
            want, ttl = self.terms(who, request, settings, now)
            reserve = Reserve(id_, now + ttl + GRACE, holder_of(who.name, request.client)) if want else None
        elif call.hold:
            reserve = Reserve(id_, now + settings.hold)
        ask = Ask(drawn.draws, call.cost, want, settings.share, reserve, settlements, id_)
        return ask.sharing(drawn.roomy)

    def terms(self, who: Who, request: Request, settings: LeaseSettings, now: float) -> Terms:
        """Say how large and long a key's lease should be, by how much it used lately.

        A busy key's lease is short, so that links and facts reach it soon; a slow key's lasts for a few requests at
        least, and a steady key's for more of them. An unconfirmed account, perhaps a made-up key, has short ones alone,
        and none at first sight: a flood of them would carry an address's whole budget away. They are remembered apart,
        so that they push no other key out.
        """
        key, pace = key_of(who, request), self._pace(who)
        lately = pace.lately(key, settings.longest, now)
        if not who.confirmed and lately <= 1.0:
            return Terms(0, settings.ttl)
        rate = max(lately, 1.0) / settings.longest
        lasting = STEADY_LASTING if pace.steady(key) >= STEADY else LASTING
        ttl = min(max(settings.ttl, lasting / rate), settings.longest) if who.confirmed else settings.ttl
        return Terms(min(settings.most, math.ceil(GROWTH * rate * ttl) + FIRST), ttl)

    def give(self, who: Who, request: Request, lease: Lease, now: float) -> Lease:
        """Remember a lease for as long as it can be reported, or less in a flood of them."""
        sighting = sighting_of(who, request, now, stopped=False)
        while self._out:
            oldest = next(iter(self._out))
            if len(self._out) < self._most and self._out[oldest].at + lease.ttl + GRACE >= now:
                break
            del self._out[oldest]
        holder = holder_of(who.name, request.client)
        self._out[lease.id] = Given(key_of(who, request), self._pace(who), lease.tokens, now, sighting, holder)
        self.tokens += lease.tokens
        return lease

    def settlements(
        self, reports: Sequence[LeaseReport], name: str | None = None, client: Client | None = None
    ) -> tuple[Settlement, ...]:
        """Name the owner for each settlement: from the report, else from the check; without either, any owner."""
        if not reports:
            return ()
        found = []
        for report in reports:
            by = report.client or client or NO_CLIENT
            names = self._names(report.account, by) if report.account else [] if name is None else [name]
            holders = tuple([holder_of(one, by) for one in names])
            found.append(Settlement(report.id, report.used, holders, tuple(names)))
        return tuple(found)

    def hear(
        self, reports: Iterable[LeaseReport], settlements: Iterable[Settlement], settings: LeaseSettings, now: float
    ) -> None:
        """Note each second of use of a lease for the linker, once; nothing for an unknown lease."""
        for report, settlement in zip(reports, settlements, strict=True):
            given = self._out.get(report.id)
            if given is None or (settlement.holders and given.holder not in settlement.holders):
                continue
            del self._out[report.id]
            used = min(report.used, given.tokens)
            if used:
                self.used += used
                given.pace.report(given, used, settings.longest, now)
                for at, count in by_second(report, used, given.at, now):
                    self._outbox.used(used_like(given.sighting, at, count))

    def settle(self, body: Settle, settings: LeaseSettings, now: float) -> Settled:
        """Settle a hold, leases, or both; a refused settlement changes nothing.

        Raises Invalid for a body without either and for too much, NotFound for what is not open or another account's.
        """
        check_settle(body)
        settlements = self.settlements(body.leases)
        holds, leases, charged = self.reserved.holds, self.reserved.leases, None
        for i, one in enumerate(settlements):
            if leases.is_foreign(one.id, one.holders):
                raise foreign(i)
        if body.verdict is not None and body.actual is not None:
            check_actual(body.actual, holds.reserved(body.verdict, now), settings)
            charged = holds.settle(body.verdict, body.actual, now, debt=True)
            if charged is None:
                raise NotFound(NO_HOLD, "/verdict")
        self.hear(body.leases, settlements, settings, now)
        return settled(body, charged, [leases.settle(one.id, one.used, now, debt=False) for one in settlements])

    def _pace(self, who: Who) -> Pace:
        return self._confirmed if who.confirmed else self._unconfirmed


def check_settle(body: Settle) -> None:
    """Raise Invalid for an incomplete settlement."""
    if body.verdict is None and (body.actual is not None or not body.leases):
        raise Invalid("give the verdict of the hold to settle, or leases", "/verdict")
    if body.verdict is not None and body.actual is None:
        raise Invalid("give the request's final cost, in the tenant's unit", "/actual")


def check_actual(actual: float, reserved: float | None, settings: LeaseSettings) -> None:
    """Raise Invalid for more than a hold may come to: no mistake in one number may lock an account for years."""
    if reserved is not None and actual > reserved * settings.overrun:
        raise too_much(settings)


def too_much(settings: LeaseSettings) -> Invalid:
    return Invalid(
        f"the maximum final cost of a hold is {settings.overrun:g} times its estimate (leases.overrun)", "/actual"
    )


def foreign(place: int) -> NotFound:
    return NotFound(NO_LEASE, f"/leases/{place}")


def settled(body: Settle, charged: float | None, leases: Sequence[float | None]) -> Settled:
    """Answer a settlement. Raises NotFound if all it names are leases, and none is open."""
    if body.verdict is None and all(one is None for one in leases):
        raise foreign(0)
    pairs = zip(body.leases, leases, strict=True)
    return Settled(body.verdict, charged, tuple([Charged(report.id, one) for report, one in pairs]))


def by_second(report: LeaseReport, used: int, since: float, now: float) -> list[tuple[float, int]]:
    """Distribute `used` requests over seconds by the slices; the rest counts at the end.

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
    """Make the sighting of `count` requests on the pattern of a checked one."""
    return Sighting(
        at, sighting.account, sighting.host, sighting.net, sighting.asn, sighting.country, sighting.network,
        sighting.ja4, sighting.user_agent, sighting.device, sighting.session, sighting.model, cost=float(count),
    )  # fmt: skip
