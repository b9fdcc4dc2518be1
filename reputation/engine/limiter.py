"""The one place where it all meets: `check` a request, `push` facts, `report` outcomes, follow new links.

A check reads what is known, scores it, takes from its buckets all or none, and notes what it saw.
"""

from collections.abc import Callable
from typing import Final

from msgspec import UNSET, structs

from geoip.book import AddressBook
from geoip.facts import AddressFacts
from reputation.config.tenants import Tenant
from reputation.engine.changes import deleting, learn_networks, marking, pushing
from reputation.engine.denials import Denials, reason_of
from reputation.engine.entry import drew_on, published
from reputation.engine.exceptions import Exceptions
from reputation.engine.groups import check_credentials
from reputation.engine.identity import Who, check_id, identify, judged_by, names_of
from reputation.engine.indicators import Indicators
from reputation.engine.judge import UNLISTED, Assessed, Judged, Listed, decided, in_shadow, scored, tier_by
from reputation.engine.leases import Leases
from reputation.engine.notes import Outbox, observe
from reputation.engine.repeats import Print, Repeats
from reputation.engine.shared_budgets import draws_of, excepted_draws
from reputation.engine.unknown_names import Strays
from reputation.engine.verdicts import Counts, RecentVerdicts
from reputation.hydra.links import NOTHING as NO_LINKS
from reputation.hydra.links import Cluster, Links, organisations_of
from reputation.hydra.sightings import OperatorRuling
from reputation.limits.take import Ask, Taken, binding_limit, take
from reputation.scoring.risk import STANDARD, TIERS, risk
from reputation.signals.seen import Seen
from reputation.state.crowds import Row
from reputation.state.facts import Facts
from reputation.state.history import DAY, weighed
from reputation.state.records import MemoryRecords
from reputation.state.tenant import TenantState
from reputation.state.transactions import AccountData, Committed, Plan, Transaction, put_in_force
from reputation.wire.errors import Conflict, NotFound
from reputation.wire.ids import NewId, hashed, is_jwt, printed
from reputation.wire.messages import (
    Account,
    AccountFacts,
    Client,
    ClusterRef,
    Lease,
    Outcome,
    Request,
    Settle,
    Settled,
    Verdict,
)

EXPLAIN_WINDOW: Final = 3600.0
MOST_DAYS: Final = 255  # small integers are shared, larger ones cost each row 32 bytes
KEPT_VERDICTS: Final = 10000

VerdictHook = Callable[[Assessed, Verdict], None]
"""Called with each verdict and its assessment: recorded decisions, a draft scored alongside."""


class TenantLimiter:
    """One tenant's checks. `links` is replaced whole when the linker has news; `outbox` notes sightings."""

    def __init__(self, tenant: Tenant, state: TenantState, addresses: AddressBook, secret: bytes) -> None:
        self.tenant = tenant
        self.state = state
        state.charge_in(tenant.settings.mode)
        self.links: Links = NO_LINKS
        self.outbox = Outbox(tenant.settings.standards, addresses.lookup)
        self.leases = Leases(self.outbox, self.names)
        self.leases.reserved.tell(state.mark_bucket)
        self.counts = Counts()
        self.verdicts = RecentVerdicts(EXPLAIN_WINDOW, KEPT_VERDICTS)
        self.secret = secret
        self.exceptions: Exceptions | None = None
        self.denials: Denials | None = None
        self.indicators: Indicators | None = None
        self.marked: frozenset[str] = frozenset()  # accounts that a person called abusive
        self.clock_offset = 0.0  # seconds that the clock of whatever keeps the buckets is before this machine's
        self.revision_of: Callable[[str], Tenant] | None = None  # by account, while a revision is on trial
        self.verdict_hooks: tuple[VerdictHook, ...] = ()
        self._today = -1
        self._addresses = addresses
        self.repeats = Repeats()

    def retune(self, tenant: Tenant) -> None:
        """Go on with new settings; a change of mode starts a series of buckets of its own."""
        self.state.charge_in(tenant.settings.mode)
        self.tenant = tenant
        self.outbox.standards = tenant.settings.standards
        if not tenant.settings.linking.enabled:
            self.links = NO_LINKS
            self.outbox.listening = False

    def check(self, request: Request, now: float, new_id: NewId) -> Verdict:
        """Score one request, take from its buckets, and answer. Raises Invalid if no account is named."""
        check_id(request.account.id, "/account/id")
        if request.account.credentials is not None:
            return check_credentials(self, request, now, new_id)
        return self.check_one(request, now, new_id)

    def check_one(self, request: Request, now: float, new_id: NewId) -> Verdict:
        """Judge a request with one account."""
        found = self.assess(request, now)
        if not isinstance(found, Assessed):
            return found
        id_ = new_id(now)
        return self.conclude(found, take(self.ask(found, id_), self.leases.reserved, now), id_)

    def assess(self, request: Request, now: float) -> Assessed | Verdict:
        """Do the part before the take, or find the earlier verdict of the same request.

        Raises Invalid, and Conflict for an id that another request had.
        """
        who = self.who(request, now)
        repeat = request.request.id
        if repeat is not None:
            known = self.repeats.get(repeat, Print(who.name, request.request), now)
            if known is not None:
                return known
        return self.assess_as(who, request, now)

    def names(self, account: Account, client: Client) -> list[str]:
        """Name the candidate accounts of a check with this account and client."""
        address = None if client.ip is None else self._addresses.lookup(client.ip)
        return names_of(account, address, self.state.owners, self.secret)

    def who(self, request: Request, now: float) -> Who:
        """Find the account of the request. Raises Invalid if no account is named."""
        return identify(
            request, self.tenant, self.state, self._addresses, self.secret, now, organisations_of(self.links)
        )

    def assess_as(self, who: Who, request: Request, now: float) -> Assessed:
        """Do the part before the take, for a new request."""
        self.counts.jwts += request.account.jwt or is_jwt(request.account.key)
        linked = self._cluster(who)
        cluster = linked[0]
        seen = self._observe(who, request, linked, now)
        tenant = self.tenant if self.revision_of is None else self.revision_of(who.name)
        if tenant is not self.tenant:
            who = judged_by(who, tenant.settings.standards, now)
        score, previous = scored(tenant, seen, now), who.row.tier
        tier = who.row.tier = tier_by(tenant, who, score, cluster, previous)
        listed = UNLISTED
        if self.exceptions is not None or self.denials is not None:
            linked_as = None if cluster is None else cluster.id
            listed = self.listed_as(who.name, who.facts, linked_as, who.address, now)
        allow = listed.allow
        then = now + self.clock_offset
        if allow is None:
            drawn = draws_of(tenant, self.state.budgets, self.links, who, cluster, then, request.request.cost)
        else:
            tier = who.row.tier = min(tier, STANDARD)
            drawn = excepted_draws(
                tenant, self.state.budgets, who, times=allow.times if allow.within_limits else 0.0, now=then
            )
        judged = Judged(tenant, score, previous, tier, listed)
        return Assessed(who, request, linked, seen, judged, drawn, now)

    def ask(self, assessed: Assessed, id_: str) -> Ask:
        """Return the ask of a check; a request stopped by tier or cluster gets no lease, unless it is only tried."""
        request, tenant, cluster = assessed.request, self.tenant, assessed.cluster
        call = request.request
        if not (request.lease or request.leases or call.hold):
            return Ask(assessed.draws, call.cost, token=id_)
        stopped = assessed.deny is not None or tenant.policy.rules[assessed.tier].decision != "allow"
        stopped = stopped or (cluster is not None and cluster.standing == "challenged")
        return self.leases.ask(
            assessed.who, request, assessed.drawn, tenant.settings.leases, id_, assessed.at,
            stopped=stopped and tenant.settings.mode == "enforce",
        )  # fmt: skip

    def conclude(self, assessed: Assessed, taken: Taken, id_: str) -> Verdict:
        """Answer by the result of the buckets, and note it for the linker, for explanations and for repeats."""
        who, request, now = assessed.who, assessed.request, assessed.at
        if not who.row.shared:
            self.state.dirty.add(who.name)
        verdict = self.answer(id_, assessed, taken)
        if taken.granted or request.lease:
            verdict = self._with_lease(verdict, assessed, taken)
        part = None if assessed.entry is None else drew_on(taken, assessed.entry)
        self.outbox.see(who, request, verdict, now, part)
        self.counts.add(verdict)
        self.verdicts.put(verdict, who.name, request, now, unconfirmed=not who.confirmed)
        if request.request.id is not None:
            self.repeats.put(request.request.id, Print(who.name, request.request), verdict, now)
        for hook in self.verdict_hooks:
            hook(assessed, verdict)
        return verdict

    def _with_lease(self, verdict: Verdict, assessed: Assessed, taken: Taken) -> Verdict:
        """Add the granted lease, or in shadow mode the one of an account without limits."""
        who, request, now, settings = assessed.who, assessed.request, assessed.at, self.tenant.settings.leases
        tried = verdict.mode == "shadow" and request.lease and not request.request.hold
        if verdict.decision != "allow" or not (tried or taken.granted):
            return verdict
        want, ttl = self.leases.terms(who, request, settings, now)
        tokens = want if tried else taken.granted
        if not tokens:
            return verdict
        lease = self.leases.give(who, request, Lease(verdict.id, tokens, ttl), now)
        return structs.replace(verdict, lease=lease)

    def settle(self, body: Settle, now: float) -> Settled:
        """Settle a hold, leases, or both. Raises Invalid, and NotFound for no open hold."""
        return self.leases.settle(body, self.tenant.settings.leases, now)

    def _cluster(self, who: Who) -> tuple[Cluster | None, float]:
        membership = self.links.members.get(who.name)
        if membership is None:
            return None, 0.0
        return self.links.clusters.get(membership[0]), membership[1]

    def listed_as(
        self, name: str, facts: Facts, cluster: str | None, address: AddressFacts | None, now: float
    ) -> Listed:
        """Find the entries of operators' lists for an account in a cluster, at an address."""
        allow = None if self.exceptions is None else self.exceptions.find(name, facts, address, now)
        deny = None if self.denials is None else self.denials.find(name, facts, cluster, address, now)
        return Listed(allow, deny)

    def address_of(self, ip: str) -> AddressFacts:
        """Return what is known of an address."""
        return self._addresses.lookup(ip)

    def _observe(self, who: Who, request: Request, linked: tuple[Cluster | None, float], now: float) -> Seen:
        """Note the sighting, and return the check as the signals see it."""
        marks = weighed(who.row.outcomes, who.facts, self.tenant.settings.outcomes.half_life, now)
        if not who.row.shared:
            self._note_day(who.row, int(now // DAY))
        shared = () if self.indicators is None else self.indicators.find(who.facts, who.address, request.client, now)
        return observe(self.state, who, request, linked, (marks, who.name in self.marked, shared), now)

    def _note_day(self, row: Row, today: int) -> None:
        """Count the different days of an account; the number of the day is one object for all rows."""
        if today > row.day or today < row.day - 1:  # tomorrow is a clock that wavers; later, one that was set back
            self._today = today if today != self._today else self._today
            if today > row.day:
                row.days = min(row.days + 1, MOST_DAYS)
            row.day = self._today

    def answer(self, id_: str, assessed: Assessed, taken: Taken) -> Verdict:
        """Make the verdict, without storing it."""
        tenant, tier, score, cluster = assessed.tenant, assessed.tier, assessed.score, assessed.cluster
        linked = None if cluster is None else ClusterRef(cluster.id, cluster.size, assessed.confidence)
        actions = tenant.policy.rules[tier].actions if assessed.allow is None else ()
        states, entry, deny = taken.states, assessed.entry, assessed.deny
        reasons = score.reasons if deny is None else [*score.reasons, reason_of(deny)]
        if entry is not None:
            states = published(taken, assessed.draws[0][1], entry.published, assessed.at + self.clock_offset)
        live = Verdict(
            id_, tenant.name, tenant.revision, "enforce", decided(assessed, taken), risk(score.log_odds), TIERS[tier],
            binding_limit(tenant.settings.unit, states[taken.binding]), states,
            DAY if taken.never else taken.wait, tuple(reasons), linked, actions,
            degraded=self.state.degraded, allow=UNSET if assessed.allow is None else assessed.allow.ref(),
            never=taken.never or UNSET, deny=UNSET if deny is None else deny.ref(),
            overruled=UNSET if assessed.overruled is None else assessed.overruled.ref(),
        )  # fmt: skip
        return live if tenant.settings.mode == "enforce" else in_shadow(live)

    def pushing(self, account: str, body: AccountFacts, now: float) -> Transaction:
        """Return the changes of a push."""
        return pushing(account, body, tuple([hashed(key, self.secret) for key in body.keys]), now)

    def commit(self, asked: Transaction, now: float) -> Committed:
        """Carry out a transaction in memory alone. Raises Conflict for a key of another account."""
        plan = Plan(MemoryRecords())
        committed = plan.add(self.tenant.name, self.state, asked, now)
        plan.apply(now)
        self.heed(asked.account, committed.after, now)
        return committed

    def heed(self, account: str, data: AccountData, now: float) -> None:
        """Send the account's current facts to the linker; its keys are no longer unconfirmed."""
        facts = data.facts
        row = None if facts is None else self.state.registered.get(account)
        if facts is None or row is None:
            return
        for key in facts.keys:
            self.state.unconfirmed.leave("key:" + printed(key))
        self.outbox.know(account, row, facts, now)

    def take_in(self, account: str, data: AccountData, now: float) -> None:
        """Replace the data of an account by the data of another store."""
        put_in_force(self.state, account, data, now)
        self.heed(account, data, now)

    def push(self, account: str, body: AccountFacts, now: float) -> None:
        """Store the pushed facts of an account. Raises Conflict, and stores nothing, if another account owns a key."""
        self.commit(self.pushing(account, body, now), now)

    def delete(self, account: str) -> bool:
        """Delete the pushed facts of an account; False if there were none."""
        try:
            self.commit(deleting(account), 0.0)
        except NotFound:
            return False
        return True

    def report(self, outcome: Outcome, now: float) -> None:
        """Mark an outcome's account, and the account's networks."""
        self.commit(marking(outcome, now), now)
        self.hear(outcome, now)

    def hear(self, outcome: Outcome, now: float) -> None:
        """Learn from an outcome: count it for the account's networks, and note it for the linker."""
        learn_networks(self.state, outcome, now)
        self.outbox.hear(outcome, now)

    def check_ruling(self, ruling: OperatorRuling) -> None:
        """Raise Conflict for an operator's ruling while linking is off, NotFound for one about no cluster."""
        if not self.tenant.settings.linking.enabled:
            raise Conflict("linking is off for this tenant, so there are no clusters", "/ruling")
        if ruling.ruling != "forget" and ruling.cluster is not None and ruling.cluster not in self.links.clusters:
            raise NotFound(f"no current cluster has the id {ruling.cluster!r}", "/cluster")


class Limiter:
    """Every tenant's limiter, by name."""

    def __init__(self, tenants: dict[str, TenantLimiter]) -> None:
        self.tenants = tenants
        self.strays = Strays()

    def tenant(self, name: str) -> TenantLimiter:
        """Find a tenant's limiter. Raises NotFound for an unknown tenant."""
        found = self.tenants.get(name)
        if found is None:
            self.strays.note("tenant", name, "name a tenant of the configuration, or add this one to it")
            places = "`headcount tenants list` shows those of a sidecar, `headcount config show` those of a file"
            raise NotFound(f"no tenant is called {name!r}; {places}", "/tenant")
        return found

    def check(self, request: Request, now: float, new_id: NewId) -> Verdict:
        return self.tenant(request.tenant).check(request, now, new_id)

    def settle(self, body: Settle, now: float) -> Settled:
        return self.tenant(body.tenant).settle(body, now)
