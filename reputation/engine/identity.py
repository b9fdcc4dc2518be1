"""The account of a check: by its id, by its key, or only by an address."""

from collections.abc import Mapping
from typing import Final

from geoip.book import AddressBook
from geoip.facts import AddressFacts, host_text_of
from reputation.config.tenants import Tenant
from reputation.hydra.links import Organisation
from reputation.state.crowds import Row
from reputation.state.facts import NOTHING, ReadFacts, Standards, brought_by, merged
from reputation.state.tenant import TenantState
from reputation.wire.errors import Invalid
from reputation.wire.ids import RESERVED_SAYS, hashed, is_reserved, of_text, printed
from reputation.wire.messages import Account, Credential, Request

UNKNOWN_KEY: Final = "key:"
"""What the name of an unconfirmed account begins with that is made of a key, see `is_reserved`."""


class Who:
    """The actor of a check, before linking.

    name: the account's id, or one made of its key's hash or its address. confirmed: some fact is known of it,
    pushed or in the check, or an outcome came back for it.
    """

    __slots__ = ("address", "confirmed", "facts", "name", "payer", "proven", "read", "row")

    def __init__(
        self, name: str, row: Row, read: ReadFacts, address: AddressFacts | None,
        *, confirmed: bool, payer: bool, proven: bool,
    ) -> None:  # fmt: skip
        self.name: Final = name
        self.row: Final = row
        self.read: Final = read
        self.facts: Final = read.facts
        self.address: Final = address
        self.confirmed: Final = confirmed
        self.payer: Final = payer
        self.proven: Final = proven


def account_of(name: str) -> str | None:
    """Return the account with an actor's name, or None for an address."""
    return None if name.startswith("ip:") else name


def check_id(account: str | None, pointer: str) -> None:
    """Raise Invalid for an id reserved for addresses and unknown keys."""
    if account is not None and is_reserved(account):
        raise Invalid(RESERVED_SAYS, pointer)


def presented(account: Account, owners: Mapping[bytes, str], secret: bytes) -> list[str]:
    """Name the candidate accounts of a client's credentials: the known ones, else the unknown ones.

    Each one is the owner of its key, else of `user:password`, else an unconfirmed account of its key.
    """
    known: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for credential in account.credentials or ():
        for digest in digests_of(credential, secret):
            owner = owners.get(digest)
            if owner is not None:
                known[owner] = None
                break
        else:
            unknown[UNKNOWN_KEY + printed(of_text(credential.key, secret))] = None
    return list(known or unknown)


def names_of(account: Account, address: AddressFacts | None, owners: Mapping[bytes, str], secret: bytes) -> list[str]:
    """Name the candidate accounts of a check with this account and address; none if it names no account."""
    if account.id is not None:
        return [account.id]
    if account.key is not None:
        digest = hashed(account.key, secret)
        return [owners.get(digest) or UNKNOWN_KEY + printed(digest)]
    if account.credentials:
        return presented(account, owners, secret)
    return [] if address is None or address.scope == "malformed" else [_of_address(address)]


def _of_address(address: AddressFacts) -> str:
    return "ip:" + (host_text_of(address) or address.ip)


def digests_of(credential: Credential, secret: bytes) -> list[bytes]:
    """Return the possible hashes of a credential, in order of precedence."""
    return [of_text(key, secret) for key in (credential.key, credential.full) if key is not None]


def identify(
    request: Request, tenant: Tenant, state: TenantState, addresses: AddressBook, secret: bytes, now: float,
    organisations: Mapping[str, Organisation] | None = None,
) -> Who:  # fmt: skip
    """Find the account and merge its facts; create a row for a new account.

    organisations: those that the linker knows; None, while it has not looked, takes each verified one for established.
    """
    ip = request.client.ip
    address = addresses.lookup(ip) if ip is not None else None
    name = _name(request, address, state, secret)
    brought = brought_by(request.account)
    if name in state.asleep:
        state.wake(name, now)
    row = state.registered.get(name)
    if row is not None:
        facts = row.facts if brought is None else merged(row.facts, brought)
        confirmed = True
    else:
        facts = brought or NOTHING
        network = 0 if address is None else address.network or 0
        row, confirmed = _account_row(name, network, brought is not None, state, now)
    read = state.read(name, facts, tenant.settings.standards)
    plan = read.plan
    if plan is not None and plan not in tenant.policy.limits:
        state.unknown_plans.note(plan)
    payer = read.is_payer(now)
    proven = read.is_proven(now, row.days, payer=payer, organised=is_established(read.organisation, organisations))
    return Who(name, row, read, address, confirmed=confirmed, payer=payer, proven=proven)


def is_established(organisation: str | None, organisations: Mapping[str, Organisation] | None) -> bool:
    """Say whether an account's verified organisation, if it has one, is old enough and paid enough to count."""
    if organisation is None:
        return False
    if organisations is None:
        return True
    found = organisations.get(organisation)
    return found is not None and found[1]


def judged_by(who: Who, standards: Standards, now: float) -> Who:
    """The same account under other rules for payers and proven accounts."""
    read = ReadFacts(who.facts, standards)
    payer = read.is_payer(now)
    proven = read.is_proven(now, who.row.days, payer=payer, organised=who.proven)
    return Who(who.name, who.row, read, who.address, confirmed=who.confirmed, payer=payer, proven=proven)


def _name(request: Request, address: AddressFacts | None, state: TenantState, secret: bytes) -> str:
    account = request.account
    id_ = account.id
    if id_ is not None:
        return id_
    names = names_of(account, address, state.owners, secret)
    if names:
        return names[0]
    if address is None:
        raise Invalid("give at least one of account.id, account.key and client.ip", "/account")
    raise Invalid("without an account the address must be an IPv4 or IPv6 address", "/client/ip")


def _account_row(name: str, network: int, brought: bool, state: TenantState, now: float) -> tuple[Row, bool]:  # noqa: FBT001
    """Find the row of an account without a push from billing, and say whether it is confirmed."""
    row = state.traffic.come_again(name, now)
    if row is not None:
        return row, True
    if not brought:
        return state.unconfirmed.meet(name, now, None, network), False
    row = state.traffic.meet(name, now, state.unconfirmed.get(name), network)
    if name in state.traffic:
        state.unconfirmed.leave(name)
    return row, True
