"""Honest customers one by one: where they live, since when they are here, what they pay, how they connect."""

import math

import numpy as np

from benchmarks.hydra import cards, fingerprints, networks, places
from benchmarks.hydra.clock import DAY, HOUR, START, WEEK, offset
from benchmarks.hydra.model import Account, Facts, Load, Sender, new_account

COUNTRIES = {
    "US": 35, "IN": 12, "DE": 7, "GB": 7, "BR": 6, "JP": 5, "FR": 5, "CA": 4, "KR": 3,
    "AU": 3, "NL": 3, "ES": 3, "PL": 2, "SG": 2, "ID": 2, "IT": 2, "MX": 2,
}  # fmt: skip
_NAMES = tuple(COUNTRIES)
_SHARES = np.array(tuple(COUNTRIES.values())) / sum(COUNTRIES.values())
# Waking hours' share of sign-ups, by local hour
_SIGNUP_HOURS = np.array([1, 0.5, 0.3, 0.2, 0.2, 0.4, 1, 2, 4, 6, 7, 7, 6, 6.5, 7, 7, 6.5, 6, 5, 5, 5, 4.5, 3.5, 2])
_SIGNUP_HOURS = _SIGNUP_HOURS / _SIGNUP_HOURS.sum()

# Mean loads of 162 clients over 14 days (ServeGen), as multiples of their mean: (quantile, load).
LOAD_QUANTILES = (
    (0.0, 0.0015), (0.1, 0.0063), (0.25, 0.0257), (0.4, 0.0566), (0.5, 0.1102), (0.6, 0.2331),
    (0.75, 0.5842), (0.9, 1.935), (0.95, 4.286), (0.98, 10.62), (0.99, 11.08), (1.0, 26.0),
)  # fmt: skip
PLAN_PRICES = (20.0, 20.0, 20.0, 30.0, 100.0)
OLDEST_DAYS = 1200.0
TEMPLATES = 400  # prompt shapes that everybody's tools share, by rank


def country(rng: np.random.Generator) -> str:
    return _NAMES[int(rng.choice(len(_NAMES), p=_SHARES))]


def daytime(rng: np.random.Generator, day: float, where: str) -> float:
    """A moment of that day (seconds since 1970 at its UTC midnight) when people of that country sign up."""
    hour = int(rng.choice(24, p=_SIGNUP_HOURS))
    return day + ((hour * HOUR - offset(where)) % DAY) + float(rng.uniform(0, HOUR))


def joined(rng: np.random.Generator, where: str, fresh: float = 0.08) -> float:
    """When an account was made: a share during the week, half as many more again in the fortnight before."""
    draw = rng.random()
    if draw < fresh:
        return daytime(rng, START + int(rng.integers(7)) * DAY, where)
    if draw < 2.5 * fresh:
        return daytime(rng, START - (1 + int(rng.integers(14))) * DAY, where)
    age = math.exp(rng.uniform(math.log(14.0), math.log(OLDEST_DAYS)))
    return START - age * DAY


def payment(rng: np.random.Generator, where: str, created: float, *, paid: bool) -> Facts:
    """What billing knows; free accounts have no card, but for one in ten."""
    if not paid and rng.random() < 0.9:
        return {"status": "none", "settled_usd": 0.0}
    months = int(max(0.0, START - created) / (30 * DAY))
    price = PLAN_PRICES[int(rng.integers(len(PLAN_PRICES)))] if paid else 0.0
    settled = price * (1 + months) * float(rng.uniform(0.6, 1.0) if months > 2 else 1.0)
    return card_facts(cards.ordinary(rng, where), round(settled, 2), int(rng.random() < 0.04))


def card_facts(card: cards.Card, settled: float, declines: int = 0, status: str = "ok") -> Facts:
    facts = {
        "status": status,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "settled_usd": settled,
    }
    optional = {"iin": card.iin, "issuer_country": card.issuer_country}
    return {**facts, **{k: v for k, v in optional.items() if v}, "declines_30d": declines, "disputes": 0}


def verified(rng: np.random.Generator, *, paid: bool) -> list[str]:
    chances = (("email", 0.97), ("phone", 0.6 if paid else 0.3), ("identity", 0.05 if paid else 0.01))
    return [what for what, chance in chances if rng.random() < chance]


def wish(rng: np.random.Generator, factor: float = 1.0) -> float:
    """Requests a day before the world's mean is brought to its target: as uneven as measured clients are."""
    ranks, loads = zip(*LOAD_QUANTILES, strict=True)
    return factor * 10.0 * float(np.exp(np.interp(rng.random(), ranks, np.log(loads))))


def heavy(rng: np.random.Generator, median: float, spread: float = 1.6) -> float:
    """Requests a day with a heavy tail, without an upper limit: log-normal, `spread` is its standard deviation."""
    return median * math.exp(spread * float(rng.normal()))


def pays(rng: np.random.Generator, daily: float, lean: float) -> bool:
    """Whether an account is on a paid plan: heavier users are; `lean` shifts a class's odds (log-odds)."""
    return bool(rng.random() < 1 / (1 + math.exp(-(lean + 0.6 * math.log(daily)))))


def facts(rng: np.random.Generator, where: str, created: float, *, paid: bool) -> Facts:
    return {
        "plan": "paid" if paid else "free",
        "verified": verified(rng, paid=paid),
        "payment": payment(rng, where, created, paid=paid),
    }


def account(rng: np.random.Generator, klass: str, where: str, created: float, *, paid: bool) -> Account:
    return new_account(rng, "honest", klass, created, facts(rng, where, created, paid=paid))


def shapes(rng: np.random.Generator) -> tuple[int, ...]:
    """Prompt templates of one sender: tools that many use (by rank), and one of its own."""
    common = (int(rng.integers(1, 2 + int(TEMPLATES * rng.random() ** 3))) for _ in range(3))
    return (*common, int(rng.integers(2**63)))


def sender(
    rng: np.random.Generator, owner: Account, place: places.Place, kind: str, load: Load, odd: float = 0.03
) -> Sender:
    """A sender from the account's beginning on, who takes a new model up some days after it came out."""
    release = START + 3.5 * DAY
    return Sender(
        account=owner,
        place=place,
        clients=(fingerprints.client(rng, kind, odd),),
        load=load,
        start=max(START, owner.created + 60.0 + float(rng.exponential(600.0))),
        end=START + WEEK,
        model=("orca-1", "orca-1", "orca-mini")[int(rng.integers(3))],
        adopts=release + float(rng.exponential(8 * DAY)),
        shapes=shapes(rng),
    )


def machine(rng: np.random.Generator) -> str:
    """The client of a person at a desk: the site, a terminal or editor, or a program of their own."""
    return str(rng.choice(["desktop", "terminal", "sdk"], p=[0.58, 0.27, 0.15]))


def carrier_pools(rng: np.random.Generator, users: int) -> dict[str, list[list[str]]]:
    """Egress addresses of the mobile carriers of each country, one list a carrier and region.

    A region's users leave through all of its addresses by turns; there is one address for some sixty users
    of this service, and never fewer than three.
    """
    pools: dict[str, list[list[str]]] = {}
    for where, share in COUNTRIES.items():
        sources = [networks.network(rng, "mobile", where) for _ in range(2)]
        each = max(3, round(users * share / 100 / 60 / len(sources)))
        pools[where] = [networks.v4_block(rng, source, each) for source in sources]
    return pools
