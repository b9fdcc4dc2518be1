"""The Huffman code of HPACK (RFC 7541, appendix B), decoded half a byte at a time."""

from typing import Final

from reputation.listeners.http2.faults import HpackFault

# The code is canonical: the lengths of its 257 codes say all of it. The last symbol ends a string and is never sent.
LENGTHS: Final = bytes.fromhex(
    "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c"
    "060a0a0c0d06080b0a0a080b080606060505050606060606060607080f060c0a"
    "0d06070707070707070707070707070707070707070707070807080d130d0e06"
    "0f05060506050606060507070606060506070605050607070707070f0b0e0d1c"
    "1416141416161617161717171717181718181617181717171715161716171718"
    "1615141616171715171616181516171715151615171617171416161617161617"
    "1a1a1413161716191a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b"
    "14181415161515171616191918181a171a1b1a1a1b1b1b1b1b1c1b1b1b1b1b1a"
    "1e"
)
END_OF_STRING: Final = 256
_SYMBOL: Final = 0x200  # this half byte ends a symbol, which is in the lowest bits
_ENDS: Final = 0x100  # a string may end here
_NEXT: Final = 10  # bits below the next state
_NO_STATE: Final = -1


def codes() -> list[tuple[int, int]]:
    """Return the code and its length in bits, of each symbol."""
    found = [(0, 0)] * len(LENGTHS)
    code = size = 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(LENGTHS)):
        code <<= length - size
        found[symbol] = (code, length)
        code, size = code + 1, length
    return found


def _tree() -> list[list[int]]:
    """Return the inner nodes: for each bit another node, or a symbol as -1 - symbol. The root is the first."""
    nodes = [[0, 0]]
    for symbol, (code, length) in enumerate(codes()):
        at = 0
        for place in range(length - 1, 0, -1):
            bit = code >> place & 1
            if nodes[at][bit] == 0:
                nodes[at][bit] = len(nodes)
                nodes.append([0, 0])
            at = nodes[at][bit]
        nodes[at][code & 1] = -1 - symbol
    return nodes


def _padding(nodes: list[list[int]]) -> set[int]:
    """Return the nodes that fewer than eight 1 bits reach: padding, as a string's end has it."""
    at, found = 0, {0}
    for _ in range(7):
        at = nodes[at][1]
        found.add(at)
    return found


def _step(nodes: list[list[int]], ends: set[int], state: int, half: int) -> int:
    """Return the entry for four bits in a state; _NO_STATE for the code that is never sent."""
    symbol = _NO_STATE
    for place in (3, 2, 1, 0):
        state = nodes[state][half >> place & 1]
        if state < 0:
            symbol, state = -1 - state, 0
    if symbol == END_OF_STRING:
        return _NO_STATE
    found = state << _NEXT | (_ENDS if state in ends else 0)
    return found if symbol == _NO_STATE else found | _SYMBOL | symbol


def _steps() -> list[int]:
    nodes = _tree()
    ends = _padding(nodes)
    return [_step(nodes, ends, state, half) for state in range(len(nodes)) for half in range(16)]


_STEPS: Final[list[int]] = _steps()


def decode(data: bytes) -> bytes:
    """Decode a string. Raises HpackFault for the code that is never sent, and for wrong padding."""
    found = bytearray()
    steps = _STEPS
    state, ends = 0, _ENDS
    for byte in data:
        step = steps[state << 4 | byte >> 4]
        if step < 0:
            raise HpackFault("a string has the code of its end")
        if step & _SYMBOL:
            found.append(step & 0xFF)
        step = steps[step >> _NEXT << 4 | byte & 15]
        if step < 0:
            raise HpackFault("a string has the code of its end")
        if step & _SYMBOL:
            found.append(step & 0xFF)
        state, ends = step >> _NEXT, step & _ENDS
    if not ends:
        raise HpackFault("a string does not end with 1 bits")
    return bytes(found)
