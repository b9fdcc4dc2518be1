"""Make the heads of a hydra: accounts and senders, from a row of the ladder."""

import math
from collections.abc import Callable, Iterator

import numpy as np
from msgspec.structs import replace

from benchmarks.hydra import cards, fingerprints, networks, people, places
from benchmarks.hydra.attackers import Attacker
from benchmarks.hydra.clock import DAY, HOUR, START, WEEK, offset
from benchmarks.hydra.fingerprints import Client
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.model import Account, Facts, Load, Population, Sender, new_account
from benchmarks.hydra.places import Churning, Fixed, Place, Pool, Renewed
from benchmarks.hydra.spans import within

Rng = np.random.Generator
RELAY_USERS_A_HEAD = 2.5
HANDOFF = HOUR  # relays keep a user on one account for an hour
SHAPES = 6  # prompt templates of one distillation campaign
SECOND_POOL_AFTER = 3 * HOUR
ROOM = 30  # heads behind one home exit
FARMED = 12.0  # requests a day of a head that is to have been active


def _exits(ground: Ground, rng: Rng, count: int) -> list[str]:
    return [ground.exits[int(i)] for i in rng.integers(0, len(ground.exits), count)]


def _hosting(ground: Ground, rng: Rng, heads: int) -> list[str]:
    """Rented addresses of six providers and as many VPN exits, which honest VPN users leave through too."""
    rented = [networks.network(rng, "hosting") for _ in range(6)]
    own = [networks.v4(rng, rented[i % 6]) for i in range(max(10, heads // 15))]
    provider = ground.vpn[int(rng.integers(len(ground.vpn)))]
    return own + [provider[int(i)] for i in rng.integers(0, len(provider), len(own))]


def _same(addresses: list[str]) -> Callable[[int], Place]:
    pool = Pool(addresses)
    return lambda _: pool


def _rotating(ground: Ground, rng: Rng, heads: int) -> Callable[[int], Place]:
    """A pool of three addresses for two heads; each is up for a day; drawn again for every request."""
    width = max(20, heads * 3 // 2)
    pool = Churning(_exits(ground, rng, width * 8), width, DAY)
    return lambda _: pool


def _each_sticky(ground: Ground, rng: Rng) -> Callable[[int], Place]:
    """A residential address for each head, which the proxy network renews after 10 to 40 hours."""

    def place(_: int) -> Place:
        period = float(rng.uniform(10, 40)) * HOUR
        return Renewed(_exits(ground, rng, math.ceil(WEEK / period) + 1), period, float(rng.uniform(0, period)))

    return place


def _dedicated(rng: Rng, heads: int) -> Callable[[int], Place]:
    """Static addresses sold one by one, out of a few blocks of hosting companies announced as residential."""
    blocks = networks.v4_block(rng, networks.network(rng, "vpn"), heads // 2 + 1)
    blocks += networks.v4_block(rng, networks.network(rng, "hosting"), heads // 2 + 1)
    return lambda head: Fixed(blocks[head % len(blocks)])


def _by(rng: Rng, kind: networks.Kind, heads: int, each: int) -> Callable[[int], Place]:
    """A fixed address of the kind for every `each` heads."""
    lines = [
        Fixed(networks.v4(rng, networks.network(rng, kind, people.country(rng)))) for _ in range(-(-heads // each))
    ]
    return lambda head: lines[head // each]


# Each row: (ground, rng, number of heads) -> head's number -> its place
EGRESS: dict[str, Callable[[Ground, Rng, int], Callable[[int], Place]]] = {
    "one": lambda _g, rng, _n: _same([networks.v4(rng, networks.network(rng, "hosting"))]),
    "few": lambda _g, rng, _n: _same(networks.v4_block(rng, networks.network(rng, "hosting"), 5)),
    "hosting": lambda g, rng, n: _same(_hosting(g, rng, n)),
    "rotating": _rotating,
    "sticky": lambda g, rng, _n: _each_sticky(g, rng),
    "dedicated": lambda _g, rng, n: _dedicated(rng, n),
    "home": lambda _g, rng, _n: lambda _: places.home(rng, people.country(rng)),
    "exit": lambda _g, rng, n: _by(rng, "home", n, 1),
    "rooms": lambda _g, rng, n: _by(rng, "home", n, ROOM),
    "threes": lambda _g, rng, n: _by(rng, "hosting", n, 3),
    "infected": lambda _g, rng, _n: lambda _: places.home(rng, people.country(rng)),
}


def _script(_rng: Rng) -> Client:
    return Client("python-requests/2.32.5", fingerprints.PYTHON, fingerprints.PYTHON, None, sessions=False)


def _sdk(_rng: Rng) -> Client:
    return Client("acme-python/0.71.0", fingerprints.PYTHON_311, fingerprints.PYTHON_311, None, sessions=False)


def _rare(rng: Rng) -> Client:
    """One relay build for all heads: a common user agent over a handshake that no other client has."""
    agent = fingerprints.DESKTOP[0].user_agent
    ja4 = fingerprints.odd_ja4(100_000)
    return Client(agent, ja4, ja4, f"dv-{fingerprints.hexes(rng, 16)}", sessions=True)


def _replayed(rng: Rng) -> Client:
    """Headers replayed from a real client over the relay's own handshake (Go's, or a mimicked browser's)."""
    row = fingerprints.build(rng, "terminal" if rng.random() < 0.7 else "desktop")
    ja4 = fingerprints.GO_NEXT if rng.random() < 0.6 else fingerprints.CHROMIUM_OLD
    return Client(row.user_agent, ja4, ja4, f"dv-{fingerprints.hexes(rng, 16)}", sessions=True)


CLIENTS: dict[str, Callable[[Rng], Client]] = {
    "script": _script,
    "sdk": _sdk,
    "browsers": lambda rng: fingerprints.client(rng, "desktop", 0.0),
    "rare": _rare,
    "replayed": _replayed,
    "human": lambda rng: fingerprints.client(rng, people.machine(rng)),
    "owners": lambda rng: fingerprints.client(rng, ("desktop", "phone", "tablet")[int(rng.integers(3))]),
    "grouped": lambda rng: fingerprints.client(rng, ("desktop", "terminal", "sdk")[int(rng.integers(3))], 0.0),
}


# Each row: (issuers, rng) -> a card, or None for no card
CARDS: dict[str, Callable[[int, Rng], cards.Card | None]] = {
    "none": lambda _issuers, _rng: None,
    "prepaid": lambda issuers, rng: cards.virtual(rng, issuers, "prepaid"),
    "virtual": lambda issuers, rng: cards.virtual(rng, issuers),
    "ordinary": lambda _issuers, rng: cards.ordinary(rng, people.country(rng)),
}


def _cards(row: Attacker, rng: Rng) -> Iterator[Facts]:
    """Payment facts head by head: a card serves `heads_a_card` of them."""
    while True:
        card = CARDS[row.cards](row.issuers, rng)
        for _ in range(row.heads_a_card):
            if card is None:
                yield {"status": "none", "settled_usd": 0.0}
            else:
                settled = [0.0, 5.0, 10.0] if not row.paying else [row.paid_usd * (rng.random() < row.paying)]
                yield people.card_facts(card, float(rng.choice(settled)), int(rng.random() < 0.08))


def _bought(rng: Rng, at: float) -> tuple[float, Facts]:
    """(created, facts) of an account that another person opened months ago; three in ten have paid."""
    created = at - float(rng.uniform(60, 700)) * DAY
    where = people.country(rng)
    paid = bool(rng.random() < 0.3)
    return created, people.facts(rng, where, created, paid=paid)


def _head(row: Attacker, rng: Rng, payment: Facts, domain: str) -> tuple[Account, float]:
    """One head and when it begins to work."""
    at = START + row.signup_begins + float(rng.uniform(0, row.signup_takes))
    if rng.random() < row.aged:
        created, facts = _bought(rng, START)
    else:
        created = at
        verified = ["email"] if rng.random() < 0.9 else ["email", "phone"]
        plan = row.plan or ("free" if payment["status"] == "none" else "paid")
        facts = {"plan": plan, "verified": verified, "payment": payment}
    if row.shared_domain:
        facts["organisation"] = {"id": domain, "verified": row.domain_verified}
    head = new_account(rng, "hydra", row.level, created, facts)
    head.wish, head.billed = row.daily, not row.paying
    return head, max(START, at + row.idle + float(rng.uniform(60, 3 * HOUR)))


def _worker(row: Attacker, rng: Rng, head: Account, begins: float, place: Place) -> Sender:
    """What the hydra itself sends on a head: all of it, or what relayed users leave of it."""
    share = 1.0 - row.normal if row.relayed else 1.0
    size, gap = (3.0, 40.0) if row.hours == "human" or row.egress == "sticky" else (1.0, 30.0)
    load = Load(
        max(1e-6, row.daily * share),
        row.hours,
        0.0,
        1.0,
        30.0,
        size,
        gap,
        clockwork=row.clockwork,
        fixed=True,
    )
    if row.spread:
        head.wish = people.heavy(rng, row.daily / math.exp(row.spread**2 / 2), row.spread)
        load = replace(load, daily=head.wish)
    if row.at_home:
        source = networks.holder(place(START, 0.99))
        load = replace(load, offset=offset(source.country) if source else 0.0)
    client = CLIENTS[row.clients](rng)
    sender = Sender(head, place, (client if row.sessions else replace(client, sessions=False),), load, begins)
    if row.lives is not None:
        sender.end = begins + row.lives
    sender.adopts = START + 3.5 * DAY + float(rng.exponential(row.pivot / math.log(2) * DAY))
    return sender


def _farmed(worker: Sender, until: float) -> Sender:
    """What a head sends until then, to have been active; the worker begins afterwards."""
    load = replace(worker.load, daily=FARMED, hours="human")
    farm = Sender(worker.account, worker.place, worker.clients, load, worker.start, until)
    farm.shapes, farm.templated, farm.queue = worker.shapes, worker.templated, True
    worker.start = max(worker.start, until)
    return farm


def _days(worker: Sender, number: int, every: int) -> list[Sender]:
    """The worker on one day of so many, by its number; it does on these what it would on all."""
    first = START + number % every * DAY
    spans = [(day, day + DAY) for day in np.arange(first, worker.end, every * DAY).tolist()]
    found = list(within(worker, spans, every))
    worker.start = worker.end  # of a head whose day does not come
    return found or [worker]


def pool(row: Attacker, ground: Ground, rng: Rng, count: int, actor: str, days: float = 7) -> Population:
    """`count` heads of one actor with their senders, in a world of so many days."""
    made, place, payments = Population(), EGRESS[row.egress](ground, rng, count), _cards(row, rng)
    templates = tuple(int(rng.integers(2**63)) for _ in range(SHAPES))
    domain = f"{fingerprints.hexes(rng, 8)}.example"
    for number, payment in zip(range(count), payments, strict=False):
        head, begins = _head(row, rng, payment, domain)
        head.actor = actor
        worker = _worker(row, rng, head, begins, place(number))
        worker.shapes, worker.templated, worker.queue = templates, 1.0 - row.normal * (not row.relayed), True
        if row.clients == "grouped" and made.senders:
            worker.clients = made.senders[0].clients
        made.add(head, *(_days(worker, number, row.every) if row.every > 1 else [worker]))
        if row.farms:
            made.senders.append(_farmed(worker, START + row.farms * days * DAY))
            head.wish = row.farms * FARMED + (1 - row.farms) * row.daily
    if row.relayed and made.senders:
        made.senders.extend(_relay_users(row, rng, list(made.senders)))
    return made


def _relay_users(row: Attacker, rng: Rng, workers: list[Sender]) -> Iterator[Sender]:
    """People who use the relay as if it were the service; each hour finds them on some working head."""
    users = math.ceil(len(workers) * RELAY_USERS_A_HEAD)
    daily = row.daily * row.normal * len(workers) / users
    ready = sorted(workers, key=lambda worker: worker.start)
    starts = [worker.start for worker in ready]
    for number in range(users):
        where = people.country(rng)
        load = Load(daily, "human", offset(where), 0.9, 2.0, 4.0, 70.0, fixed=True)
        user = Sender(
            ready[0].account,
            ready[0].place,
            (),
            load,
            start=starts[number % len(starts)],
        )
        user.shapes, user.keeps_session, user.renames = people.shapes(rng), True, row.renames
        user.route = _router(ready, starts, int(rng.integers(2**31)))
        yield user


def _router(ready: list[Sender], starts: list[float], seed: int) -> Callable[[float], Sender]:
    def route(at: float) -> Sender:
        working = int(np.searchsorted(starts, at)) or 1
        slot = (seed * 2654435761 + int(at / HANDOFF) * 40503 * 65537) % 4294967291
        return ready[slot % working]

    return route


def population(row: Attacker, ground: Ground, seed: int, count: int, actor: str, days: float = 7) -> Population:
    """The hydra of a row; with `ban_at` a pool is banned then, and a second one replaces it."""
    rng = np.random.default_rng([seed, 2, *actor.encode()])
    if row.lives is not None:
        row = replace(row, signup_takes=max(0.5, days - 1) * DAY)
    if row.group:
        return _groups(row, ground, rng, count, actor)
    if row.ban_at is None:
        return pool(row, ground, rng, count, actor, days)
    first, until = pool(row, ground, rng, count, actor), START + row.ban_at
    for account in first.accounts:
        account.banned_at = until
    for sender in first.senders:
        sender.end = min(sender.end, until)
    again = replace(row, signup_begins=row.ban_at + SECOND_POOL_AFTER / 3, signup_takes=SECOND_POOL_AFTER)
    second = pool(again, ground, rng, count, actor)
    return Population([*first.accounts, *second.accounts], [*first.senders, *second.senders])


def _groups(row: Attacker, ground: Ground, rng: Rng, count: int, actor: str) -> Population:
    """Groups of one actor: each signs up within an hour of its own and shares no value with another on purpose."""
    made = Population()
    for first in range(0, count, row.group):
        begins = row.signup_begins + float(rng.uniform(0, row.signup_takes))
        one = replace(row, signup_begins=begins, signup_takes=HOUR)
        some = pool(one, ground, rng, min(row.group, count - first), actor)
        made.accounts.extend(some.accounts)
        made.senders.extend(some.senders)
    return made
