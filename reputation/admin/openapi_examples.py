"""Examples of /openapi.json: by operation id a body and an answer, and the parameters of a path."""

from typing import Any

VERDICT_ID, CLUSTER, ENTRY = "01K9F2Q8N5V3ZC7T1M4H6XW0RD", "h-5f2c", "01K9F3A7YB2D8E5G1J4K6M9NPQ"
FACTS = {
    "created_at": 1790000000,
    "plan": "paid",
    "keys": ["sk_live_example"],
    "verified": ["email"],
    "payment": {"status": "ok", "funding": "credit", "fingerprint": "fp_1", "settled_usd": 120.0},
}
CHECK = {
    "account": {"id": "acct_42", "plan": "free"},
    "client": {"ip": "203.0.113.7"},
    "request": {"id": "req-1", "route": "/v1/messages"},
}
BURST = {"rate": 2.0, "burst": 20.0, "remaining": 19.0, "scope": "account"}
VERDICT = {
    "id": VERDICT_ID,
    "tenant": "default",
    "revision": 7,
    "mode": "enforce",
    "decision": "allow",
    "risk": 31.4102,
    "tier": "standard",
    "limit": {"unit": "requests", **BURST},
    "limits": [{"name": "burst", **BURST}],
    "retry_after": 0.0,
    "cluster": None,
    "reasons": [
        {"signal": "prior", "points": -2.2},
        {"signal": "account_age", "points": 0.9, "detail": "created 2 h ago"},
        {"signal": "payment", "points": 0.519, "detail": "prepaid card"},
    ],
    "actions": [],
    "lease": None,
    "degraded": False,
}
DAY = 86_400
LOOSER = {"weights": {"asn": 0.5}}
WHY = "the network of a customer"

EXAMPLES: dict[str, tuple[Any, Any]] = {
    "post_check": (CHECK, VERDICT),
    "post_batch": ([CHECK, {"account": {"id": "acct_43"}}], [VERDICT, {**VERDICT, "id": ENTRY}]),
    "post_settle": ({"verdict": VERDICT_ID, "actual": 812}, None),
    "put_account": (FACTS, None),
    "post_outcome": ({"account": "acct_42", "outcome": "chargeback", "verdict": VERDICT_ID}, None),
    "post_forget": ({"reason": "erasure request 12"}, None),
    "post_ruling": ({"ruling": "restrain", "reason": "one actor", "dry_run": True}, None),
    "post_labels": ({"label": "abuse", "reason": "one actor"}, None),
    "post_allow": (
        {"kind": "network", "value": "203.0.113.0/24", "reason": WHY, "expires_in": DAY, "within_limits": True},
        None,
    ),
    "post_denial": (
        {"kind": "asn", "value": "AS64496", "reason": "a flood", "expires_in": DAY, "dry_run": True},
        None,
    ),
    "post_indicators": (
        {
            "type": "bundle",
            "objects": [
                {"type": "indicator", "pattern": "[ipv4-addr:value ISSUBSET '203.0.113.0/24']", "confidence": 90}
            ],
        },
        None,
    ),
    "post_label": ({"account": "acct_42", "label": "good", "reason": "spoke with support"}, None),
    "post_appeal": ({"verdict": VERDICT_ID, "reason": "the customer called", "expires_in": DAY}, None),
    "post_decision": ({"label": "good", "reason": "the invoice is paid"}, None),
    "post_tenant": ({"name": "acme", "reason": "a new product", "settings": LOOSER}, None),
    "post_revision": ({"settings": LOOSER, "reason": "many customers are behind VPNs"}, None),
    "post_validate": ({"settings": LOOSER, "reason": "a draft"}, None),
    "post_rollout": ({"step": "shadow", "revision": 8, "reason": "a trial"}, None),
    "post_replay": ({"settings": LOOSER, "decisions": 10_000}, None),
    "post_names": ({"hashes": ["9f3c1d2e4b5a6978"]}, None),
    "post_session": ({"token": "the token, and not its hash"}, None),
    "get_session": (None, {"token": True, "oidc": "Example Login", "proxy": False}),
    "get_caller": (
        None,
        {
            "name": "ann", "role": "operator", "tenants": ["acme"], "sees": ["acme"], "via": "oidc", "tokens": True,
            "sign_out": None,
        },
    ),
}  # fmt: skip

_OF_ACCOUNT, _OF_CLUSTER, _OF_ENTRY = {"id": "acct_42"}, {"id": CLUSTER}, {"id": ENTRY, "reason": "no longer needed"}
_STORED = {"id": ENTRY}
_OF_TENANT = {"tenant": "default"}
PARAMETERS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("put_account", "get_account", "delete_account", "post_forget"), _OF_ACCOUNT),
    **dict.fromkeys(("get_cluster", "get_rulings_on", "post_ruling", "post_labels"), _OF_CLUSTER),
    **dict.fromkeys(("delete_ruling", "delete_allow", "delete_denial"), _OF_ENTRY),
    **dict.fromkeys(("post_decision", "get_segment"), _STORED),
    "get_decision": {"id": VERDICT_ID},
    "get_find": {"q": "acct_42"},
    "get_audit": {"who": "ann", "what": "allow", "since": 1790000000, "by": "people"},
    "get_history": {"account": "acct_42"},
    "delete_label": {"account": "acct_42", "reason": "labelled by mistake"},
    "delete_tenant": {"tenant": "acme", "reason": "the product ended"},
    "get_revision": {**_OF_TENANT, "number": 7},
    "get_diff": {**_OF_TENANT, "before": "7", "after": "8"},
}
