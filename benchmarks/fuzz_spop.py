"""Look for bytes that the SPOP codec and HAProxy's adapter cannot bear: `python -m benchmarks.fuzz_spop --seconds 600`.

Streams are made of HAProxy's own frames and of made-up ones, then damaged: bytes changed, cut, doubled, moved; half of
the damaged frames get a length that fits again, so that their inside is reached. Each stream is fed whole, byte by byte
and in pieces, which has to come to the same; only SpopError may be raised, and only ValueError by the adapter; what is
buffered stays under one frame. A finding is printed as Python bytes and ends the run with exit code 1.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import click

from benchmarks import spop_peer as peer
from benchmarks.fuzzing import Dice, mutated, pieces, search
from plugins.haproxy import adapter, spop
from plugins.haproxy.spop import Agent, Event, Notify
from plugins.haproxy.spop_data import SpopError, Written
from reputation.wire.gateway import GatewaySettings

SETTINGS = (
    GatewaySettings(),
    GatewaySettings(
        trusted_hops=2,
        account_header="x-account",
        ja4_header="x-ja4",
        facts={"settled": "account.payment.settled_usd", "org": "account.organisation.id", "age": "account.created_at"},
    ),
)
NAMES = ("tenant", "path", "user-agent", "authorization", "x-api-key", "x-forwarded-for", "x-account", "x-ja4", "org")


def value(dice: Dice) -> Written:
    """One value of any type, rather the odd ones."""
    made: tuple[Callable[[], Written], ...] = (
        lambda: None,
        lambda: dice.random() < 0.5,
        lambda: dice.choice((0, -1, 2**63 - 1, -(2**63), dice.getrandbits(20))),
        lambda: dice.randbytes(dice.choice((0, 1, 16, 300, 5000))),
        lambda: dice.choice(("", "Bearer k", "Basic Og==", "192.0.2.1, ::1", "\x00", "é,\n", "k" * 5000)),
    )
    return dice.choice(made)()


def frame(dice: Dice) -> bytes:
    """One frame as HAProxy might send it."""
    args = [(dice.choice(NAMES), value(dice)) for _ in range(dice.randrange(14))]
    made: tuple[Callable[[], bytes], ...] = (
        lambda: peer.NOTIFY_26,
        lambda: peer.put_notify(dice.getrandbits(64), dice.getrandbits(12), args),
        lambda: peer.put_frame(spop.NOTIFY, peer.put_message("a", args) * dice.randrange(3), 1, 1),
        lambda: peer.put_disconnect(dice.randrange(100), "because"),
        peer.put_hello,
        lambda: peer.put_frame(dice.randrange(256), dice.randbytes(40), flags=dice.getrandbits(32)),
    )
    return dice.choices(made, (4, 8, 2, 1, 1, 2))[0]()


def damaged(dice: Dice, whole: bytes) -> bytes:
    data = mutated(dice, whole, dice.choice((0, 1, 1, 2, 5)))
    if dice.random() < 0.5 and len(data) > spop.LENGTH:
        data[: spop.LENGTH] = (len(data) - spop.LENGTH).to_bytes(spop.LENGTH)
    return bytes(data)


def stream(dice: Dice) -> bytes:
    start = dice.choices((peer.HELLO_26, peer.CHECK_26, b"", damaged(dice, peer.HELLO_26)), (12, 2, 1, 3))[0]
    if dice.random() < 0.02:
        return start + dice.randbytes(dice.randrange(2000))
    return start + b"".join(damaged(dice, frame(dice)) for _ in range(dice.randint(1, 5)))


def heard(pieces: Iterator[bytes], most: int) -> list[Event | tuple[int, str]]:
    """Every event, and the error at the end. Raises AssertionError if too much is kept."""
    agent, found = Agent(most), list[Event | tuple[int, str]]()
    for piece in pieces:
        agent.feed(piece)
        try:
            while (event := agent.next_event()) is not None:
                found.append(event)
        except SpopError as error:
            found.append((error.code, str(error)))
        if agent.buffered > most + spop.LENGTH:
            raise AssertionError(f"{agent.buffered} bytes are kept")
    return found


def asked(event: Notify, counts: Counter[str]) -> None:
    """Let the adapter make checks of the messages; a ValueError is a refusal."""
    for message in event.messages:
        for settings in SETTINGS:
            try:
                adapter.read(adapter.as_message(message, "127.0.0.1"), "default", settings)
                counts["checks made"] += 1
            except ValueError:
                counts["checks refused"] += 1


def one(dice: Dice, data: bytes, counts: Counter[str]) -> None:
    """Run one stream; anything raised here is a finding."""
    most = dice.choice((spop.MOST_FRAME, 4096))
    whole = heard(iter([data]), most)
    bytewise = heard((data[i : i + 1] for i in range(len(data))), most) if len(data) < 2000 else whole
    if not whole == bytewise == heard(pieces(dice, data), most):
        raise AssertionError("in pieces it is something else")
    for event in whole:
        if isinstance(event, Notify):
            asked(event, counts)
        counts[f"error {event[0]}" if isinstance(event, tuple) else type(event).__name__] += 1


@click.command()
@click.option("--seconds", default=30.0, show_default=True, help="How long to look.")
@click.option("--seed", default=1, show_default=True, help="Start of the random numbers.")
def main(seconds: float, seed: int) -> None:
    """Look for bytes that the SPOP codec cannot bear."""
    dice, counts = Dice(seed), Counter[str]()
    search(
        "streams", lambda: stream(dice), lambda data: one(dice, data, counts), counts,
        warm=2000, seconds=seconds, seed=seed,
    )  # fmt: skip


if __name__ == "__main__":
    main()
