"""Linking in step with recorded time, for a replay: its results depend on the recorded lines alone."""

from math import inf

from reputation.engine.limiter import Limiter
from reputation.engine.notes import MOST_WAITING
from reputation.hydra.links import follow
from reputation.linking.batches import Answer, batch_of, packed
from reputation.linking.process import LinkerDiedError, LinkerProcess
from reputation.linking.tenants import linked, linker_settings

REPLAY_EVERY = 900.0
NEWS = 8
"""A replay links again after at least one note for every so many accounts: with less, little can have changed."""
SMALL = 10_000
"""Accounts whose epoch takes a fraction of a second; above that, after as many notes as there are accounts more, and
its links wait for the next epoch, so that linking and checking go on at the same time on two cores."""
REPLAY_LAG = 5.0
"""Recorded seconds after which an epoch's links take effect in a replay, if not later: what a live epoch takes."""


class RecordedLinking:
    """Linking in step with recorded time: every `every` seconds an epoch, its links in force `lag` seconds later.

    The linker works in its own process meanwhile. What it answers depends on the notes alone, and when it takes
    effect on recorded time and notes alone, so two replays give the same bytes however fast the machine is. A linker
    that works on its answer reads nothing, so what it cannot read yet is kept: MOST_WAITING notes, packed.
    """

    def __init__(self, limiter: Limiter, every: float = REPLAY_EVERY, lag: float = REPLAY_LAG) -> None:
        self._tenants = linked(limiter)
        self._every = every
        self._lag = lag
        self._next = 0.0
        self._due: float | None = None
        self._enough = 0  # notes without which no epoch is worth its while
        self._fed = 0
        self._kept: list[bytes] = []  # batches that are not sent yet
        self._answers: list[Answer] = []  # those that are here and not in force yet
        # half of the work is the linker's: it gives way to no process
        self._process = LinkerProcess(niceness=0) if self._tenants else None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def __call__(self, now: float) -> None:
        """Follow recorded time; to be called before the line at `now`. Raises LinkerDiedError."""
        if self._process is None:
            return
        try:
            self._step(self._process, now)
        except (OSError, EOFError) as error:
            raise LinkerDiedError(f"the linker ended unexpectedly at {now:.0f} of recorded time") from error

    def _step(self, process: LinkerProcess, now: float) -> None:
        if self._due is not None and now >= self._due:
            self._follow(process)
        waiting = 0
        for _, tenant in self._tenants:
            waiting += tenant.outbox.waiting
        if now >= self._next and self._fed + waiting >= self._enough:
            self._ask(process, now)
        elif waiting >= MOST_WAITING // 4:
            if self._due is not None and self._fed + waiting >= MOST_WAITING:
                self._follow(process)
            self._feed(process, now)

    def _feed(self, process: LinkerProcess, now: float) -> None:
        for name, tenant in self._tenants:
            self._fed += tenant.outbox.waiting
            self._kept.append(packed(batch_of(name, linker_settings(tenant), tenant.outbox.collect(), now)))
        if self._due is not None:
            self._receive(process)
        if self._due is None or len(self._answers) == len(self._tenants):
            self._send(process)

    def _send(self, process: LinkerProcess) -> None:
        for data in self._kept:
            process.send_packed(data)
        self._kept.clear()

    def _receive(self, process: LinkerProcess) -> None:
        """Take the available answers."""
        while len(self._answers) < len(self._tenants) and process.answered:
            self._answers.append(process.receive())

    def _ask(self, process: LinkerProcess, now: float) -> None:
        """Ask for epochs once all notes are sent: an answering linker reads nothing, so no sender may wait."""
        if self._due is not None:
            self._follow(process)
        self._feed(process, now)
        for name, tenant in self._tenants:
            process.send(batch_of(name, linker_settings(tenant), [], now, epoch=True))
        accounts = sum(tenant.state.size() for _, tenant in self._tenants)
        self._next, self._due, self._fed = now + self._every, now + self._lag if accounts < SMALL else inf, 0
        self._enough = max(accounts // NEWS, accounts - SMALL)

    def _follow(self, process: LinkerProcess) -> None:
        while len(self._answers) < len(self._tenants):
            self._answers.append(process.receive())
        for (_, tenant), answer in zip(self._tenants, self._answers, strict=True):
            tenant.links = follow(tenant.links, answer.delta)
        self._answers.clear()
        self._due = None
        self._send(process)  # so that it has work until the next are fed

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
