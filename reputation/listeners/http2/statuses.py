"""Status codes of gRPC, and the code for the status of an HTTP answer."""

from collections.abc import Mapping
from typing import Final

OK: Final = 0
UNKNOWN: Final = 2
INVALID_ARGUMENT: Final = 3
DEADLINE_EXCEEDED: Final = 4
NOT_FOUND: Final = 5
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
UNAUTHENTICATED: Final = 16

OF_HTTP: Mapping[int, int] = {
    400: INVALID_ARGUMENT,
    401: UNAUTHENTICATED,
    404: NOT_FOUND,
    413: RESOURCE_EXHAUSTED,
    422: INVALID_ARGUMENT,
    503: UNAVAILABLE,
}
"""The code for the status of a problem; UNKNOWN for all others."""


class GrpcStatus(Exception):
    """A call ends with this status. message: for the peer's log; without any client's data."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
