"""The syntax tree of a function, made ready for malt's converters: what they do not know or get wrong is rewritten."""

from __future__ import annotations

import ast
import copy
import dis
import functools
import linecache
import sys
from types import CodeType
from typing import Any

_REFUSED: dict[type[ast.AST], str] = {
    ast.Yield: "a generator on line {} (return a list)",
    ast.YieldFrom: "a generator on line {} (return a list)",
    ast.Await: "a coroutine on line {}",
    ast.AsyncFunctionDef: "a coroutine on line {}",
    ast.NamedExpr: "an assignment by := on line {} (write it as a statement before)",
    ast.ClassDef: "a class on line {} (define it outside)",
    **({ast.TryStar: "an except* on line {}"} if sys.version_info >= (3, 11) else {}),
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}
_AUGMENTED: dict[type[ast.operator], str] = {
    ast.Add: "iadd",
    ast.Sub: "isub",
    ast.Mult: "imul",
    ast.MatMult: "imatmul",
    ast.Div: "itruediv",
    ast.FloorDiv: "ifloordiv",
    ast.Mod: "imod",
    ast.Pow: "ipow",
    ast.LShift: "ilshift",
    ast.RShift: "irshift",
    ast.BitAnd: "iand",
    ast.BitOr: "ior",
    ast.BitXor: "ixor",
}
"""The functions of the module operator for `+=` and the like."""
_OF_THE_CALLER = frozenset(["locals", "globals", "vars", "dir", "eval", "exec"])
FUTURE = 0x1FF0000
"""The flags of `from __future__ import ...` in code, all of them."""


class NotRewritableError(Exception):
    """The function cannot be rewritten. The message says why."""


def definition(code: CodeType, namespace: dict[str, Any]) -> Any:
    """A copy of the tree of a function, prepared. Raises NotRewritableError where there is none."""
    text = "".join(linecache.getlines(code.co_filename, namespace))
    try:
        functions = _functions(text)
    except (SyntaxError, ValueError, RecursionError):
        raise NotRewritableError("its source cannot be read") from None
    found = [pair for pair in functions if _first_line(pair[0]) == code.co_firstlineno]
    found = [(node, owner) for node, owner in found if getattr(node, "name", "<lambda>") == code.co_name]
    found = [(node, owner) for node, owner in found if _is_of(node, owner, code)][:1]  # two alike are the same
    if not found:
        raise NotRewritableError("its source is not known")
    [(node, owner)] = found
    return _Prepared(node, owner).visit_root(copy.deepcopy(node))


@functools.lru_cache(maxsize=4)
def _functions(text: str) -> list[tuple[Any, str | None]]:
    """Every function of a file, with the name of the class around it."""
    found: list[tuple[Any, str | None]] = []
    left: list[tuple[ast.AST, str | None]] = [(ast.parse(text), None)]
    while left:
        node, owner = left.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            found.append((node, owner))
        if isinstance(node, ast.ClassDef):
            owner = node.name
        left += [(child, owner) for child in ast.iter_child_nodes(node)]
    return found


def _first_line(node: Any) -> int:
    line: int = min([node.lineno, *[decorator.lineno for decorator in getattr(node, "decorator_list", ())]])
    return line


def _is_of(node: Any, owner: str | None, code: CodeType) -> bool:
    """Whether a definition is that of `code`: a file may have changed, and several lambdas begin on one line."""
    if any(isinstance(part, ast.Assert) for part in ast.walk(node)):
        return True  # pytest rewrites them
    node = copy.copy(node)
    statement: Any = ast.Expr(node) if isinstance(node, ast.Lambda) else node
    if statement is node:
        node.decorator_list, node.name = [], "_" * 9  # another name, since that is a global one for the function itself
    body = [ast.ClassDef(f"___{owner}", [], [], [statement], [])] if owner else [statement]
    variables = [ast.Assign([ast.Name(name, ast.Store())], ast.Constant(None)) for name in code.co_freevars]
    no_arguments = ast.arguments([], [], None, [], [], None, [])
    around = ast.FunctionDef("around", no_arguments, [*variables, *body], [])
    module = ast.fix_missing_locations(ast.Module([around], []))
    found = compile(module, code.co_filename, "exec", flags=code.co_flags & FUTURE, dont_inherit=True)
    for _ in range(3 if owner else 2):
        [found] = [x for x in found.co_consts if isinstance(x, CodeType)][-1:]
    return _are_alike(found, code)


def _are_alike(a: CodeType, b: CodeType) -> bool:
    names = ("co_varnames", "co_freevars", "co_cellvars")
    if any(getattr(a, name) != getattr(b, name) for name in names):
        return False
    ours, theirs = _instructions(a), _instructions(b)
    return len(ours) == len(theirs) and all(map(_are_the_same, ours, theirs))


def _instructions(code: CodeType) -> list[tuple[str, Any]]:
    """What a function does, however it calls what its module has imported."""
    jumps = {*dis.hasjrel, *dis.hasjabs}
    return [
        (step.opname.replace("LOAD_METHOD", "LOAD_ATTR"), None if step.opcode in jumps else step.argval)
        for step in dis.get_instructions(code)
        if step.opname not in ("PUSH_NULL", "EXTENDED_ARG")  # by which jumps get longer
    ]


def _are_the_same(one: tuple[str, Any], other: tuple[str, Any]) -> bool:
    (name, x), (other_name, y) = one, other
    if isinstance(x, CodeType) and isinstance(y, CodeType):
        return _are_alike(x, y)
    if isinstance(x, str) and isinstance(y, str) and ".<locals>." in x and ".<locals>." in y:
        return True  # the names of functions, which say where they are
    same = x == y if isinstance(x, frozenset) else repr(x) == repr(y)  # which tells 1 from 1.0 and 0.0 from -0.0
    return name == other_name and same


class _Prepared(ast.NodeTransformer):
    """Write out what malt does not convert as Python does: comparisons in a chain, super(), private names and more."""

    def __init__(self, root: Any, owner: str | None) -> None:
        arguments = [*root.args.posonlyargs, *root.args.args]
        self._first, self._owner = arguments[0].arg if arguments else "", owner

    def visit_root(self, root: Any) -> Any:
        """The whole function. Its defaults are kept by the function object, and nobody needs its annotations."""
        for node in ast.walk(root):
            if type(node) in _REFUSED:
                raise NotRewritableError("there is " + _REFUSED[type(node)].format(node.lineno))  # type: ignore[attr-defined]
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

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        self.generic_visit(node)
        if node.name:
            assign = ast.Assign([ast.Name(node.name, ast.Store())], _call("caught", node))
            node.name, node.body = None, [ast.copy_location(assign, node), *node.body]
        return node

    def visit_Compare(self, node: ast.Compare) -> Any:
        self.generic_visit(node)
        if len(node.ops) == 1:
            if isinstance(node.ops[0], (ast.Is, ast.IsNot)):
                same = _call("same", node, node.left, *node.comparators)
                different = ast.copy_location(ast.UnaryOp(ast.Not(), same), node)
                return same if isinstance(node.ops[0], ast.Is) else different
            name = _COMPARISONS.get(type(node.ops[0]))
            return _call("compare", node, ast.Constant(name), node.left, *node.comparators) if name else node
        links = []
        for op, operand in zip(node.ops, node.comparators):
            compare = ast.Compare(ast.Name("a", ast.Load()), [op], [ast.Name("b", ast.Load())])
            links.append(ast.Tuple([as_function(compare, "a", "b"), as_function(operand)], ast.Load()))
        return _call("chain", node, node.left, *links)

    def visit_Starred(self, node: ast.Starred) -> Any:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            node.value = _call("taken", node, node.value)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        self.generic_visit(node)
        node.iter = _call("taken", node.iter, node.iter)
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        """What is assigned to several names, or a slice, gives its items. `a[i], a[k] = a[k], a[i]` exchanges two rows,
        of which none is in two places in between."""
        if any(map(_takes_items, node.targets)) and not isinstance(node.value, (ast.Tuple, ast.List)):
            node.value = _call("taken", node, node.value)
        match node.targets, node.value:
            case [ast.Tuple([a, b])], ast.Tuple([ast.Subscript() as one, ast.Subscript() as other]) if (
                [ast.unparse(a), ast.unparse(b)] == [ast.unparse(other), ast.unparse(one)]
                and isinstance(one.value, (ast.Name, ast.Attribute))
                and ast.unparse(one.value) == ast.unparse(other.value)
                and not isinstance(one.slice, ast.Slice)
                and not isinstance(other.slice, ast.Slice)
            ):
                node.value = _call("exchange", node, one.value, one.slice, other.slice)
        return self.generic_visit(node)

    def visit_For(self, node: ast.For) -> Any:
        return _without_else(self.generic_visit(node))

    def visit_While(self, node: ast.While) -> Any:
        return _without_else(self.generic_visit(node))

    def visit_Match(self, node: ast.Match) -> Any:
        """A match on values, tuples of them and names becomes if and else."""
        return self.visit(ast.Module(_as_ifs(node), [])).body

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """`w += x` may change what w is, and take the items of x."""
        self.generic_visit(node)
        node.value = _call("taken", node, node.value)
        if isinstance(node.target, ast.Subscript):
            return node
        changed = _statement(_call("changed", node))
        if not isinstance(node.target, ast.Name):
            return [node, changed]
        read = ast.copy_location(ast.Name(node.target.id, ast.Load()), node)
        augmented = _call("augmented", node, ast.Constant(_AUGMENTED[type(node.op)]), read, node.value)
        return [ast.copy_location(ast.Assign([node.target], augmented), node), changed]

    def visit_Assert(self, node: ast.Assert) -> Any:
        self.generic_visit(node)
        if not __debug__:
            return ast.copy_location(ast.Pass(), node)
        message = ast.Tuple([node.msg] if node.msg else [], ast.Load())
        return _statement(_call("assert_stmt", node, node.test, as_function(message)))

    def _private(self, name: str) -> str:
        """A name as the class around the function has it."""
        owner = (self._owner or "").lstrip("_")
        return f"_{owner}{name}" if owner and name.startswith("__") and not name.endswith("__") else name


def _as_ifs(node: ast.Match) -> list[ast.stmt]:
    """The statements that a match stands for. Raises NotRewritableError if its patterns say more than values do."""
    other = NotRewritableError(
        f"there is a match statement on line {node.lineno} with other patterns than values, names and tuples "
        "(write if and elif)"
    )
    parts = node.subject.elts if isinstance(node.subject, ast.Tuple) else [node.subject]
    names = [f"subject_{node.lineno}_{node.col_offset}_{k}" for k in range(len(parts))]
    read = [ast.Name(name, ast.Load()) for name in names]
    subject = ast.Tuple([*read], ast.Load()) if isinstance(node.subject, ast.Tuple) else read[0]
    rest: list[ast.stmt] = []
    for case in reversed(node.cases):
        test, bound = _pattern(case.pattern, subject, other)
        body = [*bound, *case.body]
        if bound and case.guard:
            if test is not None:
                raise other
            rest = [*bound, ast.If(case.guard, case.body, rest)]
        elif tests := [x for x in (test, case.guard) if x is not None]:
            rest = [ast.If(tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests), body, rest)]
        else:
            rest = body
    begin = [ast.Assign([ast.Name(name, ast.Store())], part) for name, part in zip(names, parts)]
    return [ast.fix_missing_locations(ast.copy_location(x, node)) for x in (*begin, *rest)]


def _pattern(
    pattern: ast.pattern, subject: ast.expr, other: NotRewritableError
) -> tuple[ast.expr | None, list[ast.stmt]]:
    """When a pattern fits, None for always, and the assignments that it makes. Raises `other` for another kind."""
    subject = copy.deepcopy(subject)  # malt takes notes on nodes, so that none may stand in two places
    match pattern:
        case ast.MatchValue(value):
            return ast.Compare(subject, [ast.Eq()], [value]), []
        case ast.MatchSingleton(value):
            return ast.Compare(subject, [ast.Is()], [ast.Constant(value)]), []
        case ast.MatchAs(inner, name):
            test, bound = _pattern(inner, subject, other) if inner else (None, [])
            return test, [*bound, ast.Assign([ast.Name(name, ast.Store())], copy.deepcopy(subject))] if name else bound
        case ast.MatchOr(patterns):
            found = [_pattern(part, subject, other) for part in patterns]
            if not any(bound for _, bound in found):
                tests = [test for test, _ in found if test is not None]
                return (ast.BoolOp(ast.Or(), tests) if len(tests) == len(found) else None), []
        case ast.MatchSequence(patterns) if isinstance(subject, ast.Tuple) and len(patterns) == len(subject.elts):
            found = [_pattern(part, x, other) for part, x in zip(patterns, subject.elts)]
            tests, bound = [test for test, _ in found if test is not None], [x for _, more in found for x in more]
            return (tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests) if tests else None), bound
    raise other


def _without_else(loop: Any) -> Any:
    """A loop, and the statements of its `else` after it, if it was not broken."""
    if not loop.orelse:
        return loop
    orelse, loop.orelse = loop.orelse, []
    broken = f"broken_{loop.lineno}_{loop.col_offset}"
    loop.body = [part for statement in loop.body for part in _Breaks(broken).parts(statement)]
    begin = ast.Assign([ast.Name(broken, ast.Store())], ast.Constant(False))
    end = ast.If(ast.UnaryOp(ast.Not(), ast.Name(broken, ast.Load())), orelse, [])
    return [ast.fix_missing_locations(ast.copy_location(x, loop)) if x is not loop else x for x in (begin, loop, end)]


class _Breaks(ast.NodeTransformer):
    """Let each `break` of a loop, not those of loops in it, set a variable."""

    def __init__(self, name: str) -> None:
        self.name = name

    def parts(self, statement: ast.stmt) -> list[Any]:
        """What becomes of a statement."""
        parts = self.visit(statement)
        return parts if isinstance(parts, list) else [parts]

    def visit_Break(self, node: ast.Break) -> Any:
        note = ast.Assign([ast.Name(self.name, ast.Store())], ast.Constant(True))
        return [ast.fix_missing_locations(ast.copy_location(note, node)), node]

    def visit_For(self, node: Any) -> Any:
        return node

    visit_While = visit_FunctionDef = visit_Lambda = visit_For  # noqa: N815


def _takes_items(target: ast.expr) -> bool:
    """Whether what is assigned to a target gives its items."""
    is_slice = isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice)
    return is_slice or isinstance(target, (ast.Tuple, ast.List))


def as_function(body: ast.expr, *names: str) -> ast.Lambda:
    """`lambda names: body`."""
    arguments = [ast.arg(name) for name in names]
    return ast.Lambda(ast.arguments([], arguments, None, [], [], None, []), body)


def _statement(call: ast.Call) -> ast.Expr:
    return ast.copy_location(ast.Expr(call), call)


def operation(name: str, *operands: ast.expr) -> ast.Call:
    """The call of a function of `operators`."""
    return ast.Call(ast.Attribute(ast.Name("ag__", ast.Load()), name, ast.Load()), list(operands), [])


def _call(operator: str, node: ast.AST, *args: ast.expr) -> ast.Call:
    return ast.fix_missing_locations(ast.copy_location(operation(operator, *args), node))
