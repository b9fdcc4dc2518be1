"""What linking itself costs: an epoch over many active accounts, and what a check pays to be noted.

python -m benchmarks.hydra.epochs --accounts 100000,1000000
"""

import argparse
import random
import resource
import sys
import time
from collections.abc import Iterator

from geoip.book import AddressBook
from reputation.config.file import DEFAULT
from reputation.hydra.linker import Linker
from reputation.hydra.sightings import Known, Sighting
from reputation.sidecar.build import build
from reputation.wire.ids import Ulids
from reputation.wire.messages import Account, AccountFacts, Client, Request, Seconds

NOW, DAY = 1_790_000_000.0, 86_400.0
HEADS = 100  # one account in so many is a head of one hydra
BROWSERS = [(f"ja4-{n % 9}", f"Mozilla/5.0 (Windows NT 10.0) Chrome/{120 + n}.0") for n in range(60)]
NEWS = 50  # between two epochs one account in so many is seen again
CHECKS, ROUNDS = 20_000, 6


def facts(number: int, dice: random.Random, *, head: bool) -> Known:
    age = dice.uniform(0, 2 if head else 700) * DAY
    iin = "533333" if head else f"4{dice.randrange(3000):05d}"
    return Known(
        f"a{number}", NOW - age, "free", card=f"c{number}", funding="prepaid" if head else "credit", iin=iin,
        issuer_country="US", proven=not head and number % 3 == 0,
    )  # fmt: skip


def sightings(number: int, dice: random.Random, at: float, *, head: bool) -> Iterator[Sighting]:
    """Three requests of an account, from three networks."""
    ja4, agent = ("ja4-sdk", "sdk/1") if head else BROWSERS[min(int(dice.expovariate(0.15)), 59)]
    for turn in range(3):
        net = f"{50 + dice.randrange(20)}.9.{dice.randrange(250)}" if head else f"{number % 200}.{number // 200 % 250}"
        asn = dice.randrange(30) if head else number % 5000
        yield Sighting(
            at - dice.uniform(0, DAY), f"a{number}", f"{net}.{turn}", f"{net}.0/24", asn, "US", None, ja4, agent,
            None if head else f"d{number}", f"s{number}-{turn}", "m-1",
        )  # fmt: skip


def fed(accounts: int, dice: random.Random) -> Linker:
    linker = Linker()
    for number in range(accounts):
        head = number % HEADS == 0
        linker.know(facts(number, dice, head=head))
        linker.see_many(sightings(number, dice, NOW, head=head))
    return linker


def epochs(accounts: int, count: int = 3) -> Iterator[str]:
    """A line for each epoch: the first searches for all links, the others for new ones."""
    dice = random.Random(1)
    linker = fed(accounts, dice)
    for number in range(count):
        begun = time.process_time()
        links = linker.epoch(NOW + 60 * number)
        took = time.process_time() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found = f"{len(links.members):,} linked"
        yield f"{accounts:,} accounts, epoch {number + 1}: {took:.1f} s CPU, {found}, {peak:,.0f} MB"
        for other in dice.sample(range(accounts), accounts // NEWS):
            linker.see_many(sightings(other, dice, NOW + 60 * number, head=other % HEADS == 0))


def noting() -> float:
    """Microseconds of CPU that a check takes longer because the linker listens: the median of rounds."""
    limiter = build(DEFAULT, AddressBook(), b"a key of sixteen bytes or more")
    tenant, ids = limiter.tenant("default"), Ulids()
    for number in range(1000):
        tenant.push(f"a{number}", AccountFacts(created_at=Seconds(NOW - number * DAY), plan="free"), NOW)
    client = [Client(ip=f"198.51.{n % 200}.{n % 250}", ja4="j", user_agent=f"ua {n % 60}") for n in range(1000)]
    requests = [Request(account=Account(id=f"a{n}"), client=client[n]) for n in range(1000)]

    def took(*, listening: bool, at: float) -> float:
        tenant.outbox.listening = listening
        begun = time.process_time()
        for number in range(CHECKS):
            limiter.check(requests[number % 1000], at + number / 1000, ids)
        tenant.outbox.collect()
        return (time.process_time() - begun) / CHECKS

    pairs = [(took(listening=False, at=NOW + n), took(listening=True, at=NOW + n + 0.5)) for n in range(ROUNDS)]
    return 1e6 * sorted(on - off for off, on in pairs)[ROUNDS // 2]


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks.hydra.epochs", description=__doc__.splitlines()[0])
    options.add_argument("--accounts", default="100000", help="comma-separated numbers of active accounts")
    chosen = options.parse_args(arguments)
    print(f"a check noted for the linker: {noting():.2f} µs of CPU more", flush=True)
    for accounts in map(int, chosen.accounts.split(",")):
        for line in epochs(accounts):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
