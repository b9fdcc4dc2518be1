"""A small world in which a linker finds one actor within seconds: honest accounts, and heads of one script."""

from typing import Any

from sidecar_process import Sidecar, wait_for

HONEST, HEADS = 60, 12
LINKED = 60.0
EPOCHS = {"state": {"epoch": 0.5}}
"""Settings of a sidecar that links at once."""


def heads(now: float) -> list[dict[str, Any]]:
    """One actor: a script and a session for all, a card for every six."""
    return [
        {
            "account": {"id": f"head-{n}", "plan": "free", "created_at": now - 600 + n,
                        "payment": {"status": "ok", "fingerprint": f"fp-{n // 6}", "funding": "prepaid"}},
            "client": {"ip": f"203.0.113.{n % 3}", "ja4": "script", "user_agent": "script", "session": "s1"},
        }
        for n in range(HEADS)
    ]  # fmt: skip


def honest(now: float) -> list[dict[str, Any]]:
    return [
        {
            "account": {"id": f"good-{n}", "plan": "free", "created_at": now - 86_400 * (20 + n),
                        "payment": {"status": "ok", "fingerprint": f"own-{n}", "funding": "credit"}},
            "client": {"ip": f"198.51.{n}.7", "ja4": f"browser-{n % 7}", "user_agent": f"ua {n % 7}"},
        }
        for n in range(HONEST)
    ]  # fmt: skip


def linked(sidecar: Sidecar, now: float) -> str:
    """Send everybody's requests, wait until the actor is found, and return its cluster's id."""
    for _ in range(4):
        answer = sidecar.ask(honest(now) + heads(now), "/v1/check/batch")
        assert answer.status == 200, answer.body
    wait_for(lambda: sidecar.tell("GET", "/v1/clusters").json["clusters"], "nothing was linked", sidecar.process,
             sidecar.log, LINKED)  # fmt: skip
    return str(sidecar.tell("GET", "/v1/clusters").json["clusters"][0]["id"])
