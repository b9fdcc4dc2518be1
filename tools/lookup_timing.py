"""`python -m tools.lookup_timing` prints the cost of a look-up on this machine, best of several runs."""

import sys
from collections.abc import Callable
from timeit import repeat

from cachetools import FIFOCache, LRUCache

from geoip.book import AddressBook
from geoip.facts import plain_facts

_ADDRESSES = [f"8.{i // 256}.{i % 256}.1" for i in range(4096)]
_RUNS = 7


def main() -> None:
    book = AddressBook.open()
    uncached = AddressBook(book.databases, cache_size=1)
    rows: dict[str, Callable[[str], object]] = {
        "lookup, in the cache": book.lookup,
        "lookup, not in the cache": uncached.lookup,
        "parsing, scope and keys alone": plain_facts,
        "cachetools.FIFOCache[ip]": _filled(FIFOCache(len(_ADDRESSES))).__getitem__,
        "cachetools.LRUCache[ip]": _filled(LRUCache(len(_ADDRESSES))).__getitem__,
    }
    for name, function in rows.items():
        sys.stdout.write(f"{name:32} {_cost(function):7.2f} µs\n")


def _filled(cache: FIFOCache[str, str] | LRUCache[str, str]) -> FIFOCache[str, str] | LRUCache[str, str]:
    cache.update((ip, ip) for ip in _ADDRESSES)
    return cache


def _cost(function: Callable[[str], object]) -> float:
    """Microseconds a call."""

    def run() -> None:
        for ip in _ADDRESSES:
            function(ip)

    return min(repeat(run, number=1, repeat=_RUNS)) / len(_ADDRESSES) * 1e6


if __name__ == "__main__":
    main()
