"""Verdicts of the last hour, for explanations and appeals, in bounded memory.

They are kept packed: ten thousand verdicts of thirty objects each would make every check write to, and in turn free,
memory that fell out of the processor's caches long ago.
"""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import msgpack

from reputation.events import Request, Verdict
from reputation.recent import Recent


class Asked(NamedTuple):
    """What a recent verdict was asked, as far as it is kept: no key, nothing a client can make large.

    account: the one that was judged, also where its key alone was sent; an unknown key's is its hash's; null for an
    address.
    """

    account: str | None
    ip: str | None
    route: str | None
    cost: float


_pack = msgpack.Encoder().encode_into  # not JSON, which has no word for a limit without end
# the members of Asked one by one, because the compiler forgets the types of a NamedTuple's
_unpack = msgpack.Decoder(tuple[tuple[str | None, str | None, str | None, float], Verdict]).decode


def _read(kept: bytes) -> tuple[Asked, Verdict]:
    asked, verdict = _unpack(kept)
    return Asked(*asked), verdict


class RecentVerdicts:
    """Verdicts by their id, each with what it was asked; of 0 at most none is packed."""

    def __init__(self, window: float, most: int) -> None:
        self._most = most
        self._kept: Recent[bytes] = Recent(window, most)
        self._packed = bytearray()  # filled anew for each: `encode` would give its result three sizes one by one

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def lost(self) -> int:
        """Verdicts that a flood pushed out before their time."""
        return self._kept.lost

    def put(self, verdict: Verdict, account: str | None, request: Request, now: float) -> None:
        if not self._most:
            return
        call = request.request
        asked = (account, request.client.ip, call.route, call.cost)  # as Asked has them
        _pack((asked, verdict), self._packed)
        self._kept.put(verdict.id, bytes(self._packed), now)

    def get(self, id_: str, now: float) -> tuple[Asked, Verdict] | None:
        """Find a verdict of the window."""
        kept = self._kept.get(id_, now)
        return None if kept is None else _read(kept)

    def newest(self, most: int) -> Iterator[tuple[Asked, Verdict]]:
        """Up to `most` verdicts, newest first, each unpacked when it is come for."""
        return map(_read, self._kept.newest(most))
