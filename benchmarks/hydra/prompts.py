"""Shapes of prompts: keyed SimHashes of what a conversation begins with, and of what it has grown to.

A request that begins a conversation carries one shape, that of its text. A request that goes on with one carries two:
that of the conversation's beginning first, then that of the whole, which is another one with each turn.
"""

from collections.abc import Iterator, Sequence

from benchmarks.hydra.arrivals import Session
from benchmarks.hydra.clock import DAY
from benchmarks.hydra.model import Sender
from benchmarks.hydra.sessions import CONVERSATION, mixed

Shapes = tuple[str, ...]
RESUMED = 0.25  # share of a person's sessions that go on with the conversation of the day
VIRAL = 0.01  # share of conversations that begin with the prompt that everybody pastes on that day
READY = 12  # prompts behind one template that is used as it is: exercises of a sheet, buttons of an application
_WHOLE = float(1 << 64)


class Prompts:
    """Gives the requests of one population their shapes; sessions must come hour by hour, sorted by their beginning.

    Memory: the conversations of one day that a later session may go on with.
    """

    def __init__(self, senders: Sequence[Sender], salt: int) -> None:
        self._senders, self._salt = senders, salt
        self._day, self._turns = 0, dict[int, int]()

    def of(self, session: Session, times: Sequence[float]) -> Iterator[Shapes]:
        """Yield the shapes of each of a session's requests."""
        sender, number = self._senders[session.sender], session.sender
        for at in times:
            begins = at if sender.queue else session.times[0]
            talk = self._talk(number, sender, begins)
            beginning = _beginning(sender, talk, begins)
            turn = 0 if sender.queue or sender.feed else self._turn(talk, begins)
            if turn or sender.primed:
                yield f"{beginning:016x}", f"{_grown(beginning, talk, number, turn):016x}"
            else:
                yield (f"{beginning:016x}",)

    def _talk(self, number: int, sender: Sender, begins: float) -> int:
        """The number of the conversation: one of the sender's own, or one that a group goes on with by turns."""
        noise, pool = mixed(self._salt, number, int(begins * 1000)), sender.pooled
        if pool and _part(noise, 1) < pool.share:
            which = int(pool.a_day * _part(noise, 2) ** 2)  # some are gone on with by many
            return mixed(pool.group, int(begins // DAY), which)
        if sender.queue or sender.feed:
            return noise
        if sender.keeps_session:
            return mixed(self._salt, number, 1, int(begins // CONVERSATION))
        if _part(noise, 3) < RESUMED:
            return mixed(self._salt, number, 2, int(begins // DAY))
        return noise

    def _turn(self, talk: int, begins: float) -> int:
        """How often the conversation was gone on with before."""
        if begins // DAY != self._day:
            self._day, self._turns = int(begins // DAY), {}
        turn = self._turns.get(talk, 0)
        self._turns[talk] = turn + 1
        return turn


def _part(noise: int, which: int) -> float:
    return mixed(noise, which) / _WHOLE


def _beginning(sender: Sender, talk: int, begins: float) -> int:
    """The shape of a conversation's beginning: a text that others use too, a template filled in, or one of its kind."""
    if sender.feed:
        return mixed(sender.feed, int(sender.start))
    if not sender.queue and _part(talk, 4) < VIRAL:
        return mixed(4, int(begins // DAY))
    if not sender.shapes or not (sender.primed or _part(talk, 5) < sender.templated):
        return mixed(talk)
    template = sender.shapes[mixed(talk, 6) % len(sender.shapes)]
    if sender.primed or sender.verbatim:
        return mixed(template, mixed(talk, 7) % READY)
    if template & 1 and not sender.queue:  # half of the tools that many use have no blanks
        return mixed(template)
    places = mixed(talk, 8)
    return mixed(template) ^ (1 << (places & 63)) ^ (1 << (places >> 6 & 63)) ^ (1 << (places >> 12 & 63))


def _grown(beginning: int, talk: int, number: int, turn: int) -> int:
    """The shape of the whole: a quarter of the bits are others by now."""
    return beginning ^ (mixed(talk, number, turn) & mixed(talk, number, turn, 1))
