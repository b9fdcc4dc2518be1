"""Random takes for stores of buckets, and what the pure arithmetic of `limits/` makes of each."""

import random

from reputation.limits.bucket import Bucket, Limit, change_limit, full
from reputation.limits.reservations import Reserve, ReservedCharges, Settlement
from reputation.limits.take import Ask, AskGroup, Charge, TakenAll, take, take_group

NOW = 1_790_812_800.0
FOREVER = 1e12
YEAR = 365 * 86_400.0
RATES = (0.0, 1e-3, 1 / 3, 2.0, 86_400 / 7, 1e6)
BURSTS = (1.0, 10.0, 20.0 / 3, 1e5)


class PureBuckets:
    """Buckets in a dict: one on which no take drew is full."""

    def __init__(self):
        self.buckets = {}
        self.reserved = ReservedCharges()

    def carry_out(self, ask, limits, now):
        found = {key: self._find(key, limit, now) for key, limit in limits.items()}
        before = {key: (bucket.tokens, bucket.at) for key, bucket in found.items()}
        if isinstance(ask, AskGroup):
            taken = take_group(drawn_on(found, ask), self.reserved, now)
        else:
            taken = take(drawn_on(found, ask), self.reserved, now)
        self.buckets |= {
            key: bucket
            for key, bucket in found.items()
            if key in self.buckets or (bucket.tokens, bucket.at) != before[key]
        }
        return taken

    def _find(self, key, limit, now):
        bucket = self.buckets.get(key)
        if bucket is None:
            return full(limit, now)
        if bucket.limit != limit:
            change_limit(bucket, limit, now)
        return bucket


class Story:
    """Random asks: few buckets, so that they meet; limits that change; a clock that steps either way."""

    def __init__(self, seed, changing=0.05):
        self.random = random.Random(seed)
        self.changing = changing  # how often a limit is another one than before
        self.now = NOW
        self.limits = {}
        self.open = []
        self.count = 0

    def step(self):
        kind = self.random.random()
        if kind < 0.1:
            self.now -= self.random.choice((1e-6, 0.3, 50.0, 3600.0, YEAR if self.now > NOW else 1.0))
        elif kind < 0.12:
            self.now += self.random.choice((86_400.0, YEAR))
        elif kind < 0.9:
            self.now += self.random.expovariate(1.0) * self.random.choice((1e-7, 1e-3, 1.0, 3600.0))

    def ask(self):
        """One ask, and the limits that its buckets have now."""
        pick = self.random
        keys = [("own", "a", "burst"), ("own", "a", "daily"), ("near", "n", pick.randrange(3)), ("floor", "a")]
        pick.shuffle(keys)
        shared = keys[: pick.randint(1, 3)]
        limits = {key: self._limit(key) for key in keys}
        draws = [shared] if pick.random() < 0.7 else [[*shared[:1], keys[-1]], shared]
        named = {key: limits[key] for draw in draws for key in draw}
        charges = {key: Charge("x", "account", key, Bucket(0.0, 0.0, limit)) for key, limit in named.items()}
        cost = pick.choice((1.0, 1.0, 0.1, pick.random() * 7, 11.0))
        return Ask([[charges[key] for key in draw] for draw in draws], cost, **self._lease()).sharing(
            pick.choice((0, 1, 2))
        ), named

    def group(self):
        """Accounts of one request, which share buckets; some only look, some hold."""
        limits, asks = {}, []
        charges = {}
        for _ in range(self.random.randint(2, 4)):
            ask, named = self.ask()
            limits |= {key: limits.get(key, limit) for key, limit in named.items()}
            for draw in ask.draws:
                for charge in draw:
                    bucket = Bucket(0.0, 0.0, limits[charge.key])
                    charges.setdefault(charge.key, Charge("x", "account", charge.key, bucket))
            cost, reserve = self.random.choice((0.0, ask.cost, ask.cost)), None
            if self.random.random() < 0.2:
                self.count += 1
                reserve = Reserve(f"h{self.count}", NOW + FOREVER)
            asks.append(Ask([[charges[charge.key] for charge in draw] for draw in ask.draws], cost, reserve=reserve))
        return AskGroup(asks, stopped=self.random.random() < 0.1), limits

    def _limit(self, key):
        if key not in self.limits or self.random.random() < self.changing:
            self.limits[key] = Limit(self.random.choice(RATES), self.random.choice(BURSTS))
        return self.limits[key]

    def _lease(self):
        pick, settled = self.random, ()
        if self.open and pick.random() < 0.5:
            holders = pick.choice(((), ("me",), ("me", "other"), ("other",)))
            settled = (Settlement(self.open.pop(pick.randrange(len(self.open))), pick.randrange(12), holders),)
        if pick.random() < 0.8:
            return {"settlements": settled}
        self.count += 1
        self.open = [*self.open[-20:], f"l{self.count}"]
        return {
            "want": pick.choice((1, 5, 100)),
            "share": pick.choice((0.1, 1 / 3, 0.5)),
            "reserve": Reserve(self.open[-1], NOW + FOREVER, "me"),
            "settlements": settled,
        }


def result(came):
    """What a take or a group came to."""
    if isinstance(came, TakenAll):
        return came.passed, [result(taken) for taken in came.taken]
    return came.wait, came.binding, came.states, came.granted


def drawn_on(buckets, ask):
    """The same ask or group on other buckets, by their keys."""
    if isinstance(ask, AskGroup):
        return AskGroup([drawn_on(buckets, one) for one in ask.asks], stopped=ask.stopped)
    draws = [[Charge(c.name, c.scope, c.key, buckets[c.key]) for c in draw] for draw in ask.draws]
    return Ask(draws, ask.cost, ask.want, ask.share, ask.reserve, ask.settlements, ask.token).sharing(ask.roomy)
