"""Budgets for unproven accounts that share something narrow; follows in a moment."""

from reputation.hydra.columns import Floats
from reputation.hydra.ledger import Ledger
from reputation.hydra.links import Budget, Neighbourhood
from reputation.hydra.surprise import Pools


def budgets(ledger: Ledger, pools: Pools, demand: Floats, typical: float, now: float) -> dict[Neighbourhood, Budget]:
    return {}
