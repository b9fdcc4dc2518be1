"""The input of every signal: the facts, the request and the counts at one instant."""

from typing import Final

from msgspec import Struct

from geoip.facts import AddressFacts
from reputation.state.facts import Facts
from reputation.state.history import NO_MARKS, Marks
from reputation.wire.messages import Call, Client, Reason

NO_CLIENT: Final = Client()
ONE_CALL: Final = Call()


class Seen(Struct, frozen=True, gc=False):
    """One check as the signals see it; docs/architecture.md says what each field contains.

    The account's part of the request is left out, so that no reason can contain a key.
    """

    facts: Facts
    address: AddressFacts | None = None
    client: Client = NO_CLIENT
    request: Call = ONE_CALL
    marks: Marks = NO_MARKS
    marked: bool = False
    accounts_on_address: int = 0
    accounts_on_card: int = 0
    accounts_on_device: int = 0
    addresses: int = 0
    asns: int = 0
    countries: int = 0
    net_odds: float = 0.0
    asn_odds: float = 0.0
    cluster_confidence: float = 0.0
    cluster_size: int = 0
    organised: bool = True
    indicators: tuple[Reason, ...] = ()
