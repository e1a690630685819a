"""A program becomes modules of LLVM IR.

Shared instructions are scalar code. Instructions of a batch are the body of a loop over blocks of samples, one sample
per lane; see memory.py for where results are kept, body.py for the straight lines, loops.py for what goes around them.
`run` does everything; the loops can also be called one by one, each for a chunk of the samples, by several threads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from autograd_engine.compiler.llvm import loops, product_loops, rounds
from autograd_engine.compiler.llvm.body import Body
from autograd_engine.compiler.llvm.layout import Layout, Loop, Rounds, Stage
from autograd_engine.compiler.llvm.loops import BODY_PARAMETERS, SHARED_PARAMETERS, Function
from autograd_engine.compiler.llvm.memory import Plan, RoundPlan, Section
from autograd_engine.compiler.llvm.products import FROM, products_of
from autograd_engine.compiler.program.build import collector_paused
from autograd_engine.compiler.program.program import Program
from autograd_engine.compiler.program.regions import cut
from autograd_engine.compiler.program.traced_function import Leaf

FUNCTIONS = 12
"""Functions in a module, at most."""
QUICKLY = 4000
"""Instructions. What is longer and has a batch is compiled quickly: LLVM selects and allocates, and no more."""
SMALL = 3000
"""Instructions. The blocks of a smaller program are of two vectors, which share what is loaded of shared numbers."""


@dataclass
class Code:
    """The modules of a kernel, as text, and what the caller has to bring along."""

    modules: list[str]
    layout: Layout


@collector_paused()
def emit(
    program: Program, arrays: int, views: int, batches: int, width: int, exact: bool, leaves: Sequence[Leaf]
) -> Code:
    """The code of a program with these counts of arrays, mapped axes and batches, for vectors of `width` doubles.

    `leaves` are the parts of the result.
    """
    products = {} if exact or len(program) <= FROM else products_of(program)
    layout = Layout(width, 1 if exact or len(program) > SMALL else 2, arrays, views, batches, exact=exact)
    layout.quick = batches > 0 and len(program) > QUICKLY
    layout.seeks_nan = program.guarded is not None
    layout.kept, layout.rows = [0] * batches, [0] * batches
    plan = Plan(program, layout, leaves, products)
    functions: list[Function] = []

    def add(signature: str, body: Body) -> None:
        functions.append(Function(signature, "\n".join(body.lines), body.builder.declarations))

    def straight(plan: Plan, name: str, parameters: str, section: Section, width: int) -> None:
        """A function that computes a section, each of its parts in a separate function where there are several."""
        whole = f"{name}({parameters})"
        several = len(section.parts) != 1
        signatures = [f"{name}_{number}({parameters})" if several else whole for number in range(len(section.parts))]
        for part, signature in zip(section.parts, signatures):
            if part.loop is not None:
                functions.append(product_loops.function(signature, part.loop, section, layout))
                continue
            body = Body(plan, section, width)
            body.all(part.instructions)
            body.store_rows(part.rows)
            add(signature, body)
        if several:
            functions.append(loops.calls(whole, signatures))

    def over_samples(loop: Loop, first: int = 0) -> Loop:
        """A loop over samples, whose sums lie in the shared memory from `first` on."""
        functions.extend([loops.loop(loop, layout), loops.finish(loop, layout, first), loops.chunks(loop, layout)])
        return loop

    def staged(plan: Plan) -> list[Stage]:
        """The functions of a plan, stage by stage."""
        stages = []
        for shared, *of_stage in plan.stages:
            stage = Stage(f"stage_{plan.name}{shared.stage}")
            straight(plan, stage.function, SHARED_PARAMETERS, shared, 1)
            for section in of_stage:
                kinds = Counter([plan.program.instructions[i].operation for i in section.sums])
                loop = Loop(f"{plan.name}{section.stage}_{section.batch}", section.batch, kinds)
                straight(plan, f"body_{loop.name}", BODY_PARAMETERS, section, width)
                stage.loops.append(over_samples(loop, plan.shared_slots[next(iter(section.sums))] if loop.sums else 0))
            stage.loops += [around_samples(of) for of in plan.rounds if of.stage == shared.stage]
            stages.append(stage)
        return stages

    def around_samples(plan: RoundPlan) -> Rounds:
        """A loop around samples."""
        stages = [Stage(f"keep_{plan.name}"), *staged(plan), Stage(f"last_{plan.name}")]
        found = Rounds(plan.name, Stage(f"begin_{plan.name}"), stages, plan.goes)
        add(f"begin_{plan.name}({SHARED_PARAMETERS})", rounds.begin(plan))
        add(f"keep_{plan.name}({SHARED_PARAMETERS})", rounds.keep(plan))
        functions.append(loops.calls(f"last_{plan.name}({SHARED_PARAMETERS})", []))
        for stage, of_samples in ((found.begin, rounds.starts), (stages[-1], rounds.following)):
            for batch in sorted({*[batch for batch, _ in plan.rows.values()], *plan.loop.kept_rows}):
                loop = Loop(f"{stage.function}{batch}", batch)
                add(f"body_{loop.name}({BODY_PARAMETERS})", of_samples(plan, batch, width))
                stage.loops.append(over_samples(loop))
        add(f"next_{plan.name}({SHARED_PARAMETERS})", rounds.end(plan))
        functions.append(loops.rounds(found))
        return found

    layout.stages = staged(plan)
    one_by_one, together = plan.stores()
    stores = cut(one_by_one)
    signatures = [f"last_{number}({SHARED_PARAMETERS})" for number in range(len(stores))]
    for part, signature in zip(stores, signatures):
        body = Body(plan, plan.stages[0][0], 1)
        for x, to in part:
            body.store(body.operand(x)[0], body.address("%outputs", to))
        add(signature, body)
    if plan.copies or together:
        body = Body(plan, plan.stages[0][0], 1)
        for run in together:
            body.copy_memory(*run)
        for stack, start, count, to in plan.copies:
            body.copy_to_outputs(stack, start, count, to)
        signatures.append(f"copies({SHARED_PARAMETERS})")
        add(signatures[-1], body)
    functions += [*loops.outputs(layout, signatures), loops.run(layout)]
    attributes = "noinline optnone " if layout.quick else ""
    modules = [_module(functions[i : i + FUNCTIONS], attributes) for i in range(0, len(functions), FUNCTIONS)]
    return Code(modules, layout)


def _module(functions: Sequence[Function], attributes: str) -> str:
    defined = {function.declaration for function in functions}
    declared = set[str]().union(*[function.declarations for function in functions]) - defined
    definitions = [function.definition("" if function.inner_loops else attributes) for function in functions]
    return "\n".join([*sorted(declared), *definitions]) + "\n"
