"""What people and programs tell of an account, as transactions: a push, an outcome, a deletion."""

from functools import partial

from reputation.errors import NotFound
from reputation.events import AccountFacts, Outcome
from reputation.facts import NOTHING, Facts, after_push
from reputation.history import visited
from reputation.identity import check_id
from reputation.stores.memory import TenantState
from reputation.stores.transactions import Transaction
from reputation.witness import network_of

MARKS = {
    "chargeback": (2, 0),
    "abuse": (2, 0),
    "declined": (1, 0),
    "challenge_failed": (1, 0),
    "challenge_passed": (0, 1),
    "good": (0, 2),
}
"""Marks in halves of an outcome, against and in favour, that each outcome leaves on its account."""


def pushing(account: str, body: AccountFacts, keys: tuple[bytes, ...]) -> Transaction:
    """Say what a push changes; `keys` are the keyed hashes of the body's. Raises Invalid for a reserved id."""
    check_id(account, "/id")
    return Transaction(account, partial(_pushed, body, keys))


def marking(outcome: Outcome) -> Transaction:
    """Say what an outcome changes. Raises Invalid for a reserved id."""
    check_id(outcome.account, "/account")
    return Transaction(outcome.account, marks=MARKS[outcome.outcome])


def deleting(account: str) -> Transaction:
    """Say what a deletion changes: marks stay, for they were not pushed. Its change raises NotFound."""
    return Transaction(account, partial(_deleted, account))


def learn_networks(state: TenantState, outcome: Outcome, now: float) -> None:
    """Let an outcome that says what its account is count for the networks that the account came from."""
    against, in_favour = MARKS[outcome.outcome]
    row = state.row(outcome.account, now)
    if row is None or max(against, in_favour) < 2:
        return
    places, bad = visited(row.recent), against > 0
    state.networks.learn_all(sorted({network_of(host) for host, _ in places}), bad=bad, now=now)
    state.asns.learn_all(sorted({asn for _, asn in places if asn}), bad=bad, now=now)


def _pushed(body: AccountFacts, keys: tuple[bytes, ...], before: Facts | None) -> Facts:
    return after_push(before or NOTHING, body, keys)


def _deleted(account: str, before: Facts | None) -> None:
    if before is None:
        raise NotFound(f"nothing was pushed of account {account!r}")
