"""Changes of an account as transactions: a push, an outcome, a deletion."""

from functools import partial

from geoip.facts import network_of
from reputation.engine.identity import check_id
from reputation.state.billing import after_push
from reputation.state.facts import NOTHING, from_push
from reputation.state.history import MARKS, noted, visited
from reputation.state.tenant import TenantState
from reputation.state.transactions import AccountData, Transaction
from reputation.wire.errors import NotFound
from reputation.wire.messages import AccountFacts, Outcome, OutcomeKind


def pushing(account: str, body: AccountFacts, keys: tuple[bytes, ...], now: float) -> Transaction:
    """Return the changes of a push; `keys` are the hashes of the body's keys. Raises Invalid for a reserved id."""
    check_id(account, "/id")
    return Transaction(account, partial(_pushed, body, keys, now))


def marking(outcome: Outcome, now: float) -> Transaction:
    """Return the changes of an outcome. Raises Invalid for a reserved id."""
    check_id(outcome.account, "/account")
    return Transaction(outcome.account, partial(_marked, outcome.outcome, now))


def deleting(account: str) -> Transaction:
    """Return the changes of a deletion: outcomes stay, because they were not pushed. Its change raises NotFound."""
    return Transaction(account, partial(_deleted, account))


def learn_networks(state: TenantState, outcome: Outcome, now: float) -> None:
    """Count an outcome about its account for the networks of the account."""
    against, in_favour = MARKS[outcome.outcome]
    row = state.row(outcome.account, now)
    if row is None or max(against, in_favour) < 2:
        return
    places, bad = visited(row.recent), against > 0
    state.networks.learn_all(sorted({network_of(host) for host, _ in places}), bad=bad, now=now)
    state.asns.learn_all(sorted({asn for _, asn in places if asn}), bad=bad, now=now)


def _pushed(body: AccountFacts, keys: tuple[bytes, ...], now: float, before: AccountData) -> AccountData:
    return before._replace(facts=after_push(before.facts or NOTHING, from_push(body, keys), now))


def _marked(outcome: OutcomeKind, now: float, before: AccountData) -> AccountData:
    return before._replace(outcomes=noted(before.outcomes, outcome, now))


def _deleted(account: str, before: AccountData) -> AccountData:
    if before.facts is None:
        raise NotFound(f"no facts were pushed for account {account!r}")
    return before._replace(facts=None)
