"""Checks a whole file against the MaxMind DB format, before any C code reads it.

libmaxminddb checks the metadata, and its Python extension trusts most of the rest: of 6,000 files in which
one to eight bytes were changed at random, maxminddb 3.2.0 ended the process on 104, in look-ups by keys of
maps that are no strings, in walks by search trees that loop. Both are ruled out here, in numpy and Python, and in a
process of its own, so that a process that only looks addresses up does without numpy and without a copy of the file.

The format: maxmind.github.io/MaxMind-DB, version 2.0.
"""

import sys
from array import array
from itertools import chain
from typing import Final, NamedTuple, TypeAlias

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

_Nodes: TypeAlias = "array[int]"
_WORD: Final = 4  # bytes that a record is widened to
_HIGH_NIBBLE: Final = bytes(byte >> 4 for byte in range(256))
_LOW_NIBBLE: Final = bytes(byte & 15 for byte in range(256))


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
        walk.value(offset)


def _parts(file: memoryview) -> _Parts:
    tail = bytes(file[-_MARKER_WITHIN:])
    found = tail.rfind(_MARKER)
    if found < 0:
        raise DamagedError("not a MaxMind DB file, or truncated: it has no metadata")
    start = len(file) - len(tail) + found
    numbers = _numbers(file, start + len(_MARKER))
    nodes, record, version = (numbers.get(name, 0) for name in (b"node_count", b"record_size", b"ip_version"))
    data = nodes * record // 4 + _SEPARATOR
    if record not in {24, 28, 32} or version not in {4, 6} or not nodes or data > start:
        raise DamagedError("corrupt or truncated: the metadata does not match the file")
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
    width, half = parts.record // 4, parts.record // 8
    tree = bytes(file[: parts.nodes * width])
    left = [tree[at::width] for at in range(half)]
    right = [tree[at::width] for at in range(width - half, width)]
    if parts.record == 28:  # the byte in the middle has the highest four bits of both
        middle = tree[3::width]
        left.insert(0, middle.translate(_HIGH_NIBBLE))
        right.insert(0, middle.translate(_LOW_NIBBLE))
    return _joined(left), _joined(right)


def _joined(columns: list[bytes]) -> _Nodes:
    """Bytes, the highest first, as one number a row."""
    words = bytearray(_WORD * len(columns[0]))
    for place, column in enumerate(columns, _WORD - len(columns)):
        words[place::_WORD] = column
    value = array("I", bytes(words))
    if sys.byteorder == "little":
        value.byteswap()
    return value


def _data_offsets(left: _Nodes, right: _Nodes, parts: _Parts) -> list[int]:
    """Where the data of the networks starts, in order, each place once."""
    nodes, shift = parts.nodes, parts.data[0] - parts.nodes - _SEPARATOR
    offsets = [pointer + shift for pointer in sorted({pointer for pointer in chain(left, right) if pointer > nodes})]
    if offsets and (offsets[0] < parts.data[0] or offsets[-1] >= parts.data[1]):
        raise DamagedError("corrupt: its search tree points outside the data")
    return offsets


def _check_depth(left: _Nodes, right: _Nodes, parts: _Parts) -> None:
    """Level by level from the root: after as many levels as an address has bits no node is left."""
    nodes, level = parts.nodes, {0}
    for _ in range(parts.bits):
        level = {below for node in level for below in (left[node], right[node]) if below < nodes}
        if not level:
            return
    raise DamagedError("corrupt: its search tree loops")


class _Walk:
    """Checks values without building them; checks the target of each pointer once.

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
            raise DamagedError("corrupt: values are nested without end")
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
            raise DamagedError(f"corrupt: the key of a map, at byte {at}, is not a string")
        return bytes(self._file[content : content + size]), following

    def control(self, at: int) -> tuple[int, int, int]:
        """Type, size and place of a value's content. Of a pointer: its type, where it leads, where it
        ends."""
        head = bytes(self._file[at : min(at + 6, self._end)]) if at >= self._start else b""
        if len(head) < 2 and head[:1] not in _EMPTY:
            raise DamagedError("corrupt or truncated: a value is outside its section")
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
            raise DamagedError(f"corrupt: the value before byte {at} has an unknown type, or is too long")
        return at + size


# Values of one byte: the empty string, bytes, map and the numbers 0; the others have a second byte.
_EMPTY: Final = frozenset(bytes([kind << 5]) for kind in chain((_STRING, _BYTES, 5, 6), (_MAP,)))
