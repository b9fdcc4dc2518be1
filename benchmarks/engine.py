"""CPU of a check and memory of an account: `python -m benchmarks.engine --accounts 1000000`.

Every account has full facts and a key, and is seen on three addresses before anything is measured, so that its
windows, its buckets and its part of the reverse indexes are there.
"""

import argparse
import gc
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from geoip.book import AddressBook
from reputation.config.tenants import TenantSettings, compile_tenant
from reputation.engine.limiter import TenantLimiter
from reputation.state.tenant import TenantState
from reputation.wire.ids import Ulids
from reputation.wire.messages import Account, AccountFacts, Client, Payment, Request, Seconds

START = 1_790_000_000.0
ADDRESSES = 3
PAGE = 4096
CHUNK = 50
"""Requests made at once: as in a listener, a request was decoded just before it is checked."""


def resident() -> int:
    """Bytes of memory that this process has in use."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


def facts(number: int) -> AccountFacts:
    """Full facts of one account; what is unique in life is unique here."""
    payment = Payment(
        "ok", f"fp_{number:08x}", "credit", str(400000 + number % 5000), "US", 20.0 + number % 977 / 7, 0, 0
    )
    return AccountFacts(
        created_at=Seconds(START - 86_400 * (number % 700) - number % 86_400),
        plan=("free", "paid")[number % 3 == 0],
        keys=(f"sk-live-{number:024x}",),
        verified=("email", "phone"),
        payment=payment,
    )


def address(number: int, which: int) -> str:
    """One of an account's addresses; different for every account, in networks that hold some thousands of them."""
    value = (number * ADDRESSES + which) * 2_654_435_761 % 3_500_000_000 + 16_777_216
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def request(number: int, which: int) -> Request:
    by_key = number % 2 == 0
    account = Account(key=f"sk-live-{number:024x}") if by_key else Account(id=f"acct_{number}")
    client = Client(
        ip=address(number, which), user_agent="python-requests/2.32", ja4="t13d1516h2_8daaf6152771_02713d6af862"
    )
    return Request(account=account, client=client)


def filled(accounts: int) -> tuple[TenantLimiter, float]:
    """Make a limiter that knows so many accounts; the bytes that each of them added come with it."""
    limiter = TenantLimiter(
        compile_tenant("default", TenantSettings()), TenantState(), AddressBook.open(), b"benchmark"
    )
    ids = Ulids()
    for number in range(min(accounts, 20_000)):  # what does not grow with the accounts is there before
        limiter.check(Request(client=Client(ip=address(number, 9))), START - 90_000, ids)
    before = resident()
    for number in range(accounts):
        limiter.push(f"acct_{number}", facts(number), START)
    for which in range(ADDRESSES):
        for number in range(accounts):
            limiter.check(request(number, which), START + 10_000 * which + number * 0.005, ids)
    gc.collect()
    return limiter, (resident() - before) / accounts


def rounds(limiter: TenantLimiter, accounts: int, size: int, turns: range) -> Iterator[float]:
    """Yield microseconds of CPU a check, one figure a turn, over accounts drawn evenly; turns lie 1000 s apart."""
    draw, ids = random.Random(turns.start), Ulids()
    for turn in turns:
        now, spent = START + 40_000 + turn * 1000, 0.0
        for first in range(0, size, CHUNK):
            wanted = [request(draw.randrange(accounts), draw.randrange(ADDRESSES)) for _ in range(CHUNK)]
            started = time.process_time()
            for number, one in enumerate(wanted, first):
                limiter.check(one, now + number * 0.001, ids)
            spent += time.process_time() - started
        yield spent / size * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--checks", type=int, default=20_000, help="checks a round")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    gc.set_threshold(50_000, 50, 50)
    limiter, each = filled(options.accounts)
    gc.freeze()
    for listening in (False, True):
        limiter.outbox.listening = listening
        times, first = [], options.rounds * listening
        for spent in rounds(limiter, options.accounts, options.checks, range(first, first + options.rounds)):
            times.append(spent)
            limiter.outbox.collect()
        word = "with linking" if listening else "without linking"
        median, best = statistics.median(times), min(times)
        print(f"engine {word}: {median:.1f} µs of CPU a check (best {best:.1f}), {options.accounts:,} accounts")
    print(f"memory: {each:.0f} bytes a known account")


if __name__ == "__main__":
    main()
