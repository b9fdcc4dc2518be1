"""Compiles the heart of a check with mypyc where HEADCOUNT_COMPILE=1 asks for it; else all of it is plain Python.

The same sources either way, so the list may change freely; compiling needs mypy, a C compiler and Python's headers.
"""

import os

from setuptools import Extension, setup

COMPILED = (
    "geoip/book.py",
    "geoip/facts.py",
    "geoip/layouts.py",
    "geoip/readers.py",
    "reputation/bucket.py",
    "reputation/charges.py",
    "reputation/counts.py",
    "reputation/facts.py",
    "reputation/history.py",
    "reputation/http/routes.py",
    "reputation/http/wire_answers.py",
    "reputation/identity.py",
    "reputation/ids.py",
    "reputation/judging.py",
    "reputation/keys.py",
    "reputation/leases.py",
    "reputation/limiter.py",
    "reputation/outcomes.py",
    "reputation/pages.py",
    "reputation/policy.py",
    "reputation/purses.py",
    "reputation/recent.py",
    "reputation/recent_verdicts.py",
    "reputation/repeats.py",
    "reputation/reservations.py",
    "reputation/score.py",
    "reputation/signals/account.py",
    "reputation/signals/address.py",
    "reputation/signals/asn.py",
    "reputation/signals/believed.py",
    "reputation/signals/hydra.py",
    "reputation/signals/payment.py",
    "reputation/signals/proxy_network.py",
    "reputation/signals/seen.py",
    "reputation/signals/velocity.py",
    "reputation/stores/bounded.py",
    "reputation/stores/budgets.py",
    "reputation/stores/crowds.py",
    "reputation/stores/memory.py",
    "reputation/touched.py",
    "reputation/witness.py",
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
