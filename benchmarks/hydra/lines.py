"""Replay lines: account facts, checks and outcomes as JSON, by what a deployment lets the sidecar see."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from benchmarks.hydra.clock import DAY, START, WEEK
from benchmarks.hydra.fingerprints import Client
from benchmarks.hydra.model import Account

_encode = msgspec.json.Encoder().encode


def _quoted(value: str) -> str:
    return _encode(value).decode()


class Seen(Struct, frozen=True):
    """What one view shows. by_key: a check names the key and no id; facts: billing pushes account lines.

    origin: they say how an account was signed up, and what it settled in the last 30 days.
    """

    by_key: bool = False
    hints: bool = True
    session: bool = True
    body: bool = True
    facts: bool = True
    origin: bool = False


VIEWS: dict[str, Seen] = {
    "full": Seen(),
    "origin": Seen(origin=True),
    "no-client-hints": Seen(hints=False, session=False),
    "bare": Seen(by_key=True, hints=False, session=False, body=False),
    "bare-unbilled": Seen(by_key=True, hints=False, session=False, body=False, facts=False),
}


def check_stem(view: Seen, account: Account, client: Client, ja4: str, key: str) -> str:
    """What stays the same in the checks of one client on one account, from after `at` up to the address."""
    who = f'"key":"{key}"' if view.by_key else f'"id":"{account.id}"'
    hints = f'"ja4":"{ja4}",' if view.hints else ""
    device = f'"device":"{client.device}",' if view.hints and client.device else ""
    return f',"account":{{{who}}},"client":{{{hints}{device}"user_agent":{_quoted(client.user_agent)},"ip":"'


def check_tail(view: Seen, session: str | None, model: str, content: tuple[str, ...] = ()) -> str:
    """What follows the address."""
    shown = f',"session":"{session}"' if view.session and session else ""
    if not view.body:
        return f'"{shown}}}}}\n'
    quoted = '","'.join(content)
    shape = f',"content":["{quoted}"]' if content else ""
    return f'"{shown}}},"request":{{"route":"/v1/messages","model":"{model}"{shape}}}}}\n'


def account_line(at: float, account: Account, facts: dict[str, object]) -> str:
    body = {"kind": "account", "at": round(at, 3), "id": account.id, "created_at": round(account.created, 3)}
    if "signup" in facts:
        facts = {**facts, "signup": {**account.facts["signup"], "at": round(account.created, 3)}}
    return _encode({**body, **facts, "keys": account.keys}).decode() + "\n"


def outcome_line(at: float, account: Account, outcome: str) -> str:
    return _encode({"kind": "outcome", "at": round(at, 3), "account": account.id, "outcome": outcome}).decode() + "\n"


def account_events(account: Account, until: float, *, recent: bool = False) -> Iterator[tuple[float, str]]:
    """(time, line): what billing pushes of an account, at the world's beginning or sign-up and at a bill.

    recent: with what was settled in the last 30 days.
    """
    begins = max(START, account.created)
    if begins >= until:
        return
    month = {"settled_30d_usd": round(account.settled / (1 + _months(account)), 2)} if recent else {}
    yield begins, account_line(begins, account, {**account.facts, "payment": account.facts["payment"] | month})
    for at, settled in _bills(account, until):
        facts = {**account.facts, "payment": {**account.facts["payment"], "settled_usd": settled, **month}}
        yield at, account_line(at, account, facts)
    if account.banned_at is not None and account.banned_at < until:
        yield account.banned_at, outcome_line(account.banned_at, account, "abuse")


def _months(account: Account) -> int:
    """Whole months from sign-up to the world's beginning."""
    return max(0, int((START - account.created) / (30 * DAY)))


def _bills(account: Account, until: float) -> Iterator[tuple[float, float]]:
    """(when, settled since sign-up) of the monthly bills after the start; in a single week a first one is not due."""
    months = _months(account)
    if not account.billed or account.settled < 20 or (months < 1 and until <= START + WEEK):
        return
    for month in range(months + 1, months + 2 + int((until - START) / (30 * DAY))):
        at = account.created + month * 30 * DAY
        if at < until:
            yield at, round(account.settled * (month + 1) / (months + 1), 2)
