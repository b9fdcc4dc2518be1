"""The report of a replay, for the output and the exit code of `weights replay`."""

from collections.abc import Mapping

from msgspec import Struct

from reputation.config.tenant_parts import PriceSettings
from reputation.config.tenants import Tenant
from reputation.recordings.effects import CAUGHT, AccountEffect, Effects
from reputation.scoring.risk import TIERS
from reputation.tuning.labels import LabelWord

MOST_LISTED = 10_000


class Moved(Struct, frozen=True):
    """An account that gets another tier under a draft.

    account: its keyed hash in hex. decisions: how many of its decisions the draft changes.
    """

    account: str
    before: str
    after: str
    decisions: int


class Caught(Struct, frozen=True):
    """How a revision does on labelled accounts; precision and recall are null where nothing is labelled or caught."""

    abusers: int
    abusers_caught: int
    good: int
    good_caught: int
    precision: float | None
    recall: float | None


class SignalPoints(Struct, frozen=True):
    signal: str
    before: float
    after: float


class MoverReport(Struct, frozen=True):
    account: str
    before: float
    after: float
    signals: list[SignalPoints]


class Savings(Struct, frozen=True):
    """Scaled up from the sample; in US dollars if the tenant's `prices` give cost and revenue of a unit."""

    requests_stopped: float
    units_stopped: float
    saved_usd: float
    payer_units_throttled: float
    throttled_usd: float
    requests_released: float
    units_released: float
    payer_units_released: float


class Report(Struct, frozen=True):
    """The effect of a draft.

    differences: decisions of the live revision, of `checked`, whose score or tier came out otherwise than then; unless
    it is 0 the replay cannot be trusted. accounts_moved, decisions_moved: rows before, columns after, by tier.
    """

    before: int
    after: int
    decisions: int
    accounts: int
    first: float
    last: float
    checked: int
    differences: int
    tiers: tuple[str, ...]
    accounts_moved: list[list[int]]
    decisions_moved: list[list[int]]
    payers: int
    payers_tightened: list[Moved]
    payers_loosened: int
    caught_before: Caught
    caught_after: Caught
    newly_caught: list[str]
    movers: list[MoverReport]
    savings: Savings


def hexed(account: int) -> str:
    """The keyed hash of an account as logs and the admin API write it."""
    return f"{account:016x}"


def report(effects: Effects, labels: Mapping[int, LabelWord]) -> Report:
    """Build the report."""
    accounts, live, draft = effects.accounts, effects.before.tenant, effects.after.tenant
    matrix = [[0] * len(TIERS) for _ in TIERS]
    for account in accounts.values():
        matrix[account.before][account.after] += 1
    tightened = [_moved(name, a) for name, a in accounts.items() if a.payer and a.tightened]
    tightened.sort(key=lambda m: (TIERS.index(m.before) - TIERS.index(m.after), -m.decisions, m.account))
    abusers = [(name, accounts[name]) for name, word in labels.items() if word == "abuse" and name in accounts]
    newly = [hexed(name) for name, a in abusers if a.worst_after >= CAUGHT > a.worst_before]
    return Report(
        before=live.revision,
        after=draft.revision,
        decisions=effects.decisions,
        accounts=len(accounts),
        first=effects.first if accounts else 0.0,
        last=effects.last if accounts else 0.0,
        checked=effects.checked,
        differences=effects.differences,
        tiers=TIERS,
        accounts_moved=matrix,
        decisions_moved=effects.by_decision.tolist(),
        payers=sum(a.payer for a in accounts.values()),
        payers_tightened=tightened[:MOST_LISTED],
        payers_loosened=sum(a.payer and not a.tightened and a.worst_after < a.worst_before for a in accounts.values()),
        caught_before=caught(labels, {name: a.worst_before for name, a in accounts.items()}),
        caught_after=caught(labels, {name: a.worst_after for name, a in accounts.items()}),
        newly_caught=sorted(newly),
        movers=_movers(effects),
        savings=_savings(effects, draft),
    )


def _moved(name: int, account: AccountEffect) -> Moved:
    return Moved(hexed(name), TIERS[account.tightened_from], TIERS[account.tightened_to], account.tightened)


def caught(labels: Mapping[int, LabelWord], worst: Mapping[int, int]) -> Caught:
    """Count labelled accounts in `limited` or worse at least once; accounts without a decision are left out."""
    abusers = [worst[name] >= CAUGHT for name, word in labels.items() if word == "abuse" and name in worst]
    good = [worst[name] >= CAUGHT for name, word in labels.items() if word == "good" and name in worst]
    hits, false = sum(abusers), sum(good)
    precision = hits / (hits + false) if hits + false else None
    return Caught(len(abusers), hits, len(good), false, precision, hits / len(abusers) if abusers else None)


def _movers(effects: Effects) -> list[MoverReport]:
    return [
        MoverReport(hexed(m.account), m.before, m.after, [SignalPoints(*signal) for signal in m.signals])
        for m in effects.movers
    ]


def _savings(effects: Effects, draft: Tenant) -> Savings:
    money, live = effects.money, effects.before.tenant
    prices = live.settings.prices if draft.settings.prices == PriceSettings() else draft.settings.prices
    return Savings(
        requests_stopped=money.requests_stopped,
        units_stopped=money.units_stopped,
        saved_usd=money.units_stopped * prices.cost_usd,
        payer_units_throttled=money.payer_units_stopped,
        throttled_usd=money.payer_units_stopped * prices.price_usd,
        requests_released=money.requests_released,
        units_released=money.units_released,
        payer_units_released=money.payer_units_released,
    )
