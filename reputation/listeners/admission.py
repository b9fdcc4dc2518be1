"""Which callers of the check listener are gateways: those that send a shared secret, or show a certificate.

Probes (`/healthz`, `/readyz`, `grpc.health.v1.Health`) are answered to every caller.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from reputation.listeners.http2 import health
from reputation.listeners.http2.methods import Metadata, Methods, Receiver, Sender, Streaming, Unary
from reputation.wire.codec import PROBLEM_TYPE, problem_bytes
from reputation.wire.errors import NotAuthenticated
from reputation.wire.gateway import HttpMessage, Reply
from reputation.wire.later import Later

HEADER: Final = b"x-headcount-secret"
PROBES: Final = frozenset({b"/healthz", b"/readyz"})
OPEN_METHODS: Final = frozenset({health.CHECK, health.WATCH})
NOT_GIVEN: Final = "this listener needs the gateways' secret in the header X-Headcount-Secret"
NOT_SHOWN: Final = "this listener needs a client certificate of its certificate authority"

Application = Callable[[HttpMessage], Reply | Awaitable[Reply]]


def refusal(words: str) -> Reply:
    """Return the answer to a caller that is no gateway."""
    problem = NotAuthenticated(words)
    problem.title = "Not a gateway"
    return Reply(problem.status, problem_bytes(problem), ((b"Content-Type", PROBLEM_TYPE.encode()),))


UNCERTIFIED: Final = refusal(NOT_SHOWN)
"""The answer to a connection without a certificate, where one is needed."""
_WITHOUT_SECRET: Final = refusal(NOT_GIVEN)


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


class SharedSecrets:
    """The secrets that gateways may send, of which several are valid at once during a rotation; none: no check.

    refused: requests and calls without one of them. tell: called with the first refusal after each `renew`.
    """

    def __init__(self, secrets: Sequence[str], tell: Callable[[], object]) -> None:
        self.refused = 0
        self._tell = tell
        self.renew(secrets)

    @property
    def asked(self) -> bool:
        """Whether callers need a secret."""
        return len(self._digests) > 0

    def renew(self, secrets: Sequence[str]) -> None:
        """Take these secrets in the place of the earlier ones."""
        self._digests = [_digest(secret.encode()) for secret in secrets]
        self._told = False

    def admits(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether header lines, with names in lower case, have exactly one secret, and a valid one.

        The time of a comparison depends on nothing that is secret: digests are compared, and always all of them.
        """
        sent = [value for name, value in headers if name == HEADER]
        given = _digest(sent[0]) if len(sent) == 1 else b""
        return sum(hmac.compare_digest(known, given) for known in self._digests) > 0

    def application(self, inner: Application) -> Application:
        """Return an application that answers gateways and probes alone."""
        return partial(self._answer, inner) if self.asked else inner

    def methods(self, inner: Methods) -> Methods:
        """Return methods of gRPC that answer gateways alone; those of health answer every caller."""
        return guarded(inner, self._check) if self.asked else inner

    def _answer(self, inner: Application, message: HttpMessage) -> Reply | Awaitable[Reply]:
        if self.admits(message.headers) or message.target.partition(b"?")[0] in PROBES:
            return inner(message)
        self._count()
        return _WITHOUT_SECRET

    def _check(self, metadata: Metadata) -> None:
        if not self.admits(metadata):
            self._count()
            raise NotAuthenticated(NOT_GIVEN)

    def _count(self) -> None:
        self.refused += 1
        if not self._told:
            self._told = True
            self._tell()


def guarded(methods: Methods, check: Callable[[Metadata], None]) -> Methods:
    """Return methods with a check of the call's metadata before each; it raises Problem for a caller to be refused."""
    return {path: method if path in OPEN_METHODS else _guarded(method, check) for path, method in methods.items()}


def uncertified(methods: Methods, count: Callable[[], None]) -> Methods:
    """Return the methods for a connection without a certificate, where one is needed. count: called at each refusal."""

    def refuse(_: Metadata) -> None:
        count()
        raise NotAuthenticated(NOT_SHOWN)

    return guarded(methods, refuse)


def _guarded(method: Any, check: Callable[[Metadata], None]) -> Unary | Streaming:
    if isinstance(method, Unary):
        return Unary(partial(_answer_checked, method.answer, check), method.most)
    return Streaming(partial(_open_checked, method.open, check), method.most)


def _answer_checked(
    answer: Callable[[bytes, Metadata], bytes | Later[bytes]],
    check: Callable[[Metadata], None],
    message: bytes,
    metadata: Metadata,
) -> bytes | Later[bytes]:
    check(metadata)
    return answer(message, metadata)


def _open_checked(
    opened: Callable[[Metadata, Sender], Receiver],
    check: Callable[[Metadata], None],
    metadata: Metadata,
    sender: Sender,
) -> Receiver:
    check(metadata)
    return opened(metadata, sender)
