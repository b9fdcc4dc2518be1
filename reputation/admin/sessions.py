"""Sessions of people who are signed in, kept in the state, so that every replica knows them.

A browser holds a random secret, and the state only its SHA-256. So nobody can sign in with what the state holds.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct, structs

from reputation.state.records import Records
from reputation.tuning.documents import Documents
from reputation.tuning.made_tenants import EVERYBODY
from reputation.wire.errors import Unavailable

KIND = "session"
MOST, MOST_OF_ONE = 1000, 20
"""Sessions of all people, and of one; a new one ends the oldest."""


class Session(Struct, frozen=True, omit_defaults=True):
    """One session. id: SHA-256 of its secret; began, until: seconds since 1970; via: token or oidc.

    token: the mark of its token; issuer, groups: what the provider said of the person.
    """

    name: str
    via: str
    began: float
    until: float
    token: str = ""
    issuer: str = ""
    groups: tuple[str, ...] = ()
    id: str = ""


class Sessions:
    """The sessions; those that were seen here are known also while shared state is away."""

    def __init__(self, records: Records, clock: Callable[[], float]) -> None:
        self._kept = Documents(records, KIND, Session)
        self._clock = clock
        self._seen: OrderedDict[str, Session] = OrderedDict()

    async def begin(self, session: Session) -> str:
        """Keep a session, and return its secret; `session` comes without an id. Raises Unavailable."""
        secret = secrets.token_urlsafe(32)
        session = structs.replace(session, id=_id(secret))
        await self._make_place(session.name, session.via)
        await self._kept.put(EVERYBODY, session.id, session)
        self._see(session)
        return secret

    async def find(self, secret: str) -> Session | None:
        """Return a session that has not ended."""
        id_ = _id(secret)
        try:
            found = await self._kept.get(EVERYBODY, id_)
        except Unavailable:
            session = self._seen.get(id_)
        else:
            session = None if found is None else found[0]
        if session is None or session.until <= self._clock():
            self._seen.pop(id_, None)
            return None
        self._see(session)
        return session

    async def end(self, secret: str) -> None:
        """End a session. Raises Unavailable."""
        self._seen.pop(_id(secret), None)
        await self._kept.delete(EVERYBODY, _id(secret))

    async def _make_place(self, name: str, via: str) -> None:
        """Delete sessions that are over, and the oldest above the bounds."""
        now, sessions = self._clock(), await self._kept.all(EVERYBODY)
        by_age = sorted((one for one in sessions if one.until > now), key=lambda one: one.began, reverse=True)
        own = [one for one in by_age if (one.name, one.via) == (name, via)]
        left = {one.id for one in by_age[: MOST - 1]} - {one.id for one in own[MOST_OF_ONE - 1 :]}
        for one in sessions:
            if one.id not in left:
                self._seen.pop(one.id, None)
                await self._kept.delete(EVERYBODY, one.id)

    def _see(self, session: Session) -> None:
        self._seen[session.id] = session
        self._seen.move_to_end(session.id)
        if len(self._seen) > MOST:
            self._seen.popitem(last=False)


def _id(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
