"""HPACK (RFC 7541): header blocks to fields, with the table that both ends keep; and fields to blocks.

What a peer sends is bounded before it is kept: the table by its size, a block by the caller, and a decoded list by
`most`, since a small block can name one large field of the table many times.
"""

from typing import Final

from reputation.listeners.http2.faults import HpackFault
from reputation.listeners.http2.huffman import decode as huffman
from reputation.listeners.http2.static_table import STATIC, Field

TABLE_SIZE: Final = 4096
"""Bytes of the table: what a peer may use before it has read any of our settings, and all that we offer."""
OVERHEAD: Final = 32  # bytes that RFC 7541, 4.1 adds to a field's size
_STATIC_FIELDS: Final = len(STATIC)
_LONGEST_NUMBER: Final = 28  # bits after the prefix; four bytes hold any length that is let in


class Fields:
    """A decoded block. too_large: the fields above `most` are left out."""

    def __init__(self) -> None:
        self.fields: list[Field] = []
        self.size = 0
        self.too_large = False
        self.changes = False  # the block changed the table, so that the same bytes mean something else next time


class Decoder:
    """The decoding half of a connection. It cannot be used after an error."""

    def __init__(self, most: int) -> None:
        """most: bytes of one decoded list, as RFC 9113, 10.5.1 counts them."""
        self.size = 0
        self._most = most
        self._room = TABLE_SIZE
        self._table: list[Field] = []  # the newest is the last
        self._data = b""
        self._at = 0

    def decode(self, block: bytes) -> Fields:
        """Decode a whole block. Raises HpackFault."""
        self._data, self._at = block, 0
        found, size = Fields(), len(block)
        while self._at < size:
            first = block[self._at]
            if first & 0x80:
                field = self._field(self._number(0x7F))
            elif first & 0x40:
                field = self._literal(0x3F)
                self._insert(field)
                found.changes = True
            elif first & 0x20:
                self._resize(found)
                continue
            else:
                field = self._literal(0x0F)
            self._add(found, field)
        return found

    def _add(self, found: Fields, field: Field) -> None:
        found.size += len(field[0]) + len(field[1]) + OVERHEAD
        if found.size > self._most:
            found.too_large = True
        else:
            found.fields.append(field)

    def _resize(self, found: Fields) -> None:
        if found.size:
            raise HpackFault("a change of the table's size is not at the start of a block")
        room = self._number(0x1F)
        if room > TABLE_SIZE:
            raise HpackFault("the table is to be larger than the settings allow")
        self._room = room
        found.changes = True
        self._evict()

    def _number(self, mask: int) -> int:
        data, at = self._data, self._at
        value = data[at] & mask
        at += 1
        if value == mask:
            shift = 0
            while True:
                if at >= len(data) or shift >= _LONGEST_NUMBER:
                    raise HpackFault("a number has no end")
                byte = data[at]
                at += 1
                value += (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80:
                    break
        self._at = at
        return value

    def _literal(self, mask: int) -> Field:
        index = self._number(mask)
        name = self._field(index)[0] if index else self._string()
        return name, self._string()

    def _string(self) -> bytes:
        if self._at >= len(self._data):
            raise HpackFault("a block ends within a field")
        coded = self._data[self._at] & 0x80
        size = self._number(0x7F)
        end = self._at + size
        if end > len(self._data):
            raise HpackFault("a block ends within a string")
        raw = self._data[self._at : end]
        self._at = end
        return huffman(raw) if coded else raw

    def _field(self, index: int) -> Field:
        if 0 < index <= _STATIC_FIELDS:
            return STATIC[index - 1]
        place = len(self._table) + _STATIC_FIELDS - index
        if index == 0 or place < 0:
            raise HpackFault("a field is not in the table")
        return self._table[place]

    def _insert(self, field: Field) -> None:
        self._table.append(field)
        self.size += len(field[0]) + len(field[1]) + OVERHEAD
        self._evict()

    def _evict(self) -> None:
        out = 0
        while self.size > self._room:
            name, value = self._table[out]
            self.size -= len(name) + len(value) + OVERHEAD
            out += 1
        if out:
            del self._table[:out]


def number(value: int, bits: int, flags: int) -> bytes:
    """Write a number with a prefix of so many bits under the flags."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((flags | value,))
    found = bytearray((flags | most,))
    value -= most
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def string(value: bytes) -> bytes:
    return number(len(value), 7, 0) + value


_NAMES: Final[dict[bytes, int]] = {name: place for place, (name, _) in reversed([*enumerate(STATIC, 1)])}
_FIELDS: Final[dict[Field, int]] = {field: place for place, field in enumerate(STATIC, 1)}


class Encoder:
    """The encoding half of a connection: fields that are constant are sent whole once, and from then on as one byte.

    `constants` are all that ever enters the table, and fit into it. Nothing enters it any more once the peer asks for a
    table below the initial size.
    """

    def __init__(self, constants: tuple[Field, ...]) -> None:
        self._constants = constants
        self._sent: list[Field] = []  # the newest is the last
        self._indexes = True
        self._changed = False

    def resize(self, room: int) -> None:
        """Follow the peer's SETTINGS_HEADER_TABLE_SIZE."""
        if room < TABLE_SIZE and self._indexes:
            self._indexes, self._changed = False, True
            self._sent.clear()

    @property
    def settled(self) -> bool:
        """Whether a block of constants is the same from now on."""
        return not self._changed and (not self._indexes or len(self._sent) == len(self._constants))

    def encode(self, fields: tuple[Field, ...]) -> bytes:
        block = b"".join([self._field(field) for field in fields])
        if self._changed:
            self._changed = False
            return b"\x20" + block  # the table has no room from here on
        return block

    def _field(self, field: Field) -> bytes:
        index = _FIELDS.get(field)
        if index is not None:
            return number(index, 7, 0x80)
        if field in self._sent:
            return number(_STATIC_FIELDS + len(self._sent) - self._sent.index(field), 7, 0x80)
        flags, bits = 0x00, 4
        if self._indexes and field in self._constants:
            self._sent.append(field)
            flags, bits = 0x40, 6
        name = _NAMES.get(field[0])
        start = number(name, bits, flags) if name is not None else number(0, bits, flags) + string(field[0])
        return start + string(field[1])
