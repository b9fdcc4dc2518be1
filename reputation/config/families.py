"""The families of evidence of a tenant: their modules, and how much each family may count."""

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct, field

from reputation.config.faults import nearest
from reputation.scoring.risk import Family
from reputation.signals.seen import Seen
from reputation.signals.signal import BUILT_IN, Signal, no_list
from reputation.state.facts import NOTHING
from reputation.wire.errors import SettingError
from reputation.wire.messages import Reason

Cap = Annotated[float, Meta(ge=0, le=10)]
FindEvidence = Callable[[Seen, float], Sequence[Reason]]
A_TIME = 1_790_812_800.0
"""Seconds since 1970 of the check that a family is tried with."""
MISTAKES = (ArithmeticError, AttributeError, LookupError, NameError, TypeError, ValueError)


class Declared(Struct, frozen=True):
    """The constants of a module of evidence, see `Signal`, and their defaults."""

    cap: Cap = field(default=1.0, name="CAP")
    own: bool = field(default=False, name="OWN_EVIDENCE")
    hard: frozenset[str] = field(default=frozenset(), name="HARD_EVIDENCE")


DECLARATIONS = Declared.__struct_encode_fields__
"""The names of the constants that a module may have."""


class LoadedFamily(NamedTuple):
    """A family's function, and its module's constants."""

    evidence: FindEvidence
    declared: Declared


def load_signal(tenant: str, family: str) -> LoadedFamily:
    """Load a family: a built-in module by its name, any other module by its dotted name. Raises SettingError."""
    path = ("tenants", tenant, "weights", family)
    ours = "." not in family
    try:
        signal: Signal = importlib.import_module(f"reputation.signals.{family}" if ours else family)
        evidence = signal.evidence
    except (ImportError, AttributeError, SyntaxError) as error:
        raise SettingError(path, _unusable(family, error)) from None
    if not ours and not _takes_two(evidence):
        raise SettingError(path, f"`evidence` of module {family!r} must take two arguments, seen and now")
    _try_out(path, family, evidence)
    return LoadedFamily(evidence, _declared(path, vars(signal)))


def _try_out(path: tuple[str, ...], family: str, evidence: FindEvidence) -> None:
    """Ask for evidence about a check without facts. Raises SettingError for an error, and for no list."""
    try:
        found: object = evidence(Seen(NOTHING), A_TIME)
    except MISTAKES as error:
        fault = f"{type(error).__name__}: {error}"
        raise SettingError(path, f"`evidence` of {family!r} fails for a check without facts: {fault}") from None
    if not isinstance(found, list):
        raise SettingError(path, no_list(family, found))


def _unusable(family: str, error: Exception) -> str:
    if "." not in family:
        fix = nearest(family, list(BUILT_IN))
    elif isinstance(error, ModuleNotFoundError) and f"{family}.".startswith(f"{error.name}."):
        fix = f"{error}"
    else:
        return f"module {family!r} must be importable and have a function `evidence`: {error}"
    return f"no such family of evidence; {fix}; or give the dotted name of a module with a function `evidence`"


def _takes_two(function: FindEvidence) -> bool:
    try:
        inspect.signature(function).bind(None, 0.0)
    except TypeError:
        return False
    except ValueError:  # a compiled function without a signature
        return True
    return True


def _declared(path: tuple[str, ...], names: Mapping[str, object]) -> Declared:
    try:
        found = msgspec.convert({name: names[name] for name in DECLARATIONS if name in names}, Declared)
    except msgspec.ValidationError as error:
        raise SettingError(path, f"the module of this family has a wrong constant: {error}") from None
    if found.hard and not found.own:
        raise SettingError(path, "the module of this family has HARD_EVIDENCE; add OWN_EVIDENCE = True, or remove it")
    return found


def family_of(loaded: LoadedFamily, weight: float, cap: float | None) -> Family:
    """Return how much a family counts; cap: the tenant's own, or None for the module's."""
    said = loaded.declared
    return Family(weight, said.cap if cap is None else cap, own=said.own, hard=said.hard)


def family_names(weights: Mapping[str, float]) -> list[str]:
    """Name a tenant's families in the order of their reasons: the built-in ones, then those of other modules."""
    return [*BUILT_IN, *(family for family in weights if family not in BUILT_IN)]
