"""Verdicts for the adapters' tests, made of the wire types."""

from typing import Any

from reputation.wire.messages import BindingLimit, ClusterRef, LimitState, Reason, Verdict

BURST = LimitState("burst", rate=2.0, burst=20, remaining=17.4)
DAILY = LimitState("daily", rate=200 / 86_400, burst=200, remaining=150)
OTHERS = LimitState("cluster", rate=0.1, burst=7, remaining=3, scope="cluster")


def verdict(decision: str = "allow", **changes: Any) -> Verdict:
    members: dict[str, Any] = {
        "id": "01J9ZZZZZZZZZZZZZZZZZZZZZZ",
        "tenant": "default",
        "revision": 1,
        "mode": "enforce",
        "decision": decision,
        "risk": 31.4102,
        "tier": "limited",
        "limit": BindingLimit("requests", 0.1, 7, 3, "cluster"),
        "limits": (BURST, DAILY, OTHERS),
        "retry_after": 0.0 if decision == "allow" else 4.2,
        "reasons": (Reason("hydra", 2.0, "secret reason"),),
        "cluster": ClusterRef("h-5f2c", 412, 0.97),
        "actions": ("watermark", "smaller_model"),
    }
    return Verdict(**members | changes)
