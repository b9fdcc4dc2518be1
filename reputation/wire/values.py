"""Instructions to the compiler for the value types in compiled modules.

Those that never leave the engine are plain classes: mypyc lays their attributes out as a C struct, numbers in place,
where an attribute of a msgspec Struct is an object elsewhere and found by name. What is encoded stays a Struct.
`i16`, `i32` and `i64` are numbers of so many bits, in place; interpreted, they are any whole numbers.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

C = TypeVar("C", bound=type)

if TYPE_CHECKING:
    from mypy_extensions import i16, i32, i64, mypyc_attr
else:  # only the compiler reads them
    i16 = i32 = i64 = int

    def mypyc_attr(**_: Any) -> Callable[[C], C]:
        return lambda kind: kind


__all__ = ["i16", "i32", "i64", "mypyc_attr"]
