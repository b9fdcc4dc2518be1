"""Headcount for the LiteLLM proxy: one file without dependencies. Copy it next to LiteLLM's config.yaml.

    litellm_settings:
      callbacks: headcount_litellm.handler

Before a call it asks the sidecar, with a hold on the estimated tokens where the unit is tokens; after the call it
settles what was really used. Settings come from the environment, see `Settings`.
"""

import asyncio
import hashlib
import json
import logging
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import UserAPIKeyAuth

log = logging.getLogger("headcount")

VERDICT = "headcount_verdict"
CHARS_A_TOKEN = 4
"""English text has about four characters a token; what is wrong with that is put right when the call is settled."""
LONGEST = 256
LONGEST_SECRET = 64
STANDS_FOR_A_KEY = re.compile("hk1_[a-z2-7]{26}|sha256:[0-9a-f]{64}")
MOST_TEXT = 65_536
"""Characters of a prompt that its hash is made from."""
STATUS = {"throttle": 429, "challenge": 403, "deny": 403}
MOST_SECONDS = 99_999_999_999
NEVER = "This request costs more than its limit ever holds, so waiting does not help; ask for less at once."
NOT_THERE = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
FACTS = ("created_at", "plan", "verified", "organisation", "payment", "email_domain", "signup")


@dataclass(frozen=True)
class Settings:
    """The settings from `HEADCOUNT_…` in the environment; each has a default for `make run`."""

    url: str = "http://127.0.0.1:8470"
    tenant: str = "default"
    account: str = "key"
    """Who the account is: key (LiteLLM's hash of the virtual key), user, team or end_user."""
    unit: str = "requests"
    """requests, or tokens: then every call holds its estimate and is settled by what it used."""
    output_tokens: int = 1024
    """Output that is held where a call names no max_tokens."""
    fail: str = "open"
    """open: calls pass while the sidecar does not answer; closed: they get 503."""
    timeout: float = 0.2
    """Seconds for a check."""
    trusted_hops: int = 0
    """Place of the client in X-Forwarded-For, counted from the right; 0: the address that connects to LiteLLM."""
    ja4_header: str = ""
    """A header with the client's JA4, written by something in front of LiteLLM that clients cannot get round."""
    content_key: str = ""
    """A secret for hashes of the prompts' shape; without one, nothing of a prompt is sent, not even a hash."""
    secret: str = ""
    """One of the secrets that the sidecar's `http.secrets` asks for."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the environment. Raises ValueError with the variable's name."""
        found: dict[str, Any] = {}
        for name, field in cls.__dataclass_fields__.items():
            text = environment.get(f"HEADCOUNT_{name.upper()}")
            if text is not None:
                found[name] = _typed(f"HEADCOUNT_{name.upper()}", text.strip(), type(field.default))
        settings = cls(**found)
        for name, known in {
            "account": ("key", "user", "team", "end_user"),
            "unit": ("requests", "tokens"),
            "fail": ("open", "closed"),
        }.items():
            if getattr(settings, name) not in known:
                raise ValueError(f"HEADCOUNT_{name.upper()}: must be one of {', '.join(known)}")
        if len(settings.content_key.encode()) > LONGEST_SECRET:
            raise ValueError(f"HEADCOUNT_CONTENT_KEY: at most {LONGEST_SECRET} bytes; further bytes would be ignored")
        return settings


def _typed(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{name}: {text!r} is not a number") from None


def check_of(key: UserAPIKeyAuth, data: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Make the body of a check from LiteLLM's data of a call."""
    sent = data.get("proxy_server_request") or {}
    headers = {name.lower(): value for name, value in (sent.get("headers") or {}).items()}
    call: dict[str, Any] = {"cost": 1, "route": _short(sent.get("url"), 1024), "model": _short(data.get("model"))}
    if settings.unit == "tokens":
        call |= {"cost": estimate(data, settings.output_tokens), "hold": True}
    if settings.content_key:
        call["content"] = shapes(data, settings.content_key.encode())
    client = {
        "ip": client_address(headers, _metadata(data).get("requester_ip_address"), settings.trusted_hops),
        "user_agent": _short(headers.get("user-agent"), 1024),
        "ja4": _short(headers.get(settings.ja4_header.lower())) if settings.ja4_header else None,
        "session": _short(data.get("litellm_session_id") or headers.get("x-litellm-session-id")),
    }
    body = {"tenant": settings.tenant, "account": account_of(key, settings.account), "client": client, "request": call}
    return {name: _known(value) if isinstance(value, dict) else value for name, value in body.items()}


def _known(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def account_of(key: UserAPIKeyAuth, by: str) -> dict[str, Any]:
    """Name the account, with the operator's facts from the virtual key's metadata.

    Where the user, team or end user is not known, it is the key.
    """
    names = {"user": key.user_id, "team": key.team_id, "end_user": key.end_user_id}
    name = names.get(by)
    account: dict[str, Any] = {"id": _whole(name)} if name else {"key": key_of(key.token or key.api_key)}
    facts = (key.metadata or {}).get("headcount")
    if isinstance(facts, dict):
        account |= {member: facts[member] for member in FACTS if member in facts}
    return account


def key_of(key: str | None) -> str | None:
    """A client's key: a long one by its SHA-256, and so one in the form of a stored hash or of such a SHA-256."""
    return _sha256(key) if key and STANDS_FOR_A_KEY.fullmatch(key) else _whole(key)


def _whole(name: str | None) -> str | None:
    """A name as the wire format takes it; two long ones stay two."""
    return _sha256(name) if name and len(name) > LONGEST else name or None


def _sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def estimate(data: Mapping[str, Any], output_tokens: int) -> int:
    """The largest number of tokens for a call: its prompt, and the requested output."""
    asked = data.get("max_completion_tokens") or data.get("max_tokens") or data.get("max_output_tokens")
    output = asked if isinstance(asked, int) and asked > 0 else output_tokens
    return max(1, math.ceil(len(_text(data)) / CHARS_A_TOKEN)) + output


def client_address(headers: Mapping[str, str], peer: str | None, hops: int) -> str | None:
    """The client's address; entries left of the trusted hops were written by the client."""
    if hops == 0:
        return _short(peer.split(",")[-1].strip()) if peer else None
    listed = [hop.strip() for hop in headers.get("x-forwarded-for", "").split(",") if hop.strip()]
    return _short(listed[-min(hops, len(listed))]) if listed else None


def shape(text: str, key: bytes) -> str:
    """A keyed 64-bit SimHash of a prompt's shape, in hex: word triples, numbers and capitals left out.

    Prompts made from one template differ in a few bits; without the key no guess can be tested against it.
    Charikar, "Similarity estimation techniques from rounding algorithms" (2002).
    """
    words = re.findall(r"[^\W\d_]+", text[:MOST_TEXT].lower()) or [""]
    counts = [0] * 64
    for triple in {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}:
        bits = int.from_bytes(hashlib.blake2b(triple.encode(), digest_size=8, key=key).digest(), "big")
        for place in range(64):
            counts[place] += 1 if bits >> place & 1 else -1
    return f"{sum(1 << place for place, count in enumerate(counts) if count > 0):016x}"


def shapes(data: Mapping[str, Any], key: bytes) -> list[str]:
    """The shape of a conversation up to its first question, and, if it goes on, that of all of it."""
    begun, whole = _text({name: _begun(value) for name, value in data.items()}), _text(data)
    return [shape(begun, key)] if begun == whole else [shape(begun, key), shape(whole, key)]


def _begun(value: Any) -> Any:
    """A list of messages up to the first of a user; anything else as it is."""
    roles = [isinstance(turn, dict) and turn.get("role") for turn in value] if isinstance(value, list) else []
    return value[: roles.index("user") + 1] if "user" in roles else value


def _text(data: Mapping[str, Any]) -> str:
    """Every text in a call's prompt, joined."""
    return "\n".join(_texts([data.get("messages"), data.get("prompt"), data.get("input")]))


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(value.get("content") or value.get("text"))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _metadata(data: Mapping[str, Any]) -> dict[str, Any]:
    """LiteLLM's own notes on a call: in one place for chats, in another for responses and messages."""
    return data.get("litellm_metadata") or data.get("metadata") or {}


def _short(value: Any, most: int = LONGEST) -> str | None:
    return str(value)[:most] if value else None


def client_headers(verdict: Mapping[str, Any]) -> dict[str, str]:
    """The headers for the client: the verdict's id and its account's own limits, never a shared limit."""
    found = {"X-Headcount-Verdict": verdict["id"]}
    own = [
        limit for limit in verdict["limits"] if limit["scope"] == "account" and limit["name"] not in ("allow", "earned")
    ]
    if own:
        found["RateLimit-Policy"] = ", ".join(_policy(limit) for limit in own)
        found["RateLimit"] = ", ".join(_left(limit) for limit in own)
    if verdict["decision"] in STATUS:
        found["Retry-After"] = str(max(1, math.ceil(verdict["retry_after"])))
    return found


def _policy(limit: Mapping[str, Any]) -> str:
    window = 86_400 if limit["name"] == "daily" else max(1, _seconds(limit["burst"] / (limit["rate"] or 1)))
    return f'"{limit["name"]}";q={int(limit["burst"])};w={window}'


def _seconds(exact: float) -> int:
    """Whole seconds, as many as a header can say."""
    return max(0, math.ceil(min(exact, MOST_SECONDS)))


def _left(limit: Mapping[str, Any]) -> str:
    lacks = _seconds((limit["burst"] - limit["remaining"]) / limit["rate"]) if limit["rate"] else 0
    return f'"{limit["name"]}";r={max(0, math.floor(limit["remaining"]))};t={lacks}'


class RefusedError(Exception):
    """The sidecar answered, but with no verdict."""


class HeadcountHandler(CustomLogger):
    """The callback. Only the pre-call hook stops anything; the others settle and inform."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self.settings = settings or Settings.read(os.environ)
        self._session: aiohttp.ClientSession | None = None

    async def async_pre_call_hook(
        self, user_api_key_dict: UserAPIKeyAuth, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """Ask; raises HTTPException where the call is to be stopped."""
        notes = data.setdefault("litellm_metadata" if "litellm_metadata" in data else "metadata", {})
        notes.pop(VERDICT, None)  # a client's own
        verdict = await self.ask(check_of(user_api_key_dict, data, self.settings))
        if verdict is None:
            return data
        if verdict["mode"] == "enforce" and verdict["decision"] in STATUS:
            never = verdict.get("never") and verdict["limit"]["scope"] == "account"
            words = NEVER if never else "Request stopped; see Retry-After"
            raise HTTPException(STATUS[verdict["decision"]], {"error": words}, client_headers(verdict))
        notes[VERDICT] = {"id": verdict["id"], "headers": client_headers(verdict), "actions": verdict["actions"]}
        return data

    async def async_post_call_response_headers_hook(
        self, data: dict[str, Any], user_api_key_dict: UserAPIKeyAuth, response: Any, *_: Any, **__: Any
    ) -> dict[str, str] | None:
        """Send the client its own limits on passing answers."""
        noted = _metadata(data).get(VERDICT)
        return dict(noted["headers"]) if noted else None

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Settle by the tokens used in the call; a stream is logged at its end."""
        used = (kwargs.get("standard_logging_object") or {}).get("total_tokens")
        if used is not None:
            await self._settle(kwargs.get("litellm_params") or {}, used)

    async def async_post_call_failure_hook(
        self, request_data: dict[str, Any], original_exception: Exception, *_: Any, **__: Any
    ) -> None:
        """Give back the hold of a failed call."""
        await self._settle(request_data, 0)

    async def _settle(self, data: Mapping[str, Any], used: float) -> None:
        noted = _metadata(data).get(VERDICT)
        if noted is None or self.settings.unit != "tokens":
            return
        try:
            tenant = self.settings.tenant
            await self._post("/v1/settle", {"tenant": tenant, "verdict": noted["id"], "actual": used})
        except (*NOT_THERE, RefusedError) as error:
            log.warning("verdict %s stays at its estimate: %s", noted["id"], error)

    async def ask(self, body: dict[str, Any]) -> Any:
        """Ask for a verdict; None if the sidecar does not answer and `fail` is open, else raises HTTPException."""
        try:
            return await self._post("/v1/check", body)
        except RefusedError as error:  # a tenant that does not exist, a fact of the wrong type: never a way round
            log.warning("the check was refused: %s", error)
            raise HTTPException(400, {"error": "Request refused"}) from None
        except NOT_THERE as error:
            log.warning("the sidecar does not answer: %s", error or type(error).__name__)
        if self.settings.fail == "closed":
            raise HTTPException(503, {"error": "Request stopped; try again"}, {"Retry-After": "1"})
        return None

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        session = self._open()
        async with session.post(self.settings.url + path, json=body) as answer:
            text = await answer.read()
            if answer.status >= 500:
                raise aiohttp.ClientConnectionError(f"status {answer.status}")
            if answer.status >= 400:
                raise RefusedError(text.decode("utf-8", "replace"))
            return json.loads(text) if text else None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            timeout, secret = aiohttp.ClientTimeout(total=self.settings.timeout), self.settings.secret
            headers = {"X-Headcount-Secret": secret} if secret else {}
            self._session = aiohttp.ClientSession(timeout=timeout, headers=headers)
        return self._session


handler = HeadcountHandler()


async def custom_auth(request: Any, api_key: str) -> UserAPIKeyAuth:
    """Optional, for a proxy without virtual keys: `general_settings: {custom_auth: headcount_litellm.custom_auth}`.

    The key's owner is the account. LiteLLM then also holds the account to our number, by its own limiter, in
    whole minutes; leave the callback out, which would ask a second time.
    """
    key = UserAPIKeyAuth(api_key=api_key)
    sent = {"headers": dict(request.headers), "url": str(request.url)}
    peer = request.client.host if request.client else None
    data = {"proxy_server_request": sent, "metadata": {"requester_ip_address": peer}}
    verdict = await handler.ask(check_of(key, data, handler.settings) | {"account": {"key": key_of(api_key)}})
    if verdict is None:
        return key
    if verdict["mode"] == "enforce" and verdict["decision"] in STATUS:
        raise HTTPException(STATUS[verdict["decision"]], "Request stopped", client_headers(verdict))
    a_minute = [max(own["burst"] or 0, own["rate"] * 60) for own in verdict["limits"] if own["name"] == "burst"]
    key.rpm_limit = int(min(a_minute)) or None if a_minute and handler.settings.unit == "requests" else None
    return key
