"""The rooms of docs/architecture.md, and the room of a file."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_ROW = re.compile(r"^\| `((?:reputation|plugins|geoip)/(?:\w+/)?)` \| (.+) \|$", re.MULTILINE)

ROOMS = {
    row[1].rstrip("/").replace("/", "."): row[2]
    for row in _ROW.finditer((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
}
"""What the page says of each room, by package, from the top to the bottom."""
ORDER = tuple(ROOMS)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def room_of(name: str) -> str | None:
    """Return the room of a module, by its name; None for the program's start."""
    return max((room for room in ROOMS if within(name, room)), key=len, default=None)


def module_of(path: Path) -> str:
    """Return the dotted name of a file; a package has the name of its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
