"""JSON in and out: bytes to value types and back, errors with a JSON pointer instead of a trace."""

import re
from typing import Any, Final, TypeVar

import msgspec

from reputation.wire.errors import BadRequest, Invalid, Problem
from reputation.wire.messages import Verdict

T = TypeVar("T")

PROBLEM_TYPE: Final = "application/problem+json"

_encoder: Final = msgspec.json.Encoder()
encode = _encoder.encode
_encode_into: Final = _encoder.encode_into

_PATH: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<key>key in )?\$(?P<path>.*)`)?$", re.DOTALL)


def read(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode a body. Raises BadRequest for malformed JSON, Invalid with a pointer for a wrong value."""
    try:
        return _read(decoder, body)
    except msgspec.ValidationError as error:
        raise invalid(error) from None
    except RecursionError:
        raise BadRequest("the body is nested too deeply", "") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the body must be one JSON document in UTF-8: {error}", "") from None


def _read(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode; null counts as missing for members without null, at a cost only if there is one."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        if "got `null`" not in str(error):
            raise
        bare = _without_nulls(msgspec.json.decode(body))
        found: T = msgspec.convert(bare, decoder.type, dec_hook=decoder.dec_hook)
        return found


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def invalid(error: msgspec.ValidationError) -> Invalid:
    """Name the wrong member and its expected type, from msgspec's message."""
    match = _PATH.match(str(error))
    what, path = (match["what"], match["path"] or "") if match else (str(error), "")
    missing = _MISSING.fullmatch(what)
    return Invalid(_with_known_words(what, path), pointer(path + (f".{missing[1]}" if missing else "")))


def pointer(path: str) -> str:
    """Turn msgspec's path (`.leases[0].used`) into a JSON pointer (`/leases/0/used`).

    Of an object with free names msgspec does not tell which one it was, so the pointer ends at the object.
    """
    return re.sub(r"\.|\[", "/", path.partition("[...]")[0]).replace("]", "")


_MISSING: Final = re.compile(r"Object missing required field `(.*)`")
_WORDS: Final = {
    "status": "none, ok, failed, disputed",
    "funding": "credit, debit, prepaid, unknown",
    "verified": "email, phone, identity",
    "ruling": "split, pin, release, bless, forget",
    "kind": "account, network, asn, organisation",
    "label": "abuse, good",
    "step": "shadow, promote, rollback, stop",
    "outcome": "chargeback, declined, abuse, good, challenge_passed, challenge_failed",
}


def _with_known_words(what: str, path: str) -> str:
    if not what.startswith("Invalid enum value"):
        return what
    member = re.sub(r"\[.*?\]", "", path).rsplit(".", 1)[-1]
    return f"{what}; known are {_WORDS[member]}" if member in _WORDS else what


def problem_body(problem: Problem) -> dict[str, Any]:
    """Return a problem document (RFC 9457) as a plain object."""
    body: dict[str, Any] = {"type": "about:blank", "title": problem.title, "status": problem.status}
    body["detail"] = problem.detail
    if problem.pointer is not None:
        body["pointer"] = problem.pointer
    return body


def problem_bytes(problem: Problem) -> bytes:
    return encode(problem_body(problem))


class _Encoded:
    """The verdict that was encoded last."""

    def __init__(self) -> None:
        self.verdict: Verdict | None = None
        self.body = b""
        self.buffer = bytearray()


_last: Final = _Encoded()


def verdict_bytes(verdict: Verdict) -> bytes:
    buffer = _last.buffer  # has the room that the last one took, so it need not grow
    _encode_into(verdict, buffer)
    body = _last.body = bytes(buffer)
    _last.verdict = verdict
    return body


def encoded(verdict: Verdict) -> bytes | None:
    """Return the bytes of the verdict that was encoded last, if it is this one."""
    return _last.body if verdict is _last.verdict else None
