"""The command `exercises`: sheets of exercises on a topic of the course or on a formula, which grade themselves."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter

from autograd_engine.explanations.exercise import Exercise, exercise
from autograd_engine.expressions import parse
from nn.command_line.assignments import choices, computed
from nn.command_line.options import RESULTS, CommandError, at_least
from nn.command_line.output import check_ending, console
from nn.command_line.topics import TOPICS, Tasks, Topic, leaves

Count = Annotated[int, at_least(1)]
Word: TypeAlias = Literal[tuple(TOPICS)] | str  # type: ignore[valid-type]  # a shell completes the topics


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ExercisesOptions:
    """The options of `exercises`."""

    sheets: Count = 10
    """How many sheets, each with numbers of its own: one for each student, say."""
    seed: Annotated[int, at_least(0)] = 0
    """Seed of the first sheet; the next ones count on. The same seed makes the same sheet."""
    blanks: Count | None = None
    """How many numbers of each derivation are left blank (default: one to three, as suits it)."""
    title: str | None = None
    """Title of the sheets (default: that of the topics)."""
    out: Annotated[Path, RESULTS] = Path("exercises.html")
    """File to write: a page for the browser (.html), a notebook (.ipynb), or paper with the solutions apart (.pdf)."""


def exercises(
    what: Annotated[Word, Parameter(allow_leading_hyphen=True, show_choices=False)],
    /,
    *more: Annotated[Word, Parameter(show_choices=False)],
    options: ExercisesOptions | None = None,
) -> None:
    """Make sheets of exercises in the chain rule, which grade answers, name mistakes and give hints.

    Parameters
    ----------
    what
        A topic: neuron, cost, chain, surface, paths, xor, descent or graphs, as in the course. Or a formula, such as
        "sigmoid(w*x + b)", whose derivative with respect to each variable is asked for.
    more
        More topics; or for a formula the numbers of each variable to choose from, such as w=0.5,1 x=2 b=-1,0,1.
    """
    options = options or ExercisesOptions()
    check_ending("--out", options.out, (".html", ".htm", ".ipynb", ".pdf"))
    topics = _topics((what, *more))
    from autograd_engine import exercise_sheet  # here, because only this needs it

    seeds = range(options.seed, options.seed + options.sheets)
    title = ", ".join(topic.title for topic in topics) if options.title is None else options.title
    try:
        exercise_sheet(partial(_sheet, topics, options.blanks), options.out, title=title, seeds=seeds)
    except RuntimeError as error:  # there is no browser that prints
        raise CommandError(f"--out {options.out}: {error}") from None
    screen = console()
    screen.print(f"Written: {options.out}")
    if options.out.suffix.lower() == ".pdf":
        screen.print(f"Written: {options.out.with_stem(f'{options.out.stem}-solutions')}")
    if options.out.suffix.lower() in (".html", ".htm"):
        screen.print(f"Open it in a browser; {options.out.name}#seed={seeds[-1]} is the last of {len(seeds)} sheets.")


def _topics(what: tuple[str, ...]) -> list[Topic]:
    others = [name for name in what if name not in TOPICS]
    if not others:
        return [TOPICS[name] for name in what]
    if len(others) < len(what) or (what[0].isidentifier() and len(what) == 1):
        raise CommandError(f"{others[0]!r} is no topic; there are {', '.join(TOPICS)}, or a formula and its numbers")
    return [_formula(what[0], what[1:])]


def _formula(formula: str, values: tuple[str, ...]) -> Topic:
    """The topic that a formula is."""
    expression = parse(formula)
    numbers = choices(expression, values, what="value", to="differentiate")

    def draw(random: Random) -> Tasks:
        variables = dict(zip(numbers, leaves(random, **numbers)))
        out = computed(expression, variables)
        if not out.op:
            raise CommandError(
                f"the formula {expression.text!r} is a variable: there is no derivation to leave blanks in"
            )
        out.label = "out" if "out" not in variables else "result"
        return [(out, variable, None) for variable in variables.values()]

    return Topic("Exercises", draw)


def _sheet(topics: list[Topic], blanks: int | None, seed: int) -> list[Exercise]:
    tasks = [task for topic in topics for task in topic.draw(Random(seed))]
    try:
        return [exercise(out, wrt, blanks=blanks or usual, seed=seed) for out, wrt, usual in tasks]
    except ValueError as error:
        raise CommandError(f"the sheet with seed {seed}: {error}") from None
