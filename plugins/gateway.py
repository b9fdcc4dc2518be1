"""The interface between a gateway's folder and the sidecar.

A folder's module has two functions, `read` and `answer`. A gateway that needs more than its route has `GATEWAY` too.
"""

import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from msgspec import Struct

from reputation.listeners.http2.methods import Methods
from reputation.listeners.sockets import SocketAccess
from reputation.wire.gateway import GatewaySettings, HttpMessage, Reply
from reputation.wire.later import Later
from reputation.wire.messages import Request, Settle, Settled, Verdict

if TYPE_CHECKING:  # every command loads this module, and metrics take longer to load than all the rest
    from prometheus_client.metrics_core import Metric

Application = Callable[[HttpMessage], Reply | Awaitable[Reply]]
"""Answers one message: 4xx for a message that cannot be judged, 503 while nothing can."""
Handler = Callable[[HttpMessage], Reply | Later[Reply]]
"""Answers one message. Raises Problem for one that cannot be judged."""
NO_METHODS: Methods = {}
Log = Callable[[str, BaseException], None]
"""Writes an event's name, and the exception behind it, to the log."""


class GatewayTenant(NamedTuple):
    """A tenant, as far as its gateways need it."""

    name: str
    settings: GatewaySettings


class Tenants(Protocol):
    """The configured tenants, as they are at this moment."""

    def find(self, name: str) -> GatewayTenant | None:
        """Find a tenant by its name."""

    def named(self, name: str) -> GatewayTenant:
        """Find a tenant by its name. Raises NotFound, after counting the name."""

    def all(self) -> Iterator[GatewayTenant]:
        """List all tenants, in the order of the configuration."""

    def unknown(self, kind: str, name: str, fix: str) -> None:
        """Count a name without a tenant; the log shows it, with the fix."""


class Engine(NamedTuple):
    """The sidecar, as a gateway's own routes may ask it. Answers come at once, or later if the state is shared.

    judge: returns the verdict on one check. judge_all: on one request of several accounts; all of them pay, or none.
    settle: settles a hold. clock: seconds since 1970.
    """

    tenants: Tenants
    judge: Callable[[Request], Verdict | Later[Verdict]]
    judge_all: Callable[[list[Request]], list[Verdict] | Later[list[Verdict]]]
    settle: Callable[[Settle], Settled | Later[Settled]]
    clock: Callable[[], float]


class Listening(NamedTuple):
    """The arguments of a listener.

    address: HOST:PORT or unix:PATH; `reputation.listeners.sockets.bind` binds it. access: rights of a Unix socket.
    application: answers `/gateway/NAME/TENANT` of this gateway, by its `read` and `answer`, and its own routes.
    clock: seconds since 1970. methods: this gateway's methods of gRPC, and the health service. tls: None without a
    certificate for this listener.
    """

    address: str
    access: SocketAccess
    application: Application
    tenants: Tenants
    clock: Callable[[], float]
    log: Log
    methods: Methods = NO_METHODS
    tls: ssl.SSLContext | None = None


class Served(Protocol):
    """A running listener."""

    async def drain(self, within: float) -> int:
        """Accept nothing new, finish within so many seconds, and return the number of cut connections."""

    def metrics(self) -> "Iterator[Metric]":
        """Return the metrics of this listener."""


class Listener(Struct, frozen=True):
    """A gateway's own listener.

    option: the option of `headcount serve`, without `--`, for a gateway that ships. help: the option's words.
    start: serves, on the running loop. Raises AddressError or ConfigError if it cannot. It is the place for imports
    that cost time. alone: this gateway asks only here, so the check listener has no route for it. tls: it serves TLS
    too.
    """

    option: str
    help: str
    start: Callable[[Listening], Awaitable[Served]]
    alone: bool = False
    tls: bool = False


class Gateway(Struct, frozen=True):
    """One gateway.

    read: turns a message into a check. Raises ValueError, which is answered with 400. answer: turns the verdict into
    a reply. takes_path: the client's path may follow the tenant in the route. routes: further routes of the check
    listener, by path: method and handler. methods: methods of gRPC, on the check listener and on a listener of
    its own. settings: a struct with defaults, found in a tenant's settings as
    `gateway.NAME`. check: looks at these settings of all tenants, by name. Raises SettingError.
    """

    read: Callable[[HttpMessage, str, GatewaySettings], Request]
    answer: Callable[[Verdict], Reply]
    takes_path: bool = False
    routes: Callable[[Engine], Mapping[bytes, tuple[bytes, Handler]]] | None = None
    methods: Callable[[Engine], Methods] | None = None
    settings: type[Struct] | None = None
    check: Callable[[Mapping[str, Any]], None] | None = None
    listener: Listener | None = None

    @property
    def asks_over_http(self) -> bool:
        """Whether the check listener has a route for it."""
        return self.listener is None or not self.listener.alone
