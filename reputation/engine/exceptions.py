"""Exceptions: accounts and networks allowed despite the evidence, for a stated time and reason. Pure.

An exception names an account, a network, an ASN or a verified organisation, is named in every verdict that it touched,
and ends by itself. Only a denial of something more specific (`denials.py`) wins over it.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from geoip.facts import AddressFacts
from reputation.engine.entries import LONGEST, Networks, Reasoned, active, canonical, put
from reputation.state.facts import Facts
from reputation.wire.errors import Invalid
from reputation.wire.messages import EntryRef, Text

AllowKind = Literal["account", "network", "asn", "organisation"]
MOST_TIMES = 10.0
"""Own limits under an exception may be so many times the ordinary ones."""
Times = Annotated[float, Meta(ge=1, le=MOST_TIMES)]


class AllowBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/allow. expires_in: seconds; within_limits: the account's own limits, `times` over, hold."""

    kind: AllowKind
    value: Text
    reason: Reasoned
    expires_in: Annotated[float, Meta(gt=0, le=LONGEST)]
    within_limits: bool = False
    times: Times = 1.0


class Allow(Struct, frozen=True):
    """One exception as it is kept; at and expires are seconds since 1970, by is the token's name."""

    id: str
    kind: AllowKind
    value: str
    reason: str
    by: str
    at: float
    expires: float
    within_limits: bool = False
    times: float = 1.0

    def ref(self) -> EntryRef:
        """Return the exception as a verdict shows it."""
        return EntryRef(self.id, self.kind, self.value, self.reason, self.expires)


def allow_of(body: AllowBody, id_: str, by: str, now: float) -> Allow:
    """Check a body and make the exception of it, its value in canonical form. Raises Invalid."""
    if body.times != 1.0 and not body.within_limits:
        raise Invalid("times is about the account's own limits; send within_limits: true, or leave times out", "/times")
    value = canonical(body.kind, body.value)
    expires = now + body.expires_in
    return Allow(id_, body.kind, value, body.reason, by, now, expires, body.within_limits, body.times)


class Exceptions:
    """The exceptions of one tenant, indexed for look-up. Of several for one value, the widest active one counts."""

    def __init__(self, allows: Iterable[Allow]) -> None:
        self._accounts: dict[str, tuple[Allow, ...]] = {}
        self._organisations: dict[str, tuple[Allow, ...]] = {}
        self._asns: dict[int, tuple[Allow, ...]] = {}
        self._networks: Networks[Allow] = Networks()
        for allow in sorted(allows, key=lambda a: (a.within_limits, -a.times, -a.expires)):
            self._place(allow)
        self._networks.sort()

    def _place(self, allow: Allow) -> None:
        if allow.kind == "account":
            put(self._accounts, allow.value, allow)
        elif allow.kind == "organisation":
            put(self._organisations, allow.value, allow)
        elif allow.kind == "asn":
            put(self._asns, int(allow.value), allow)
        else:
            self._networks.add(allow)

    def of_account(self, name: str, now: float) -> list[Allow]:
        """Return the active exceptions that name an account."""
        return [allow for allow in self._accounts.get(name, ()) if allow.expires > now]

    def find(self, name: str, facts: Facts, address: AddressFacts | None, now: float) -> Allow | None:
        """Return the active exception for a check, the most specific first; None without one."""
        found = active(self._accounts.get(name, ()), now)
        organisation = facts.organisation
        if found is None and organisation is not None and organisation.verified:  # else any could claim its name
            found = active(self._organisations.get(organisation.id, ()), now)
        if found is None and address is not None:
            found = self._networks.find(address, now)
            if found is None and address.asn is not None:
                found = active(self._asns.get(address.asn, ()), now)
        return found
