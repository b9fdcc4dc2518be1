"""File descriptors: as many as the system allows, and no more connections than there are."""

import resource
from typing import Any

RESERVED = 1024
"""For the state, the linker, the admin and webhook listeners at their caps, and probes above the cap of checks."""


def connections_for(wanted: int, log: Any) -> int:
    """Raise the soft limit of descriptors to the hard one; return how many connections fit, and log if fewer do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        return wanted
    fits = max((hard - RESERVED) * 8 // 9, hard // 4, 1)  # an eighth more may wait above the cap
    if wanted <= fits:
        return wanted
    log.warning(
        "connections_lowered",
        connections=fits,
        wanted=wanted,
        descriptors=hard,
        fix="raise the hard limit of descriptors (ulimit -Hn), or set http.connections",
    )
    return fits
