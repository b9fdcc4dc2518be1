"""Honest people one by one or by family: plans for a family, a template that all copy, privacy, cards bought in a shop.

Each class is drawn from its description alone, before any detector was run on it, and not to be tuned to one.
Loads have a heavy tail that is not cut off, and are not brought to a mean.
"""

import numpy as np
from msgspec.structs import replace

from benchmarks.hydra import cards, fingerprints, people, places
from benchmarks.hydra.clock import DAY, HOUR, START
from benchmarks.hydra.fingerprints import Client
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.lookalikes import EVENING, FREE, SEAT_MEDIAN, blocks, member
from benchmarks.hydra.model import Made, Sender, local
from benchmarks.hydra.places import Place, Pool

Rng = np.random.Generator

FACES = 12  # fingerprints that a browser that randomises them shows in some days
SHOPS = 2  # issuers of cards that are sold in shops


def family_plan(ground: Ground, rng: Rng, count: int) -> Made:
    """Families of four to six on one card and one line, of one evening; one pays, and the children share a tablet."""
    left = count
    while left > 0:
        size = min(left, int(rng.integers(4, 7)))
        left -= size
        where = people.country(rng)
        line, tablet = places.home(rng, where), fingerprints.client(rng, "tablet", 0.0)
        evening = people.joined(rng, where, 0.25)
        card = cards.ordinary(rng, where)
        months = max(0, int((START - evening) / (30 * DAY)))
        for number in range(size):
            usd = 30.0 * (1 + months) if number == 0 else 0.0
            owner = member(rng, "family_plan", evening + float(rng.uniform(0, 2 * HOUR)), people.card_facts(card, usd))
            load = local(EVENING, people.heavy(rng, SEAT_MEDIAN), where)
            desk = people.sender(rng, owner, line, "desktop" if number < 2 else "tablet", load)
            phone = Pool(ground.carriers[where][int(rng.integers(2))])
            away = people.sender(rng, owner, phone, "phone", replace(load, daily=0.4 * load.daily))
            if number >= 2:
                desk.clients = (tablet,)
            yield owner, [desk, away]


def template(ground: Ground, rng: Rng, count: int) -> Made:
    """250 who try a template from a video in two days: the same first prompt, most in the video app's own browser."""
    for size in blocks(count, 250):
        video, prompt = START + float(rng.uniform(0.2, 1.5)) * DAY, int(rng.integers(2**63))
        phones = [fingerprints.build(rng, "phone") for _ in range(2)]
        inside = [replace(row, user_agent=f"{row.user_agent} reel_41.2.0") for row in phones]
        for _ in range(size):
            where = people.country(rng)
            owner = member(rng, "template", video + 2 * DAY * float(rng.beta(1.1, 2.5)), FREE)
            place: Place = Pool(ground.carriers[where][int(rng.integers(2))])
            if rng.random() < 0.5:
                place = places.home(rng, where)
            viewer = people.sender(rng, owner, place, "phone", local(EVENING, people.heavy(rng, 5.0), where))
            viewer.shapes, viewer.templated, viewer.verbatim = (prompt,), 0.9, True
            if rng.random() < 0.75:
                viewer.clients = (fingerprints.copy(rng, inside[int(rng.integers(2))]),)
            if rng.random() < 0.5:
                viewer.end = max(viewer.start, owner.created) + DAY
            yield owner, [viewer]


def privacy(ground: Ground, rng: Rng, count: int) -> Made:
    """120 whose browser shows another device and handshake each time, through a VPN's exits in all countries."""
    for _ in range(count):
        where, daily = people.country(rng), people.heavy(rng, SEAT_MEDIAN)
        joined = people.joined(rng, where, 0.2)
        owner = people.account(rng, "privacy", where, joined, paid=people.pays(rng, daily, -0.8))
        exits = [address for provider in ground.vpn for address in provider]
        place, load = Pool(exits), local(EVENING, daily / FACES, where)
        yield owner, [_face(rng, people.sender(rng, owner, place, "desktop", load)) for _ in range(FACES)]


def _face(rng: Rng, sender: Sender) -> Sender:
    """One of the fingerprints that the browser takes on."""
    ja4 = fingerprints.odd_ja4(int(rng.integers(300_000, 900_000))) if rng.random() < 0.5 else sender.clients[0].ja4
    device = f"dv-{fingerprints.hexes(rng, 16)}"
    sender.clients = (Client(fingerprints.build(rng, "desktop").user_agent, ja4, ja4, device, sessions=False),)
    return sender


def gift_cards(ground: Ground, rng: Rng, count: int) -> Made:
    """100 payers with prepaid cards of two issuers, bought in shops; a fifth came this week with 10 USD settled."""
    shops = [cards.iin("US", cards.ISSUERS + int(n)) for n in rng.choice(1000, SHOPS, replace=False)]
    for number in range(count):
        where = str(rng.choice(["US", "BR", "MX"]))
        fresh = number % 5 == 0
        age = float(rng.uniform(-4, 1)) if fresh else float(rng.uniform(15, 300))
        usd = 10.0 if fresh else 20.0 * (1 + int(age) // 30)
        card = cards.Card(f"fp_{fingerprints.hexes(rng, 16)}", shops[int(rng.integers(SHOPS))], "prepaid", "US")
        owner = member(rng, "gift_cards", START - age * DAY, people.card_facts(card, usd, int(rng.random() < 0.15)))
        mobile = rng.random() < 0.5
        place: Place = Pool(ground.carriers[where][int(rng.integers(2))]) if mobile else places.home(rng, where)
        load = local(EVENING, people.heavy(rng, 8.0), where)
        yield owner, [people.sender(rng, owner, place, "phone" if mobile else "desktop", load)]
