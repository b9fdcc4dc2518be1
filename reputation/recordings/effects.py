"""The effects of a draft on recorded traffic: moved accounts, harmed payers, stopped accounts."""

from heapq import nlargest

import numpy as np
from msgspec import Struct

from reputation.config.tenants import Tenant
from reputation.recordings.columns import ABSENT, Decisions, FamilyColumns, Ints
from reputation.recordings.decisions import CONDEMNED
from reputation.recordings.rescore import weighed
from reputation.recordings.variants import JudgedDecisions, Variant
from reputation.scoring.risk import TIERS

CAUGHT = TIERS.index("limited")
"""An account is caught once it is this tier or a stricter one."""
MOST_MOVERS = 10


class AccountEffect(Struct):
    """The running values of one account. before, after: its last tiers; worst_*: its strictest ones."""

    payer: bool = False
    decisions: int = 0
    tightened: int = 0
    before: int = 0
    after: int = 0
    worst_before: int = 0
    worst_after: int = 0
    tightened_from: int = 0
    tightened_to: int = 0


class Mover(Struct, frozen=True):
    """One decision with a large change of score: the points of every signal before and after."""

    account: int
    before: float
    after: float
    signals: list[tuple[str, float, float]]


class Money(Struct):
    """Requests and units, scaled up from the sample; of those newly stopped and newly let through."""

    requests_stopped: float = 0.0
    units_stopped: float = 0.0
    payer_units_stopped: float = 0.0
    requests_released: float = 0.0
    units_released: float = 0.0
    payer_units_released: float = 0.0


class Effects:
    """Adds up the difference between the live revision and a draft over recorded decisions."""

    def __init__(self, live: Tenant, draft: Tenant) -> None:
        self.before, self.after = Variant(live), Variant(draft)
        self.accounts: dict[int, AccountEffect] = {}
        self.by_decision = np.zeros((len(TIERS), len(TIERS)), dtype=np.int64)
        self.money = Money()
        self.movers: list[Mover] = []
        self.checked = self.differences = self.decisions = 0
        self.first, self.last = float("inf"), float("-inf")

    def add(self, decisions: Decisions) -> None:
        """Add the next decisions."""
        before, after = self.before.judge(decisions), self.after.judge(decisions)
        self.decisions += len(decisions)
        self.first = min(self.first, float(decisions.numbers["at"].min()))
        self.last = max(self.last, float(decisions.numbers["at"].max()))
        self._check(decisions, before)
        tiers = np.array(before.tiers), np.array(after.tiers)
        np.add.at(self.by_decision, tiers, 1)
        self._add_accounts(decisions, *tiers, after)
        self._add_money(decisions, before, after)
        self._add_movers(decisions, before, after)

    def _check(self, decisions: Decisions, live: JudgedDecisions) -> None:
        """Compare the live revision's replay of its own decisions with the recording.

        The tier before is the recorded one: it may be that of a canary, or of the revision that was live before.
        """
        own = decisions.numbers["revision"] == self.before.tenant.revision
        same = (live.scored.log_odds == decisions.numbers["log_odds"]) & (
            np.array(live.next_tiers) == decisions.numbers["tier"]
        )
        self.checked += int(own.sum())
        self.differences += int((own & ~same).sum())

    def _add_accounts(self, decisions: Decisions, before: Ints, after: Ints, judged: JudgedDecisions) -> None:
        rows = zip(decisions.numbers["account"].tolist(), before.tolist(), after.tolist(), judged.scored.payer.tolist(),
                   strict=True)  # fmt: skip
        accounts = self.accounts
        for name, one, other, payer in rows:
            known = accounts.get(name)
            if known is None:
                known = accounts[name] = AccountEffect()
            known.payer = known.payer or payer
            known.decisions += 1
            known.before, known.after = one, other
            known.worst_before = max(known.worst_before, one)
            known.worst_after = max(known.worst_after, other)
            if other > one:
                known.tightened += 1
                if other - one > known.tightened_to - known.tightened_from:
                    known.tightened_from, known.tightened_to = one, other

    def _add_money(self, decisions: Decisions, before: JudgedDecisions, after: JudgedDecisions) -> None:
        one, other, money = np.array(before.stopped), np.array(after.stopped), self.money
        weight = 1.0 / decisions.numbers["share"]
        units, payer = weight * decisions.numbers["cost"], after.scored.payer
        for name, rows in (("stopped", other & ~one), ("released", one & ~other)):
            for part, amount in (("requests", weight), ("units", units), ("payer_units", units * payer)):
                member = f"{part}_{name}"
                setattr(money, member, getattr(money, member) + float(amount[rows].sum()))

    def _add_movers(self, decisions: Decisions, before: JudgedDecisions, after: JudgedDecisions) -> None:
        moved = np.abs(after.scored.log_odds - before.scored.log_odds)
        moved[decisions.flag(CONDEMNED)] = 0.0  # a person's mark is no evidence that a draft weighs
        order = np.argsort(-moved, kind="stable")
        accounts = decisions.numbers["account"]
        known: dict[int, Mover] = {mover.account: mover for mover in self.movers}
        taken = 0
        for row in order.tolist():
            if taken >= MOST_MOVERS or not moved[row]:
                break
            account = int(accounts[row])
            known_mover = known.get(account)
            if known_mover is None or abs(known_mover.after - known_mover.before) < moved[row]:
                known[account] = self._mover(decisions, row, before, after)
                taken += 1
        self.movers = nlargest(MOST_MOVERS, known.values(), key=lambda m: abs(m.after - m.before))

    def _mover(self, decisions: Decisions, row: int, before: JudgedDecisions, after: JudgedDecisions) -> Mover:
        one, other = (points_of(decisions, row, variant.tenant) for variant in (self.before, self.after))
        signals = [(name, one.get(name, 0.0), other.get(name, 0.0)) for name in dict.fromkeys([*one, *other])]
        signals.sort(key=lambda s: -abs(s[2] - s[1]))
        was, is_ = (float(judged.scored.log_odds[row]) for judged in (before, after))
        return Mover(int(decisions.numbers["account"][row]), was, is_, signals)


def points_of(decisions: Decisions, row: int, tenant: Tenant) -> dict[str, float]:
    """The points of each signal of one decision by a revision, the prior first."""
    found = {"prior": tenant.prior}
    for name, family in tenant.families.items():
        columns = decisions.families.get(name)
        if columns is None or not family.weight:
            continue
        one = FamilyColumns(columns.points[row : row + 1], columns.signals[row : row + 1])
        for signal, value in zip(one.signals[0].tolist(), weighed(family, one)[0].tolist(), strict=True):
            if signal != ABSENT:
                key = decisions.signals[int(signal)]
                found[key] = found.get(key, 0.0) + value
    return found
