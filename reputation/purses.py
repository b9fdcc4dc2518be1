"""What an account draws on beside its own limits: its cluster's purse, its neighbourhoods' budgets.

Sizes are in units of a typical honest account's daily use, which the linker learns from proven accounts.
"""

from geoip.facts import AddressFacts, network_text
from reputation.bucket import Limit, settled
from reputation.charges import Charge
from reputation.events import Scope
from reputation.facts import Facts
from reputation.history import DAY
from reputation.hydra.links import Cluster, Links
from reputation.stores.memory import Budgets
from reputation.tenants import LinkingSettings


def daily(units: float) -> Limit:
    """Make the limit of so many units a day; a bucket of less than one unit could never pass a request."""
    return Limit(units / DAY, max(units, 1.0))


def cluster_charges(
    name: str, cluster: Cluster, links: Links, settings: LinkingSettings, budgets: Budgets, now: float
) -> list[Charge]:
    """Charge the purse that all members share, and this member's max-min fair part of it."""
    purse = budgets.get(("purse", cluster.id), daily(settings.purse_units * links.typical_daily_use), now)
    part = budgets.get(("part", cluster.id, name), daily(cluster.level), now)
    return [Charge("purse", "cluster", purse), Charge("part", "cluster", part)]


def floor_charge(name: str, scope: Scope, units: float, cost: float, budgets: Budgets, now: float) -> Charge | None:
    """Charge the account's own floor, as long as there is something left on it; a floor of 0 is none.

    Its scope is that of the budget it spares, because a client is told of limits of its account's scope.
    """
    if not units:
        return None
    bucket = budgets.get(("floor", name), daily(units), now)
    return Charge("floor", scope, bucket) if settled(bucket, now) >= cost else None


def neighbourhood_charges(
    name: str, keys: list[tuple[str, ...]], links: Links, budgets: Budgets, now: float
) -> list[Charge]:
    """Charge the budgets of those neighbourhoods that the linker found crowded."""
    charges = []
    for key in keys:
        budget = links.neighbourhoods.get(key)
        if budget is not None:
            charges.append(Charge(key[0], "neighbourhood", budgets.get(("near", key), daily(budget.daily), now)))
            if budget.level < budget.daily:  # infinite while there is enough for all
                part = budgets.get(("near", key, name), daily(budget.level), now)
                charges.append(Charge(key[0], "neighbourhood", part))
    return charges


def neighbourhoods_of(facts: Facts, address: AddressFacts | None, ja4: str | None) -> list[tuple[str, ...]]:
    """Name the neighbourhoods that an account may have to share."""
    keys: list[tuple[str, ...]] = []
    if address is not None and address.network is not None:
        keys.append(("net", network_text(address.network)))
    if facts.payment is not None and facts.payment.iin is not None:
        keys.append(("iin", facts.payment.iin))
    if ja4 is not None:
        keys.append(("ja4", ja4))
    if facts.created_at is not None and address is not None and address.asn is not None:
        keys.append(("signup", str(address.asn), str(int(facts.created_at // 3600))))
    return keys
