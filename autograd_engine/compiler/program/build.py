"""Turning a trace into a program.

A node of a batch becomes an instruction that stands for one number per sample; `batch_sum` adds these up to an
instruction that stands for a single number.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from autograd_engine.compiler.program.program import SHARED, Program
from autograd_engine.compiler.program.regions import divided
from autograd_engine.compiler.program.simplify import Simplifier
from autograd_engine.compiler.trace.errors import TraceError
from autograd_engine.compiler.trace.traced import BATCH_SUM, BROADCAST, Batch, Traced


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause Python's cyclic garbage collector, which would walk a growing program again and again and free nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@collector_paused()
def program_of(outputs: Sequence[Any], nodes: Sequence[Traced], batches: Iterable[Batch], exact: bool) -> Program:
    """The simplified program that computes `outputs`, floats and Traced numbers among the `nodes` of a trace."""
    numbers = {batch: i for i, batch in enumerate(batches)}
    simplifier = Simplifier(exact)
    emit, constant = simplifier.emit, simplifier.constant
    operands: list[int] = [0] * len(nodes)
    needed = _needed(outputs, nodes)

    def operand(x: Any) -> int:
        return constant(x) if x.__class__ is float else operands[x.index]

    for node in nodes:
        if not needed[node.index]:
            continue
        op = node.op
        if op is None:
            kind, *source = node.arguments
            if kind == "size":
                source = [numbers[source[0]]]
            batch = SHARED if node.batch is None else numbers[node.batch]
            operands[node.index] = simplifier.leaf(kind, tuple(source), batch)
        elif op is BROADCAST:
            operands[node.index] = operand(node.arguments[0])
        elif op is BATCH_SUM:
            x = node.arguments[0]
            operands[node.index] = simplifier.batch_sum(operand(x), numbers[x.batch])
        elif op.composite:
            operands[node.index] = operand(node.expansion)
        else:
            computed_from = node.expansion or node.arguments
            operands[node.index] = emit(
                op.name, tuple([constant(x) if x.__class__ is float else operands[x.index] for x in computed_from])
            )
    ends = [simplifier.output(operand(x)) for x in outputs]
    recorded = len(nodes)
    program = _program(simplifier, ends, recorded, guarded=exact)
    if not exact and simplifier.has_guards:
        program.guarded = functools.partial(_program, simplifier, ends, recorded, guarded=True)
    return program


def _program(simplifier: Simplifier, outputs: list[int], recorded: int, guarded: bool) -> Program:
    instructions, outputs = simplifier.finished(outputs, guarded)
    return Program(instructions, simplifier.constants, divided(instructions), outputs, recorded)


def _needed(outputs: Sequence[Any], nodes: Sequence[Traced]) -> bytearray:
    """A flag for each node: whether the outputs depend on it.

    Raises TraceError if they depend on one that is not among `nodes`: it is left over from an earlier trace.
    """
    needed, count = bytearray(len(nodes)), len(nodes)

    def need(arguments: Iterable[Any]) -> None:
        for x in arguments:
            if x.__class__ is not float:
                i = x.index
                if i >= count or nodes[i] is not x:
                    raise TraceError(
                        "a number of another compiled function, or of an earlier call, was used; give it to the "
                        "function as an argument instead of keeping it elsewhere"
                    )
                needed[i] = 1

    need(outputs)
    for node in reversed(nodes):
        if needed[node.index] and node.op is not None:
            need((node.expansion,) if node.op.composite else node.expansion or node.arguments)
    return needed
