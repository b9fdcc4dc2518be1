"""Writing an MMDB file of our own layout, with mmdb-writer."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import Encoder, MMDBWriter, TreeWriter
from netaddr import IPNetwork, IPSet

from geoip.layouts import OURS
from geoip.ranges import Range, prefixes

_BITS = {4: 32, 6: 128}
_LONGEST_WORD = 12


class _Encoder(Encoder):
    """Writes numbers and names in place: each stands once in our files, and a pointer to it is as long
    again."""

    def encode(self, value: Any, *args: Any, **options: Any) -> Any:
        once = isinstance(value, int) or (isinstance(value, str) and len(value) > _LONGEST_WORD)
        cache = self.cache
        self.cache = cache and not once
        try:
            return super().encode(value, *args, **options)
        finally:
            self.cache = cache


class _Writer(TreeWriter):
    encoder_cls = _Encoder


def write(path: Path, spaces: Mapping[int, Iterable[Range]], description: str, built: float) -> None:
    """Write ranges with a record as value, by IP version, into one file.

    built: seconds since 1970 that the file is to be judged stale by. The same input gives the same bytes.
    Raises OSError. mmdb-writer takes 1 and True for one value, so a record holds texts, numbers and maps of
    them, no booleans.
    """
    writer = MMDBWriter(6, OURS, languages=["en"], description=description, ipv4_compatible=True)
    for version, ranges in spaces.items():
        for item in ranges:
            _insert(writer, version, item)
    metadata: dict[str, Any] = {
        "ip_version": 6,
        "database_type": OURS,
        "languages": ["en"],
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "description": {"en": description},
        "build_epoch": int(built),
    }
    _Writer(writer.tree, metadata).write(str(path))


def _insert(writer: MMDBWriter, version: int, item: Range) -> None:
    for first, length in prefixes(item.first, item.last, _BITS[version]):
        writer.insert_network(IPSet([IPNetwork((first, length), version=version)]), item.value)
