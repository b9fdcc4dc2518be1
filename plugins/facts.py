"""Facts that a gateway knows and sends in headers, from its own login or billing; none by default."""

from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import msgspec

from reputation.events import Account, Client, Organisation, Payment, Request, wire_type

from .lines import Lines, named, only, short_key

PARTS: Mapping[str, type[msgspec.Struct]] = {
    "account": Account,
    "account.organisation": Organisation,
    "account.payment": Payment,
    "client": Client,
}


def _members() -> dict[str, Any]:
    return {
        f"{part}.{name}": kind
        for part, struct in PARTS.items()
        for name, kind in get_type_hints(struct, include_extras=True).items()
        if f"{part}.{name}" not in PARTS
    }


# What a header may be mapped to, such as account.plan or account.payment.settled_usd, and its type. Nothing
# of `request`: whoever repeats a request's id is charged once for everything, and clients like to choose it.
MEMBERS = _members()
READERS: Mapping[str, Callable[[str], Any]] = {"account.key": short_key}


def check_members(facts: Mapping[str, str]) -> None:
    """ValueError if a header is mapped to something that a check does not have; for reading configuration."""
    for header, member in facts.items():
        if member not in MEMBERS:
            known = ", ".join(sorted(MEMBERS))
            raise ValueError(f"header {header}: a check has no member {member}; known: {known}")


def value_of(member: str, raw: str) -> Any:
    """The header's text as the member's type, lists separated by commas; None if it is not of that type."""
    if member in READERS:
        return READERS[member](raw)
    for form in (raw, [word.strip() for word in raw.split(",")]):
        try:
            return msgspec.convert(form, MEMBERS[member], strict=False, dec_hook=wire_type)
        except msgspec.ValidationError:
            continue
    return None


def found_in(lines: Lines, facts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The parts of a check that the mapped headers give, by the part's name."""
    found: dict[str, dict[str, Any]] = {}
    for header, member in facts.items():
        raw = only(lines, named(header))
        value = value_of(member, raw) if raw else None
        if value is not None:
            part, _, name = member.rpartition(".")
            found.setdefault(part, {})[name] = value
    return found


def with_facts(request: Request, lines: Lines, facts: Mapping[str, str]) -> Request:
    """The check with what the mapped headers say; a value of the wrong type is left out, which is neutral."""
    found = found_in(lines, facts)
    account = found.get("account", {})
    if "account.payment" in found:
        account["payment"] = Payment(**found["account.payment"])
    if "id" in found.get("account.organisation", {}):
        account["organisation"] = Organisation(**found["account.organisation"])
    return msgspec.structs.replace(
        request,
        account=msgspec.structs.replace(request.account, **account),
        client=msgspec.structs.replace(request.client, **found.get("client", {})),
    )
