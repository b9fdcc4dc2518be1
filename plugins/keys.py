"""The API keys in a client's headers, by the rule of docs/keys.md.

`plugins/nginx/lua/headcount/keys.lua` is the same rule in Lua; `tests/gateways/key_spellings.json` holds both to it.
A ValueError is a 400: no API could read the header as a credential, or two APIs would read two different ones.
"""

import base64
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from reputation.wire.gateway import GatewaySettings
from reputation.wire.messages import Account, Credential

from .lines import BLANKS, Lines, named, only, short_id, short_key, text

AUTHORIZATION, API_KEY = b"authorization", b"x-api-key"
QUOTES: Final = frozenset("\"'`")
SCHEMES: Final = frozenset({"bearer", "basic"})
TWO: Final = "more than one {} header"

# Control characters, and blanks of `\s`, `split` or `trim` in any language; a tab is one in HTTP too.
_UNREADABLE: Final = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\xa0\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]"
).search
_BLANKS: Final = re.compile("[ \t]+")
_PLAIN_BEARER: Final = re.compile(
    "Bearer [A-Za-z0-9_.-]+"
).fullmatch  # every step of the long way leaves such a key as it is
_PARAMETER: Final = re.compile("[A-Za-z_-]+=[^=]").match
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){2,4}").fullmatch
_AFTER_PADDING: Final = re.compile("=[^=]*[A-Za-z0-9+/_-]").search
_URL_SAFE: Final = str.maketrans("-_", "+/")
_JUNK: Final = re.compile("[^A-Za-z0-9+/]")


class Key(NamedTuple):
    """A key as it was sent. full: `user:password` of Basic, used if no account owns `text`."""

    text: str
    full: str | None = None


def keys_of(value: str) -> list[Key]:
    """The keys in an Authorization header: one, or several if APIs decode Basic differently."""
    words = _BLANKS.split(value)
    scheme = words[0].lower()
    if "," in words[0] or (len(words) > 2 and SCHEMES & {word.lower() for word in words[1:]}):
        raise ValueError(TWO.format("authorization"))
    if words[-1][0] in QUOTES or words[0][0] in QUOTES:
        raise ValueError("the authorization header contains a key in quotes")
    if scheme == "bearer":
        return [Key(token(words[1:]))]
    if scheme == "basic":
        return basic_keys(words[1:])
    if len(words) == 2 and "," not in words[1]:
        return [Key(words[1])]
    return [Key(" ".join(words))]


def token(words: Sequence[str]) -> str:
    """The one word after Bearer, if all APIs agree on it: some cut it at a semicolon, or look for `token=`."""
    if any("," in word for word in words):
        raise ValueError(TWO.format("authorization"))
    if len(words) != 1 or ";" in words[0] or words[0][-1] in QUOTES or _PARAMETER(words[0]):
        raise ValueError("Bearer must be followed by exactly one key")
    return words[0]


def basic_keys(words: Sequence[str]) -> list[Key]:
    """The keys in the base64 of Basic, by each way of lenient decoders.

    Node reads base64url as well, Python skips its two signs; most skip blanks, some stop at the first one.
    """
    whole = "".join(words)
    if "," in whole:
        raise ValueError(TWO.format("authorization"))
    if _AFTER_PADDING(whole):
        raise ValueError("the base64 of Basic continues after its padding")
    ways = (whole.translate(_URL_SAFE), whole, words[0].translate(_URL_SAFE) if words else "")
    found = {key: None for way in ways for key in users_of(decoded(way))}  # in this order
    if not found:
        raise ValueError("Basic contains no readable user")
    return [*found]


def decoded(packed: str) -> bytes:
    """The bytes of base64, without regard to junk, missing padding and an odd last sign."""
    signs = _JUNK.sub("", packed)
    signs = signs[:-1] if len(signs) % 4 == 1 else signs
    return base64.b64decode(signs + "=" * (-len(signs) % 4))


def users_of(pair: bytes) -> list[Key]:
    """The user in UTF-8, and also in Latin-1 if the password is not UTF-8: Django reads both parts in one encoding."""
    pair = pair.strip(b" \t\r\n")
    user, _, password = pair.partition(b":")
    found = [user_of(text(user), text(password))]
    if text(pair).encode() != pair:
        found.append(user_of(user.decode("latin-1"), password.decode("latin-1")))
    return [key for key in found if key is not None]


def user_of(user: str, password: str) -> Key | None:
    """The user, with `user:password` behind it; without a user the password. None if neither can be read."""
    user = user.strip(" \t\r\n")
    key = user or password.strip(" \t\r\n")
    if not key or "\t" in key or _UNREADABLE(key):
        return None
    return Key(key, f"{user}:{password}" if password and not _UNREADABLE(password) else None)


def key_in(name: str, value: str) -> list[Key]:
    """The keys in the value of a key header; none in an empty one."""
    value = value.strip(BLANKS)
    if not value:
        return []
    if name == "authorization" and _PLAIN_BEARER(value):
        return [Key(value[7:])]
    if _UNREADABLE(value):
        raise ValueError(f"the {name} header contains a control character, or a blank that is neither space nor tab")
    if name == "authorization":
        return keys_of(value)
    if "," in value:
        raise ValueError(TWO.format(name))
    if value[0] in QUOTES:
        raise ValueError(f"the {name} header contains a key in quotes")
    return [Key(value)]


def sent_keys(lines: Lines, settings: GatewaySettings) -> list[Key]:
    """The client's keys: in the tenant's key header if it is present, else in Authorization and X-Api-Key."""
    if settings.key_header is not None:
        name = named(settings.key_header)
        found = key_in(name.decode("latin-1"), only(lines, name))
        if found:
            return found
    return [key for name in (AUTHORIZATION, API_KEY) for key in key_in(name.decode(), only(lines, name))]


def account_of(keys: Sequence[Key]) -> Account:
    """The account of a check: by its one key, else by credentials for the sidecar to choose from."""
    if len(keys) == 1 and keys[0].full is None:
        sent = keys[0].text
        return Account(key=short_key(sent), jwt=_JWT(sent) is not None)
    short = [(short_key(key.text), short_key(key.full or "")) for key in keys]
    several = [*dict.fromkeys(Credential(key, full) for key, full in short if key is not None)]
    jwt = any(_JWT(key.text) for key in keys)
    if len(several) == 1 and several[0].full is None:
        return Account(key=several[0].key, jwt=jwt)
    return Account(credentials=tuple(several) or None, jwt=jwt)


def account(lines: Lines, settings: GatewaySettings) -> Account:
    """The account of the request: from the configured header, else the owner of the key."""
    if settings.account_header is None:
        return account_of(sent_keys(lines, settings))
    found = only(lines, named(settings.account_header))
    return Account(id=short_id(found, settings.account_header)) if found else Account()
