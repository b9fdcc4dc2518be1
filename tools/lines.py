"""Lines of the program by room: `python -m tools.lines`. Blank lines, comments and docstrings are left out."""

import ast
import io
import sys
import tokenize
from collections import Counter
from pathlib import Path

from tools.rooms import ORDER, ROOT, module_of, room_of

_SILENT = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


def code_lines(text: str) -> int:
    """Count the lines of code in a file."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    held = {line for token in tokens if token.type not in _SILENT for line in range(token.start[0], token.end[0] + 1)}
    return len(held - _prose(text))


def _prose(text: str) -> set[int]:
    """Find the lines of strings as statements: docstrings, also those below a constant."""
    alone = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr))
    strings = (node for node in alone if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str))
    return {line for node in strings for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def by_room(paths: list[Path]) -> dict[str, tuple[int, int]]:
    """Return files and lines of code of each room, in the order of the rooms."""
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for path in paths:
        room = room_of(module_of(path)) or "reputation"
        files[room] += 1
        lines[room] += code_lines(path.read_text(encoding="utf-8"))
    return {room: (files[room], lines[room]) for room in (*ORDER, "reputation") if files[room]}


def main() -> None:
    paths = [path for name in ("reputation", "plugins", "geoip") for path in sorted((ROOT / name).rglob("*.py"))]
    rows = by_room(paths)
    rows["together"] = (sum(files for files, _ in rows.values()), sum(lines for _, lines in rows.values()))
    for room, (files, lines) in rows.items():
        sys.stdout.write(f"{room:24}{files:4} files {lines:6,} lines\n")


if __name__ == "__main__":
    main()
