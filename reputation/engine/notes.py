"""The notes of each check: its sighting in the tenant's windows (their counts are evidence), and notes for the linker.

Notes for the linker are appended to a batch, without a wait.
"""

from collections.abc import Callable
from typing import Final

from geoip.facts import AddressFacts, host_text_of, network_of
from reputation.engine.identity import Who
from reputation.hydra.links import Cluster
from reputation.hydra.sightings import Known, Note, OperatorRuling, Origin, OutcomeNote, Sighting
from reputation.scoring.ladder import given
from reputation.signals.seen import Seen
from reputation.state.crowds import Row
from reputation.state.facts import Facts, Standards, is_payer, is_proven
from reputation.state.history import Marks, visit
from reputation.state.tenant import TenantState
from reputation.state.windows import name_of
from reputation.wire.messages import Outcome, Payment, Reason, Request, Signup, Verdict

MOST_WAITING: Final = 262_144
"""Notes kept while the linker does not come for them; above it the newest are dropped and counted."""

MOST_BYTES: Final = 201_326_592
"""Bytes of these notes, as they are estimated."""
A_NOTE: Final = 500
"""Bytes of a note without the names that a client can choose."""
A_SHAPE: Final = 65
OF_FACTS: Final = 700

PAYER: Final = 1
PROVEN: Final = 2
CONFIRMED: Final = 4
NO_PAYMENT: Final = Payment()
Lookup = Callable[[str], AddressFacts]
Said = tuple[Marks, bool, tuple[Reason, ...]]
"""The weight of an account's outcomes, whether a person labelled it abusive, and other operators' indicators."""


def observe(
    state: TenantState, who: Who, request: Request, linked: tuple[Cluster | None, float], said: Said, now: float
) -> Seen:  # fmt: skip
    """Note the sighting and return the check as signals see it; linked: a cluster and the confidence of membership.

    Unconfirmed accounts feed no baseline; nor do newcomers that share a row, whose sightings are not one account's.
    """
    row, address, client = who.row, who.address, request.client
    accounts_here = accounts_on_card = accounts_on_device = addresses = asns = countries = 0
    net_odds = asn_odds = 0.0
    if who.confirmed and not row.shared:
        member = name_of(who.name)
        host = None if address is None else address.host
        if address is not None and host is not None:
            asn = address.asn
            recent = row.recent = visit(row.recent, host, asn, address.country, now)
            addresses, asns, countries = recent[0], recent[1], recent[2]
            accounts_here = state.accounts_on_address.see(host, member, now)
            net_odds = state.networks.odds(network_of(host), now)
            if asn is not None:
                asn_odds = state.asns.odds(asn, now)
        payment, device = who.facts.payment, client.device
        card = None if payment is None else payment.fingerprint
        if card is not None:
            accounts_on_card = state.accounts_on_card.see(hash(card), member, now)
        if device is not None:
            accounts_on_device = state.accounts_on_device.see(hash(device), member, now)
    cluster = linked[0]
    confidence, size = (0.0, 0) if cluster is None else (linked[1], cluster.size)
    return Seen(  # its fields in their order: to find each by its name takes as long as all of the rest
        who.facts, address, client, request.request, said[0], said[1], accounts_here, accounts_on_card,
        accounts_on_device, addresses, asns, countries, net_odds, asn_odds, confidence, size, who.proven,
        said[2],
    )  # fmt: skip


class Outbox:
    """Notes for the linker, in the order of their time."""

    def __init__(self, standards: Standards, lookup: Lookup) -> None:
        """lookup: returns what is known of the address of a sign-up."""
        self.listening = False
        self._lookup = lookup
        self.dropped = 0
        self.standards = standards
        self._notes: list[Note] = []
        self._size = 0
        self._telling = 1

    def tell_again(self) -> None:
        """Send every account's facts again, to a new linker."""
        self._telling += 1

    @property
    def waiting(self) -> int:
        """How many notes there are to collect."""
        return len(self._notes)

    def collect(self) -> list[Note]:
        """Return the notes since the last call."""
        notes, self._notes = self._notes, []
        self._size = 0
        return notes

    def see(self, who: Who, request: Request, verdict: Verdict, now: float, part: str | None = None) -> None:
        """Note one check, and before it the account's facts if they or its status are news.

        part: the newcomers' reserve that it drew on.
        """
        row = who.row
        if not self.listening:
            return
        if who.confirmed:
            facts = who.facts
            status = self._status(payer=who.payer, proven=who.proven and self._is_proven_itself(who, now))
            brought = facts is not row.facts
            mark = who.read.mark() if brought else row.reported_hash
            if row.reported_status != status or row.reported_hash != mark:
                self._tell(who.name, row, facts, status, who.read.mark())
        client = request.client
        size = A_NOTE + len(who.name) + len(client.user_agent or "") + len(client.session or "")
        size += len(client.device or "") + A_SHAPE * len(request.request.content)
        self._note(sighting_of(who, request, now, part, stopped=verdict.decision != "allow"), size)

    def used(self, sighting: Sighting) -> None:
        """Note requests under a lease."""
        if self.listening:
            self._note(sighting)

    def know(self, account: str, row: Row, facts: Facts, now: float) -> None:
        """Note a push from billing."""
        if self.listening:
            payer = is_payer(facts, self.standards, now)
            proven = is_proven(facts, self.standards, now, row.days, organised=False)
            self._tell(account, row, facts, self._status(payer=payer, proven=proven), hash(facts))

    def _is_proven_itself(self, who: Who, now: float) -> bool:
        """Whether an account is proven without its organisation: which of these count, the linker finds."""
        organisation = who.facts.organisation
        if organisation is None or not organisation.verified:
            return True
        return is_proven(who.facts, self.standards, now, who.row.days, organised=False)

    def hear(self, outcome: Outcome, now: float) -> None:
        """Note an outcome."""
        if self.listening:
            self._note(OutcomeNote(outcome.account, outcome.outcome, now))

    def rule(self, ruling: OperatorRuling) -> None:
        """Note an operator's ruling; it is never dropped for lack of room."""
        self._notes.append(ruling)

    def _status(self, *, payer: bool, proven: bool) -> int:
        """Return the row's bits about the notes sent to the linker, and the number of the linker."""
        return payer * PAYER + proven * PROVEN + CONFIRMED + self._telling * 8

    def _tell(self, account: str, row: Row, facts: Facts, status: int, mark: int) -> None:
        """Note the facts; mark: their hash."""
        if self._note(known(account, facts, status, self._lookup)):
            row.reported_status, row.reported_hash = status, mark

    def _note(self, note: Note, size: int = OF_FACTS) -> bool:
        if len(self._notes) >= MOST_WAITING or self._size >= MOST_BYTES:
            self.dropped += 1
            return False
        self._size += size
        self._notes.append(note)
        return True


def sighting_of(who: Who, request: Request, now: float, part: str | None = None, *, stopped: bool) -> Sighting:
    """Flatten a check for the linker."""
    address, client, call = who.address, request.client, request.request
    host = network = asn = country = kind = None
    if address is not None and address.host is not None:
        host, network = host_text_of(address), address.network_name
        asn, country, kind = address.asn, address.country, address.kind
    return Sighting(
        now, who.name, host, network, asn, country, kind, client.ja4, client.user_agent, client.device,
        client.session, call.model, call.content, stopped, call.cost, part,
    )  # fmt: skip


def known(account: str, facts: Facts, status: int, lookup: Lookup) -> Known:
    """Flatten facts for the linker."""
    payment, organisation, signup = facts.payment or NO_PAYMENT, facts.organisation, facts.signup
    return Known(
        account, facts.created_at, facts.plan, facts.verified, None if organisation is None else organisation.id,
        organisation is not None and organisation.verified, payment.status, payment.fingerprint, payment.funding,
        payment.iin, payment.issuer_country, payment.settled_usd, payment.disputes,
        bool(status & CONFIRMED), bool(status & PROVEN), bool(status & PAYER), facts.email_domain,
        None if signup is None else origin_of(signup, lookup), payment.settled_30d_usd, tuple(given(facts)),
    )  # fmt: skip


def origin_of(signup: Signup, lookup: Lookup) -> Origin:
    """Flatten a sign-up for the linker."""
    net = asn = country = kind = None
    if signup.ip is not None:
        address = lookup(signup.ip)
        net, asn, country, kind = address.network_name, address.asn, address.country, address.kind
    return Origin(net, asn, country, kind, signup.ja4, signup.user_agent, signup.email_kind)
