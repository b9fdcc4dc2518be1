"""Accounts that a denial would stop now, and the payers among them: counted in slices, so that no check waits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network

from msgspec import Struct

from reputation.admin.neighbours import AT_ONCE
from reputation.engine.denials import Deny
from reputation.engine.limiter import TenantLimiter
from reputation.state.crowds import Row
from reputation.state.facts import is_payer
from reputation.state.history import DAY, visits, visits_with_asn
from reputation.state.tenant import TenantState
from reputation.wire.messages import Payment

MOST_NAMED = 20
"""Payers that an answer names."""
_V6_HOST = 1 << 32
"""Keys of hosts below it are IPv4 addresses; above it the first 64 bits of an IPv6 address."""

Matches = Callable[[str, Row], bool]


class Reach(Struct, frozen=True):
    """Whose requests an entry or ruling touches now. payer_names: the first of the payers; words: all in one phrase."""

    accounts: int
    payers: int
    payer_names: tuple[str, ...]
    words: str


async def reach_of(tenant: TenantLimiter, deny: Deny, now: float) -> Reach:
    """Count the accounts that a denial would stop: with this id or card, in this cluster, or seen there within a day.

    Accounts at an address count by their last 16 addresses, as far as this replica saw them.
    """
    if deny.kind == "account":
        names = [deny.value] if tenant.state.row(deny.value, now) is not None else []
        return await reach_of_names(tenant, names, now)
    if deny.kind == "cluster":
        return await reach_of_names(tenant, members_of(tenant, deny.value), now)
    matches = _matcher(deny, now)
    found = [name async for name, row in _rows(tenant.state) if matches(name, row)]
    return await reach_of_names(tenant, found, now)


def members_of(tenant: TenantLimiter, cluster: str) -> list[str]:
    """Name the members of a cluster, in alphabetical order."""
    return sorted(name for name, (owner, _) in tenant.links.members.items() if owner == cluster)


async def reach_of_names(tenant: TenantLimiter, names: list[str], now: float) -> Reach:
    """Count accounts, and the payers among them."""
    payers = await payers_among(tenant, names, now)
    return Reach(len(names), len(payers), tuple(payers[:MOST_NAMED]), _words(len(names), len(payers)))


async def payers_among(tenant: TenantLimiter, names: list[str], now: float) -> list[str]:
    """Return the paying customers among accounts, in alphabetical order."""
    standards, found = tenant.tenant.settings.standards, []
    for start in range(0, len(names), AT_ONCE):
        await asyncio.sleep(0)
        rows = [(name, tenant.state.row(name, now)) for name in names[start : start + AT_ONCE]]
        found += [name for name, row in rows if row is not None and is_payer(row.facts, standards, now)]
    return sorted(found)


def _words(accounts: int, payers: int) -> str:
    if not accounts:
        return "no account that this sidecar knows"
    who = f"{accounts:,} {'account' if accounts == 1 else 'accounts'}"
    if not payers:
        return f"{who}, no paying customer among them"
    return f"{who}, among them {payers:,} paying {'customer' if payers == 1 else 'customers'}"


async def _rows(state: TenantState) -> AsyncIterator[tuple[str, Row]]:
    for table in (state.registered, state.traffic.names()):
        await asyncio.sleep(0)
        names = list(table)
        for start in range(0, len(names), AT_ONCE):
            await asyncio.sleep(0)
            for name in names[start : start + AT_ONCE]:
                row = state.registered.get(name) or state.traffic.get(name)
                if row is not None:
                    yield name, row


def _matcher(deny: Deny, now: float) -> Matches:
    if deny.kind == "card":
        return lambda _, row: _card(row.facts.payment) == deny.value
    if deny.kind == "asn":
        asn = int(deny.value)
        return lambda _, row: any(one == asn and now - at < DAY for one, at in visits_with_asn(row.recent))
    network = ip_network(deny.value)
    first, last = int(network.network_address), int(network.broadcast_address)
    if network.version == 6:  # hosts are /64
        first, last = first >> 64, last >> 64
    return lambda _, row: any(
        first <= host <= last and (host < _V6_HOST) == (network.version == 4) and now - at < DAY
        for host, at in visits(row.recent)
    )


def _card(payment: Payment | None) -> str | None:
    return None if payment is None else payment.fingerprint
