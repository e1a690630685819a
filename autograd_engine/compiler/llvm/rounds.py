"""Loops around samples, in LLVM IR: how they begin, and what ends a round.

What such a loop carries lies in memory, since a round is many functions: shared code and loops over samples, stage by
stage. At the end of a round all that is carried is read before any of it is set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from autograd_engine.compiler.llvm.body import Body
from autograd_engine.compiler.llvm.helpers import ASK
from autograd_engine.compiler.llvm.layout import STOPPED
from autograd_engine.compiler.llvm.lower import lowered
from autograd_engine.compiler.llvm.memory import Plan, RoundPlan, Section
from autograd_engine.compiler.llvm.stacks import Memory
from autograd_engine.compiler.llvm.straight import POLLED
from autograd_engine.compiler.program.program import SHARED


def begin(rounds: RoundPlan) -> Body:
    """What is done before the first round."""
    body, loop, i = _shared(rounds.outer), rounds.loop, rounds.number
    b = body.builder
    count, *starts = rounds.outer.program.instructions[i].operands
    for k, size in loop.memories.items():
        body.copied(starts[k], i, k, size)
    most, largest = b.constant(0.0), "1"
    if loop.counted:
        largest = body.largest(count, body.operand(count), False)
        goes = b.emit(f"icmp sgt i64 {largest}, 0")
        most = b.emit(f"sitofp i64 {largest} to double")
        if loop.kept:
            body.room(i, largest, loop.kept)
    else:
        goes = lowered(b, "as_bits", body.operand(count))
    _room_for_samples(body, rounds, largest)
    goes = b.emit(f"and i1 {goes}, {_runs(body)}")
    for k, slot in rounds.slots.items():
        _set(body, slot, body.operand(starts[k])[0])
    _set(body, rounds.done, b.constant(0.0))
    _set(body, rounds.most, most)
    _set(body, rounds.work, b.constant(0.0))
    if loop.backwards:
        _set(body, rounds.index, b.emit(f"fsub double {most}, {b.constant(1.0)}"))
    _set(body, rounds.goes, b.emit(f"uitofp i1 {goes} to double"))
    return body


def keep(rounds: RoundPlan) -> Body:
    """What is done at the beginning of a round: stacks that the round changes are kept as they are."""
    body = _shared(rounds)
    _keep_stacks(body, rounds, early=True)
    return body


def end(rounds: RoundPlan) -> Body:
    """What is done at the end of a round, after the numbers of samples."""
    body, loop = _shared(rounds), rounds.loop
    b, outer = body.builder, body.of(rounds.outer)
    outputs = loop.body.outputs
    following = outputs[not loop.counted :]
    new = {slot: body.operand(following[k])[0] for k, slot in rounds.slots.items()}
    kept = [body.operand(x)[0] for x in following[loop.carries : loop.carries + loop.kept]]
    done = b.emit(f"fadd double {body.shared_number(rounds.done)}, {b.constant(1.0)}")
    most = body.shared_number(rounds.most)
    goes = b.emit(f"fcmp olt double {done}, {most}") if loop.counted else body.operand(outputs[0])[0]
    goes = goes if goes[:2] != "0x" else b.emit(f"fcmp une double {goes}, 0.0")
    if kept:
        entries = b.emit(f"fptosi double {most if loop.counted else done} to i64")
        buffer = outer.room(rounds.number, entries, loop.kept)
        with _where_there_is(body, buffer):
            for place, name in enumerate(kept):
                body.keep(Memory(buffer, loop.kept, place, wide=False), body.round(), [name])
    _keep_stacks(body, rounds, early=False)
    for k, size in loop.memories.items():
        root = body.root(following[k])
        if loop.body.instructions[root] != ("carry", (k,), SHARED):
            body.copy(body.stack(following[k]), outer.carried(rounds.number, k), size)
    for slot, name in new.items():
        _set(body, slot, name)
    if loop.backwards:
        _set(body, rounds.index, b.emit(f"fsub double {body.shared_number(rounds.index)}, {b.constant(1.0)}"))
    _set(body, rounds.done, done)
    if not loop.counted:
        _room_for_samples(
            outer, rounds, b.emit(f"fptosi double {b.emit(f'fadd double {done}, {b.constant(1.0)}')} to i64")
        )
    _ask(body, rounds)
    _set(body, rounds.goes, b.emit(f"uitofp i1 {b.emit(f'and i1 {goes}, {_runs(body)}')} to double"))
    return body


def starts(rounds: RoundPlan, batch: int, width: int) -> Body:
    """The numbers of samples with which the loop begins."""
    places = rounds.outer.program.instructions[rounds.number].operands[1:]
    return _rows(rounds, batch, rounds.outer, places, width)


def following(rounds: RoundPlan, batch: int, width: int) -> Body:
    """The numbers of samples that are carried into the next round."""
    return _rows(rounds, batch, rounds, rounds.loop.body.outputs[not rounds.loop.counted :], width)


def _rows(rounds: RoundPlan, batch: int, plan: Plan, operands: Sequence[int], width: int) -> Body:
    """Set what is carried of a batch to operands of a plan."""
    body = Body(plan, Section(0, batch, plan.program), width)
    new = [(row, body.operand(operands[k])) for k, (of, row) in rounds.rows.items() if of == batch]
    if plan is rounds:
        _keep_samples(body, rounds, batch)
    for row, names in new:
        for v, name in enumerate(names):
            body.store(name, body.row(row, v))
    return body


def _keep_samples(body: Body, rounds: RoundPlan, batch: int) -> None:
    """Keep numbers of samples for other loops to read in the same round."""
    loop, outer = rounds.loop, body.of(rounds.outer)
    first = len(loop.body.outputs) - len(loop.kept_rows)
    for k, of in enumerate(loop.kept_rows):
        if of == batch:
            addresses = outer.of_round(rounds.number, loop.kept + len(loop.copies) + k, body.round())
            for name, address in zip(body.operand(loop.body.outputs[first + k]), addresses):
                body.store(name, address)


def _room_for_samples(body: Body, rounds: RoundPlan, count: str) -> None:
    """Make room for what so many rounds keep of samples."""
    loop, b = rounds.loop, body.builder
    for k, batch in enumerate(loop.kept_rows):
        entries = b.emit(f"mul i64 {count}, {body.padded(batch)}")
        body.room(rounds.number, entries, 1, loop.carries + loop.kept + len(loop.copies) + k)


def _shared(plan: Plan) -> Body:
    return Body(plan, Section(0, SHARED, plan.program), 1)


def _set(body: Body, slot: int, name: str) -> None:
    """Set a number in the shared memory."""
    body.store(name, body.address("%shared", slot))


def _runs(body: Body) -> str:
    """Whether nobody has asked loops to end."""
    b = body.builder
    at = b.emit(f"getelementptr i64, ptr %context, i64 {STOPPED}")
    return b.emit(f"icmp eq i64 {b.emit(f'load i64, ptr {at}')}, 0")


@contextmanager
def _where_there_is(body: Body, buffer: str) -> Iterator[None]:
    """Do what is written in the block if there was memory for a buffer."""
    b, label = body.builder, f"K{body.number()}"
    missing = b.emit(f"icmp eq ptr {buffer}, null")
    b.lines += [f"br i1 {missing}, label %{label}, label %{label}.there", f"{label}.there:"]
    yield
    b.lines += [f"br label %{label}", f"{label}:"]
    body.label = label


def _keep_stacks(body: Body, rounds: RoundPlan, early: bool) -> None:
    """Keep stacks as they are now: those that are carried at the beginning of a round, others at its end."""
    loop, b, outer = rounds.loop, body.builder, body.of(rounds.outer)
    first = int(not loop.counted) + loop.carries + loop.kept
    for k, x in enumerate(loop.body.outputs[first : first + len(loop.copies)]):
        if (loop.body.instructions[x].operation == "carry") == early:
            size, index = loop.copies[k], body.round()
            entries = b.emit(f"mul i64 {b.emit(f'add i64 {index}, 1')}, {size}")
            buffer = outer.room(rounds.number, entries, 1, loop.carries + loop.kept + k)
            target = body.stack_of(Memory(buffer, size, 0, wide=False), index)
            body.copy(body.stack(x), target, size, buffer)


def _ask(body: Body, rounds: RoundPlan) -> None:
    """Look at the caller from time to time: when about as much was done as other loops do between two looks."""
    b, label = body.builder, f"A{body.number()}"
    work = b.emit(f"fadd double {body.shared_number(rounds.work)}, {b.constant(float(len(rounds.program)))}")
    for batch, count in Counter(batch for _, _, batch in rounds.program.instructions if batch != SHARED).items():
        at = b.emit(f"getelementptr i64, ptr %context, i64 {rounds.layout.batch(batch)}")
        samples = b.emit(f"sitofp i64 {b.emit(f'load i64, ptr {at}')} to double")
        done = b.emit(f"fmul double {samples}, {b.constant(count / rounds.layout.width)}")
        work = b.emit(f"fadd double {work}, {done}")
    asks = b.emit(f"fcmp ogt double {work}, {b.constant(float(POLLED))}")
    left = b.emit(f"select i1 {asks}, double {b.constant(0.0)}, double {work}")
    _set(body, rounds.work, left)
    b.lines += [f"br i1 {asks}, label %{label}, label %{label}.on", f"{label}:"]
    b.declarations.add(ASK)
    b.emit("call i1 @ask(ptr %context)")
    b.lines += [f"br label %{label}.on", f"{label}.on:"]
    body.label = f"{label}.on"
