"""A revision on trial: scored next to the live one, or judging a share of the accounts; differences are counted.

The trial keeps the other revision's last tier of an account, for its hysteresis, in bounded memory. Payers that the
candidate treats more strictly are counted one by one; a canary that hurts more of them than allowed ends itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from reputation.config.tenants import Tenant
from reputation.engine.identity import judged_by
from reputation.engine.judge import Assessed, scored, tier_by
from reputation.scoring.risk import TIERS
from reputation.tuning.rollout import Rollout, is_in_canary
from reputation.wire.messages import Verdict

MOST_TIERS = 200_000
"""Accounts whose tier by the other revision is kept; when there are more all are forgotten."""
MOST_NAMED = 1000
"""Payers tightened that are named; the rest is counted alone."""


class Trial:
    """The candidate of a rollout next to the live revision. `stop` is called once, with the reason."""

    def __init__(self, live: Tenant, candidate: Tenant, rollout: Rollout, stop: Callable[[str], None]) -> None:
        self.live = live
        self.candidate = candidate
        self.rollout = rollout
        self.scored = 0
        self.tiers: Counter[int] = Counter()
        self.moved: Counter[tuple[int, int, bool]] = Counter()
        self.tightened: dict[str, tuple[int, int]] = {}
        self.stopped = False
        self._stop = stop
        self._others: dict[str, int] = {}

    def revision_of(self, account: str) -> Tenant:
        """The revision for an account."""
        judged = is_in_canary(account, self.candidate.revision, self.rollout.percent)
        return self.candidate if judged and not self.stopped else self.live

    def watch(self, assessed: Assessed, _: Verdict) -> None:
        """Judge a check by the other revision, and count the differences."""
        by_candidate = assessed.tenant is self.candidate
        if (
            assessed.allow is not None
            or assessed.deny is not None
            or (self.rollout.stage == "canary" and not by_candidate)
        ):
            return
        tier = self._by_other(assessed, self.live if by_candidate else self.candidate)
        before, after = (tier, assessed.tier) if by_candidate else (assessed.tier, tier)
        self.scored += 1
        self.tiers[after] += 1
        payer = assessed.who.payer
        if before != after:
            self.moved[before, after, payer] += 1
        if payer and after > before:
            self._tighten(assessed.who.name, before, after)

    def _by_other(self, assessed: Assessed, other: Tenant) -> int:
        who = assessed.who
        if other.settings.standards != assessed.tenant.settings.standards:
            who = judged_by(who, other.settings.standards, assessed.at)
        previous = self._others.get(who.name, assessed.previous)
        tier = tier_by(other, who, scored(other, assessed.seen, assessed.at), assessed.cluster, previous)
        if len(self._others) >= MOST_TIERS and who.name not in self._others:
            self._others.clear()
        self._others[who.name] = tier
        return tier

    def _tighten(self, account: str, before: int, after: int) -> None:
        if account not in self.tightened and len(self.tightened) < MOST_NAMED + self.rollout.most_payers_tightened:
            self.tightened[account] = before, after
        most = self.rollout.most_payers_tightened
        if self.rollout.stage == "canary" and not self.stopped and len(self.tightened) > most:
            self.stopped = True
            self._stop(f"payers tightened: {len(self.tightened)}, the limit was {most}")

    def view(self) -> dict[str, object]:
        """The trial's view in the admin API."""
        named = list(self.tightened.items())[:MOST_NAMED]
        return {
            "revision": self.candidate.revision,
            "stage": self.rollout.stage,
            "percent": self.rollout.percent,
            "scored": self.scored,
            "tiers": {TIERS[tier]: n for tier, n in sorted(self.tiers.items())},
            "moved": [
                {"before": TIERS[before], "after": TIERS[after], "payer": payer, "checks": n}
                for (before, after, payer), n in sorted(self.moved.items())
            ],
            "payers_tightened": len(self.tightened),
            "payers": [{"account": name, "before": TIERS[b], "after": TIERS[a]} for name, (b, a) in named],
        }


def trial_metrics(trials: Iterable[tuple[str, Trial]]) -> Iterator[Metric]:
    """A series of its own for each candidate."""
    one = ["tenant", "revision", "stage"]
    tiers = CounterMetricFamily("headcount_candidate_checks", "Checks by a candidate's tier.", labels=[*one, "tier"])
    moved = CounterMetricFamily(
        "headcount_candidate_moved",
        "Checks that a candidate judges differently.",
        labels=[*one, "before", "after", "payer"],
    )
    payers = GaugeMetricFamily(
        "headcount_candidate_payers_tightened", "Payers that a candidate judges more strictly.", labels=one
    )
    for name, trial in trials:
        labels = [name, str(trial.candidate.revision), trial.rollout.stage]
        for tier, n in sorted(trial.tiers.items()):
            tiers.add_metric([*labels, TIERS[tier]], n)
        for (before, after, payer), n in sorted(trial.moved.items()):
            moved.add_metric([*labels, TIERS[before], TIERS[after], str(payer).lower()], n)
        payers.add_metric(labels, len(trial.tightened))
    yield from (tiers, moved, payers)
