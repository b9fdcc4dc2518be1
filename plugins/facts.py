"""Facts known to a gateway and sent in headers, from its own login or billing; none by default."""

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

import msgspec

from reputation.wire.gateway import MEMBERS
from reputation.wire.messages import NESTED, Account, Call, Client, Request, Seconds, wire_type

from .lines import Lines, named, only, short_id, short_key

READERS: Mapping[str, Callable[[str], Any]] = {
    "account.id": lambda raw: short_id(raw, "account.id"),
    "account.key": short_key,
}

PLAIN: Final = frozenset({"client", "request"})
"""Parts of a check that have no parts of their own, besides the account."""


def value_of(member: str, raw: str) -> Any:
    """The header's text as the member's type, lists separated by commas; None for another type."""
    if member in READERS:
        return READERS[member](raw)
    for form in (raw, [word.strip() for word in raw.split(",")]):
        try:
            return msgspec.convert(form, MEMBERS[member], strict=False, dec_hook=wire_type)
        except msgspec.ValidationError:
            continue
    return _seconds(raw) if Seconds in get_args(MEMBERS[member]) else None


def _seconds(raw: str) -> Seconds | None:
    """Read a time in seconds since 1970."""
    try:
        return msgspec.convert(float(raw), Seconds, dec_hook=wire_type)
    except (ValueError, msgspec.ValidationError):
        return None


def found_in(lines: Lines, facts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The parts of a check from the mapped headers, by the part's name."""
    found: dict[str, dict[str, Any]] = {}
    for header, member in facts.items():
        raw = only(lines, named(header))
        value = value_of(member, raw) if raw else None
        if value is not None:
            part, _, name = member.rpartition(".")
            found.setdefault(part, {})[name] = value
    return found


def with_facts(request: Request, lines: Lines, facts: Mapping[str, str]) -> Request:
    """The check with the facts of the mapped headers; a value of the wrong type is left out, so it is neutral."""
    return filled(request, found_in(lines, facts))


def made(tenant: str, found: Mapping[str, dict[str, Any]], sent: Account) -> Request:
    """A check with these members of its parts, by the part's name. sent: the account as its client named it."""
    if "account" in found or not found.keys() <= PLAIN:
        return filled(Request(tenant=tenant, account=sent), found)
    client, call = found.get("client", {}), found.get("request", {})
    return Request(tenant=tenant, account=sent, client=Client(**client), request=Call(**call))


def filled(request: Request, found: Mapping[str, dict[str, Any]]) -> Request:
    """The check with members of its parts, by the part's name."""
    account = dict(found.get("account", {}))
    for fact, kind in NESTED.items():
        if members := found.get(f"account.{fact}"):
            account[fact] = kind(**members)
    return msgspec.structs.replace(
        request,
        account=msgspec.structs.replace(request.account, **account),
        client=msgspec.structs.replace(request.client, **found.get("client", {})),
        request=msgspec.structs.replace(request.request, **found.get("request", {})),
    )
