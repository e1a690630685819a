"""The syntax tree of a function, made ready for malt's converters: what they do not know or get wrong is rewritten."""

from __future__ import annotations

import ast
import copy
import functools
import linecache
import sys
from collections.abc import Iterator
from types import CodeType
from typing import Any

_REFUSED: dict[type[ast.AST], str] = {
    ast.Yield: "a generator on line {} (return a list)",
    ast.YieldFrom: "a generator on line {} (return a list)",
    ast.Await: "a coroutine on line {}",
    ast.AsyncFunctionDef: "a coroutine on line {}",
    ast.NamedExpr: "an assignment by := on line {} (write it as a statement before)",
    ast.Match: "a match statement on line {} (write if and elif)",
    **({ast.TryStar: "an except* on line {}"} if sys.version_info >= (3, 11) else {}),
}
_OF_THE_CALLER = frozenset(["locals", "globals", "vars", "dir", "eval", "exec"])


class NotRewritableError(Exception):
    """The function cannot be rewritten. The message says why."""


def definition(code: CodeType, namespace: dict[str, Any]) -> Any:
    """A copy of the tree of a function, prepared. Raises NotRewritableError where there is none."""
    text = "".join(linecache.getlines(code.co_filename, namespace))
    try:
        tree = _parsed(text)
    except (SyntaxError, ValueError, RecursionError):
        raise NotRewritableError("its source cannot be read") from None
    found = [pair for pair in _definitions(tree, None) if _first_line(pair[0]) == code.co_firstlineno]
    found = [(node, owner) for node, owner in found if getattr(node, "name", "<lambda>") == code.co_name]
    if len(found) > 1:
        found = [(node, owner) for node, owner in found if _holds(node, code)][-1:]  # the innermost
    if len(found) != 1:
        reason = "several functions begin on its line" if found else "its source is not known"
        raise NotRewritableError(reason)
    [(node, owner)] = found
    return _Prepared(node, owner).visit_root(copy.deepcopy(node))


@functools.lru_cache(maxsize=4)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _definitions(node: ast.AST, owner: str | None) -> Iterator[tuple[Any, str | None]]:
    """Every function of a tree, with the name of the class around it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child, owner
        yield from _definitions(child, child.name if isinstance(child, ast.ClassDef) else owner)


def _first_line(node: Any) -> int:
    line: int = min([node.lineno, *[decorator.lineno for decorator in getattr(node, "decorator_list", ())]])
    return line


def _holds(node: Any, code: CodeType) -> bool:
    """Whether all of `code` lies in the body of a lambda (from Python 3.11 on; before, code does not know)."""
    if not hasattr(code, "co_positions") or not isinstance(node, ast.Lambda):
        return False
    body = node.body
    start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    places = [(line, column) for line, _, column, _ in code.co_positions() if column]
    return bool(places) and all(start <= place < end for place in places)


class _Prepared(ast.NodeTransformer):
    """Write out what malt does not convert as Python does: comparisons in a chain, super(), private names, asserts."""

    def __init__(self, root: Any, owner: str | None) -> None:
        arguments = [*root.args.posonlyargs, *root.args.args]
        self._first, self._owner = arguments[0].arg if arguments else "", owner

    def visit_root(self, root: Any) -> Any:
        """The whole function. Its defaults are kept by the function object, and nobody needs its annotations."""
        for node in ast.walk(root):
            if type(node) in _REFUSED:
                raise NotRewritableError("there is " + _REFUSED[type(node)].format(node.lineno))  # type: ignore[attr-defined]
            if isinstance(node, (ast.For, ast.While)) and node.orelse:
                raise NotRewritableError(
                    f"the loop on line {node.lineno} has an else (set a variable before each break)"
                )
            if isinstance(node, ast.Name) and node.id in _OF_THE_CALLER:
                raise NotRewritableError(f"{node.id}() on line {node.lineno} needs the function as it is")
        return self.visit(root)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.copy_location(ast.arg(self._private(node.arg)), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        node.name = self._private(node.name)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> Any:
        node.id = self._private(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        node.attr = self._private(node.attr)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        self.generic_visit(node)
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args and not node.keywords:
            node.args = [ast.copy_location(ast.Name(name, ast.Load()), node) for name in ("__class__", self._first)]
        return node

    def visit_Compare(self, node: ast.Compare) -> Any:
        self.generic_visit(node)
        if len(node.ops) == 1:
            return node
        links = []
        for op, operand in zip(node.ops, node.comparators):
            compare = ast.Compare(ast.Name("a", ast.Load()), [op], [ast.Name("b", ast.Load())])
            links.append(ast.Tuple([_lambda(compare, "a", "b"), _lambda(operand)], ast.Load()))
        return _call("chain", node, node.left, *links)

    def visit_Assert(self, node: ast.Assert) -> Any:
        self.generic_visit(node)
        if not __debug__:
            return ast.copy_location(ast.Pass(), node)
        message = ast.Tuple([node.msg] if node.msg else [], ast.Load())
        return ast.copy_location(ast.Expr(_call("assert_stmt", node, node.test, _lambda(message))), node)

    def _private(self, name: str) -> str:
        """A name as the class around the function has it."""
        owner = (self._owner or "").lstrip("_")
        return f"_{owner}{name}" if owner and name.startswith("__") and not name.endswith("__") else name


def _lambda(body: ast.expr, *names: str) -> ast.Lambda:
    arguments = [ast.arg(name) for name in names]
    return ast.Lambda(ast.arguments([], arguments, None, [], [], None, []), body)


def _call(operator: str, node: ast.AST, *args: ast.expr) -> ast.Call:
    call = ast.Call(ast.Attribute(ast.Name("ag__", ast.Load()), operator, ast.Load()), list(args), [])
    return ast.fix_missing_locations(ast.copy_location(call, node))
