"""Losses of a new database against the one it replaces: a failed download must not replace a good database."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import maxminddb

from geoip.layouts import OURS
from geoip.ranges import Range, prefixes
from geoip.readers import BROKEN, DatabaseError, open_database

FORCE: Final = "--force writes the database all the same"
LEAST_KEPT: Final = 0.2
"""Lists of addresses change by a few percent a day; of a kind that has less than this share left most was lost."""


class LossError(Exception):
    """Writing would lose known networks; the text names the loss and the fix."""


def check_kept(target: Path, spaces: Mapping[int, Iterable[Range]]) -> None:
    """Raise LossError if the existing file was not built from lists, or has far more networks of some kind."""
    if not target.exists() or not target.stat().st_size:
        return
    before = _networks_in(target)
    now = Counter[str]()
    for version, ranges in spaces.items():
        bits = 32 if version == 4 else 128
        for item in ranges:
            now[item.value["kind"]] += sum(1 for _ in prefixes(item.first, item.last, bits))
    for kind, many in sorted(before.items()):
        if now[kind] < LEAST_KEPT * many:
            raise LossError(f"{target}: has {many:,} {kind} networks, and would keep only {now[kind]:,}; {FORCE}")


def _networks_in(target: Path) -> Counter[str]:
    """Count the networks of each kind in a database of ours."""
    try:
        open_database(target).reader.close()
        with maxminddb.open_database(target) as reader:
            if reader.metadata().database_type != OURS:
                raise LossError(f"{target}: this database was not built from lists; name another file, or {FORCE}")
            return Counter(str(record.get("kind")) for _, record in reader if isinstance(record, dict))
    except (DatabaseError, *BROKEN):
        raise LossError(f"{target}: this database cannot be read; name another file, or {FORCE}") from None
