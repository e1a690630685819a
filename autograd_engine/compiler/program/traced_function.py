"""A function traced for arguments of one structure: its program, and where numbers enter and leave it."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autograd_engine.compiler.program.build import collector_paused, program_of
from autograd_engine.compiler.program.program import SHARED, Program
from autograd_engine.compiler.statements.pure import PureRecorder
from autograd_engine.compiler.statements.rewrite import rewriting, rewritten, rolling
from autograd_engine.compiler.trace.array_trace import ArrayTrace
from autograd_engine.compiler.trace.arrays import BatchArray
from autograd_engine.compiler.trace.errors import TraceError, no_argument
from autograd_engine.compiler.trace.recorder import UNROLLED
from autograd_engine.compiler.trace.segments import pulled_in_segments
from autograd_engine.compiler.trace.sparse import recording_sparse
from autograd_engine.compiler.trace.traced import TooLongError, Traced, UnlikeRoundsError, context, tracing
from autograd_engine.compiler.trace.words import flat_result, is_plain
from autograd_engine.primitives import as_float
from autograd_engine.runs import check_for_floats_alone
from autograd_engine.structure import flatten, map_leaves
from autograd_engine.value import Value

_OF_INDICES = re.compile(r"\bindices\b|numpy\.take\b")
"""In what NumPy says of an index that is an array of objects, such as symbols."""


@dataclass
class Leaf:
    """Where a part of the result is: number `place` of the outputs, or the rows of a batch from number `place` on."""

    place: int
    batch: int = SHARED
    shape: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """How many outputs it is."""
        return math.prod(self.shape)


class _Call(NamedTuple):
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    exact: bool


class TracedFunction:
    """One run of a function on symbols in place of the numbers in its arguments.

    Where a statement of it asks for the truth of such a number, it is run again, with its statements rewritten. Where
    it records very many operations, it is run again, with its large arrays as samples or with its for loops as loops.
    With `in_segments` its loops keep little for their derivatives; see trace/segments.py.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        exact: bool,
        in_segments: bool = False,
    ) -> None:
        self._cut = pulled_in_segments if in_segments else None
        call = _Call(args, keywords, exact)
        try:
            self._run(f, call, is_limited=True)
        except (TypeError, IndexError) as error:
            if not (error.of_a_branch if isinstance(error, TraceError) else _OF_INDICES.search(str(error))):
                raise
            with rewriting(exact):
                try:
                    self._run(rewritten(f), call, is_limited=True)
                except TooLongError:
                    self._run_rolled(rewritten(f), call)
        except TooLongError:
            if self._runs_together(f, call):
                return
            try:
                with rewriting(exact):
                    self._run_rolled(rewritten(f), call)
            except TraceError as refused:  # it has statements that cannot be rewritten, and need not be
                try:
                    self._run(f, call)
                except TraceError as error:
                    raise refused if error.of_a_branch else error from None

    def _run_rolled(self, f: Callable[..., Any], call: _Call) -> None:
        """Run f with its long loops as loops, or as straight code where their rounds are not alike."""
        try:
            self._run(f, call, straight=UNROLLED)
        except UnlikeRoundsError:
            self._run(f, call)

    def _runs_together(self, f: Callable[..., Any], call: _Call) -> bool:
        """Run f with its large arrays as samples, which are one number each then. False where f does more with them
        than samples allow, and in the exact mode, whose sums have the order of those of single numbers."""
        if call.exact or not any(array.is_large and array.shape_seen for array in self.arrays.arguments):
            return False
        try:
            self._run(f, call, is_limited=True, together=True)
        except (Exception, TooLongError, UnlikeRoundsError):
            return False
        return True

    def _run(self, f: Callable[..., Any], call: _Call, gathers: bool = True, **how: Any) -> None:
        """`_trace`. What cannot be done with samples that are gathered in the kernel is done with single numbers."""
        self.arrays = ArrayTrace()
        recorder = PureRecorder(self.arrays, gathers)
        try:
            self._trace(recorder, f, call, **how)
        except Exception:
            if not recorder.has_gathered:
                raise
            self._run(f, call, gathers=False, **how)

    @collector_paused()
    def _trace(
        self,
        recorder: PureRecorder,
        f: Callable[..., Any],
        call: _Call,
        straight: float = math.inf,
        is_limited: bool = False,
        together: bool = False,
    ) -> None:
        self.scalars = 0
        args, keywords, exact = call
        recorder.rolling = functools.partial(rolling, exact)
        traced = tracing(self.arrays.vmap, recorder, straight, is_limited, exact, together)
        with recording_sparse(self.arrays), traced as nodes:
            context.cut = self._cut
            try:
                output = f(*map_leaves(self._symbol, args), **map_leaves(self._symbol, keywords))
            except Exception as error:
                if not context.refused:
                    if isinstance(error, TypeError):
                        check_for_floats_alone(error)
                    raise
            if context.refused:  # and perhaps caught, or followed by another error
                raise context.refused
            # Nothing but a str or None is a mistake, such as a missing return.
            found, self.structure = flatten(output) if is_plain(output) else flat_result(output)
            self.sites = context.sites
            batches = list(self.arrays.batches.values())
            self.rows: list[int] = []
            self.leaves: list[Leaf] = []
            operands: list[Any] = []
            places = [0] * len(batches)
            shared = 0
            for leaf in found:
                if isinstance(leaf, BatchArray):
                    numbers = leaf.of_sample
                    if not numbers.size:
                        raise TraceError("what vmap returned has no numbers in it; return something else from there")
                    batch = batches.index(leaf.batch)
                    self.leaves.append(Leaf(places[batch], batch, numbers.shape))
                    operands += numbers.ravel().tolist()
                    places[batch] += numbers.size
                    self.rows += [batch] * numbers.size
                else:
                    self.leaves.append(Leaf(shared))
                    operands.append(_result(leaf))
                    self.rows.append(SHARED)
                    shared += 1
        self.batches = batches
        self.program: Program = program_of(operands, nodes, batches, exact)

    def _symbol(self, leaf: Any) -> Any:
        """What stands for a number or an array of an argument."""
        if isinstance(leaf, np.ndarray) and leaf.ndim:
            return self.arrays.argument(leaf.shape, of_truths=leaf.dtype == bool)
        self.scalars += 1
        return Traced.leaf("scalar", self.scalars - 1)


def _result(x: Any) -> Any:
    """A number that the function returned."""
    if isinstance(x, Traced):
        if x.batch is not None:
            raise TraceError("the function returned a number of a single sample of a vmap; return what vmap returns")
        return x
    if isinstance(x, Value):
        raise no_argument(x, f"the function returned {x!r}, which does not depend on its arguments")
    try:
        return as_float(x)
    except TypeError as error:
        raise TypeError(f"jit(), in what the function returned: {error}") from None
