"""Compiles the heart of a check with mypyc where HEADCOUNT_COMPILE=1 asks for it; else all of it is plain Python.

The same sources either way, so the list may change freely; compiling needs mypy, a C compiler and Python's headers.
"""

import os
from pathlib import Path

from setuptools import Extension, setup

ROOT = Path(__file__).parent
INTERPRETED = {"__init__", "seen", "signal"}
"""Modules of signals/ that are no evidence: types that mypyc cannot make, or need not."""
SIGNALS = sorted(
    f"reputation/signals/{path.name}"
    for path in (ROOT / "reputation" / "signals").glob("*.py")
    if path.stem not in INTERPRETED
)
NOT_COMPILED = {"__init__", "methods"}
"""Modules of listeners/http2/ without work of their own."""
HTTP2 = sorted(
    f"reputation/listeners/http2/{path.name}"
    for path in (ROOT / "reputation" / "listeners" / "http2").glob("*.py")
    if path.stem not in NOT_COMPILED
)
PLUGINS = (
    "plugins/answers.py",
    "plugins/facts.py",
    "plugins/headers.py",
    "plugins/keys.py",
    "plugins/lines.py",
    "plugins/verdict_lines.py",
    "plugins/envoy/calls.py",
    "plugins/envoy/grpc_authz.py",
    "plugins/envoy/grpc_parts.py",
    "plugins/envoy/limit_request.py",
    "plugins/envoy/protobuf.py",
    "plugins/envoy/rls.py",
)
"""What the messages of Envoy's gRPC pass through, in both directions."""
SHARED = (
    "reputation/replicas/account_copies.py",
    "reputation/replicas/checks.py",
    "reputation/replicas/tenant_checks.py",
    "reputation/stores/redis/asks.py",
    "reputation/stores/redis/line.py",
    "reputation/stores/redis/names.py",
    "reputation/stores/redis/takes.py",
)
"""What a check over shared state passes through besides."""
# limits/money.py is not in it: the linker uses it, and one compiled module brings all others of its library along
COMPILED = (
    "geoip/book.py",
    "geoip/facts.py",
    "geoip/layouts.py",
    "geoip/readers.py",
    "reputation/limits/bucket.py",
    "reputation/limits/take.py",
    "reputation/state/facts.py",
    "reputation/state/history.py",
    "reputation/checkapi/batches.py",
    "reputation/checkapi/gateways.py",
    "reputation/checkapi/routes.py",
    "reputation/listeners/connection.py",
    "reputation/listeners/fast_path.py",
    "reputation/listeners/reader.py",
    "reputation/listeners/writer.py",
    *HTTP2,
    *PLUGINS,
    "reputation/engine/entry.py",
    "reputation/engine/identity.py",
    "reputation/wire/codec.py",
    "reputation/wire/ids.py",
    "reputation/wire/later.py",
    "reputation/wire/reading.py",
    "reputation/engine/judge.py",
    "reputation/engine/leases.py",
    "reputation/engine/limiter.py",
    "reputation/recordings/tenant_recorder.py",
    "reputation/state/windows.py",
    "reputation/scoring/ladder.py",
    "reputation/scoring/risk.py",
    "reputation/engine/shared_budgets.py",
    "reputation/engine/together.py",
    "reputation/engine/verdicts.py",
    "reputation/engine/repeats.py",
    "reputation/limits/reservations.py",
    "reputation/state/bounded.py",
    "reputation/state/budgets.py",
    "reputation/state/crowds.py",
    "reputation/state/tenant.py",
    "reputation/state/dirty_set.py",
    "reputation/engine/notes.py",
    *SHARED,
    *SIGNALS,
)


def extensions() -> list[Extension]:
    """Return what is to be compiled: nothing unless the environment asks for it."""
    if os.environ.get("HEADCOUNT_COMPILE") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 - only who compiles has it

    packages = sorted({source.partition("/")[0] for source in COMPILED})
    libraries = [([one for one in COMPILED if one.startswith(f"{name}/")], f"{name}.compiled") for name in packages]
    return mypycify(list(COMPILED), separate=libraries, opt_level="3")


if __name__ == "__main__":
    setup(ext_modules=extensions())
