"""Denials: accounts, cards, clusters and networks refused whatever the evidence, for a stated time and reason. Pure.

A denial is named in every verdict that it touched, and ends by itself. An exception (`exceptions.py`) of something as
specific or more specific wins over it.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from geoip.facts import AddressFacts
from reputation.engine.entries import LONGEST, Networks, Reasoned, active, canonical, put
from reputation.state.facts import Facts
from reputation.wire.messages import EntryRef, Reason, Text

DenyKind = Literal["account", "network", "asn", "card", "cluster"]
DENIED = "deny_list"
"""The signal of a denial's reason. It has no points: the risk is that of the evidence."""


class DenyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/deny. expires_in: seconds; dry_run: only count who would be stopped."""

    kind: DenyKind
    value: Text
    reason: Reasoned
    expires_in: Annotated[float, Meta(gt=0, le=LONGEST)]
    dry_run: bool = False


class Deny(Struct, frozen=True):
    """One denial as it is kept; at and expires are seconds since 1970, by is the token's name."""

    id: str
    kind: DenyKind
    value: str
    reason: str
    by: str
    at: float
    expires: float

    def ref(self) -> EntryRef:
        """Return the denial as a verdict shows it."""
        return EntryRef(self.id, self.kind, self.value, self.reason, self.expires)


def deny_of(body: DenyBody, id_: str, by: str, now: float) -> Deny:
    """Check a body and make the denial of it, its value in canonical form. Raises Invalid."""
    value = canonical(body.kind, body.value)
    return Deny(id_, body.kind, value, body.reason, by, now, now + body.expires_in)


def reason_of(deny: Deny) -> Reason:
    """Return the reason of a denial, for a verdict."""
    return Reason(DENIED, 0.0, f"{deny.kind} {deny.value} is on the deny list: {deny.reason}")


class Denials:
    """The denials of one tenant, indexed for look-up. Of several for one value, the one that ends last counts."""

    def __init__(self, denials: Iterable[Deny]) -> None:
        self._accounts: dict[str, tuple[Deny, ...]] = {}
        self._cards: dict[str, tuple[Deny, ...]] = {}
        self._clusters: dict[str, tuple[Deny, ...]] = {}
        self._asns: dict[int, tuple[Deny, ...]] = {}
        self._networks: Networks[Deny] = Networks()
        for deny in sorted(denials, key=lambda one: -one.expires):
            self._place(deny)
        self._networks.sort()

    def _place(self, deny: Deny) -> None:
        if deny.kind == "asn":
            put(self._asns, int(deny.value), deny)
        elif deny.kind == "network":
            self._networks.add(deny)
        else:
            tables = {"account": self._accounts, "card": self._cards, "cluster": self._clusters}
            put(tables[deny.kind], deny.value, deny)

    def of_account(self, name: str, now: float) -> list[Deny]:
        """Return the active denials that name an account."""
        return [deny for deny in self._accounts.get(name, ()) if deny.expires > now]

    def of_cluster(self, cluster: str, now: float) -> list[Deny]:
        """Return the active denials that name a cluster."""
        return [deny for deny in self._clusters.get(cluster, ()) if deny.expires > now]

    def find(
        self, name: str, facts: Facts, cluster: str | None, address: AddressFacts | None, now: float
    ) -> Deny | None:
        """Return the active denial for a check, the most specific first; None without one."""
        found = active(self._accounts.get(name, ()), now)
        card = None if facts.payment is None else facts.payment.fingerprint
        if found is None and card is not None:
            found = active(self._cards.get(card, ()), now)
        if found is None and cluster is not None:
            found = active(self._clusters.get(cluster, ()), now)
        if found is None and address is not None:
            found = self._networks.find(address, now)
            if found is None and address.asn is not None:
                found = active(self._asns.get(address.asn, ()), now)
        return found
