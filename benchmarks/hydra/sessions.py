"""Names of sessions, and the hash that they and prompt shapes are made of."""

from benchmarks.hydra.clock import HOUR

CONVERSATION = 4 * HOUR
_MASK = 2**64 - 1


def mixed(*parts: int) -> int:
    """A 64-bit hash of integers (splitmix64's finaliser over a running sum)."""
    value = 0
    for part in parts:
        value = (value + part + 0x9E3779B97F4A7C15) & _MASK
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
        value ^= value >> 31
    return value


def salt(seed: int, part: int) -> int:
    """What the names of one part of a world (1: the honest, 2: the hydra, 3: further populations) are mixed with."""
    return (seed << 8) + part


def name(salted: int, sender: int, begins: float, *where: int, kept: bool = False) -> str:
    """The id of a session that a sender begins at a time; `kept`: one for the whole conversation."""
    since = begins // CONVERSATION if kept else begins * 1000
    return f"{mixed(salted, sender, int(since), *where):016x}"
