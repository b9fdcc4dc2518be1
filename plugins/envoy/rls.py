"""Envoy's rate limit service, version 3: descriptors to checks, verdicts to statuses.

A request is one check, made of the entries of all its descriptors, so that key, address and fingerprint are judged
together. Descriptors that name different accounts are a check each; those that name none belong to every one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from plugins.answers import DAY, PROBLEM, for_client, published, stop_problem, stop_status, whole
from plugins.facts import made, value_of
from plugins.headers import LONGEST_TEXT, NO_ADDRESS, address, route
from plugins.keys import Key, account_of, key_in
from plugins.lines import BLANKS, LONGEST_KEY, short_id
from reputation.wire.errors import Invalid
from reputation.wire.gateway import GatewaySettings, Headers
from reputation.wire.messages import Account, LimitState, Request, Settle, Settled, Verdict

from .grpc_parts import LARGEST, metadata, upstream, whole_units
from .limit_request import NO_HITS, Descriptor, Entries, LimitRequest
from .protobuf import field, header, number, text
from .settings import DESCRIPTORS, settings_of

MOST_CHECKS: Final = 8
MOST_COST: Final = 1e9  # as in the wire format
OK, OVER_LIMIT = 1, 2  # of RateLimitResponse.Code
UNITS: Final = {"SECOND": 1, "MINUTE": 2, "HOUR": 3, "DAY": 4}
"""Numbers of RateLimitResponse.RateLimit.Unit."""
OVER: Final = number(0x08, OVER_LIMIT)
WITHIN: Final = number(0x08, OK)
"""The code at the start of a response, and of a descriptor's status."""
NO: Final = frozenset({"false", "0", "no"})
VERDICT: Final = "verdict"
KEY: Final = "account.key"
ID: Final = "account.id"
NO_ACCOUNT: Final = Account()
_members_parted: Final[dict[str, tuple[str, str]]] = {}
Found = dict[str, Any]
Named = tuple[Any, ...]
"""The account that a descriptor names: its id, its key or both; empty for none."""


class Asked(NamedTuple):
    """A check or the settlement of a hold, and the places of its descriptors in the message."""

    check: Request | Settle
    places: list[int]


def read(message: LimitRequest, tenant: str, settings: GatewaySettings) -> list[Asked]:
    """The checks for Envoy's message, none if no descriptor names an account or address.

    Raises ValueError for a key that is two, Invalid for too many accounts.
    """
    own = settings_of(settings).descriptors
    table = DESCRIPTORS if own is None else own
    entries = [one.entries for one in message.descriptors]
    found = [_members(several, table) for several in entries]
    if (client := _client_of(entries, table, settings.key_header)) is not None:
        found = [{**one, KEY: client} if KEY in one else one for one in found]
    named = [_account(one) for one in found]
    accounts: list[Named] = []  # in the order of the message
    for who in named:
        if who and who not in accounts:
            accounts.append(who)
    if len(accounts) > MOST_CHECKS:
        raise Invalid(f"the descriptors name {len(accounts)} accounts; the maximum is {MOST_CHECKS}", "/descriptors")
    asked: list[Asked] = []
    for i, one in enumerate(found):
        if VERDICT in one:
            actual = _hits(message.descriptors[i], message.hits_addend)
            asked.append(Asked(Settle(tenant, one[VERDICT], actual), [i]))
    for who in accounts or [()]:
        places = [i for i, one in enumerate(found) if one and VERDICT not in one and (not named[i] or named[i] == who)]
        members: Found = {}
        for i in reversed(places):
            members.update(found[i])
        if who or members.get("client.ip", NO_ADDRESS) != NO_ADDRESS:
            cost = max([_hits(message.descriptors[i], message.hits_addend) for i in places])
            asked.append(Asked(_check(tenant, members, cost), places))
    return asked


def _members(entries: Entries, table: Mapping[str, str]) -> Found:
    """The values of a descriptor's entries, by the member of a check; the first entry of a member counts."""
    found: Found = {}
    for key, raw in entries:
        member = table.get(key)
        value = _value(member, key, raw) if member is not None and raw else None
        if member is not None and value is not None:
            found.setdefault(member, value)
    return found


def _client_of(several: list[Entries], table: Mapping[str, str], key_header: str | None) -> Account | None:
    """The one client of two entries with keys, such as `authorization` and `api_key`. None if there are not two."""
    sent: dict[str, dict[str, None]] = {}
    for entries in several:
        for key, value in entries:
            if value and table.get(key) == KEY:
                sent.setdefault(key, {})[value] = None
    if len(sent) < 2 or any(len(values) > 1 for values in sent.values()):
        return None
    named = None if key_header is None else key_header.lower().removeprefix("x-").replace("-", "_")
    counting = [named] if named in sent else [*sent]
    return account_of([key for name in counting for value in sent[name] for key in _keys(name, value)])


def _keys(name: str, raw: str) -> list[Key]:
    """The keys of an entry: one with a scheme, as in Authorization, or a bare one."""
    scheme = name == "authorization" or " " in raw.strip(BLANKS) or "\t" in raw.strip(BLANKS)
    return key_in("authorization" if scheme else "key", raw)


def _address(raw: str) -> str | None:
    """An address, also in the form of masked_remote_address; a network alone gives none."""
    return address(raw.removesuffix("/32").removesuffix("/128")) or (None if "/" in raw else NO_ADDRESS)


READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "account.id": lambda raw: short_id(raw, "account"),
    "client.ip": _address,
    "client.user_agent": lambda raw: raw[:LONGEST_TEXT],
    "request.route": route,
    "request.hold": lambda raw: raw.lower() not in NO,
    VERDICT: lambda raw: raw[:LONGEST_KEY],
}


def _value(member: str, key: str, raw: str) -> Any:
    if member == KEY:
        keys = _keys(key, raw)
        return account_of(keys) if keys else None
    reader = READERS.get(member)
    return value_of(member, raw) if reader is None else reader(raw)


def _account(found: Found) -> Named:
    named, key = found.get(ID), found.get(KEY)
    if named is None:
        return () if key is None else (key,)
    return (named,) if key is None else (named, key)


def _hits(descriptor: Descriptor, hits_addend: int) -> float:
    """Hits of a descriptor; 0 charges nothing, and so does a refund, because refunds are never made."""
    if descriptor.negative:
        return 0.0
    if descriptor.hits != NO_HITS:
        return min(float(descriptor.hits), MOST_COST)
    return min(float(hits_addend or 1), MOST_COST)


def _check(tenant: str, members: Found, cost: float) -> Request:
    client: Account | None = members.pop(KEY, None)
    parts: dict[str, dict[str, Any]] = {"request": {"cost": cost}}
    for member, value in members.items():
        part, name = _parted(member)
        if part in parts:
            parts[part][name] = value
        else:
            parts[part] = {name: value}
    return made(tenant, parts, NO_ACCOUNT if client is None else client)


def _parted(member: str) -> tuple[str, str]:
    """Split the name of a member into its part's and its own; names come from configuration, so they are few."""
    found = _members_parted.get(member)
    if found is None:
        part, _, name = member.rpartition(".")
        found = _members_parted[member] = (part, name)
    return found


def stops(check: Request | Settle, verdict: Verdict) -> bool:
    """Whether the verdict stops its descriptors; a descriptor with 0 hits is over the limit if one hit would be."""
    if verdict.mode == "shadow" or isinstance(check, Settle):
        return False
    if stop_status(verdict) is not None:
        return True
    return check.request.cost == 0 and any(limit.remaining < 1 for limit in verdict.limits)


def answer(descriptors: int, asked: Sequence[Asked], found: Sequence[Verdict | Settled]) -> bytes:
    """RateLimitResponse with a status for each descriptor; over the limit as soon as one verdict stops."""
    owns, overs = [b""] * descriptors, [False] * descriptors
    first: Verdict | None = None
    stopped: Verdict | None = None
    for one, verdict in zip(asked, found, strict=True):
        if isinstance(verdict, Settled):
            continue
        first = first or verdict
        stop = stops(one.check, verdict)
        stopped = stopped or (verdict if stop else None)
        own = _own(verdict)
        for place in one.places:
            owns[place] = own or owns[place]
            overs[place] = overs[place] or stop
    statuses = _statuses(owns, overs)
    if first is None:
        return WITHIN + b"".join(statuses)
    if stopped is not None:
        headers = (PROBLEM, *stop_headers(stopped))
        return _stopped(statuses, headers, stop_problem(stopped, 429)) + field(0x32, metadata(stopped))
    passing = _headers(0x1A, for_client(first)) + _headers(0x22, upstream(first))
    return WITHIN + b"".join(statuses) + passing + field(0x32, metadata(first))


def _statuses(owns: list[bytes], overs: list[bool]) -> list[bytes]:
    """Write the status of each descriptor; mostly all are alike."""
    found: list[bytes] = []
    for i, own in enumerate(owns):
        if i and own is owns[i - 1] and overs[i] == overs[i - 1]:
            found.append(found[-1])
        else:
            found.append(field(0x12, (OVER if overs[i] else WITHIN) + own))
    return found


def stop_headers(verdict: Verdict) -> Headers:
    """The client's headers of a stop; a peek's verdict passed, so it has no Retry-After of its own."""
    found = for_client(verdict)
    if stop_status(verdict) is not None:
        return found
    waits = [(1 - limit.remaining) / limit.rate for limit in verdict.limits if limit.remaining < 1 and limit.rate > 0]
    return (*found, (b"Retry-After", b"%d" % max(1, math.ceil(max(waits, default=DAY)))))


def refuse(descriptors: int, body: bytes) -> bytes:
    """RateLimitResponse to stop a client's request without a readable check; body: a problem document."""
    return _stopped([field(0x12, OVER)] * descriptors, (PROBLEM,), body)


def _stopped(statuses: list[bytes], headers: Headers, body: bytes) -> bytes:
    return OVER + b"".join(statuses) + _headers(0x1A, headers) + text(0x2A, body)


def _headers(tag: int, headers: Headers) -> bytes:
    return b"".join([header(tag, name, value) for name, value in headers])


def _own(verdict: Verdict) -> bytes:
    """The account's own tightest limit and never a shared one, as a status has it: Envoy may show it to the client."""
    own = [limit for limit in published(verdict) if limit.rate > 0]
    if not own:
        return b""
    limit = min(own, key=_left)
    remaining = number(0x18, min(max(0, math.floor(limit.remaining)), LARGEST))
    seconds = number(0x08, whole((limit.burst - limit.remaining) / limit.rate))
    return _current(limit.name, limit.rate) + remaining + field(0x22, seconds)


@lru_cache(4096)
def _current(name: str, rate: float) -> bytes:
    """The field current_limit."""
    amount, unit = whole_units(rate)
    parts = number(0x08, amount) + number(0x10, UNITS[unit]) + text(0x1A, name.encode())
    return field(0x12, parts)


def _left(limit: LimitState) -> float:
    return limit.remaining / limit.burst
