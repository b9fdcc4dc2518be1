"""What a hydra pays: prices, how much of each it needs, and dollars for a million requests let through.

What the API itself charges for use is left out: it is the same for everybody.
"""

from collections.abc import Callable

from msgspec import Struct

from benchmarks.hydra.attackers import Attacker

KILOBYTES_A_REQUEST = 40.0  # prompt, answer, TLS and headers through the proxy


class Price(Struct, frozen=True):
    """dollars: for one unit. source: published, or assumed where nothing dependable was found."""

    dollars: float
    unit: str
    source: str


PRICES: dict[str, Price] = {
    "mailbox": Price(0.02, "account", "assumed: disposable or bulk-registered mailbox"),
    "phone": Price(0.26, "verification", "Cambridge Online Trust and Safety Index, United States, 2025"),
    "prepaid_card": Price(5.0, "card", "assumed: issue fee and the smallest load"),
    "virtual_card": Price(3.0, "card", "assumed: issue fee and a first charge"),
    "ordinary_card": Price(15.0, "card", "assumed: somebody's own or a bought card"),
    "aged_account": Price(8.0, "account", "assumed: market price of an account some months old"),
    "residential_gb": Price(3.0, "GB", "published: 0.89 to 5.00 a GB, 2026"),
    "static_address": Price(0.75, "address and week", "assumed: 3 dollars a month"),
    "rented_address": Price(0.50, "address and week", "assumed: 2 dollars a month"),
    "settled_dollar": Price(1.0, "dollar settled", "what the hydra pays to count as a payer"),
    "infected_device": Price(0.1, "device and week", "assumed: a seat in a rented botnet"),
    "home_line": Price(7.5, "line and week", "assumed: 30 dollars a month for somebody's own line or phone"),
}
CARD_PRICES = {"prepaid": "prepaid_card", "virtual": "virtual_card", "ordinary": "ordinary_card"}
ADDRESSES: dict[str, Callable[[int], tuple[str, float]]] = {
    "one": lambda _heads: ("rented_address", 1.0),
    "few": lambda _heads: ("rented_address", 5.0),
    "hosting": lambda heads: ("rented_address", max(10.0, heads / 15) * 2),
    "dedicated": lambda heads: ("static_address", float(heads)),
    "home": lambda heads: ("home_line", float(heads)),
    "infected": lambda heads: ("infected_device", float(heads)),
    "threes": lambda heads: ("rented_address", heads / 3),
}


def bill(row: Attacker, heads: int, requests: int, weeks: float = 1.0) -> dict[str, float]:
    """Units of each priced thing for so many heads that sent so many requests, stopped ones included."""
    found = {"mailbox": heads * (1 - row.aged), "phone": 0.1 * heads, "aged_account": heads * row.aged}
    if row.cards in CARD_PRICES:
        found[CARD_PRICES[row.cards]] = (heads / row.heads_a_card) * (1 - row.aged)
    if row.egress in ADDRESSES:
        what, count = ADDRESSES[row.egress](heads)
        found[what] = count * weeks
    else:
        found["residential_gb"] = requests * KILOBYTES_A_REQUEST / 1e6
    found["settled_dollar"] = heads * row.paying * row.paid_usd
    return {what: count for what, count in found.items() if count}


def dollars(row: Attacker, heads: int, sent: int, weeks: float = 1.0) -> float:
    """What so many heads and requests cost."""
    return sum(PRICES[what].dollars * count for what, count in bill(row, heads, sent, weeks).items())


def per_million(row: Attacker, heads: int, sent: int, passed: int, weeks: float = 1.0) -> float | None:
    """Dollars for a million requests let through, or None where none was."""
    return dollars(row, heads, sent, weeks) / passed * 1e6 if passed else None
