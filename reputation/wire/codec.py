"""JSON in and out: bytes to value types and back, errors with a JSON pointer instead of a trace."""

import re
from typing import Any, Final, TypeVar

import msgspec

from reputation.wire.errors import BadRequest, Invalid, Problem
from reputation.wire.messages import Verdict
from reputation.wire.words import words_at

T = TypeVar("T")

PROBLEM_TYPE: Final = "application/problem+json"

_encoder: Final = msgspec.json.Encoder()
encode = _encoder.encode
_encode_into: Final = _encoder.encode_into
_any_document: Final = msgspec.json.Decoder(msgspec.Raw)

_PATH: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<key>key in )?\$(?P<path>.*)`)?$", re.DOTALL)


def read(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode a body. Raises BadRequest for malformed JSON, Invalid with a pointer for a wrong value."""
    try:
        return _read(decoder, body)
    except msgspec.ValidationError as error:
        raise _malformed(body) or invalid(error, decoder.type) from None
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _not_json(error) from None


def _malformed(body: bytes) -> BadRequest | None:
    """Say whether a body with a wrong value is no JSON either, after the place of that value."""
    try:
        _any_document.decode(body)
        body.decode()
    except RecursionError:
        return _too_deep()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _not_json(error)
    return None


def _not_json(error: Exception) -> BadRequest:
    return BadRequest(f"the body must be one JSON document in UTF-8: {error}", "")


def _too_deep() -> BadRequest:
    return BadRequest("the body is nested too deeply", "")


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


def invalid(error: msgspec.ValidationError, kind: Any) -> Invalid:
    """Name the wrong member and its expected type, from msgspec's message and the type of the body."""
    match = _PATH.match(str(error))
    what, path = (match["what"], match["path"] or "") if match else (str(error), "")
    member = _MEMBER.fullmatch(what)
    return Invalid(_with_known_words(what, kind, path), pointer(path + (f".{member[1]}" if member else "")))


def pointer(path: str) -> str:
    """Turn msgspec's path (`.leases[0].used`) into a JSON pointer (`/leases/0/used`).

    Of an object with free names msgspec does not tell which one it was, so the pointer ends at the object.
    """
    return re.sub(r"\.|\[", "/", path.partition("[...]")[0]).replace("]", "")


_MEMBER: Final = re.compile(r"Object (?:missing required|contains unknown) field `(.*)`", re.DOTALL)
LONGEST_ECHO: Final = 100
"""Characters of a client's word that an error repeats."""


def _with_known_words(what: str, kind: Any, path: str) -> str:
    if not what.startswith("Invalid enum value"):
        return what
    words = words_at(kind, path)
    return f"{_shortened(what)}; known are {', '.join(words)}" if words else _shortened(what)


def _shortened(what: str) -> str:
    return what if len(what) <= LONGEST_ECHO else f"{what[:LONGEST_ECHO]}…"


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
