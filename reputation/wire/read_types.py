"""Types to decode a check's body into, for `CheckReader`: the account apart, and times without a call for each."""

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from reputation.wire.messages import LATEST, Account, Call, Client, LeaseReport, Request, Seconds, Text, wire_type

if TYPE_CHECKING:
    from reputation.wire.known import Facts

    KeptFacts = Facts | None
else:
    KeptFacts = None  # all that a body can put there

PlainSeconds = Annotated[float, Meta(ge=0, le=LATEST)]


class ReadAccount(Account, frozen=True, gc=False):
    """An account whose times are numbers. facts: what it carries, once that was worked out; no member of the body."""

    created_at: PlainSeconds | None = None  # type: ignore[assignment]
    facts: KeptFacts = None


class OuterCheck(Struct, frozen=True, gc=False):
    """The members of `Request`, with the bytes of the account."""

    tenant: Text = "default"
    at: Seconds | None = None
    account: msgspec.Raw = msgspec.Raw()
    client: Client = Client()
    request: Call = Call()
    leases: Annotated[tuple[LeaseReport, ...], Meta(max_length=64)] = ()
    lease: bool = False


CHECKS = msgspec.json.Decoder(Request, dec_hook=wire_type)
OUTER_CHECKS = msgspec.json.Decoder(OuterCheck, dec_hook=wire_type)
ACCOUNTS = msgspec.json.Decoder(ReadAccount, dec_hook=wire_type)
