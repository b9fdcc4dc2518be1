"""The presets: a tenant's starting values, for both units. docs/scoring.md gives the sources of the numbers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from reputation.scoring.risk import TIERS
from reputation.scoring.tiers import Allowance, TierRule
from reputation.wire.messages import Tier

Preset = Literal["lenient", "balanced", "strict"]
Unit = Literal["requests", "tokens"]
ORDINARY: Mapping[Unit, float] = MappingProxyType({"requests": 1.0, "tokens": 2000.0})
"""Default cost of an ordinary request, in units: in tokens, a prompt of one or two pages with its answer."""


class Amounts(Struct, frozen=True):
    """Limits in one unit."""

    plans: Mapping[str, Mapping[Tier, Allowance]]
    unconfirmed: Allowance
    entry: Mapping[str, float]


class Starting(Struct, frozen=True):
    """A preset: all values of a tenant without overrides."""

    prior: float
    tiers: Mapping[Tier, TierRule]
    amounts: Mapping[Unit, Amounts]


def _plan(*rows: tuple[float, float, float]) -> dict[Tier, Allowance]:
    return {tier: _allowance(*row) for tier, row in zip(TIERS, rows, strict=True)}


def _allowance(rate: float, burst: float, daily: float) -> Allowance:
    """Convert all values to floats, so compiled and interpreted code give the same bytes in a verdict."""
    return Allowance(float(rate), float(burst), float(daily))


K, M = 1000, 1_000_000
# (units a second, burst, a day) for trusted, standard, limited, restricted, blocked
_AMOUNTS: Mapping[Unit, Amounts] = {
    "requests": Amounts(
        {
            "free": _plan((5, 50, 10 * K), (2, 20, 5 * K), (1, 10, 1 * K), (0.2, 5, 200), (0.01, 1, 10)),
            "paid": _plan((50, 500, M), (20, 200, 200 * K), (5, 50, 20 * K), (1, 10, 2 * K), (0.01, 1, 10)),
        },
        _allowance(20, 200, 20 * K),
        {"free": 200.0, "paid": 1000.0},
    ),
    # 2,000 tokens for each of those requests; a burst holds one long prompt besides
    "tokens": Amounts(
        {
            "free": _plan(
                (10 * K, 256 * K, 20 * M), (4 * K, 128 * K, 10 * M), (2 * K, 64 * K, 2 * M), (400, 32 * K, 400 * K),
                (20, 2 * K, 20 * K),
            ),
            "paid": _plan(
                (100 * K, 2 * M, 2000 * M), (40 * K, M, 400 * M), (10 * K, 400 * K, 40 * M), (2 * K, 200 * K, 4 * M),
                (20, 2 * K, 20 * K),
            ),
        },
        _allowance(40 * K, 400 * K, 40 * M),
        {"free": 400_000.0, "paid": 2_000_000.0},
    ),
}  # fmt: skip


def _tiers(standard: float, limited: float, restricted: float, blocked: float) -> dict[Tier, TierRule]:
    return {
        "trusted": TierRule(0.0),
        "standard": TierRule(standard),
        "limited": TierRule(limited),
        "restricted": TierRule(restricted, "allow", ("watermark",)),
        "blocked": TierRule(blocked, "deny"),
    }


def times(a: Allowance, factor: float, least: float = 1.0) -> Allowance:
    """Scale an allowance; a burst below `least`, the cost of one request, could never pass one."""
    return Allowance(a.rate * factor, max(a.burst * factor, least), max(a.daily * factor, least))


def _scaled(factor: float, unconfirmed: float) -> dict[Unit, Amounts]:
    return {
        unit: Amounts(
            {
                plan: {tier: times(a, factor, ORDINARY[unit]) for tier, a in rows.items()}
                for plan, rows in amounts.plans.items()
            },
            times(amounts.unconfirmed, unconfirmed, ORDINARY[unit]),
            {plan: units * factor for plan, units in amounts.entry.items()},
        )
        for unit, amounts in _AMOUNTS.items()
    }


PRESETS: Mapping[Preset, Starting] = MappingProxyType(
    {
        "lenient": Starting(-3.0, _tiers(8, 75, 93, 99.5), _scaled(2, 2)),
        "balanced": Starting(-2.2, _tiers(5, 65, 88, 98), _AMOUNTS),
        "strict": Starting(-1.7, _tiers(3, 50, 78, 95), _scaled(0.5, 0.25)),
    }
)
