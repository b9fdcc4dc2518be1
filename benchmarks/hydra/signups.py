"""Where and how accounts were signed up: the facts `email_domain` and `signup` of honest people and of heads.

They are drawn with random numbers of their own, so that a world is the same with and without them.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct

from benchmarks.hydra import fingerprints, networks, people, places
from benchmarks.hydra.attackers import Attacker
from benchmarks.hydra.clock import DAY, START
from benchmarks.hydra.fingerprints import Client
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.model import Account, Facts, Population, Sender

Rng = np.random.Generator
Mail = tuple[str, str]  # domain, kind

FREE_MAIL = {
    "gmail.com": 60, "outlook.com": 14, "yahoo.com": 7, "icloud.com": 7, "proton.me": 4, "gmx.de": 3, "qq.com": 3,
    "mail.ru": 2,
}  # fmt: skip
DISPOSABLE = ("mailinator.com", "guerrillamail.com", "yopmail.com", "temp-mail.org")
REFERRERS = {
    "": 35,
    "https://www.google.com/": 40,
    "https://github.com/": 12,
    "https://x.com/": 5,
    "https://www.bing.com/": 8,
}
STORY = "https://news.example/front"
STUDIES, STORIES = frozenset({"campus", "course", "verified_course", "school"}), frozenset({"launch", "front_page"})
PROGRAMS = frozenset({"server", "ci", "saas", "sdk_servers"})  # their owners sign up elsewhere
HEADS_A_FARM, HEADS_A_DOMAIN = 25, 40


class Origin(Struct, frozen=True):
    """What a sign-up showed: from where, with what, under which mail domain."""

    ip: str
    client: Client
    mail: Mail


def _of(rng: Rng, shares: dict[str, int]) -> str:
    weights = np.array(tuple(shares.values()), dtype=float)
    return str(tuple(shares)[int(rng.choice(len(shares), p=weights / weights.sum()))])


def _free_mail(rng: Rng) -> Mail:
    return _of(rng, FREE_MAIL), "free"


def _own_mail(rng: Rng, account: Account) -> Mail:
    """A person's address: of the company or school where there is one, else mixed."""
    shared = account.facts.get("organisation", {}).get("id") or account.domain
    if shared and rng.random() < 0.97:
        return shared, "education" if account.klass in STUDIES else "business"
    draw, works = rng.random(), 0.35 if account.facts["plan"] == "paid" else 0.12
    if draw < works:
        return f"{fingerprints.hexes(rng, 8)}.example", "business"
    if draw < works + 0.02:
        return f"{fingerprints.hexes(rng, 6)}.example", "unknown"
    if draw < works + 0.027:
        return str(rng.choice(DISPOSABLE)), "disposable"
    return _free_mail(rng)


def _browser(rng: Rng, client: Client | None) -> Client:
    """What a person signs up with: the same browser or phone, or a browser where requests come from a program."""
    return client if client and client.device else fingerprints.client(rng, "desktop")


def _is_program(account: Account, sender: Sender) -> bool:
    on_machine = account.klass == "front_page" and sender.load.hours == "flat"
    return account.klass in PROGRAMS or on_machine


def _person(rng: Rng, account: Account, senders: Sequence[Sender]) -> Origin:
    """A person who signs up where they live or work, or at home where only a machine sends."""
    sender = next((s for s in senders if s.clients and s.clients[0].device), senders[0])
    if _is_program(account, sender):
        where = account.facts["payment"].get("issuer_country") or people.country(rng)
        ip = places.home(rng, where)(account.created, 0.99)
        return Origin(ip, _browser(rng, None), _own_mail(rng, account))
    ip = sender.place(account.created, float(rng.random()))
    return Origin(ip, _browser(rng, sender.clients[0]), _own_mail(rng, account))


def _facts(rng: Rng, account: Account, origin: Origin, *, by_hand: bool, used: bool) -> None:
    """Write them into an account. by_hand: as people do it; used: it has made requests before the world begins."""
    domain, kind = origin.mail
    signup: Facts = {
        "ip": origin.ip,
        "ja4": origin.client.ja4,
        "user_agent": origin.client.user_agent,
        "email_kind": kind,
    }
    if "phone" in account.facts["verified"]:
        chances = [0.92, 0.03, 0.05] if by_hand else [0.3, 0.0, 0.7]
        signup["phone_kind"] = str(rng.choice(["mobile", "landline", "voip"], p=chances))
    referrer = _of(rng, REFERRERS) if by_hand else ""
    if account.klass in STORIES and rng.random() < 0.8:
        referrer = STORY
    if referrer:
        signup["referrer"] = referrer
    took = math.exp(rng.normal(math.log(900.0), 2.0) if by_hand else rng.normal(math.log(60.0), 1.0))
    if used:
        signup["seconds_to_first_request"] = round(min(took, 0.9 * (START - account.created)), 1)
    account.facts |= {"email_domain": domain, "signup": signup}


def _senders(population: Population) -> dict[str, list[Sender]]:
    found: dict[str, list[Sender]] = {}
    for sender in population.senders:
        if sender.clients:
            found.setdefault(sender.account.id, []).append(sender)
    return found


def of_people(population: Population, seed: int, part: int) -> None:
    """Sign-ups of honest accounts; each account has random numbers of its own."""
    senders = _senders(population)
    for number, account in enumerate(population.accounts):
        rng = np.random.default_rng([seed, 6, part, number])
        origin = _person(rng, account, senders[account.id])
        _facts(rng, account, origin, by_hand=True, used=account.created < START - DAY)


class Bulk(Struct, frozen=True):
    """What one actor signs its heads up with. browser: the build of its automation; domains: that it has mail on."""

    land: Ground
    farm: list[str]
    browser: fingerprints.Build
    domains: list[str]

    def client(self, rng: Rng) -> Client:
        return fingerprints.copy(rng, self.browser)

    def mail(self, rng: Rng, number: int) -> Mail:
        if rng.random() < 0.3:
            return str(rng.choice(DISPOSABLE)), "disposable"
        return self.domains[number // HEADS_A_DOMAIN], "unknown"


def _bulk(rng: Rng, land: Ground, heads: int) -> Bulk:
    farm = [networks.v4(rng, networks.network(rng, "hosting")) for _ in range(1 + heads // HEADS_A_FARM)]
    domains = [f"{fingerprints.hexes(rng, 8)}.example" for _ in range(1 + heads // HEADS_A_DOMAIN)]
    return Bulk(land, farm, fingerprints.build(rng, "desktop"), domains)


Head = tuple[Account, Sender, int]


def _by_script(rng: Rng, bulk: Bulk, head: Head) -> Origin:
    """From where the head's requests come, with what sends them."""
    account, sender, number = head
    return Origin(sender.place(account.created, float(rng.random())), sender.clients[0], bulk.mail(rng, number))


def _on_farm(rng: Rng, bulk: Bulk, head: Head) -> Origin:
    """From a few rented addresses, with one automated browser."""
    return Origin(bulk.farm[head[2] // HEADS_A_FARM], bulk.client(rng), bulk.mail(rng, head[2]))


def _through_pool(rng: Rng, bulk: Bulk, head: Head) -> Origin:
    """From a rotating pool's exits, with one automated browser; three in four with mail that is free for all."""
    exits = bulk.land.exits
    mail = _free_mail(rng) if rng.random() < 0.75 else bulk.mail(rng, head[2])
    return Origin(exits[int(rng.integers(len(exits)))], bulk.client(rng), mail)


def _as_person(rng: Rng, _bulk: Bulk, head: Head) -> Origin:
    return _person(rng, head[0], [head[1]])


def _by_former_owner(rng: Rng, _bulk: Bulk, head: Head) -> Origin:
    """By a person at home, who sold the account later."""
    where = head[0].facts["payment"].get("issuer_country") or people.country(rng)
    client = fingerprints.client(rng, "desktop" if rng.random() < 0.8 else "phone")
    return Origin(places.home(rng, where)(head[0].created, 0.99), client, _own_mail(rng, head[0]))


# Each row: (rng, what the actor has, (head, its sender, its number)) -> what its sign-up showed
WAYS: dict[str, Callable[[Rng, Bulk, Head], Origin]] = {
    "script": _by_script,
    "farm": _on_farm,
    "pool": _through_pool,
    "person": _as_person,
    "former": _by_former_owner,
}
BY_HAND = frozenset({"person", "former"})


def of_heads(row: Attacker, population: Population, land: Ground, seed: int, actor: str) -> None:
    """Sign-ups of one actor's heads, by the pattern of its row; unrelated groups sign up separately."""
    rng = np.random.default_rng([seed, 7, *actor.encode()])
    senders, size = _senders(population), row.group or len(population.accounts) or 1
    for number, account in enumerate(population.accounts):
        if number % size == 0:
            bulk = _bulk(rng, land, size)
        aged = row.aged > 0 and account.created < START - 50 * DAY
        way = "former" if aged else row.signs_up
        origin = WAYS[way](rng, bulk, (account, senders[account.id][0], number % size))
        if row.shared_domain:
            origin = Origin(origin.ip, origin.client, (account.facts["organisation"]["id"], "business"))
        _facts(rng, account, origin, by_hand=way in BY_HAND, used=aged)
