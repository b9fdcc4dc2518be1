"""Imported before the program's own modules, it has Python load them from their sources, compiled forms or not.

What mypyc compiled calls no profile function, so that it cannot be followed.
"""

import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = tuple(str(ROOT / name) for name in ("reputation", "geoip", "plugins"))


def _finder(path: str) -> FileFinder:
    if not path.startswith(PACKAGES):
        raise ImportError
    return FileFinder(path, (SourceFileLoader, SOURCE_SUFFIXES))


sys.path_hooks.insert(0, _finder)
