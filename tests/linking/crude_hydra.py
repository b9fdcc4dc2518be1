"""A crude hydra among honest accounts: a hundred heads behind three addresses with one script."""

from collections.abc import Iterator

from geoip.book import AddressBook
from reputation.config.file import DEFAULT
from reputation.engine.limiter import Limiter
from reputation.sidecar.build import build
from reputation.wire.messages import Account, AccountFacts, Client, Payment, Request, Seconds

START = 1_790_000_000.0
HOUR = 3600.0


def limiter() -> Limiter:
    return build(DEFAULT, AddressBook(), b"a key of sixteen bytes or more")


def hydra(number: int) -> AccountFacts:
    """A head: signed up this hour, one prepaid card for every twenty of them."""
    payment = Payment("ok", f"fp_{number // 20}", "prepaid", "499999", "US")
    return AccountFacts(created_at=Seconds(START + number), plan="free", payment=payment)


def honest(number: int) -> AccountFacts:
    """An account that is no newcomer, with a card of its own."""
    payment = Payment("ok", f"own_{number}", "credit", str(400000 + number % 50), "US", float(number % 90))
    return AccountFacts(created_at=Seconds(START - 86_400.0 * (20 + number % 400)), plan="free", payment=payment)


def requests(hours: int) -> Iterator[tuple[float, Request]]:
    """Checks of 300 honest accounts and 100 heads behind three addresses with one script."""
    for hour in range(hours):
        at = START + HOUR * (hour + 1)
        for n in range(300):
            client = Client(ip=f"198.51.{n % 200}.{n % 250}", ja4=f"browser_{n % 7}", user_agent=f"ua {n % 7}")
            yield at + n, Request(account=Account(id=f"good_{n}"), client=client)
        for n in range(100):
            client = Client(ip=f"203.0.113.{n % 3}", ja4="script", user_agent="script")
            yield at + 400 + n, Request(account=Account(id=f"head_{n}"), client=client)
