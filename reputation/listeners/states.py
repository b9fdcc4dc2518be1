"""The states of a connection of the check listener; each says how long it may last."""

from typing import Final

IDLE: Final = "idle"
HEAD: Final = "head"
BODY: Final = "body"
WORKING: Final = "working"
STALLED: Final = "stalled"
CLOSING: Final = "closing"
