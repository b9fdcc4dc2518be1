"""Hydras that want to harm a person: whose device, session, looks or neighbourhood their heads take on.

Each aim changes a pool of fresh free heads and says which honest accounts it is meant for.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.hydra import fingerprints, networks, sessions
from benchmarks.hydra.arrivals import Arrivals, Observed
from benchmarks.hydra.clock import DAY, HOUR, START
from benchmarks.hydra.fingerprints import Client
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.model import Account, Load, Population, Sender, is_payer, is_proven
from benchmarks.hydra.places import Commute, Fixed, Pool

Rng = np.random.Generator
HEADS_A_VICTIM = 4
LOOKALIKES = (15, 40)
SHARED_BY = 5  # payers that a handshake has at least, to be worth it
SHOWN_AFTER = 600.0
ONCE = Load(DAY / 600, "flat", clockwork=True, fixed=True)  # once in ten minutes


class NoTarget(Exception):
    """A world has no honest account as a target for the actor."""


class Scene(Struct, frozen=True):
    """The possible targets. first: how many of the senders, from the first on, are those of ordinary classes."""

    people: Population
    first: int
    land: Ground
    seed: int
    days: int
    measured: Observed | None


def _like(rng: Rng, client: Client) -> Client:
    """Another machine of the same build."""
    device = f"dv-{fingerprints.hexes(rng, 16)}" if client.device else None
    return replace(client, device=device)


def _proven(made: Population, scene: Scene, rng: Rng) -> list[int]:
    """Numbers of senders with a device and sessions, of proven payers of ordinary classes; four heads for each."""
    found: dict[str, int] = {}
    for number, sender in enumerate(scene.people.senders[: scene.first]):
        owner, client = sender.account, sender.clients[0]
        if is_proven(owner, START) and is_payer(owner, START) and client.device and client.sessions:
            found.setdefault(owner.id, number)
    wanted = max(1, len(made.accounts) // HEADS_A_VICTIM)
    return [list(found.values())[i] for i in sorted(rng.permutation(len(found))[:wanted].tolist())]


def _device(made: Population, scene: Scene, rng: Rng) -> list[Account]:
    victims = [scene.people.senders[number] for number in _proven(made, scene, rng)]
    for number, head in enumerate(made.senders):
        head.clients = victims[number % len(victims)].clients if victims else head.clients
    return [victim.account for victim in victims]


def _session(made: Population, scene: Scene, rng: Rng) -> list[Account]:
    """Each head shows one session that its victim has just begun, once."""
    begun = _begun(_proven(made, scene, rng), scene)
    victims = list(begun)
    for number, head in enumerate(list(made.senders) if victims else []):
        victim = victims[number % len(victims)]
        at = begun[victim] + SHOWN_AFTER * (1 + number // len(victims))
        clients = (replace(head.clients[0], sessions=True),)
        once = Sender(head.account, head.place, clients, ONCE, at, at + DAY / ONCE.daily)
        once.shows = sessions.name(sessions.salt(scene.seed, 1), victim, begun[victim])
        made.senders.append(once)
    return [scene.people.senders[number].account for number in victims]


def _begun(numbers: Sequence[int], scene: Scene) -> dict[int, float]:
    """When each of these senders begins its first session after the heads have signed up."""
    flow = Arrivals(scene.people.senders[: scene.first], [scene.seed, 3, 1], scene.measured)
    missing, found = set(numbers), dict[int, float]()
    for begin in np.arange(START + DAY / 2, START + scene.days * DAY, HOUR).tolist():
        for session in flow.hour(begin) if missing else ():
            if session.sender in missing:
                found[session.sender] = session.times[0]
                missing.discard(session.sender)
    return found


def _newcomer(made: Population, scene: Scene, rng: Rng) -> list[Account]:
    """Each victim gets look-alikes: signed up in its hour, with its client and model, on its provider's network."""
    last = START + (scene.days - 0.5) * DAY
    recent = [s for s in scene.people.senders if START - 7 * DAY < s.account.created < last]
    fresh = {s.account.id: s for s in recent if s.account.settled > 0 and s.load.hours == "human"}
    order, left, victims = list(fresh.values()), list(made.senders), list[Account]()
    for number in rng.permutation(len(order)).tolist():
        size = int(rng.integers(LOOKALIKES[0], LOOKALIKES[1] + 1))
        if left:
            victims.append(order[number].account)
        for head in left[:size]:
            _resemble(rng, head, order[number])
        left = left[size:]
    return victims


def _resemble(rng: Rng, head: Sender, victim: Sender) -> None:
    head.account.created = victim.account.created + float(rng.uniform(60, HOUR))
    head.start = max(START, head.account.created + float(rng.uniform(60, HOUR)))
    head.clients, head.model, head.adopts = (_like(rng, victim.clients[0]),), victim.model, victim.adopts
    source = networks.holder(victim.place(victim.account.created, 0.99))
    if source:
        head.place = Fixed(networks.v4(rng, source))
    head.load = replace(head.load, hours="human", offset=victim.load.offset)


def _payers(scene: Scene) -> list[Sender]:
    return [sender for sender in scene.people.senders if is_payer(sender.account, START)]


def _accounts(senders: Sequence[Sender]) -> list[Account]:
    return list({sender.account.id: sender.account for sender in senders}.values())


def _ja4(made: Population, scene: Scene, rng: Rng) -> list[Account]:
    """The rarest handshake that five payers or more have, with their client's name."""
    users: defaultdict[str, list[Sender]] = defaultdict(list)
    for sender in _payers(scene):
        users[sender.clients[0].ja4].append(sender)
    sizes = {ja4: len(_accounts(found)) for ja4, found in users.items()}
    least = min(SHARED_BY, max(sizes.values(), default=0))
    victims = users[min((size, ja4) for ja4, size in sizes.items() if size >= least)[1]] if sizes else []
    for head in made.senders if victims else ():
        head.clients = (_like(rng, victims[int(rng.integers(len(victims)))].clients[0]),)
    return _accounts(victims)


def _nat(made: Population, scene: Scene, rng: Rng) -> list[Account]:
    """The carrier's region that most payers are in; heads are phones there."""
    pools = [tuple(pool) for regions in scene.land.carriers.values() for pool in regions]
    by_pool: defaultdict[tuple[str, ...], list[Sender]] = defaultdict(list)
    for sender in _payers(scene):
        if isinstance(sender.place, Pool):
            by_pool[tuple(sender.place.addresses)].append(sender)
    pool = max(pools, key=lambda addresses: len(by_pool[addresses]))
    for head in made.senders:
        head.place, head.clients = Pool(pool), (fingerprints.client(rng, "phone", 0.0),)
    return _accounts(by_pool[pool])


def _vpn(made: Population, scene: Scene, _rng: Rng) -> list[Account]:
    """The /24 of a commercial VPN that most payers leave through."""
    exits = {address for provider in scene.land.vpn for address in provider}
    nets: defaultdict[str, list[Sender]] = defaultdict(list)
    for sender in _payers(scene):
        if isinstance(sender.place, Pool):
            for stem in {a.rpartition(".")[0] for a in sender.place.addresses if a in exits}:
                nets[stem].append(sender)
    stems = Counter({address.rpartition(".")[0]: 0 for address in sorted(exits)})
    stems.update({stem: len(found) for stem, found in nets.items()})
    chosen = stems.most_common(1)[0][0]
    there = Pool(sorted(address for address in exits if address.rpartition(".")[0] == chosen))
    for head in made.senders:
        head.place = there
    return _accounts(nets[chosen])


def _campus(made: Population, scene: Scene, _rng: Rng) -> list[Account]:
    """The campus that most students are on; heads leave through its addresses at the hours of its country."""
    there: defaultdict[tuple[str, ...], list[Sender]] = defaultdict(list)
    for sender in scene.people.senders:
        work = sender.place.work if isinstance(sender.place, Commute) else None
        if isinstance(work, Pool) and sender.account.klass == "campus":
            there[tuple(work.addresses)].append(sender)
    line, students = max(there.items(), key=lambda entry: len(entry[1]), default=((), []))
    for head in made.senders if students else ():
        head.place, head.load = Pool(line), replace(head.load, hours="human", offset=students[0].load.offset)
    return _accounts(students)


def _reserve(_made: Population, scene: Scene, _rng: Rng) -> list[Account]:
    """Everybody who signs up for a free account while the world lasts."""
    until = START + scene.days * DAY
    return [a for a in scene.people.accounts if START <= a.created < until and a.facts["plan"] == "free"]


# Each row: (heads, scene, rng) -> the honest accounts that are to suffer
AIMS: dict[str, Callable[[Population, Scene, Rng], list[Account]]] = {
    "device": _device,
    "session": _session,
    "newcomer": _newcomer,
    "ja4": _ja4,
    "nat": _nat,
    "vpn": _vpn,
    "reserve": _reserve,
    "campus": _campus,
}


def aim(what: str, made: Population, scene: Scene, actor: str) -> None:
    """Turn a pool of heads against targets, and mark the targets. NoTarget: there are none."""
    rng = np.random.default_rng([scene.seed, 5, *actor.encode()])
    victims = AIMS[what](made, scene, rng)
    if made.accounts and not victims:
        raise NoTarget(f"{actor} has no honest account to aim at in this world: make it larger or add populations")
    for victim in victims:
        victim.victim_of = actor
