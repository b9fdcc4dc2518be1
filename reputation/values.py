"""Bases of the value types in compiled modules: mypyc drops the keywords of a class, but not what a base passes on."""

from msgspec import Struct


class Value(Struct, frozen=True, gc=False):
    """A frozen value; it holds nothing that could hold it in turn, so the garbage collector need not know it."""


class State(Struct, gc=False):
    """A value that changes in place; no cycles either."""
