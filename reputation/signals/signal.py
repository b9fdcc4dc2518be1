"""A family of evidence: a module with the function `evidence`, and its constants."""

from collections.abc import Sequence
from typing import Final, Protocol

from reputation.signals.seen import Seen
from reputation.wire.messages import Reason

BUILT_IN: Final = ("account", "payment", "address", "asn", "proxy_network", "velocity", "hydra", "indicators")
"""The built-in families: modules of this package, in the order of their reasons."""


class Signal(Protocol):
    """A module with this function is a family of evidence. Three constants of the module are optional:

    CAP (float): the maximum log-odds that the family may add or subtract; 1 without it.
    OWN_EVIDENCE (bool): True if no other account can cause the evidence. Other evidence cannot break a payer's floor.
    HARD_EVIDENCE (set of str): signals of an OWN_EVIDENCE module on which a challenge or a denial may rest.
    """

    def evidence(self, seen: Seen, now: float, /) -> Sequence[Reason]:
        """Return raw points, before weight and cap. `now`: seconds since 1970. Pure; must not raise or wait."""
        ...


def no_list(family: str, found: object) -> str:
    """Explain that a family returned something else than a list of reasons."""
    return f"`evidence` of {family!r} returned {type(found).__name__}; return a list of Reason, empty without evidence"
