"""Tests able to notice a change to a module: its own first, then those from outside."""

from collections.abc import Mapping

LINKER = ("tests/hydra/test_linker.py",)
ENGINE = (
    "tests/engine/test_limiter.py",
    "tests/engine/test_shared_budgets.py",
    "tests/stores/test_memory_store.py",
)

TESTS: Mapping[str, tuple[str, ...]] = {
    "reputation/hydra/growth.py": (
        "tests/hydra/test_growth.py",
        "tests/hydra/test_growth_counted.py",
        "tests/hydra/test_cores.py",
        *LINKER,
    ),
    "reputation/hydra/surprise.py": (
        "tests/hydra/test_surprise.py",
        "tests/hydra/test_surprise_counted.py",
        "tests/hydra/test_cores.py",
        *LINKER,
    ),
    "reputation/hydra/graph.py": ("tests/hydra/test_graph.py", *LINKER),
    "reputation/hydra/clusters.py": ("tests/hydra/test_clusters.py", "tests/hydra/test_rebuilding.py", *LINKER),
    "reputation/hydra/fairness.py": ("tests/hydra/test_fairness.py",),
    "reputation/replicas/fallback.py": ("tests/replicas/test_fallback.py",),
    "reputation/engine/leases.py": ("tests/engine/test_leases.py", *ENGINE[:1]),
    "reputation/state/history.py": (
        "tests/state/test_history.py",
        "tests/state/test_outcomes.py",
        "tests/stores/test_sqlite_store.py",
    ),
    "reputation/state/windows.py": ("tests/state/test_windows.py", "tests/stores/test_sqlite_store.py"),
    "reputation/engine/identity.py": (
        "tests/engine/test_identity.py",
        "tests/wire/test_credentials.py",
        *ENGINE[:1],
    ),
    "reputation/engine/shared_budgets.py": ENGINE[1::-1],
    "reputation/limits/take.py": (
        "tests/limits/test_take.py",
        "tests/limits/test_reservations.py",
        "tests/engine/test_leases.py",
    ),
    "reputation/state/tenant.py": (*ENGINE[::-1], "tests/stores/test_sqlite_store.py"),
    "reputation/state/bounded.py": ENGINE[2:],
    "reputation/state/budgets.py": (
        *ENGINE[2:],
        "tests/engine/test_shared_budgets.py",
        "tests/stores/test_sqlite_store.py",
    ),
    "reputation/state/crowds.py": (*ENGINE[2:], "tests/engine/test_limiter.py"),
    "reputation/state/facts.py": ("tests/state/test_facts.py", *ENGINE[:1]),
    "reputation/sidecar/in_force.py": (
        "tests/sidecar/test_in_force.py",
        "tests/tuning/test_trial.py",
        "tests/admin/test_labels_api.py",
    ),
    "reputation/admin/stripe.py": (
        "tests/admin/test_stripe.py",
        "tests/state/test_billing.py",
        "tests/admin/test_webhooks.py",
    ),
    "reputation/replicas/account_copies.py": ("tests/replicas/test_account_copies.py", "tests/replicas/test_checks.py"),
}
