"""What a sign-up showed that later use does not: evidence of the families `origin` and `geography`.

People sign up where they live or work, with a browser that they use. Such a sign-up says nothing here. Accounts made in
bulk are signed up from rented addresses or a proxy pool, with one automated browser, and used from elsewhere.
"""

import numpy as np

from reputation.hydra.columns import Ints, Mask, Rows
from reputation.hydra.families import FOR_HIRE
from reputation.hydra.ledger import ORGANISED, Ledger
from reputation.hydra.overt import COLLEAGUES, hired
from reputation.hydra.software import is_browser, software

ENOUGH = 2 / 3
"""Share of the accounts in use whose sign-up must be known. Below it, newcomers may be the only ones who show any, and
what they share would look rarer than it is."""


def origins(ledger: Ledger, among: Mask, established: Mask | None = None) -> list[Rows]:
    """Return what sign-ups of the accounts `among` showed and their use does not; nothing if few sign-ups are known.

    Accounts used from networks for hire are left out: a server is not where its owner signs up. So are accounts on a
    card, or in a verified organisation, of COLLEAGUES or more, and members of organisations that are `established`: a
    firm signs its people up in one place.
    """
    products = ledger.number_column("signup_product")
    told = among & ((ledger.number_column("signup_asn") >= 0) | (products >= 0))
    used = among & np.isfinite(ledger.column("last"))
    if not told.any() or told[used].mean() < ENOUGH:
        return []
    told &= used & ~_employed(ledger) & ~hired(ledger)
    if established is not None:
        told &= ~established
    kinds = [number for number, name in enumerate(ledger.names["signup_network"].names) if name in FOR_HIRE]
    by_people = ~np.isin(ledger.number_column("signup_network"), kinds)
    moved = told & _differs(ledger, "signup_asn", "asn")
    rented = told & ~by_people & _differs(ledger, "signup_network", "network")
    switched = told & _switched(ledger, told)
    travelled = told & by_people
    elsewhere = travelled & _differs(ledger, "signup_country", "country")
    odd = moved | rented | switched
    chosen = (
        ("signup_net", moved), ("signup_asn", moved), ("signup_network", rented), ("signup_product", switched),
        ("signup_ja4", told & _differs(ledger, "signup_ja4", "ja4")), ("mail", odd), ("mail_kind", odd),
    )  # fmt: skip
    rows = [_of_column(ledger, kind, who) for kind, who in chosen]
    signs = (("as_signed_up", told & ~odd), ("elsewhere", elsewhere), ("native", travelled & ~elsewhere))
    return [*rows, *(_sign(kind, who) for kind, who in signs)]


def _employed(ledger: Ledger) -> Mask:
    organisation = np.where(ledger.flagged(ORGANISED), ledger.number_column("organisation"), -1)
    firm: Mask = _in_many(ledger.number_column("card")) | _in_many(organisation)
    return firm


def _in_many(group: Ints) -> Mask:
    """Which accounts are in a group of COLLEAGUES or more; -1 is none."""
    many: Mask = np.bincount(group[group >= 0], minlength=1) >= COLLEAGUES
    return (group >= 0) & many[group]


def _differs(ledger: Ledger, column: str, kind: str) -> Mask:
    """Which accounts were seen with values of a kind, and never with that of their sign-up."""
    table, signed = ledger.pairs[kind], ledger.number_column(column)
    ids = ledger.names[column].ids
    same = np.array([ids.get(name, -2) for name in ledger.names[kind].names], np.int64)
    seen, found = np.zeros((2, ledger.size), bool)
    seen[table.accounts] = True
    found[table.accounts[same[table.values] == signed[table.accounts]]] = True
    differing: Mask = seen & ~found & (signed >= 0)
    return differing


def _switched(ledger: Ledger, told: Mask) -> Mask:
    """Which accounts use browsers, and none of their products is that of their sign-up."""
    table, signed = ledger.pairs["user_agent"], ledger.number_column("signup_product")
    rows = told[table.accounts]
    accounts, agents = table.accounts[rows], table.values[rows]
    worn = np.unique(agents)
    products = [software(ledger.name_of("user_agent", agent)) for agent in worn.tolist()]
    ids = ledger.names["signup_product"].ids
    spot = np.searchsorted(worn, agents)
    same = np.array([ids.get(product, -2) for product in products], np.int64)[spot]
    browser = np.array([is_browser(product) for product in products], bool)[spot]
    browsing, found = np.zeros((2, ledger.size), bool)
    browsing[accounts[browser]] = True
    found[accounts[same == signed[accounts]]] = True
    switched: Mask = browsing & ~found & (signed >= 0)
    return switched


def _of_column(ledger: Ledger, kind: str, who: Mask) -> Rows:
    values: Ints = ledger.number_column(kind)
    accounts = np.flatnonzero(who & (values >= 0))
    return Rows(kind, accounts, values[accounts])


def _sign(kind: str, who: Mask) -> Rows:
    accounts = np.flatnonzero(who)
    return Rows(kind, accounts, np.zeros(len(accounts), np.int64))
