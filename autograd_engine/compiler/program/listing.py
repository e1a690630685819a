"""A program as text that people read: one instruction a line, in the names of the function's arguments.

Numbers that each sample has for itself carry an index, a letter for each batch of samples:

    %0    = w
    %1[i] = X[i, 0]
    %2[i] = mul %0, %1[i]
    %3    = sum over i: %2[i]
    return %3
"""

from __future__ import annotations

from itertools import islice

from autograd_engine.compiler.program.program import FROM_OUTSIDE, SHARED, Names, Program, batch_index

SHOWN = 6  # numbers to a line of outputs


def listing(program: Program, names: Names) -> str:
    """The text of a program."""

    def operand(x: int) -> str:
        if x < 0:
            return repr(program.constants[-1 - x])
        return f"%{x}" if program.batches[x] == SHARED else f"%{x}[{batch_index(program.batches[x])}]"

    lines = []
    for i, (operation, operands) in enumerate(zip(program.operations, program.operands)):
        if operation in FROM_OUTSIDE:
            text = names.leaf(operation, operands, batch_index(program.batches[i]))
        elif operation == "batch_sum":
            batch = max(program.batches[x] for x in operands if x >= 0)
            text = f"sum over {batch_index(batch)}: {' * '.join(map(operand, operands))}"
        else:
            text = f"{operation} {', '.join(map(operand, operands))}"
        lines.append((operand(i), text))
    width = max([len(number) for number, _ in lines], default=0)
    outputs = iter(map(operand, program.outputs))
    rows = iter(lambda: ", ".join(islice(outputs, SHOWN)), "")
    return "\n".join(
        [*[f"{number:{width}} = {text}" for number, text in lines], "return " + ",\n       ".join(rows)]
    ).rstrip()
