"""One revision going through recorded decisions in their order: its own tiers, hysteresis and buckets of each account.

Tiers follow the revision's own past: its last tier of an account stands in for the recorded one, unless decisions are
missing between. Buckets are the account's own; a stop by a shared budget is taken as it was recorded, because what
others would have spent is not known.
"""

from msgspec import Struct

from reputation.bucket import Bucket, change_limit, full, settled, spend
from reputation.policy import Limits, plan_of, tier_of
from reputation.tenants import Tenant
from reputation.tuning.columns import Decisions
from reputation.tuning.recorded import DECISIONS, SCOPES, STANDINGS, WITHIN
from reputation.tuning.rescoring import Scored, scored, tiers

CHALLENGED = STANDINGS.index("challenged")
THROTTLE, OWN = DECISIONS.index("throttle"), SCOPES.index("account")


class Judged(Struct, frozen=True):
    """What a revision makes of decisions, a row each: its score, its tier, whether the request is stopped."""

    scored: Scored
    tiers: list[int]
    stopped: list[bool]


class Arm:
    """A revision with what it remembers of each account: the recorded tier and its own, and two buckets."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self._last: dict[int, tuple[int, int]] = {}
        self._buckets: dict[int, tuple[Bucket, Bucket]] = {}

    def judge(self, decisions: Decisions) -> Judged:
        """Judge the next decisions."""
        found = scored(decisions, self.tenant)
        own = self._tiers(decisions, found)
        return Judged(found, own, self._stops(decisions, found, own))

    def _tiers(self, decisions: Decisions, found: Scored) -> list[int]:
        numbers, last = decisions.numbers, self._last
        chosen: list[int] = tiers(found, self.tenant, numbers["previous"]).tolist()
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
        stopped = []
        for row, (tier, payer, at, account, cost, plan, standing, decision, scope) in enumerate(rows):
            if free[row]:
                stopped.append(False)
            elif rules[tier] or (standing == CHALLENGED and not payer) or (decision == THROTTLE and scope != OWN):
                stopped.append(True)
            else:
                stopped.append(not self._take(account, table[plan, payer][tier], cost, at))
        return stopped

    def _limits(self, plans: list[str]) -> dict[tuple[int, bool], tuple[Limits, ...]]:
        policy = self.tenant.policy
        return {
            (number, payer): policy.limits[plan_of(policy, plan or None, payer=payer)]
            for number, plan in enumerate(plans)
            for payer in (False, True)
        }

    def _take(self, account: int, limits: Limits, cost: float, at: float) -> bool:
        found = self._buckets.get(account)
        if found is None:
            found = self._buckets[account] = full(limits.burst, at), full(limits.daily, at)
        burst, daily = found
        if burst.limit is not limits.burst:
            change_limit(burst, limits.burst, at)
            change_limit(daily, limits.daily, at)
        if settled(burst, at) < cost or settled(daily, at) < cost:
            return False
        spend(burst, cost, at)
        spend(daily, cost, at)
        return True
