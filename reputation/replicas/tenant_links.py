"""One tenant's links where replicas share state, as each replica follows them and the linker host makes them.

Links in force stay in force, here and in Redis, until a linker that took up the clusters says otherwise; so neither a
dead linker nor an absent Redis releases an account.
"""

import asyncio
import contextlib

import msgspec
from msgspec import Struct, structs

from reputation.engine.limiter import TenantLimiter
from reputation.hydra.links import NOTHING, Links, decode, difference, encode, follow
from reputation.hydra.rebuilding import rebuilt
from reputation.linking.batches import Answer, Batch, batch_of
from reputation.linking.exchange import Log
from reputation.linking.tenants import ids_of, linker_settings
from reputation.replicas.packing import compressed, decompressed
from reputation.replicas.tenant_notes import Cursor, TenantNotes
from reputation.stores.contract import SharedStore
from reputation.stores.shared_values import LINKS, STATE, AwayError, Leadership, Step

MOST_LINKS = 1024 * 1024 * 1024
"""Bytes of links or state, unpacked; those of two million accounts take a quarter of it."""
HAND_OVER = 16 * 1024 * 1024
"""Bytes of what a linker saw, as it is kept for the next one after each epoch."""


class State(Struct, frozen=True, array_like=True, gc=False):
    """The state of a linker after an epoch: clusters, sightings, and its place in the notes."""

    book: bytes = b""
    ledger: bytes = b""
    cursor: Cursor = Cursor()


_states = msgspec.msgpack.Decoder(State)


class TenantLinking:
    """One tenant's links, as each replica follows them and the linker host makes them."""

    def __init__(self, limiter: TenantLimiter, store: SharedStore, replica: str, log: Log) -> None:
        name = limiter.tenant.name
        self.limiter = limiter
        self.notes = TenantNotes(store, name, replica)
        self.lead = Leadership()
        self.used = self.left_out = 0  # bytes of the linker here, and what found none
        self.crowded = 0  # sightings of accounts that found no place in the linker here
        self.linking = b""  # the term for which the running linker has this tenant
        self._log = log
        self._shared = store.links(name, replica)
        self._version = 0  # of the links that are in force here
        self._damaged = 0  # a version that could not be read
        self._heard = b""  # the last host that was sent this replica's accounts
        self._state = (0, State())  # the version that was made here last, and what it was made from
        self._began = self._cursor = Cursor()  # where the running linker began to read, and how far it is
        self._made = NOTHING  # as the running linker has them
        self._empty = 0  # looks in a row that found no host
        self._changing = asyncio.Lock()

    @property
    def is_ours(self) -> bool:
        """Whether this replica is to link."""
        return self._shared.is_ours(self.lead)

    @property
    def _patience(self) -> int:
        """How many looks in a row must find no host before this replica takes the lead.

        Where Redis has lost everything, who made the last links knows more than they tell, and who has links more than
        who has none.
        """
        if not self._version:
            return 2
        return 0 if self._version == self._state[0] else 1

    async def look(self) -> None:
        """Read which replica links, take the lead if none has it, and follow new links. Raises AwayError."""
        self.lead = await self._shared.lead(wanted=self._empty >= self._patience)
        self._empty = 0 if self.lead.holder else self._empty + 1
        if self.lead.holder not in (b"", self._heard):
            self._heard = self.lead.holder
            self.limiter.outbox.tell_again()
        if not self._changing.locked():  # links that are being put in force may take a while, and the lead must be kept
            await self._follow()

    async def leave(self) -> None:
        """Let another replica link. Raises AwayError."""
        if self.is_ours:
            self.lead = Leadership()
            await self._shared.leave()

    async def _follow(self) -> None:
        """Put the newest links in force; where Redis has lost them, the active ones stay. Raises AwayError."""
        async with self._changing:
            if self.lead.version in (0, self._version, self._damaged):
                return
            for newer in (self._stepped, self._whole):
                with contextlib.suppress(ValueError):
                    self.limiter.links, self._version = await newer()
                    return
            self._damaged = self.lead.version
            self._log("links_damaged", tenant=self.limiter.tenant.name, version=self.lead.version)

    async def _stepped(self) -> tuple[Links, int]:
        """Follow the steps from the active links here. Raises AwayError, ValueError."""
        steps, version = await self._shared.steps(self._version)
        if version < self.lead.version:
            raise ValueError("the steps from these links are not there")
        return await asyncio.to_thread(_followed, self.limiter.links, steps), version

    async def _whole(self) -> tuple[Links, int]:
        """Read the links whole. Raises AwayError, also where they were replaced meanwhile, and ValueError."""
        found = await self._shared.whole(LINKS)
        if found is None:
            raise AwayError("the links were replaced while they were read")
        return await asyncio.to_thread(_followed, NOTHING, [decompressed(found[0], MOST_LINKS)]), found[1]

    async def batch(self, now: float, *, epoch: bool) -> Batch:
        """Return the batch for the linker. Raises AwayError, also if another replica is the linker host now."""
        holder = self.lead.holder  # before anything is waited for: links are put in force in this term or not at all
        if not self.is_ours:
            raise AwayError("another replica links this tenant")
        batch = batch_of(self.limiter.tenant.name, linker_settings(self.limiter, self.limiter.secret), [], now)
        if self.linking != holder:
            state = await self._take_up()
            batch.fresh, batch.book, batch.ledger = True, state.book, state.ledger
        self._cursor = await self.notes.read(self._cursor, batch)
        self.linking = holder
        if epoch:
            batch.epoch, batch.hand_over = now, HAND_OVER
        return batch

    async def _take_up(self) -> State:
        """Go on from the last epoch put in force by any replica. Raises AwayError."""
        await self._follow()
        state = await self._kept()
        self._began = self._cursor = state.cursor
        self._made = NOTHING
        return state

    async def _kept(self) -> State:
        """Return the state of the links in force: as Redis has it, or as it is known here, or as the links tell it."""
        try:
            found = await self._shared.whole(STATE)
        except ValueError as error:
            self._log("linker_state_damaged", tenant=self.limiter.tenant.name, error=str(error))
            found = (b"", 0)
        if found is None and self.lead.version:
            raise AwayError("the linker's state was replaced while it was read")
        if found is not None and found[0]:
            try:
                return _states.decode(await asyncio.to_thread(decompressed, found[0], MOST_LINKS))
            except ValueError as error:
                self._log("linker_state_damaged", tenant=self.limiter.tenant.name, error=str(error))
        if self._version and self._version == self._state[0]:
            return structs.replace(self._state[1], cursor=Cursor())
        ids = ids_of(self.limiter.tenant.name, self.limiter.secret)
        return State(book=await asyncio.to_thread(rebuilt, self.limiter.links, ids)) if self._version else State()

    def void(self) -> Batch:
        """Return the batch that makes the linker here forget this tenant: another replica links it now."""
        self.linking = b""
        return Batch(self.limiter.tenant.name, linker_settings(self.limiter, self.limiter.secret), fresh=True)

    async def put(self, answer: Answer) -> bool:
        """Put an epoch's links in force everywhere; False if this replica may not any more. Raises AwayError."""
        self.crowded, self.used, self.left_out = answer.crowded, answer.used, answer.left_out
        links = self._made = follow(self._made, answer.delta)
        read = self._cursor
        if not answer.ledger:  # too few accounts to hand over: who takes over reads all of their notes again
            read = structs.replace(self._began, rulings=read.rulings)
        state = State(answer.book, answer.ledger, read)
        async with self._changing:
            before = self._version if self.lead.version else 0
            if self.lead.version and self.lead.version == self._damaged:
                before = self._damaged  # unreadable links are replaced like others
            step = await asyncio.to_thread(_step, self.limiter.links if before else NOTHING, links, state)
            version = await self._shared.put(Leadership(self.linking), before, step)
            if version:
                self.limiter.links, self._version, self._state = links, version, (version, state)
                self.lead = self.lead._replace(version=version)
        return version > 0


def _followed(links: Links, steps: list[bytes]) -> Links:
    for step in steps:
        links = follow(links, decode(step))
    return links


def _step(before: Links, links: Links, state: State) -> Step:
    whole = compressed(encode(difference(NOTHING, links)))
    data = compressed(msgspec.msgpack.encode(state))
    return Step(whole, encode(difference(before, links)), data, state.cursor.notes, state.cursor.rulings)
