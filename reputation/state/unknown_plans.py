"""Accounts with a plan unknown to their tenant's settings; they have the default plan's limits. Bounded."""

from collections.abc import Callable

MOST_NAMED = 100
"""Different names that are counted one by one and logged once; a client may be able to choose them."""


class UnknownPlans:
    """Counts checks of such accounts, in all and by name, and tells each new name to `tell`."""

    def __init__(self) -> None:
        self.count = 0
        self.names: dict[str, int] = {}
        self.tell: Callable[[str], object] | None = None

    def note(self, plan: str) -> None:
        """Note one check."""
        self.count += 1
        known = self.names.get(plan)
        if known is not None:
            self.names[plan] = known + 1
        elif len(self.names) < MOST_NAMED:
            self.names[plan] = 1
            if self.tell is not None:
                self.tell(plan)
