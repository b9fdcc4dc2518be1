"""Look for bytes that the HTTP/2 session cannot bear: `python -m benchmarks.fuzz_http2 --seconds 600`.

Streams of frames are made as gRPC clients make them, and of odd frames, then damaged: bytes changed, cut, doubled,
moved; half of the damaged frames get a length that fits again, so that their inside is reached. Each stream is fed
whole, byte by byte and in pieces, which has to come to the same messages and the same fault. No exception may come out,
and what a session keeps stays under its bounds. A finding is printed as Python bytes and ends the run with exit code 1.
"""

from collections import Counter
from collections.abc import Iterator

import click

from benchmarks.fuzzing import Dice, mutated, pieces, search
from reputation.listeners.http2 import frames
from reputation.listeners.http2.calls import END, MESSAGE
from reputation.listeners.http2.frames import FRAME_HEAD, PREFACE, frame, settings
from reputation.listeners.http2.hpack import number, string
from reputation.listeners.http2.limits import HELD
from reputation.listeners.http2.methods import Methods, Streaming, Unary
from reputation.listeners.http2.session import Session

PATHS = (b"/a/Once", b"/a/Many", b"/a/Other", b"")
MOST = 1000
FIELDS = (
    (b"te", b"trailers"), (b"content-type", b"application/grpc"), (b"grpc-timeout", b"20m"), (b"grpc-encoding", b"x"),
    (b"x", b"y" * 100), (b"Upper", b"a"), (b"a", b"\n"), (b":path", b"/"), (b"connection", b"close"), (b"", b""),
)  # fmt: skip
Seen = list[tuple[int, bytes]]


class Silent:
    """A stream that does nothing of its own."""

    def take(self, message: bytes) -> None:
        """Take a message."""

    def end(self) -> None:
        """Keep the stream open."""

    def drain(self) -> None:
        """Keep the stream open."""

    def close(self) -> None:
        """Forget the stream."""


METHODS: Methods = {
    PATHS[0]: Unary(lambda message, _: message, MOST),
    PATHS[1]: Streaming(lambda _, __: Silent(), MOST),
}


def literal(dice: Dice, field: tuple[bytes, bytes]) -> bytes:
    """One field, sometimes for the table."""
    name, value = field
    return dice.choice((b"\x40", b"\x00", b"\x10")) + string(name) + string(value)


def block(dice: Dice) -> bytes:
    """A header block: mostly a call's, with indexes that may or may not be in the table."""
    path = dice.choices(PATHS, (8, 4, 1, 1))[0]
    found = [b"\x83\x86", literal(dice, (b":path", path)), literal(dice, FIELDS[0]), literal(dice, FIELDS[1])]
    found += [literal(dice, dice.choice(FIELDS)) for _ in range(dice.choice((0, 0, 0, 1, 3)))]
    found += [number(dice.randrange(61, 70), 7, 0x80) for _ in range(dice.choice((0, 0, 1, 3)))]
    if dice.random() < 0.05:
        found.insert(0, number(dice.choice((0, 100, 4096, 5000)), 5, 0x20))
    return b"".join(found)


def messages(dice: Dice) -> bytes:
    sizes = [dice.choice((0, 1, 30, 900, 1001)) for _ in range(dice.choices((0, 1, 2), (1, 8, 1))[0])]
    return b"".join(
        dice.choices((b"\0", b"\1", b"\2"), (30, 1, 1))[0] + size.to_bytes(4, "big") + bytes(size) for size in sizes
    )


def call(dice: Dice, stream: int) -> bytes:
    """A call in one or several frames."""
    head, body = block(dice), messages(dice)
    cut, part = dice.randrange(len(head)), dice.randrange(len(body) + 1)
    if dice.random() < 0.7:
        start = frame(frames.HEADERS, frames.END_HEADERS, stream, head)
    else:
        start = frame(frames.HEADERS, 0, stream, head[:cut])
        start += frame(frames.CONTINUATION, frames.END_HEADERS, stream, head[cut:])
    whole = frame(frames.DATA, frames.END_STREAM, stream, body)
    split = frame(frames.DATA, 0, stream, body[:part]) + frame(frames.DATA, frames.END_STREAM, stream, body[part:])
    return start + dice.choice((whole, split, whole[:0]))


def control(dice: Dice, stream: int) -> bytes:
    size = dice.choice((0, 1, 1000, 0x7FFF_FFFF)).to_bytes(4, "big")
    setting = {dice.randrange(1, 8): dice.choice((0, 1, 100, 4096, 16_384, 65_535, 0x7FFF_FFFF, 0xFFFF_FFFF))}
    return dice.choice(
        (
            frame(frames.PING, dice.choice((0, 0, 1)), 0, bytes(8)),
            frame(frames.SETTINGS, 0, 0, settings(setting)),
            frame(frames.SETTINGS, frames.ACK, 0),
            frame(frames.WINDOW_UPDATE, 0, dice.choice((0, stream)), size),
            frame(frames.RST_STREAM, 0, stream, size),
            frame(frames.PRIORITY, 0, stream, bytes(5)),
            frame(frames.GOAWAY, 0, 0, bytes(8)),
            frame(
                dice.randrange(256), dice.randrange(256), dice.choice((0, stream)), dice.randbytes(dice.randrange(20))
            ),
        )
    )


def damaged(dice: Dice, whole: bytes) -> bytes:
    data = mutated(dice, whole, dice.choice((0, 0, 0, 0, 1, 2)))
    if dice.random() < 0.5 and len(data) > FRAME_HEAD and data != whole:
        data[:3] = (len(data) - FRAME_HEAD).to_bytes(3, "big")
    return bytes(data)


def stream_of(dice: Dice) -> bytes:
    """What one client sends."""
    found = [PREFACE if dice.random() < 0.98 else damaged(dice, PREFACE), frame(frames.SETTINGS, 0, 0)]
    for place in range(dice.randint(1, 8)):
        number_ = 2 * place + 1
        made = call(dice, number_) if dice.random() < 0.7 else control(dice, dice.choice((1, 3, number_, 2)))
        found.append(damaged(dice, made))
    return b"".join(found)


def heard(fed: Iterator[bytes], counts: Counter[str]) -> tuple[Seen, str]:
    """Serve a client: its messages, and the fault at the end. Raises AssertionError where a bound is broken."""
    session, seen = Session(METHODS), Seen()
    calls = session.calls
    for data in fed:
        for event in session.feed(data):
            if event.kind == MESSAGE:
                seen.append((event.stream.number, event.message))
                answer = calls.send if event.stream.streaming else calls.answer
                answer(event.stream, event.message)
            elif event.kind == END:
                calls.finish(event.stream, 0, "")
        session.output()
        if not 0 <= calls.held <= HELD:
            raise AssertionError(f"{calls.held} bytes are held")
    counts["messages"] += len(seen)
    for stream in [*calls.open.values()]:
        calls.drop(stream)
    if calls.held:
        raise AssertionError(f"{calls.held} bytes are held for no call")
    return seen, session.fault or "no fault"


def one(dice: Dice, sent: bytes, counts: Counter[str]) -> None:
    """Serve one client in three ways; anything raised here is a finding."""
    whole = heard(iter((sent,)), counts)
    for other in (heard((bytes((byte,)) for byte in sent), counts), heard(pieces(dice, sent), counts)):
        if other != whole:
            raise AssertionError(f"in pieces {other!r}, whole {whole!r}")
    counts[whole[1]] += 1


@click.command()
@click.option("--seconds", default=30.0, show_default=True, help="How long to look.")
@click.option("--seed", default=1, show_default=True, help="Start of the random numbers.")
def main(seconds: float, seed: int) -> None:
    """Look for bytes that the HTTP/2 session cannot bear."""
    dice, counts = Dice(seed), Counter[str]()
    search(
        "streams", lambda: stream_of(dice), lambda sent: one(dice, sent, counts), counts,
        warm=1000, seconds=seconds, seed=seed,
    )  # fmt: skip


if __name__ == "__main__":
    main()
