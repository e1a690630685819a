"""The syntax tree of a function with calls of operators instead of its statements, by the converters of malt.

Malt takes most of the time of rewriting, so it converts statements alone, and only what a function has: expressions are
converted here, in one walk, after it.
"""

from __future__ import annotations

import ast
import importlib.util  # noqa: F401  # malt takes it for imported
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from malt.converters import break_statements, continue_statements, control_flow, return_statements
from malt.pyct import anno, cfg, inspect_utils, naming, origin_info, qual_names, transformer
from malt.pyct.static_analysis import activity, annos, liveness, reaching_definitions, reaching_fndefs

from autograd_engine.compiler.statements.source import as_function, operation


def converted(node: Any, f: FunctionType) -> tuple[Any, str]:
    """The tree of a function after the converters, and the name that it has there."""
    namespace = inspect_utils.getnamespace(f)
    namer = naming.Namer(namespace)
    name = namer.new_symbol(getattr(node, "name", "function"), ())
    parts = list(ast.walk(node))
    for part in parts:
        _note(part)
        namespace.update((getattr(part, field, None), None) for field in ("id", "arg", "name", "asname"))
    node.args.defaults = [ast.Constant(None) for _ in node.args.defaults]
    node.args.kw_defaults = [default and ast.Constant(None) for default in node.args.kw_defaults]
    if isinstance(node, ast.FunctionDef):
        node.decorator_list = []
        info = transformer.EntityInfo(name, "", f.__code__.co_filename, (), namespace)
        node = _without_statements(node, transformer.Context(info, namer, None), set(map(type, parts)))
        node.name = name
    return _Expressions().generic_visit(node), name


def _note(part: Any) -> None:
    """Note the line of a part of the user's function, and of variables and calls that they are the user's."""
    if hasattr(part, "lineno"):
        place = origin_info.Location(None, part.lineno, part.col_offset)
        anno.setanno(part, anno.Basic.ORIGIN, origin_info.OriginInfo(place, None, "", None))
    match part:
        case ast.Name(id="ag__") | ast.Call(func=ast.Name(id="print" | "breakpoint")):
            pass
        case ast.Call(func=ast.Attribute(value=ast.Name(id="ag__" | "pdb" | "ipdb"))):
            pass
        case ast.Name() | ast.Call():
            anno.setanno(part, anno.Static.ORIG_DEFINITIONS, ())


def _is_of_user(node: ast.AST) -> bool:
    found: bool = anno.hasanno(node, anno.Static.ORIG_DEFINITIONS)
    return found


def _without_statements(node: Any, context: Any, kinds: set[type]) -> Any:
    """The tree of a function without `if`, `while`, `for`, `break`, `continue`, and `return` but at its end."""
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef):
            _open_scope(part, is_inner=part is not node, name=context.namer.new_symbol("fscope", ()))
    if ast.Break in kinds:
        node = _Breaks(context).visit(_with_empty_scopes(node))
    if kinds & {ast.Break, ast.Continue}:
        node = _Continues(context).visit(_with_empty_scopes(node))
    if ast.Return in kinds:
        node = _ReturnsOfBranches(context).visit(node)
        node = _Returns(context, allow_missing_return=True).visit(_with_empty_scopes(node))
    graphs = _Graphs()
    graphs.visit(node)
    node = _Activity(context).visit(qual_names.resolve(node))
    definition = reaching_definitions.Definition()  # one for all: what counts is whether there is one
    node = _Definitions(context, graphs.cfgs, lambda: definition).visit(node)
    node = _FunctionDefinitions(context, graphs.cfgs).visit(node)
    node = _Liveness(context, graphs.cfgs, True).visit(node)
    return _Statements(context).visit(node)


def _open_scope(node: ast.FunctionDef, is_inner: bool, name: str) -> None:
    """Put the body of a function into `with ag__.FunctionScope(...) as name`, which gives what it returns."""
    if is_inner:
        node.decorator_list.append(ast.Attribute(ast.Name("ag__", ast.Load()), "autograph_artifact", ast.Load()))
    has_text = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
    text, body = node.body[:has_text], node.body[has_text:]
    scope = ast.withitem(operation("FunctionScope", ast.Constant(node.name)), ast.Name(name, ast.Store()))
    node.body = [*text, ast.With([scope], body or [ast.Pass()])]
    anno.setanno(node, "function_context_name", name)


def _with_empty_scopes(node: Any) -> Any:
    """The tree for converters that ask scopes only for names that are taken: the namer knows all of them."""
    scope = activity.Scope(None)
    for part in ast.walk(node):
        if isinstance(part, (ast.FunctionDef, ast.For, ast.While)):
            anno.setanno(part, annos.NodeAnno.BODY_SCOPE, scope)
    return node


class _OfStatements:
    """Without a look into expressions, where there are no statements."""

    def generic_visit(self, node: Any) -> Any:
        return node if isinstance(node, ast.expr) else super().generic_visit(node)  # type: ignore[misc]

    def visit_Lambda(self, node: Any) -> Any:  # noqa: N802
        return node


def _of_statements(converter: Any) -> Any:
    return type(converter.__name__, (_OfStatements, converter), {})


_Breaks = _of_statements(break_statements.BreakTransformer)
_Continues = _of_statements(continue_statements.ContinueCanonicalizationTransformer)
_ReturnsOfBranches = _of_statements(return_statements.ConditionalReturnRewriter)
_Returns = _of_statements(return_statements.ReturnStatementsTransformer)
_Graphs = _of_statements(cfg.AstToCfg)
_Definitions = _of_statements(reaching_definitions.TreeAnnotator)
_FunctionDefinitions = _of_statements(reaching_fndefs.TreeAnnotator)
_Liveness = _of_statements(liveness.TreeAnnotator)


class _Activity(activity.ActivityAnalyzer):  # type: ignore[misc]
    """Without the parameters of functions among the variables of where these are defined."""

    def visit_arg(self, node: Any) -> Any:
        return node if self._track_annotations_only else super().visit_arg(node)


class _Statements(_OfStatements, control_flow.ControlFlowTransformer):  # type: ignore[misc]
    """Without attributes and items among the variables: `Contents` knows them too, and their other names. What other
    functions may read is read after a statement, too.
    """

    _shared: frozenset[Any] = frozenset()

    def visit_FunctionDef(self, node: Any) -> Any:  # noqa: N802
        before, self._shared = self._shared, frozenset(_used_inside(node))
        new = super().visit_FunctionDef(node)
        self._shared = before
        return new

    def _get_block_vars(self, node: Any, modified: Any) -> Any:
        of_body = self.state[control_flow._Function].scope
        shared = (self._shared | of_body.nonlocals | of_body.globals) & modified
        anno.setanno(node, anno.Static.LIVE_VARS_OUT, anno.getanno(node, anno.Static.LIVE_VARS_OUT) | shared)
        return super()._get_block_vars(node, modified)

    def _get_block_composite_vars(self, modified: Any, live_in: Any) -> frozenset[Any]:
        return frozenset()


def _used_inside(node: ast.AST) -> Iterator[Any]:
    """The variables that functions and generators in a function have from outside. A `key=` is used where it stands."""
    stack = [*ast.iter_child_nodes(node)]
    while stack:
        inner = stack.pop()
        is_key = isinstance(inner, ast.keyword) and inner.arg == "key"
        stack += [] if is_key else ast.iter_child_nodes(inner)
        if isinstance(inner, (ast.FunctionDef, ast.Lambda)):
            scope = anno.getanno(inner, annos.NodeAnno.ARGS_AND_BODY_SCOPE)
            yield from (scope.read - scope.bound) | scope.nonlocals
        elif isinstance(inner, ast.Assign) and isinstance(inner.value, ast.GeneratorExp):
            yield from [anno.getanno(x, anno.Basic.QN) for x in ast.walk(inner.value) if isinstance(x, ast.Name)]


class _Expressions(ast.NodeTransformer):
    """Calls of operators for what reads a variable or an item, calls a function, or decides.

    `a[i]` becomes `ag__.item(a, i)`, or `ag__.target(a)[i]` where it is set.
    """

    _are_calls_converted = True

    def visit_Constant(self, node: ast.Constant) -> Any:
        return node

    def visit_Name(self, node: ast.Name) -> Any:
        return _made("ld", node, node) if isinstance(node.ctx, ast.Load) and _is_of_user(node) else node

    def visit_Delete(self, node: ast.Delete) -> Any:
        self.generic_visit(node)
        names = [x for x in node.targets if isinstance(x, ast.Name)]
        node.targets = [x for x in node.targets if not isinstance(x, ast.Name)]
        undefined = [
            ast.Assign([ast.Name(x.id, ast.Store())], _made("Undefined", node, ast.Constant(x.id))) for x in names
        ]
        return [*undefined, *([node] if node.targets else [])]

    def visit_withitem(self, node: ast.withitem) -> Any:
        """What opens a context is called as it is."""
        before, self._are_calls_converted = self._are_calls_converted, False
        self.generic_visit(node)
        self._are_calls_converted = before
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if not self._are_calls_converted or not _is_of_user(node):
            return node
        args = ast.Tuple(node.args, ast.Load())
        keywords = ast.Call(ast.Name("dict", ast.Load()), [], node.keywords) if node.keywords else ast.Constant(None)
        return _made("converted_call", node, node.func, args, keywords)

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        self.generic_visit(node)
        return _made("autograph_artifact", node, node)

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        self.generic_visit(node)
        return _made("if_exp", node, node.test, as_function(node.body), as_function(node.orelse))

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        self.generic_visit(node)
        *others, result = node.values
        for value in reversed(others):
            name = "and_" if isinstance(node.op, ast.And) else "or_"
            result = _made(name, node, as_function(value), as_function(result))
        return result

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        self.generic_visit(node)
        return _made("not_", node, node.operand) if isinstance(node.op, ast.Not) else node

    def visit_Compare(self, node: ast.Compare) -> Any:
        """Replace `in`."""
        self.generic_visit(node)
        if len(node.ops) > 1 or not isinstance(node.ops[0], (ast.In, ast.NotIn)):
            return node
        result: ast.expr = _made("contained", node, node.left, *node.comparators)
        return _made("not_", node, result) if isinstance(node.ops[0], ast.NotIn) else result

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            return _made("item", node, node.value, node.slice)
        node.value = _made("target", node, node.value)
        return node


def _made(name: str, of: ast.AST, *operands: Any) -> ast.Call:
    """The call of an operator, on the line of what it stands for."""
    call = operation(name, *operands)
    anno.copyanno(of, call, anno.Basic.ORIGIN)
    return call


def place(node: ast.AST, line: int) -> None:
    """Give every node the line that it comes from; without one, that of a part of it, or of what it is in."""
    line = _line(node) or line
    if "lineno" in node._attributes:
        # Without columns: Python would mark the wrong part of the line in a traceback.
        node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
        node.col_offset = node.end_col_offset = -1  # type: ignore[attr-defined]
    for child in ast.iter_child_nodes(node):
        place(child, line)


def _line(node: ast.AST) -> int | None:
    if "lineno" not in node._attributes:  # one node serves all trees, so what malt notes on it means nothing
        return None
    if anno.hasanno(node, anno.Basic.ORIGIN):
        line: int = anno.getanno(node, anno.Basic.ORIGIN).loc.lineno
        return line
    if isinstance(node, (ast.FunctionDef, ast.Lambda)):
        return None
    return next(filter(None, map(_line, ast.iter_child_nodes(node))), None)
