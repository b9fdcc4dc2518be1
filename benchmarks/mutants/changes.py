"""Small changes to a module's source, each by itself: a comparison, constant, operator, condition or statement."""

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

COMPARISONS: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
LEFT_OUT = (ast.Assign, ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete, ast.Return)
"""Statements that are left out one at a time, besides plain calls."""


class Change(NamedTuple):
    """One change: `before` at a place in the source becomes `after`.

    where: the function or class that it is in; context: the line that it begins on.
    """

    where: str
    context: str
    line: int
    start: int
    end: int
    before: str
    after: str

    def apply(self, source: bytes) -> bytes:
        return source[: self.start] + self.after.encode() + source[self.end :]

    @property
    def name(self) -> str:
        """The change in words, stable under other edits of the file."""
        change = f"{' '.join(self.before.split())} -> {' '.join(self.after.split())}"
        return f"{self.where}: {change}  |  {self.context}"


def changes(source: bytes) -> list[Change]:
    """Return every change there is, in the order of the source."""
    return sorted(_Finder(source).found, key=lambda change: (change.start, change.end, change.after))


class _Finder:
    def __init__(self, source: bytes) -> None:
        self.found: list[Change] = []
        self._source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._visit(ast.parse(source), ())

    def _visit(self, node: ast.AST, where: tuple[str, ...]) -> None:
        if _is_left_alone(node):
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            where = (*where, node.name)
        for change in _EXPRESSIONS.get(type(node), _nothing)(node):
            self._add(node, f"({ast.unparse(change)})", where)
        for condition in _conditions(node):
            self._add(condition, f"(not ({ast.unparse(condition)}))", where)
        if isinstance(node, LEFT_OUT) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
            bare = isinstance(node, ast.Return) and node.value is not None
            if where and not (isinstance(node, ast.Return) and node.value is None):
                self._add(node, "return None" if bare else "pass", where)
        for child in _children(node):
            self._visit(child, where)

    def _add(self, node: ast.AST, after: str, where: tuple[str, ...]) -> None:
        line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
        last, end_column = getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0)
        start, end = self._starts[line - 1] + column, self._starts[last - 1] + end_column
        before = self._source[start:end].decode()
        if before != after:
            context = self._source[self._starts[line - 1] : self._starts[line]].decode().strip()
            self.found.append(Change(".".join(where) or "module", context, line, start, end, before, after))


def _is_left_alone(node: ast.AST) -> bool:
    """Whether nothing in it is changed: text, an import, a list of slots, or a check of ourselves like strict=True."""
    if isinstance(node, ast.keyword):
        return node.arg in ("strict", "frozen")
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id == "__slots__" for target in node.targets)
    return isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """The changeable children of a node: no annotation, decorator or base."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child


def _conditions(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        return [node.test]
    return list(node.ifs) if isinstance(node, ast.comprehension) else []


def _nothing(_: ast.AST) -> list[ast.AST]:
    return []


def _compare(node: ast.Compare) -> Iterator[ast.AST]:
    for i, op in enumerate(node.ops):
        for other in COMPARISONS[type(op)]:
            yield ast.Compare(node.left, [*node.ops[:i], other(), *node.ops[i + 1 :]], node.comparators)


def _operator(node: ast.BinOp) -> Iterator[ast.AST]:
    other = OPERATORS.get(type(node.op))
    if other is not None and not _is_text(node.left) and not _is_text(node.right):
        yield ast.BinOp(node.left, other(), node.right)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
        if value > 0:
            yield ast.Constant(value - 1)
    elif isinstance(value, float):
        yield ast.Constant(value * 1.25 if value else 1.0)


def _boolean(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


def _unary(node: ast.UnaryOp) -> Iterator[ast.AST]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield node.operand


_EXPRESSIONS: Mapping[type[ast.AST], Callable[..., Iterator[ast.AST] | list[ast.AST]]] = {
    ast.Compare: _compare,
    ast.BinOp: _operator,
    ast.Constant: _constant,
    ast.BoolOp: _boolean,
    ast.UnaryOp: _unary,
}
