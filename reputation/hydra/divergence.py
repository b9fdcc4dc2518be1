"""How far a share is above what was expected: n * divergence nats bound the chance of it, exp(-nats) (Chernoff)."""

import numpy as np

from reputation.hydra.columns import Floats


def divergence(share: Floats, expected: Floats) -> Floats:
    """KL divergence of two Bernoulli variables, in nats; 0 where share is not above expected."""
    share = np.clip(share, 1e-12, 1.0)
    expected = np.clip(expected, 1e-12, 1 - 1e-12)
    rest = np.where(share < 1, (1 - share) * np.log(np.maximum(1 - share, 1e-12) / (1 - expected)), 0.0)
    apart: Floats = np.where(share > expected, share * np.log(share / expected) + rest, 0.0)
    return apart
