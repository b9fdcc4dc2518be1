"""Ranges of addresses: laid over each other, joined and cut into networks. Pure, and independent of any
file."""

from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import chain, pairwise
from typing import Any, NamedTuple


class Range(NamedTuple):
    """The addresses from first to last, both included, as numbers."""

    first: int
    last: int
    value: Any


def overlay(layers: Iterable[Iterable[Range]]) -> Iterator[Range]:
    """Lay sorted layers over each other: ranges with the tuple of the layers' values there.

    Each layer's own ranges must be in order and apart from each other. None stands for a layer that has
    nothing there; where no layer has anything there is no range. Neighbours with equal values are joined.
    """
    numbered = [_edges(number, layer) for number, layer in enumerate(layers)]
    current: list[Any] = [None] * len(numbered)
    return joined(_between(merge(*numbered, key=_position), current))


def joined(ranges: Iterable[Range]) -> Iterator[Range]:
    """Join adjacent ranges with equal values."""
    held: Range | None = None
    for item in ranges:
        if held is not None and held.last + 1 == item.first and held.value == item.value:
            held = Range(held.first, item.last, held.value)
            continue
        if held is not None:
            yield held
        held = item
    if held is not None:
        yield held


def flattened(ranges: Iterable[Range]) -> list[Range]:
    """Build one layer from ranges in any order; where ranges overlap, the narrowest wins.

    Of two equally wide ones the one that came later wins.
    """
    edges = [(r.first, True, -(r.last - r.first), n, r) for n, r in enumerate(ranges)]
    edges += [(r.last + 1, False, width, n, r) for _, _, width, n, r in edges]
    edges.sort(key=lambda edge: edge[:2])
    inside: dict[int, tuple[int, int, Range]] = {}
    pieces: list[Range] = []
    for (at, opens, width, n, item), following in pairwise(chain(edges, [None])):  # type: ignore[misc]
        if opens:
            inside[n] = (width, n, item)
        else:
            del inside[n]
        if inside and following is not None and following[0] > at:
            pieces.append(Range(at, following[0] - 1, max(inside.values(), key=lambda i: i[:2])[2].value))
    return list(joined(pieces))


def coarsened(ranges: Iterable[Range], block: int) -> Iterator[Range]:
    """A sorted layer with its edges moved to multiples of `block`; in a divided block the largest part
    wins."""
    return joined(_settled(ranges, block))


def prefixes(first: int, last: int, bits: int) -> Iterator[tuple[int, int]]:
    """The fewest (address, prefix length) to cover exactly first to last."""
    while first <= last:
        aligned = (first & -first).bit_length() - 1 if first else bits
        size = min(aligned, (last - first + 1).bit_length() - 1)
        yield first, bits - size
        first += 1 << size


def _settled(ranges: Iterable[Range], block: int) -> Iterator[Range]:
    held = -1
    parts: Counter[Any] = Counter()
    for piece in chain.from_iterable(_pieces(item, block) for item in ranges):
        start = piece.first - piece.first % block
        if start != held and parts:
            yield Range(held, held + block - 1, parts.most_common(1)[0][0])
            parts.clear()
        held = start
        if piece.last - piece.first + 1 >= block:
            yield piece
        else:
            parts[piece.value] += piece.last - piece.first + 1
    if parts:
        yield Range(held, held + block - 1, parts.most_common(1)[0][0])


def _pieces(item: Range, block: int) -> Iterator[Range]:
    """At most three pieces: the rest of its first block, the whole blocks, the start of its last block."""
    first, end, value = item.first, item.last + 1, item.value
    edges = sorted({first, min(-(-first // block) * block, end), max(end // block * block, first), end})
    return (Range(start, stop - 1, value) for start, stop in pairwise(edges))


def _position(edge: tuple[int, int, Any]) -> int:
    return edge[0]


def _edges(number: int, layer: Iterable[Range]) -> Iterator[tuple[int, int, Any]]:
    for first, last, value in layer:
        yield first, number, value
        yield last + 1, number, None


def _between(edges: Iterable[tuple[int, int, Any]], current: list[Any]) -> Iterator[Range]:
    """The ranges between one edge and the next. current: the layers' values so far, changed in place."""
    started = 0
    for at, number, value in edges:
        if at > started and any(held is not None for held in current):
            yield Range(started, at - 1, tuple(current))
        started = at
        current[number] = value
