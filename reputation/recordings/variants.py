"""One revision going through recorded decisions in their order: its own tiers, hysteresis and buckets of each account.

Tiers follow the revision's own past: its last tier of an account stands in for the recorded one, unless decisions are
missing between. Buckets are the account's own; a stop by a shared budget is taken as it was recorded, because what
others would have spent is not known.
"""

from msgspec import Struct

from reputation.config.tenants import Tenant
from reputation.limits.bucket import Bucket, Withheld, change_limit
from reputation.recordings.columns import Decisions
from reputation.recordings.decisions import DECISIONS, SCOPES, STATUSES, WITHIN
from reputation.recordings.rescore import Scored, scored, tiers
from reputation.scoring.risk import Limits, plan_of, tier_of

CHALLENGED = STATUSES.index("challenged")
THROTTLE, OWN = DECISIONS.index("throttle"), SCOPES.index("account")


class JudgedDecisions(Struct, frozen=True):
    """A revision's results, one row for each decision: score, tier, and whether the request is stopped.

    next_tiers: the tier that it would give after the recorded one, by any revision; tiers: after its own.
    """

    scored: Scored
    next_tiers: list[int]
    tiers: list[int]
    stopped: list[bool]


class OwnBuckets:
    """An account's burst and daily buckets, taken together or not at all.

    The arithmetic of `reputation.limits.bucket`, written out because a replay takes a million times; only changes of a
    limit, which are rare, are carried out there. A property test holds the two to the same numbers.
    """

    __slots__ = ("at", "burst", "daily", "limits", "withheld")

    def __init__(self, limits: Limits, at: float) -> None:
        self.limits, self.at = limits, at
        self.burst, self.daily = limits.burst.burst, limits.daily.burst
        self.withheld: tuple[Withheld | None, Withheld | None] = None, None

    def take(self, limits: Limits, cost: float, at: float) -> bool:
        """Settle at the limits until now, go on at `limits`, and take `cost` if both hold it."""
        elapsed, known = at - self.at, self.limits
        if elapsed > 0.0:
            self.burst = min(known.burst.burst, self.burst + elapsed * known.burst.rate)
            self.daily = min(known.daily.burst, self.daily + elapsed * known.daily.rate)
        self.at = at
        if limits is not known:
            self._change(limits)
        if self.burst < cost or self.daily < cost:
            return False
        self.burst -= cost
        self.daily -= cost
        return True

    def _change(self, limits: Limits) -> None:
        known, at = self.limits, self.at
        burst = Bucket(self.burst, at, known.burst, self.withheld[0])
        daily = Bucket(self.daily, at, known.daily, self.withheld[1])
        change_limit(burst, limits.burst, at)
        change_limit(daily, limits.daily, at)
        self.burst, self.daily, self.withheld = burst.tokens, daily.tokens, (burst.withheld, daily.withheld)
        self.limits = limits


class Variant:
    """A revision with its state of each account: the recorded tier, its own tier, and two buckets."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self._last: dict[int, tuple[int, int]] = {}
        self._buckets: dict[int, OwnBuckets] = {}

    def judge(self, decisions: Decisions) -> JudgedDecisions:
        """Judge the next decisions."""
        found = scored(decisions, self.tenant)
        after: list[int] = tiers(found, self.tenant, decisions.numbers["previous"]).tolist()
        own = self._tiers(decisions, found, after)
        return JudgedDecisions(found, after, own, self._stops(decisions, found, own))

    def _tiers(self, decisions: Decisions, found: Scored, after: list[int]) -> list[int]:
        numbers, last, chosen = decisions.numbers, self._last, [*after]
        rows = zip(numbers["account"].tolist(), numbers["previous"].tolist(), numbers["tier"].tolist(), strict=True)
        for row, (account, previous, recorded) in enumerate(rows):
            known = last.get(account)
            if known is not None and known[0] == previous != known[1]:
                chosen[row] = self._again(found, row, known[1])
            last[account] = recorded, chosen[row]
        return chosen

    def _again(self, found: Scored, row: int, previous: int) -> int:
        """The tier after another tier than the recorded one."""
        tier = tier_of(self.tenant.policy, float(found.log_odds[row]), previous)
        tier = min(max(tier, int(found.least[row])), int(found.floor[row]), int(found.ceiling[row]))
        return min(tier, 1) if found.excepted[row] else tier

    def _stops(self, decisions: Decisions, found: Scored, own: list[int]) -> list[bool]:
        numbers = decisions.numbers
        columns = (
            numbers[name].tolist() for name in ("at", "account", "cost", "plan", "standing", "decision", "scope")
        )
        rows = zip(own, found.payer.tolist(), *columns, strict=True)
        table = self._limits(decisions.plans)
        free = (found.excepted & ~decisions.flag(WITHIN)).tolist()
        rules = [rule.decision != "allow" for rule in self.tenant.policy.rules]
        stopped, buckets = [], self._buckets
        for row, (tier, payer, at, account, cost, plan, status, decision, scope) in enumerate(rows):
            if free[row]:
                stopped.append(False)
            elif rules[tier] or (status == CHALLENGED and not payer) or (decision == THROTTLE and scope != OWN):
                stopped.append(True)
            else:
                limits = table[plan, payer][tier]
                own_buckets = buckets.get(account)
                if own_buckets is None:
                    own_buckets = buckets[account] = OwnBuckets(limits, at)
                stopped.append(not own_buckets.take(limits, cost, at))
        return stopped

    def _limits(self, plans: list[str]) -> dict[tuple[int, bool], tuple[Limits, ...]]:
        policy = self.tenant.policy
        return {
            (number, payer): policy.limits[plan_of(policy, plan or None, payer=payer)]
            for number, plan in enumerate(plans)
            for payer in (False, True)
        }
