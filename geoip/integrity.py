"""Is a file sound by the MaxMind DB format, all the way through? Asked before any C code reads it.

libmaxminddb checks the metadata, and its Python extension trusts most of the rest: of 6,000 files in which
one to eight bytes were changed at random, maxminddb 3.2.0 ended the process on 104, in look-ups by keys of
maps that are no strings, in walks by search trees that loop. Both are ruled out here, in numpy and Python.

The format: maxmind.github.io/MaxMind-DB, version 2.0.
"""

from itertools import chain
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_MARKER: Final = b"\xab\xcd\xefMaxMind.com"
_MARKER_WITHIN: Final = 128 * 1024  # bytes from the end of the file, says the format
_SEPARATOR: Final = 16  # bytes between the search tree and the data
_DEEPEST: Final = 32  # values in values; real databases have six
_SAMPLED: Final = 5_000  # records looked at, evenly spread over a database that has more

_POINTER, _STRING, _BYTES, _MAP, _ARRAY, _BOOLEAN = 1, 2, 4, 7, 11, 14
_CONTAINERS: Final = frozenset({_MAP, _ARRAY})
_NUMBERS: Final = {5: 2, 6: 4, 8: 4, 9: 8, 10: 16}  # unsigned 16, 32, signed 32, unsigned 64, 128: bytes at most
_EXACT: Final = {3: 8, 15: 4}  # double, float
_LONGER: Final = (0, 29, 285, 65_821)  # what a size of 29, 30 or 31 is counted from, by how many bytes follow
_FARTHER: Final = (0, 2048, 526_336, 0)  # the same for pointers

_Nodes = NDArray[np.int64]


class DamagedError(Exception):
    """The file breaks the format; the text says how."""


class _Parts(NamedTuple):
    """nodes: of the search tree; record: bits of each half of a node; bits: of an address; data: from, to."""

    nodes: int
    record: int
    bits: int
    data: tuple[int, int]


def check(file: memoryview) -> None:
    """Raise DamagedError unless metadata and tree are sound, and the data: all of it, or an even sample of
    much."""
    parts = _parts(file)
    left, right = _tree(file, parts)
    offsets = _data_offsets(left, right, parts)
    _check_depth(left, right, parts)
    walk = _Walk(file, *parts.data)
    for offset in offsets[:: 1 + len(offsets) // _SAMPLED]:
        walk.value(int(offset))


def _parts(file: memoryview) -> _Parts:
    tail = bytes(file[-_MARKER_WITHIN:])
    found = tail.rfind(_MARKER)
    if found < 0:
        raise DamagedError("not a MaxMind DB file, or cut short: it has no metadata")
    start = len(file) - len(tail) + found
    numbers = _numbers(file, start + len(_MARKER))
    nodes, record, version = (numbers.get(name, 0) for name in (b"node_count", b"record_size", b"ip_version"))
    data = nodes * record // 4 + _SEPARATOR
    if record not in {24, 28, 32} or version not in {4, 6} or not nodes or data > start:
        raise DamagedError("corrupt, or cut short: its metadata does not fit it")
    return _Parts(nodes, record, 128 if version == 6 else 32, (data, start))


def _numbers(file: memoryview, start: int) -> dict[bytes, int]:
    """The numbers in the metadata by name, once all of it has been found sound."""
    walk = _Walk(file, start, len(file))
    walk.value(start)
    kind, size, at = walk.control(start)
    numbers: dict[bytes, int] = {}
    for _ in range(size if kind == _MAP else 0):
        name, at = walk.text(at)
        kind, length, number = walk.control(at)
        if kind in _NUMBERS:
            numbers[name] = int.from_bytes(file[number : number + length])
        at = walk.value(at)
    return numbers


def _tree(file: memoryview, parts: _Parts) -> tuple[_Nodes, _Nodes]:
    """The left and the right records of all nodes."""
    width = parts.record // 4
    tree = np.frombuffer(file, np.uint8, parts.nodes * width).reshape(-1, width)
    half = parts.record // 8
    left, right = _joined(tree[:, :half]), _joined(tree[:, -half:])
    if parts.record == 28:  # the byte in the middle has the highest four bits of both
        left |= (tree[:, 3] & 0xF0).astype(np.int64) << 20
        right |= (tree[:, 3] & 0x0F).astype(np.int64) << 24
    return left, right


def _joined(columns: NDArray[np.uint8]) -> _Nodes:
    """Bytes, the highest first, as one number a row."""
    value = np.zeros(len(columns), np.int64)
    for column in columns.T:
        value <<= 8
        value |= column
    return value


def _data_offsets(left: _Nodes, right: _Nodes, parts: _Parts) -> _Nodes:
    """Where the data of the networks starts, in order, each place once."""
    pointers = np.concatenate([left[left > parts.nodes], right[right > parts.nodes]])
    offsets: _Nodes = np.unique(pointers) - parts.nodes - _SEPARATOR + parts.data[0]
    if len(offsets) and (offsets[0] < parts.data[0] or offsets[-1] >= parts.data[1]):
        raise DamagedError("corrupt: its search tree points outside the data")
    return offsets


def _check_depth(left: _Nodes, right: _Nodes, parts: _Parts) -> None:
    """Level by level from the root: after as many levels as an address has bits no node is left."""
    level = np.zeros(1, np.int64)
    for _ in range(parts.bits):
        below = np.concatenate([left[level], right[level]])
        level = np.unique(below[below < parts.nodes])
        if not len(level):
            return
    raise DamagedError("corrupt: its search tree loops")


class _Walk:
    """Looks at values without building them, at those that pointers lead to once.

    start, end: of the section that the values are in and that pointers count from.
    """

    def __init__(self, file: memoryview, start: int, end: int) -> None:
        self._file = file
        self._start = start
        self._end = end
        self._seen: set[int] = set()

    def value(self, at: int, depth: int = 0) -> int:
        """Look at the value there, and say where the next one starts."""
        kind, size, content = self.control(at)
        if depth > _DEEPEST:
            raise DamagedError("corrupt: values in values without end")
        if kind == _POINTER:
            self._follow(size, depth)
            return content
        if kind in _CONTAINERS:
            return self._items(kind, size, content, depth)
        return self._scalar(kind, size, content)

    def text(self, at: int) -> tuple[bytes, int]:
        """The key of a map there, and where the next value starts. A pointer may lead to it."""
        kind, size, content = self.control(at)
        following = content + size
        if kind == _POINTER:
            following = content
            kind, size, content = self.control(size)
        if kind != _STRING or content + size > self._end:
            raise DamagedError(f"corrupt: the key of a map, at byte {at}, is no string")
        return bytes(self._file[content : content + size]), following

    def control(self, at: int) -> tuple[int, int, int]:
        """Type, size and place of a value's content. Of a pointer: its type, where it leads, where it
        ends."""
        head = bytes(self._file[at : min(at + 6, self._end)]) if at >= self._start else b""
        if len(head) < 2 and head[:1] not in _EMPTY:
            raise DamagedError("corrupt, or cut short: a value is not inside its section")
        kind, size, used = head[0] >> 5, head[0] & 31, 1
        if kind == _POINTER:
            more = (size >> 3) + 1
            high = 0 if more == 4 else size & 7
            target = (high << 8 * more) + int.from_bytes(head[1 : 1 + more]) + _FARTHER[more - 1]
            return kind, self._start + target, at + 1 + more
        if kind == 0:
            kind, used = 7 + head[1], 2
        more = max(size - 28, 0)
        if more:
            size = _LONGER[more] + int.from_bytes(head[used : used + more])
        return kind, size, at + used + more

    def _follow(self, target: int, depth: int) -> None:
        if target not in self._seen:
            self._seen.add(target)
            if self.control(target)[0] == _POINTER:
                raise DamagedError("corrupt: a pointer leads to a pointer")
            self.value(target, depth + 1)

    def _items(self, kind: int, size: int, at: int, depth: int) -> int:
        for _ in range(size):
            if kind == _MAP:
                _, at = self.text(at)
            at = self.value(at, depth + 1)
        return at

    def _scalar(self, kind: int, size: int, at: int) -> int:
        if kind == _BOOLEAN:
            return at
        longest = _NUMBERS.get(kind, self._end - at if kind in {_STRING, _BYTES} else -1)
        if size != _EXACT.get(kind, size) or (kind not in _EXACT and size > longest) or at + size > self._end:
            raise DamagedError(f"corrupt: the value before byte {at} is of no known type, or too long")
        return at + size


# Values of one byte: the empty string, bytes, map and the numbers 0; the others have a second byte.
_EMPTY: Final = frozenset(bytes([kind << 5]) for kind in chain((_STRING, _BYTES, 5, 6), (_MAP,)))
