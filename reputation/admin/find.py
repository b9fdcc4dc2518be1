"""One search for everything an operator is given: a verdict, an account, a key, an address, a card, a cluster.

The text may be an API key. It is hashed as a check hashes it, and it is in no answer and in no log.
"""

import re
from collections.abc import AsyncIterator
from typing import Literal, NamedTuple
from urllib.parse import quote

from aiohttp import web
from msgspec import Struct

from geoip.facts import host_key, host_text, parse
from plugins.keys import account_of, key_in
from plugins.lines import short_key
from reputation.admin.access import sees
from reputation.admin.answers import json_answer, whole
from reputation.admin.context import Context, Route
from reputation.admin.neighbours import names_of
from reputation.admin.sentences import sentence_of
from reputation.admin.stripe_events import CUSTOMER
from reputation.engine.identity import digests_of
from reputation.engine.limiter import TenantLimiter
from reputation.scoring.risk import TIERS
from reputation.sidecar.running import Serving
from reputation.wire.errors import BadRequest, NotFound, Unavailable
from reputation.wire.ids import hashed
from reputation.wire.messages import Account, Client

LONGEST = 4096
"""Characters of a text to find: signed tokens are long."""
LONGEST_ID = 256
MOST_HITS = 100
MOST_TENANTS = 100
_VERDICT = re.compile("[0-9A-HJKMNP-TV-Z]{26}").fullmatch
_SCHEME = re.compile("(?i)(bearer|basic)[ \t]").match

Kind = Literal["verdict", "account", "cluster"]
By = Literal["id", "key", "address", "card", "device", "stripe"]
PATHS: dict[Kind, str] = {"verdict": "decisions", "account": "accounts", "cluster": "clusters"}


class Hit(Struct, frozen=True):
    """One thing that was found. by: what the text is to it; words: one line on it; link: its route."""

    kind: Kind
    by: By
    tenant: str
    id: str
    words: str
    link: str


class Found(Struct, frozen=True):
    """The answer of GET /v1/find. left_off: hits above the limit.

    tenants: how many were searched; away: shared state did not answer, so hits may be missing.
    """

    hits: list[Hit]
    left_off: int
    tenants: int
    away: bool


class _Search(NamedTuple):
    """A text in one tenant."""

    serving: Serving
    tenant: TenantLimiter
    text: str
    now: float

    def hit(self, kind: Kind, by: By, id_: str, words: str) -> Hit:
        name = self.tenant.tenant.name
        link = f"/v1/{PATHS[kind]}/{quote(id_, safe='')}?tenant={quote(name, safe='')}"
        return Hit(kind, by, name, id_, words, link)

    async def account(self, by: By, id_: str) -> Hit | None:
        """Return an account that state is kept of."""
        row = await self.serving.checks.row(self.tenant, id_)
        if row is None:
            return None
        tier = f"tier {TIERS[row.tier]}" if row.tier >= 0 else "not seen yet"
        return self.hit("account", by, id_, f"{tier}, {WORDS[by]}")


WORDS: dict[By, str] = {
    "id": "with this id",
    "key": "the account of this API key",
    "address": "seen at this address within a day",
    "card": "seen with this card within 30 days",
    "device": "seen on this device within a day",
    "stripe": "this customer of Stripe",
}


async def get_find(context: Context, request: web.Request) -> web.Response:
    """Find a text in the tenants of the caller, or in the one that ?tenant= names."""
    text, most = request.query.get("q", "").strip(), whole(request, "limit", 50, 1, MOST_HITS)
    if not 1 <= len(text) <= LONGEST:
        raise BadRequest(f"give the text to find with ?q=, in at most {LONGEST:,} characters", "/q")
    tenants = _tenants(context, request)
    found: dict[tuple[str, str, str], Hit] = {}
    away: Unavailable | None = None
    for tenant in tenants:
        search = _Search(context.serving, tenant, text, context.serving.clock())
        for way in WAYS:
            try:
                async for hit in way(search):
                    found.setdefault((hit.tenant, hit.kind, hit.id), hit)
            except Unavailable as error:
                away = error
    if away is not None and not found:
        raise away
    hits = [*found.values()]
    return json_answer(Found(hits[:most], max(len(hits) - most, 0), len(tenants), away is not None))


def _tenants(context: Context, request: web.Request) -> list[TenantLimiter]:
    if "tenant" in request.query:
        return [context.tenant(request)]
    tenants = sorted(context.serving.limiter.tenants.items())
    return [tenant for name, tenant in tenants if sees(request["caller"], name)][:MOST_TENANTS]


async def _verdicts(search: _Search) -> AsyncIterator[Hit]:
    id_ = search.text.upper()
    if not _VERDICT(id_):
        return
    try:
        _, verdict = await search.serving.stops.find(search.tenant, id_)
    except NotFound:
        return
    yield search.hit("verdict", "id", id_, sentence_of(verdict))


async def _clusters(search: _Search) -> AsyncIterator[Hit]:
    cluster = search.tenant.links.clusters.get(search.text)
    if cluster is not None:
        yield search.hit("cluster", "id", cluster.id, f"{cluster.size:,} accounts, {cluster.standing}")


async def _accounts(search: _Search) -> AsyncIterator[Hit]:
    if len(search.text) <= LONGEST_ID and (hit := await search.account("id", search.text)) is not None:
        yield hit


async def _key(search: _Search) -> AsyncIterator[Hit]:
    """The account of an API key, also as it stands in an Authorization header, or in its stored form."""
    account, tenant = _account_with(search.text), search.tenant
    if account is None:
        return
    digests = [hashed(account.key, tenant.secret)] if account.key is not None else []
    digests += [digest for one in account.credentials or () for digest in digests_of(one, tenant.secret)]
    for digest in digests:
        await search.serving.checks.owner(tenant, digest)  # shared state copies it, for the next line
    for name in tenant.names(account, Client()):
        if (hit := await search.account("key", name)) is not None:
            yield hit


def _account_with(text: str) -> Account | None:
    if not _SCHEME(text):
        return Account(key=text if len(text) <= LONGEST_ID else short_key(text))
    try:
        return account_of(key_in("authorization", text))
    except ValueError:  # no gateway would take it for a key
        return None


async def _address(search: _Search) -> AsyncIterator[Hit]:
    address = parse(search.text)
    if address is None:
        return
    host = host_key(address)
    if (hit := await search.account("address", f"ip:{host_text(host)}")) is not None:
        yield hit
    for name in await names_of(search.tenant.state, search.tenant.state.accounts_on_address.members(host, search.now)):
        if (hit := await search.account("address", name)) is not None:
            yield hit


async def _shared(search: _Search) -> AsyncIterator[Hit]:
    """Accounts with a card or on a device."""
    state, key = search.tenant.state, hash(search.text)
    ways: tuple[tuple[By, set[int]], ...] = (
        ("card", state.accounts_on_card.members(key, search.now)),
        ("device", state.accounts_on_device.members(key, search.now)),
    )
    for by, members in ways:
        for name in await names_of(state, members):
            if (hit := await search.account(by, name)) is not None:
                yield hit


async def _customer(search: _Search) -> AsyncIterator[Hit]:
    if len(search.text) > LONGEST_ID:
        return
    tenant = search.tenant.tenant.name
    owner = await search.serving.tuning.records.get(tenant, CUSTOMER, search.text)
    if owner is not None and (hit := await search.account("stripe", owner.body.decode())) is not None:
        yield hit


WAYS = (_verdicts, _clusters, _accounts, _key, _customer, _address, _shared)


ROUTES = (Route("GET", "/v1/find", get_find, "reader"),)
