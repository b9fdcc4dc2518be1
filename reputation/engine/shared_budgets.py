"""All buckets of a check: the account's own buckets, and the shared ones.

Purses are in units of a typical honest account's daily use, which the linker learns from proven accounts.
"""

from collections.abc import Sequence

from geoip.facts import network_of
from reputation.config.tenants import Tenant
from reputation.engine.identity import Who
from reputation.hydra.links import Cluster, Links
from reputation.limits.bucket import Limit, change_limit, full
from reputation.limits.take import Charge, Draw
from reputation.scoring.policy import plan_of
from reputation.state.budgets import Budgets
from reputation.state.crowds import lasting_days
from reputation.state.history import DAY

NAMES = ("burst", "daily")
NO_LIMIT = Limit(1e9, 1e9)  # what a setting may be at most; a number, so that every store can keep it
LASTING = 3  # days on which a made-up key would have to be seen: two may be a minute apart, three are more than a day
NO_ADDRESS = "none"
IPV6_HOSTS = 1 << 32  # keys of /64s stand above those of IPv4 addresses

Limits = tuple[Limit, Limit]
"""Of a burst and of a day."""


def draws_of(
    tenant: Tenant, budgets: Budgets, links: Links, who: Who, cluster: Cluster | None, now: float
) -> list[Draw]:
    """Name the buckets of a check: alternatives, the milder one first. The tier is the one on the account's row."""
    own = own_charges(tenant, who, now)
    if tenant.organisation and (together := organisation_of(who, links)) is not None:
        own += [
            budgets.charge(name, "organisation", (name, together), limit, now)
            for name, limit in zip(NAMES, tenant.organisation, strict=True)
        ]
    by_address = [[]] if who.confirmed else stranger_charges(tenant, who, budgets, now)
    by_links = linked_charges(tenant, budgets, links, who, cluster, now)
    return [[*own, *shared, *linked] for shared in by_address for linked in by_links]


def linked_charges(
    tenant: Tenant, budgets: Budgets, links: Links, who: Who, cluster: Cluster | None, now: float
) -> list[list[Charge]]:
    """Charge what the linker found an account to share, as alternatives; its floor is the milder one."""
    settings, least = tenant.settings.linking, tenant.request_cost
    if cluster is not None and cluster.standing != "blessed":
        purse = daily(settings.purse_units * links.typical_daily_use, least)
        charges = cluster_charges(who.name, cluster, purse, least, budgets, now)
        units = settings.payer_floor_units * links.typical_daily_use if who.payer else 0.0
        floor = floor_charge(who.name, units, least, budgets, now)
        return [charges] if floor is None else [[floor], charges]
    return [[]]


def organisation_of(who: Who, links: Links) -> str | None:
    """Name the open owner of the account: a verified organisation, else a card that pays for several accounts."""
    organisation = who.facts.organisation
    if organisation is not None and organisation.verified:
        return organisation.id
    card = links.invoices.get(who.name)
    return None if card is None else "card:" + card


def excepted_draws(tenant: Tenant, budgets: Budgets, who: Who, *, limited: bool, now: float) -> list[Draw]:
    """Name the buckets of a check under an exception: its own limits, or a bucket that never empties."""
    if limited:
        return [own_charges(tenant, who, now)]
    return [[budgets.charge("allow", "account", ("allow", who.name), NO_LIMIT, now)]]


def own_charges(tenant: Tenant, who: Who, now: float) -> list[Charge]:
    """Charge the account's own limits, by its plan and tier."""
    policy, row = tenant.policy, who.row
    limits = policy.limits[plan_of(policy, who.facts.plan, payer=who.payer)][row.tier]
    burst, daily = row.burst, row.daily
    if burst is None or daily is None:
        row.burst, row.daily = burst, daily = full(limits.burst, now), full(limits.daily, now)
    elif burst.limit is not limits.burst:
        change_limit(burst, limits.burst, now)
        change_limit(daily, limits.daily, now)
    kind, owner = "own", who.name
    if row.shared:
        kind, owner = "newcomers", f"{'met' if who.confirmed else 'strangers'} {row.shared}"
    return [
        Charge("burst", "account", (kind, owner, "burst"), burst),
        Charge("daily", "account", (kind, owner, "daily"), daily),
    ]


def stranger_charges(tenant: Tenant, who: Who, budgets: Budgets, now: float) -> list[list[Charge]]:
    """Charge the budgets that unconfirmed accounts share: one an address, and a few times it for an IPv6 /48.

    Those whose address cannot be read share one. Accounts that were here on LASTING days have a part of it apart as an
    alternative, which newcomers cannot empty. A gateway that sends no address at all has none: one for all of its
    clients would be a limit on the whole site.
    """
    if who.address is None:
        return [[]]
    host = who.address.host
    hosts: list[int | str] = [NO_ADDRESS if host is None else host]
    if host is not None and host >= IPV6_HOSTS:
        hosts.append(-network_of(host))
    ways = [_address_charges("", hosts, tenant.unconfirmed, tenant.unconfirmed_network, budgets, now)]
    if lasting_days(who.row, now) >= LASTING:
        ways.append(_address_charges("lasting ", hosts, tenant.lasting, tenant.lasting_network, budgets, now))
    return ways


def _address_charges(
    word: str, hosts: Sequence[int | str], limits: Limits, network: Limits, budgets: Budgets, now: float
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
    name: str, cluster: Cluster, purse: Limit, least: float, budgets: Budgets, now: float
) -> list[Charge]:
    """Charge the purse that all members share, and this member's max-min fair part of it, if that is any less."""
    charges = [budgets.charge("purse", "cluster", ("purse", cluster.id), purse, now)]
    if cluster.level < purse.burst:  # infinite while there is enough for all
        part = daily(cluster.level, least)
        charges.append(budgets.charge("part", "cluster", ("part", cluster.id, name), part, now))
    return charges


def floor_charge(name: str, units: float, least: float, budgets: Budgets, now: float) -> Charge | None:
    """Charge the account's own floor; a floor of 0 is none.

    Its scope is that of the budget it spares, because a client is told of limits of its account's scope.
    """
    return budgets.charge("floor", "cluster", ("floor", name), daily(units, least), now) if units else None
