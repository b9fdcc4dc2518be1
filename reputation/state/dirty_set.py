"""Names of changes since the last write: a check pays one `add` to a set."""

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


def _ignore(_: object) -> None:
    """Note nothing, for state without a store."""


class DirtySet(Generic[K]):
    """Names of changed, new and deleted things; nothing is noted until a follower is set.

    At most one entry for each thing that is kept or was since the last `take`.
    """

    def __init__(self) -> None:
        self.add: Callable[[K], object] = _ignore
        self._names: set[K] = set()

    def __len__(self) -> int:
        return len(self._names)

    def follow(self) -> None:
        """Note changes from now on."""
        self.add = self._names.add

    def take(self) -> set[K]:
        """Return the notes since the last call."""
        taken, self._names = self._names, set()
        if self.add is not _ignore:
            self.add = self._names.add
        return taken

    def add_all(self, names: Iterable[K]) -> None:
        """Note many, such as those of a failed write."""
        if self.add is not _ignore:
            self._names.update(names)
