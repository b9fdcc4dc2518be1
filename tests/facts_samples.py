"""A value for every fact that there is, made from the definition: a new fact is tried without a line here."""

from typing import Any

from msgspec import Struct, inspect

from reputation.wire.messages import Payment, Profile, Seconds

TIME = 1_790_000_000.5
PATTERNS = {"iin": "411111", "issuer_country": "US", "email_domain": "example.org"}
"""Texts of a shape of their own, by the member's name."""


def sample(kind: type[Struct], variant: int = 0) -> dict[str, Any]:
    """Every member of a struct, as JSON has it; variants differ in every member that can differ."""
    return {field.name: _value(field.name, field.type, variant) for field in inspect.type_info(kind).fields}


def profile(variant: int = 0) -> dict[str, Any]:
    return sample(Profile, variant)


def payment_members() -> tuple[str, ...]:
    return Payment.__struct_fields__


def _value(name: str, kind: Any, variant: int) -> Any:
    if isinstance(kind, inspect.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    return _MADE[type(kind)](name, kind, variant)


def _text(name: str, kind: Any, variant: int) -> str:
    text = PATTERNS[name] if kind.pattern else f"{name} {variant}"
    return text if not variant or not kind.pattern else {"iin": "5500", "issuer_country": "DE"}.get(name, f"x{text}")


def _custom(name: str, kind: Any, variant: int) -> Any:
    return TIME + variant if kind.cls is Seconds else f"203.0.113.{7 + variant}"


_MADE = {
    inspect.StrType: _text,
    inspect.IntType: lambda name, kind, variant: 3 + variant,
    inspect.FloatType: lambda name, kind, variant: 41.5 + variant,
    inspect.BoolType: lambda name, kind, variant: not variant,
    inspect.LiteralType: lambda name, kind, variant: kind.values[-1 - variant],
    inspect.VarTupleType: lambda name, kind, variant: [_value(name, kind.item_type, variant)],
    inspect.StructType: lambda name, kind, variant: sample(kind.cls, variant),
    inspect.CustomType: _custom,
}
