"""All buckets of a check: the account's own buckets, and the shared ones.

The linker computes purses, levels and what accounts have earned, and publishes them with the links.
"""

from collections.abc import Sequence
from typing import Final

from geoip.facts import network_of
from reputation.config.tenants import Tenant
from reputation.engine.entry import Entry, entry_of, may_need_more, reserve_charges
from reputation.engine.identity import Who
from reputation.engine.together import is_held, settled_units, together_charges
from reputation.hydra.links import Cluster, Links
from reputation.limits.bucket import Limit, change_limit, full
from reputation.limits.take import Charge, Draw
from reputation.scoring.ladder import is_new
from reputation.scoring.risk import Limits, plan_of
from reputation.state.budgets import Budgets
from reputation.state.crowds import lasting_days
from reputation.state.history import DAY

NAMES: Final = ("burst", "daily")
NO_LIMIT: Final = Limit(1e9, 1e9)  # what a setting may be at most; a number, so that every store can keep it
LASTING: Final = (
    3  # days on which a made-up key would have to be seen: two may be a minute apart, three are more than a day
)
NO_ADDRESS: Final = "none"
IPV6_HOSTS: Final = 1 << 32  # keys of /64s stand above those of IPv4 addresses

ALONE: Final[list[list[Charge]]] = [[]]
"""One alternative without any bucket besides the account's own."""

Pair = tuple[Limit, Limit]
"""Of a burst and of a day."""


class Drawn:
    """The buckets of a check, as alternatives. entry: the allowance of an unproven account's day.

    roomy: how many of the first draws may lease more than one token; the others are shared by many accounts.
    """

    __slots__ = ("draws", "entry", "roomy")

    def __init__(self, draws: list[Draw], entry: Entry | None = None, roomy: int = 1) -> None:
        self.draws: Final = draws
        self.entry: Final = entry
        self.roomy: Final = roomy


def draws_of(
    tenant: Tenant, budgets: Budgets, links: Links, who: Who, cluster: Cluster | None, now: float, cost: float
) -> Drawn:
    """Name the buckets of a check: alternatives, the milder one first. The tier is the one on the account's row.

    cost: of the request, in units; the reserve serves it only if all of it fits into the account's part.
    """
    plan, limits = limits_of(tenant, who)
    entry = entry_of(tenant, plan, who, limits, links, now)
    own = own_charges(who, limits.burst, limits.daily if entry is None else entry.day, now)
    if cluster is not None and cluster.standing == "blessed":
        cluster = None
    more = []
    if entry is not None:
        more = entry_charges(max(tenant.request_cost, cost), budgets, links, who, entry, own, now)
    organisation = tenant.organisation
    if organisation and (together := organisation_of(who, links)) is not None:
        own += [
            budgets.charge(name, "organisation", (name, together), limit, now)
            for name, limit in zip(NAMES, organisation, strict=True)
        ]
    by_address = ALONE if who.confirmed else unconfirmed_charges(tenant, who, budgets, now)
    if cluster is not None:
        by_links = linked_charges(tenant, budgets, links, who, cluster, now)
    else:
        by_links = quota_charges(tenant, budgets, links, who, now)
    held = tenant.settings.newcomers.together == "cap" and is_held(tenant, who, now)
    if held:
        by_links = held_charges(tenant, budgets, links, who, by_links, now)
    draws: list[Draw] = [own]
    if by_address is not ALONE or by_links is not ALONE:
        draws = [[*own, *shared, *linked] for shared in by_address for linked in by_links]
    roomy = len(draws) if cluster is None and not held else len(by_links) - 1
    if more:
        draws += [[own[0], *own[2:], *linked, *more] for linked in by_links]
    return Drawn(draws, entry, roomy)


def entry_charges(
    least: float, budgets: Budgets, links: Links, who: Who, entry: Entry, own: list[Charge], now: float
) -> list[Charge]:
    """Charge the newcomers' reserve for requests above an allowance; a linked account draws on its purse as well."""
    if not may_need_more(own, own[0].bucket.limit.burst, now):
        return []
    return reserve_charges(who.name, entry, links.levels, least, budgets, now)


def linked_charges(
    tenant: Tenant, budgets: Budgets, links: Links, who: Who, cluster: Cluster, now: float
) -> list[list[Charge]]:
    """Charge the shared purse of a linked account, as alternatives; its earned bucket is the milder one."""
    settings, least = tenant.settings.linking, tenant.request_cost
    shared = daily(cluster.purse or links.typical_daily_use, least)
    charges = cluster_charges(who.name, cluster, shared, least, budgets, now)
    units = settings.payer_floor_units * links.typical_daily_use if who.payer else 0.0
    earned = earned_charge(who.name, max(units, links.earned.get(who.name, 0.0)), least, budgets, now)
    return [charges] if earned is None else [[earned], charges]


def quota_charges(tenant: Tenant, budgets: Budgets, links: Links, who: Who, now: float) -> list[list[Charge]]:
    """Charge the quota of an account's organisation, as alternatives; an operator's own limit takes its place.

    An account has its first day alone: a quota in use gets no larger on the day on which members join.
    """
    together = None if tenant.organisation or is_new(who.read, now) else organisation_of(who, links)
    units = 0.0 if together is None else links.organisations.get(together, (0.0, False))[0]
    if units <= 0.0:
        return ALONE
    least, key = tenant.request_cost, ("purse", "organisation", str(together))
    charges = [budgets.charge("purse", "organisation", key, daily(units, least), now)]
    earned = earned_charge(who.name, links.earned.get(who.name, 0.0), least, budgets, now)
    return [charges] if earned is None else [[earned], charges]


def held_charges(
    tenant: Tenant, budgets: Budgets, links: Links, who: Who, by_links: list[list[Charge]], now: float
) -> list[list[Charge]]:
    """Charge what newcomers may take together, on top of the last alternative; what is earned comes before it."""
    *earned, shared = by_links
    if not earned:
        units = max(links.earned.get(who.name, 0.0), settled_units(tenant, who, now))
        charge = earned_charge(who.name, units, tenant.request_cost, budgets, now)
        earned = [] if charge is None else [[charge]]
    return [*earned, [*shared, *together_charges(tenant, links, who.name, budgets, now)]]


def organisation_of(who: Who, links: Links) -> str | None:
    """Name the open owner of the account: a verified organisation, else the card of several accounts."""
    if who.read.organisation is not None:
        return who.read.organisation
    card = links.invoices.get(who.name)
    return None if card is None else "card:" + card


def excepted_draws(tenant: Tenant, budgets: Budgets, who: Who, *, times: float, now: float) -> Drawn:
    """Name the buckets of a check under an exception: the limits of its tier, `times` over; 0: a never-empty bucket."""
    if times:
        limits = limits_of(tenant, who)[1].times(times)
        return Drawn([own_charges(who, limits.burst, limits.daily, now)])
    return Drawn([[budgets.charge("allow", "account", ("allow", who.name), NO_LIMIT, now)]])


def limits_of(tenant: Tenant, who: Who) -> tuple[str, Limits]:
    """Find the plan of an account, and the limits of its tier."""
    plan = plan_of(tenant.policy, who.read.plan, payer=who.payer)
    return plan, tenant.policy.limits[plan][who.row.tier]


def own_charges(who: Who, at_once: Limit, a_day: Limit, now: float) -> list[Charge]:
    """Charge the account's own limits: at once, and in a day."""
    row = who.row
    burst, daily = row.burst, row.daily
    if burst is None or daily is None:
        row.burst, row.daily = burst, daily = full(at_once, now), full(a_day, now)
    else:
        if burst.limit is not at_once:
            change_limit(burst, at_once, now)
        if daily.limit is not a_day and daily.limit != a_day:
            change_limit(daily, a_day, now)
    kind, owner = "own", who.name
    if row.shared:
        kind, owner = "newcomers", f"{'met' if who.confirmed else 'strangers'} {row.shared}"
    return [
        Charge("burst", "account", (kind, owner, "burst"), burst),
        Charge("daily", "account", (kind, owner, "daily"), daily),
    ]


def unconfirmed_charges(tenant: Tenant, who: Who, budgets: Budgets, now: float) -> list[list[Charge]]:
    """Charge the shared budgets of unconfirmed accounts: one an address, and a few times it for an IPv6 /48.

    Those whose address cannot be read share one. Accounts that were here on LASTING days have a part of it apart as an
    alternative, which newcomers cannot empty. A gateway that sends no address at all has none: one for all of its
    clients would be a limit on the whole site.
    """
    if who.address is None:
        return ALONE
    host = who.address.host
    hosts: list[int | str] = [NO_ADDRESS if host is None else host]
    if host is not None and host >= IPV6_HOSTS:
        hosts.append(-network_of(host))
    ways = [_address_charges("", hosts, tenant.unconfirmed, tenant.unconfirmed_network, budgets, now)]
    if lasting_days(who.row, now) >= LASTING:
        ways.append(_address_charges("lasting ", hosts, tenant.lasting, tenant.lasting_network, budgets, now))
    return ways


def _address_charges(
    word: str, hosts: Sequence[int | str], limits: Pair, network: Pair, budgets: Budgets, now: float
) -> list[Charge]:
    return [
        budgets.charge(name, "address", (word + name, key), limit, now)
        for key, pair in zip(hosts, (limits, network), strict=False)
        for name, limit in zip(NAMES, pair, strict=True)
    ]


def daily(units: float, least: float) -> Limit:
    """Make the limit of so many units a day; a bucket of less than one request's cost could never pass any."""
    return Limit(units / DAY, max(units, least))


def cluster_charges(
    name: str, cluster: Cluster, shared: Limit, least: float, budgets: Budgets, now: float
) -> list[Charge]:
    """Charge the purse of all members, and this member's max-min fair part of it, if the part is less."""
    charges = [budgets.charge("purse", "cluster", ("purse", cluster.id), shared, now)]
    if cluster.level < shared.burst:  # infinite while there is enough for all
        part = daily(cluster.level, least)
        charges.append(budgets.charge("part", "cluster", ("part", cluster.id, name), part, now))
    return charges


def earned_charge(name: str, units: float, least: float, budgets: Budgets, now: float) -> Charge | None:
    """Charge the earned bucket of an account: no evidence about others takes it; none without earnings."""
    return budgets.charge("earned", "account", ("floor", name), daily(units, least), now) if units else None
