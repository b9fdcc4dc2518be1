"""Lists of networks as text, compiled into a database of our own layout."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final, NamedTuple

from geoip.book import EMBEDDED
from geoip.facts import CarrierError, Kind, counted_network
from geoip.losses import FORCE, LossError, check_kept
from geoip.mmdb import write
from geoip.networks import Network, networks
from geoip.ranges import Range, flattened

CONFIDENCE: Final = 90
"""Percent. The operator chose the list, so it weighs as much as a database that states the kind outright."""

LONGEST_SYSTEM: Final = 10
"""Digits of the largest AS number."""
WIDEST_CARRIED: Final = 8
"""Shortest IPv4 prefix that an IPv6 form in a list may stand for."""


class ListError(Exception):
    """An invalid line of a list: neither a network nor an AS number. line: counted from 1."""

    def __init__(self, path: Path, line: int, text: str) -> None:
        super().__init__(f"{path}, line {line}: {text[:80]!r} is no network, address or AS number")
        self.path = path
        self.line = line


class Entries(NamedTuple):
    """The content of a list. systems: AS numbers; left_out: networks without any counted address, in their original
    form.
    """

    networks: list[IPv4Network | IPv6Network]
    systems: set[int]
    left_out: list[str]


class Compiled(NamedTuple):
    """The result of a build: the number of entries read, and of separate ranges in the database.

    left_out: entries that could match no address, because clients there are counted as IPv4 addresses.
    """

    entries: int
    ranges: int
    left_out: list[str]


def read_list(path: Path) -> Entries:
    """Read a list: one network, address or AS number (`AS64500`) a line; `#` and `;` start a comment.

    Bits below the prefix length are ignored; IPv6 forms that carry an IPv4 address become the IPv4 network that such
    clients are counted in. Raises ListError, or OSError if the file cannot be read.
    """
    entries = Entries([], set(), [])
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
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
    *,
    force: bool = False,
    embedded: Path = EMBEDDED,
) -> Compiled:
    """Write one database from (kind, file) pairs, in one atomic step.

    Where entries overlap the narrowest counts, of equal ones the later list's. AS numbers stand for the networks that
    the embedded database has for them. built: seconds since 1970. Raises ListError or OSError; and LossError, unless
    forced, where a list is empty or the database that is there knows far more.
    """
    records = {kind: {"kind": kind, "confidence": confidence} for kind, _ in lists}
    read = [(records[kind], read_list(path)) for kind, path in lists]
    spaces = {version: flattened(_ranges(read, version, embedded)) for version in (4, 6)}
    if not force:
        _check_filled(lists, [found for _, found in read])
        check_kept(target, spaces)
    _replace(target, spaces, built)
    entries = sum(len(found.networks) + len(found.systems) for _, found in read)
    return Compiled(entries, sum(map(len, spaces.values())), [text for _, found in read for text in found.left_out])


def _check_filled(lists: Sequence[tuple[Kind, Path]], read: Sequence[Entries]) -> None:
    for (kind, path), found in zip(lists, read, strict=True):
        if not found.networks and not found.systems:
            raise LossError(f"{path}: contains no {kind} networks; did a download fail? {FORCE}")


def _read_entry(text: str, entries: Entries, error: ListError) -> None:
    digits = text[2:]
    if text[:2].upper() == "AS" and digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_SYSTEM:
        entries.systems.add(int(digits))
        return
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise error from None
    try:
        counted = counted_network(network)
    except CarrierError:
        entries.left_out.append(text)
        return
    if counted is not network and counted.prefixlen < WIDEST_CARRIED:
        entries.left_out.append(text)  # a list of special networks has 2002::/16, which would be all of IPv4
    else:
        entries.networks.append(counted)


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
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())  # else a power cut may leave the name with nothing behind it
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
