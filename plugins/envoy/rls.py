"""Envoy's rate limit service, version 3: descriptors to checks, verdicts to statuses.

A request is one check, made of the entries of all its descriptors, so that key, address and fingerprint are judged
together. Descriptors that name different accounts are a check each; those that name none belong to every one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from plugins.answers import DAY, PROBLEM, for_client, published, stop_problem, stop_status, whole
from plugins.facts import filled, value_of
from plugins.headers import LONGEST_TEXT, NO_ADDRESS, address, route
from plugins.keys import Key, account_of, key_in
from plugins.lines import BLANKS, LONGEST_KEY, short_id
from reputation.wire.errors import Invalid
from reputation.wire.gateway import GatewaySettings, Headers
from reputation.wire.messages import Account, LimitState, Request, Settle, Settled, Verdict

from .grpc_parts import LARGEST, decoded, metadata, text, upstream, whole_units
from .messages_pb2 import HeaderValue, RateLimitDescriptor, RateLimitRequest, RateLimitResponse
from .settings import DESCRIPTORS, settings_of

MOST_CHECKS = 8
MOST_COST = 1e9  # as in the wire format
OK, OVER_LIMIT = RateLimitResponse.OK, RateLimitResponse.OVER_LIMIT
NO = frozenset({"false", "0", "no"})
VERDICT = "verdict"
KEY = "account.key"
NAMES_ACCOUNT = ("account.id", KEY)
Found = dict[str, Any]


class Asked(NamedTuple):
    """A check or the settlement of a hold, and the places of its descriptors in the message."""

    check: Request | Settle
    places: list[int]


def decode(body: bytes) -> RateLimitRequest:
    """Read Envoy's message. Raises BadRequest."""
    return decoded(RateLimitRequest, body)


def read(message: RateLimitRequest, tenant: str, settings: GatewaySettings) -> list[Asked]:
    """The checks for Envoy's message, none if no descriptor names an account or address.

    Raises ValueError for a key that is two, Invalid for too many accounts.
    """
    own = settings_of(settings).descriptors
    table = DESCRIPTORS if own is None else own
    found = [_members(descriptor, table) for descriptor in message.descriptors]
    if (client := _client_of(message, table, settings.key_header)) is not None:
        found = [{**one, KEY: client} if KEY in one else one for one in found]
    accounts = {who: None for one in found if (who := _account(one))}  # in the order of the message
    if len(accounts) > MOST_CHECKS:
        raise Invalid(f"the descriptors name {len(accounts)} accounts; the maximum is {MOST_CHECKS}", "/descriptors")
    asked: list[Asked] = []
    for i, one in enumerate(found):
        if VERDICT in one:
            actual = _hits(message.descriptors[i], message.hits_addend)
            asked.append(Asked(Settle(tenant, one[VERDICT], actual), [i]))
    for who in accounts or {(): None}:
        places = [i for i, one in enumerate(found) if one and VERDICT not in one and _account(one) in ((), who)]
        members: Found = {}
        for i in places:
            members = {**found[i], **members}
        if who or members.get("client.ip", NO_ADDRESS) != NO_ADDRESS:
            cost = max(_hits(message.descriptors[i], message.hits_addend) for i in places)
            asked.append(Asked(_check(tenant, members, cost), places))
    return asked


def _members(descriptor: RateLimitDescriptor, table: Mapping[str, str]) -> Found:
    """The values of a descriptor's entries, by the member of a check; the first entry of a member counts."""
    found: Found = {}
    for entry in descriptor.entries:
        member = table.get(entry.key)
        value = _value(member, entry) if member is not None and entry.value else None
        if member is not None and value is not None:
            found.setdefault(member, value)
    return found


def _client_of(message: RateLimitRequest, table: Mapping[str, str], key_header: str | None) -> Account | None:
    """The one client of two entries with keys, such as `authorization` and `api_key`. None if there are not two."""
    sent: dict[str, dict[str, None]] = {}
    for entry in [entry for descriptor in message.descriptors for entry in descriptor.entries]:
        if table.get(entry.key) == KEY and entry.value:
            sent.setdefault(entry.key, {})[entry.value] = None
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


READERS: Mapping[str, Callable[[str], Any]] = {
    "account.id": lambda raw: short_id(raw, "account"),
    "client.ip": _address,
    "client.user_agent": lambda raw: raw[:LONGEST_TEXT],
    "request.route": route,
    "request.hold": lambda raw: raw.lower() not in NO,
    VERDICT: lambda raw: raw[:LONGEST_KEY],
}


def _value(member: str, entry: RateLimitDescriptor.Entry) -> Any:
    if member == KEY:
        keys = _keys(entry.key, entry.value)
        return account_of(keys) if keys else None
    return READERS[member](entry.value) if member in READERS else value_of(member, entry.value)


def _account(found: Found) -> tuple[Any, ...]:
    return tuple(found[name] for name in NAMES_ACCOUNT if name in found)


def _hits(descriptor: RateLimitDescriptor, hits_addend: int) -> float:
    """Hits of a descriptor; 0 charges nothing, and so does a refund, because refunds are never made."""
    if descriptor.is_negative_hits:
        return 0.0
    if descriptor.HasField("hits_addend"):
        return min(float(descriptor.hits_addend.value), MOST_COST)
    return min(float(hits_addend or 1), MOST_COST)


def _check(tenant: str, members: Found, cost: float) -> Request:
    parts: dict[str, dict[str, Any]] = {"request": {"cost": cost}}
    for member, value in members.items():
        part, _, name = member.rpartition(".")
        parts.setdefault(part, {}).update(_said(value) if member == KEY else {name: value})
    return filled(Request(tenant=tenant), parts)


def _said(client: Account) -> Found:
    return {"key": client.key, "credentials": client.credentials, "jwt": client.jwt}


def stops(check: Request | Settle, verdict: Verdict) -> bool:
    """Whether the verdict stops its descriptors; a descriptor with 0 hits is over the limit if one hit would be."""
    if verdict.mode == "shadow" or isinstance(check, Settle):
        return False
    if stop_status(verdict) is not None:
        return True
    return check.request.cost == 0 and any(limit.remaining < 1 for limit in verdict.limits)


def answer(descriptors: int, asked: Sequence[Asked], found: Sequence[Verdict | Settled]) -> bytes:
    """RateLimitResponse with a status for each descriptor; over the limit as soon as one verdict stops."""
    judged = [(one, verdict) for one, verdict in zip(asked, found, strict=True) if isinstance(verdict, Verdict)]
    verdicts = [verdict for _, verdict in judged]
    reply = RateLimitResponse(overall_code=OK)
    for _ in range(descriptors):
        reply.statuses.add(code=OK)
    stopped = None
    for one, verdict in judged:
        stop = stops(one.check, verdict)
        stopped = stopped or (verdict if stop else None)
        for place in one.places:
            _fill(reply.statuses[place], verdict)
            if stop:
                reply.statuses[place].code = OVER_LIMIT
    if stopped is not None:
        _stop(reply, (PROBLEM, *stop_headers(stopped)), stop_problem(stopped, 429))
    elif verdicts:
        reply.response_headers_to_add.extend(_headers(for_client(verdicts[0])))
        reply.request_headers_to_add.extend(_headers(upstream(verdicts[0])))
    if verdicts:
        reply.dynamic_metadata.CopyFrom(metadata(stopped or verdicts[0]))
    return reply.SerializeToString()


def stop_headers(verdict: Verdict) -> Headers:
    """The client's headers of a stop; a peek's verdict passed, so it has no Retry-After of its own."""
    found = for_client(verdict)
    if stop_status(verdict) is not None:
        return found
    waits = [(1 - limit.remaining) / limit.rate for limit in verdict.limits if limit.remaining < 1 and limit.rate > 0]
    return (*found, (b"Retry-After", b"%d" % max(1, math.ceil(max(waits, default=DAY)))))


def refuse(descriptors: int, body: bytes) -> bytes:
    """RateLimitResponse to stop a client's request without a readable check; body: a problem document."""
    reply = RateLimitResponse()
    for _ in range(descriptors):
        reply.statuses.add(code=OVER_LIMIT)
    _stop(reply, (PROBLEM,), body)
    return reply.SerializeToString()


def _stop(reply: RateLimitResponse, headers: Headers, body: bytes) -> None:
    reply.overall_code = OVER_LIMIT
    reply.response_headers_to_add.extend(_headers(headers))
    reply.raw_body = body


def _headers(headers: Headers) -> list[HeaderValue]:
    return [HeaderValue(key=name, value=value) for name, value in text(headers)]


def _fill(status: RateLimitResponse.DescriptorStatus, verdict: Verdict) -> None:
    """Set the account's own tightest limit and never a shared one: Envoy may show it to the client."""
    own = [limit for limit in published(verdict) if limit.rate > 0]
    if not own:
        return
    limit = min(own, key=_left)
    number, unit = whole_units(limit.rate)
    current = RateLimitResponse.RateLimit(name=limit.name, requests_per_unit=number, unit=unit)
    status.current_limit.CopyFrom(current)
    status.limit_remaining = min(max(0, math.floor(limit.remaining)), LARGEST)
    status.duration_until_reset.seconds = whole((limit.burst - limit.remaining) / limit.rate)


def _left(limit: LimitState) -> float:
    return limit.remaining / limit.burst
