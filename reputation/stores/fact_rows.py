"""How an account's facts are kept in every store: a short array, made from the fields of `Facts`.

The first members have the places that they had in the first version; every fact that came later is in a map at the
end, by its name. So what an older version wrote is read as it is, and a new fact needs no line here. Nested facts are
arrays that grow at their end; those that an older version kept in Redis are maps.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, structs

from reputation.state.facts import NOTHING, Facts, plain, sharing
from reputation.wire.messages import NESTED, wire_type

DAMAGED = (msgspec.DecodeError, TypeError, AttributeError, ValueError)
"""What reading damaged facts may raise."""
FIRST = ("created_at", "plan", "verified", "organisation", "payment", "keys", "external")
LATER = tuple(name for name in Facts.__struct_fields__ if name not in FIRST)


def facts_out(facts: Facts) -> list[Any]:
    """Return facts as values for msgpack."""
    out = [_out(getattr(facts, name)) for name in FIRST]
    later = {name: _out(value) for name in LATER if (value := getattr(facts, name)) != getattr(NOTHING, name)}
    return [*out, later] if later else out


def facts_in(kept: Sequence[Any]) -> Facts:
    """Read facts back, without those of a newer version. Raises one of DAMAGED for other data."""
    named = dict(zip(FIRST, kept, strict=False))
    if len(kept) > len(FIRST):
        named.update({name: value for name, value in kept[len(FIRST)].items() if name in LATER})
    members = {name: _in(NESTED.get(name), value) for name, value in named.items()}
    found: Facts = plain(msgspec.convert(members, Facts, dec_hook=wire_type))
    return sharing(found)


def _out(value: Any) -> Any:
    return structs.astuple(value) if isinstance(value, Struct) else value


def _in(nested: type[Struct] | None, value: Any) -> Any:
    if nested is None or not isinstance(value, list | tuple):
        return value
    return dict(zip(nested.__struct_fields__, value, strict=False))
