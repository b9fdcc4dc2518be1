"""Lists of networks as text, compiled into a database of our own layout."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final, NamedTuple

from geoip.book import EMBEDDED
from geoip.facts import Kind
from geoip.mmdb import write
from geoip.networks import Network, networks
from geoip.ranges import Range, flattened

CONFIDENCE: Final = 90
"""Percent. The operator chose the list, so it weighs as much as a database that states the kind outright."""


class ListError(Exception):
    """A line of a list that is neither a network nor an AS number. line: counted from 1."""

    def __init__(self, path: Path, line: int, text: str) -> None:
        super().__init__(f"{path}, line {line}: {text[:80]!r} is no network, address or AS number")
        self.path = path
        self.line = line


class Entries(NamedTuple):
    """What a list holds. systems: AS numbers."""

    networks: list[IPv4Network | IPv6Network]
    systems: set[int]


class Compiled(NamedTuple):
    """What became of the lists: how many entries were read, how many separate ranges the database holds."""

    entries: int
    ranges: int


def read_list(path: Path) -> Entries:
    """Read a list: one network, address or AS number (`AS64500`) a line; `#` and `;` start a comment.

    Bits below the prefix length are ignored. Raises ListError, or OSError if the file cannot be read.
    """
    entries = Entries([], set())
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            text = line.partition("#")[0].partition(";")[0].strip()
            if text:
                _read_entry(text, entries, ListError(path, number, text))
    return entries


def compile_lists(
    lists: Sequence[tuple[Kind, Path]],
    target: Path,
    built: float,
    confidence: int = CONFIDENCE,
    embedded: Path = EMBEDDED,
) -> Compiled:
    """Write one database from (kind, file) pairs, in one step that nobody sees half done.

    Where entries overlap the narrowest counts, of equal ones the later list's. AS numbers stand for the
    networks that the embedded database has for them. built: seconds since 1970. Raises ListError or OSError.
    """
    records = {kind: {"kind": kind, "confidence": confidence} for kind, _ in lists}
    read = [(records[kind], read_list(path)) for kind, path in lists]
    spaces = {version: flattened(_ranges(read, version, embedded)) for version in (4, 6)}
    _replace(target, spaces, built)
    entries = sum(len(found.networks) + len(found.systems) for _, found in read)
    return Compiled(entries, sum(map(len, spaces.values())))


def _read_entry(text: str, entries: Entries, error: ListError) -> None:
    digits = text[2:]
    if text[:2].upper() == "AS" and digits.isascii() and digits.isdigit():
        entries.systems.add(int(digits))
        return
    try:
        entries.networks.append(ip_network(text, strict=False))
    except ValueError:
        raise error from None


def _ranges(read: Iterable[tuple[Any, Entries]], version: int, embedded: Path) -> Iterator[Range]:
    owners: dict[int | None, Any] = {asn: record for record, found in read for asn in found.systems}
    for network in _of_systems(owners, version, embedded):
        yield Range(network.first, network.last, owners[network.asn])
    for record, found in read:
        for net in found.networks:
            if net.version == version:
                yield Range(int(net.network_address), int(net.broadcast_address), record)


def _of_systems(systems: Collection[int | None], version: int, embedded: Path) -> Iterable[Network]:
    """The networks of these systems; the database is only read where there are any."""
    return networks(lambda net: net.asn in systems, version=version, path=embedded) if systems else ()


def _replace(target: Path, spaces: Mapping[int, Iterable[Range]], built: float) -> None:
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        write(unfinished, spaces, "lists of networks", built)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
