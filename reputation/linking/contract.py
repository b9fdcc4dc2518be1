"""The interface of linking alongside live checks, by an own linker or one shared by replicas.

`linking/live.py` and `replicas/linking.py` offer it. A replay has no use for it: `linking/recorded.py` goes by the time
of the recorded lines, which it is called with.
"""

from collections.abc import Mapping
from typing import Protocol

from reputation.linking.kept_rulings import KeptRulings


class Linking(Protocol):
    """Feeds the linker with notes and puts its links in force, for every tenant with linking.

    A linker that dies means stale links and figures that show it, never a failed check.
    """

    @property
    def rulings(self) -> KeptRulings:
        """Operators' rulings on their way to the linker."""

    @property
    def pid(self) -> int | None:
        """The linker's process, if it runs here."""

    @property
    def there(self) -> bool:
        """Whether a linker runs, here or at another replica."""

    @property
    def restarts(self) -> int:
        """Linkers started again here after they died."""

    @property
    def epochs(self) -> int:
        """Epochs linked here."""

    @property
    def epoch_seconds(self) -> float:
        """The duration of the last epoch here."""

    @property
    def last_epoch(self) -> float:
        """The time of the oldest links in force, in seconds since 1970; 0 before the first."""

    @property
    def dropped(self) -> int:
        """Notes lost on their way from the outbox to a linker here."""

    @property
    def unread(self) -> int:
        """Entries of notes unreadable for a linker here."""

    @property
    def crowded(self) -> Mapping[str, int]:
        """Sightings of accounts without a place in a linker here, by tenant."""

    @property
    def used(self) -> Mapping[str, int]:
        """Bytes of what a linker here knows, by tenant."""

    @property
    def left_out(self) -> Mapping[str, int]:
        """Names, accounts and sightings that found no bytes in a linker here, by tenant."""

    def hurry(self) -> None:
        """Let the next epoch come at once, with what the linker saw stored again; without effect at other replicas."""

    async def take_up(self) -> None:
        """Activate the links of an earlier process."""

    async def run(self) -> None:
        """Feed the linker and follow its links until cancelled."""
