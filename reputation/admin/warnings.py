"""Warnings on a change that is valid and perhaps not meant: an account without state, a network of millions. Pure."""

from ipaddress import ip_network

from reputation.engine.denials import Deny
from reputation.engine.exceptions import Allow

MOST_ADDRESSES = 1_000_000
"""IPv4 addresses of a network above which a warning is due; a /12 has 1,048,576."""
MOST_SITES = 65_536
"""IPv6 networks of one customer each (/48) above which a warning is due; a /32 has so many, as a provider does."""


def of_account(account: str, *, known: bool) -> list[str]:
    """Warn of an account that nothing is known of."""
    return [] if known else [f"no state is kept of account {account!r}: check its id; headcount find may know it"]


def of_exception(allow: Allow, *, known: bool) -> list[str]:
    """Warn of an exception that names an unknown account, or too many addresses. known: its account is known."""
    if allow.kind == "account":
        return of_account(allow.value, known=known)
    return _of_network(allow.value, "passes") if allow.kind == "network" else []


def of_denial(deny: Deny, *, known: bool) -> list[str]:
    """Warn of the same in a denial."""
    if deny.kind == "account":
        return of_account(deny.value, known=known)
    return _of_network(deny.value, "is stopped") if deny.kind == "network" else []


def _of_network(value: str, verb: str) -> list[str]:
    network = ip_network(value)
    if network.version == 4 and network.num_addresses > MOST_ADDRESSES:
        return [f"{value} has {network.num_addresses:,} addresses: everyone there {verb}; name a smaller network"]
    if network.version == 6 and network.num_addresses >> 80 >= MOST_SITES:
        return [f"{value} has {network.num_addresses >> 80:,} networks of customers (/48): name a smaller network"]
    return []
