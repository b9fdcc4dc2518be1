"""Changes of a tenant's shared state, known to every replica within a second; and the number of replicas."""

import secrets
from collections.abc import Callable

from reputation.stores.redis.names import Names
from reputation.stores.redis.server import RedisServer, Script

EVERY = 0.3
"""Seconds between two heartbeats of a tenant."""
GIVEN_UP = 2.0
"""Seconds after its last heartbeat at which a replica no longer counts."""
AT_ONCE = 5000
SCRIPT = Script("heartbeat.lua")

RECORD, ACCOUNT, KEY = b"r:", b"a:", b"k:"
"""How a change is named: a kind of document, an account, the keyed hash of an API key."""


OnChange = Callable[[bytes | None, int], None]
"""Called with the name of what changed, here or elsewhere, and its number; None: everything may have changed."""


class RedisHeartbeat:
    """One tenant's."""

    def __init__(self, server: RedisServer, names: Names, heard: OnChange) -> None:
        self.replicas = 1
        self.keys = (names.single("changes"), names.single("clock"))
        self._server = server
        self._heard = heard
        self._replica = secrets.token_hex(6)
        self._live = names.single("replicas")
        self._number_seen: int | None = None

    def _tell(self, what: bytes, number: int) -> None:
        """Report one change; a change of other data is left out."""
        try:
            self._heard(what, number)
        except UnicodeDecodeError:
            self._server.damaged(self.keys[0])

    async def beat(self) -> None:
        """Send this replica's heartbeat, and read the changes. Raises AwayError."""
        live, number, floor, *changed = await self._server.run(
            SCRIPT, [self._live, *self.keys], self._replica.encode(), GIVEN_UP, self._number_seen or 0, AT_ONCE
        )
        self.replicas = max(int(live), 1)
        before, self._number_seen = self._number_seen, int(number)
        if before is None or int(number) < before or before < int(floor):
            self._heard(None, 0)
            return
        for what, at in zip(changed[::2], changed[1::2], strict=True):
            self._tell(what, int(float(at)))
