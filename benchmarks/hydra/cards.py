"""Payment cards: issuers by their popularity in a country, and those few that sell virtual cards in bulk."""

import numpy as np
from msgspec import Struct

from benchmarks.hydra.fingerprints import hexes

ISSUERS = 120
_RANKS = 1.0 / np.arange(1, ISSUERS + 1)
POPULARITY = _RANKS / _RANKS.sum()  # Zipf: the largest issuer of a country has nearly a fifth of its cards
VIRTUAL_ISSUERS = (("434256", "US"), ("485932", "US"), ("516732", "GB"), ("533248", "LT"), ("428837", "US"),
                   ("557351", "GB"), ("404038", "EE"), ("539502", "MT"))  # fmt: skip
VIRTUAL_SHARE = 0.025  # honest customers use virtual cards too


class Card(Struct, frozen=True):
    fingerprint: str
    iin: str | None
    funding: str
    issuer_country: str | None


def iin(country: str, rank: int) -> str:
    """The issuer number of a country's rank-th issuer; stable across worlds."""
    number = int.from_bytes(country.encode(), "big") * 7919 + rank * 104729
    return f"{'45'[number % 2]}{number % 100000:05d}"


def ordinary(rng: np.random.Generator, country: str) -> Card:
    """A customer's own card; one in ten comes without its issuer number."""
    if rng.random() < VIRTUAL_SHARE:
        return virtual(rng, len(VIRTUAL_ISSUERS))
    rank = int(rng.choice(ISSUERS, p=POPULARITY))
    funding = rng.choice(["credit", "debit", "prepaid", "unknown"], p=[0.45, 0.48, 0.04, 0.03])
    known = rng.random() < 0.9
    return Card(
        f"fp_{hexes(rng, 16)}",
        iin(country, rank) if known else None,
        str(funding),
        country if known else None,
    )


def virtual(rng: np.random.Generator, issuers: int, funding: str = "") -> Card:
    """A virtual card of one of the first `issuers` of those who sell them."""
    number, country = VIRTUAL_ISSUERS[int(rng.integers(min(issuers, len(VIRTUAL_ISSUERS))))]
    drawn = funding or str(rng.choice(["prepaid", "debit"], p=[0.6, 0.4]))
    return Card(f"fp_{hexes(rng, 16)}", number, drawn, country)
