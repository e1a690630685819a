"""exercise_sheet: exercises as one HTML page without a server, which grades, gives hints and prints; as a notebook; and
on paper, with the solutions apart."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from string import Template

from autograd_engine.explanations import exercise as grading
from autograd_engine.explanations import mathml, mistakes
from autograd_engine.explanations.exercise import Exercise
from autograd_engine.explanations.notation import plain_number
from autograd_engine.explanations.tasks import DIGITS, Blank
from autograd_engine.files import as_path, write_atomically
from autograd_engine.interactive.javascript import file_text, literal
from autograd_engine.interactive.printing import printed

__all__ = ["exercise_sheet"]

Exercises = Exercise | Sequence[Exercise]


def exercise_sheet(
    exercises: Exercises | Callable[[int], Exercises],
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "Exercises",
    seeds: Iterable[int] = range(10),
) -> str:
    """Exercises as the text of one HTML page, which needs nothing but a browser; also written to `path`.

    The page takes numbers, with a point or a comma, and names the mistake behind a wrong one; gives hints in steps;
    counts what is right; and has the solutions in a view of their own, which prints apart from the tasks. If
    `exercises` is a function of a seed, the page holds a sheet for each of `seeds`, and its address says which one is
    shown, `sheet.html#seed=3`, with `&view=solutions` for its solutions. (Who reads the source of the page finds the
    answers in it.)

    The ending of `path` may ask for something else. A notebook, `sheet.ipynb`, has a cell for the answers to each
    exercise and its solution folded below. For paper, `sheet.pdf` has the tasks and `sheet-solutions.pdf` the
    solutions; Chrome, Chromium or Edge prints them. Both have the sheets of all `seeds` one after the other.

    Raises TypeError for anything but exercises, ValueError where there are none or seeds are not whole numbers,
    OSError where the file cannot be written, and RuntimeError for a PDF where no such browser is installed.

    >>> from autograd_engine import Value, exercise
    >>> def sheet(seed):
    ...     x = Value(2.0 + seed, "x")
    ...     return [exercise(x**2 + x, x), exercise((3 * x).sin(), x)]
    >>> page = exercise_sheet(sheet, title="The chain rule", seeds=range(3))
    >>> page.count("<template"), "src=" in page
    (3, False)
    """
    seeds = list(seeds) if callable(exercises) else [0]
    if not all(isinstance(seed, int) for seed in seeds):
        raise ValueError(f"seeds are whole numbers, got {seeds!r:.60}")
    sheets = {seed: _checked(exercises(seed) if callable(exercises) else exercises) for seed in seeds}
    if not sheets or not all(sheets.values()):
        raise ValueError("a sheet has at least one seed and one exercise")
    data = {
        "sheets": [[list(map(_data, task.blanks)) for task in sheet] for sheet in sheets.values()],
        **{"reasons": mistakes.REASONS, "comma": grading.COMMA, "thousands": grading.THOUSANDS},
        **{"tolerance": mistakes.TOLERANCE, "exact": mistakes.EXACT},
    }
    page = Template(file_text("sheet.html")).substitute(
        title=html.escape(title),
        style=_style(),
        script=file_text("sheet.js"),
        sheets="\n".join(f'<template data-seed="{seed}">{_sheet(sheet)}</template>' for seed, sheet in sheets.items()),
        data=literal(data),
    )
    if path is not None:
        path = as_path(path)
        ending = path.suffix.lower()
        if ending == ".pdf":
            tasks, solutions = (printed(_on_paper(title, sheets, solved)) for solved in (False, True))
            write_atomically(path, tasks)
            write_atomically(path.with_stem(f"{path.stem}-solutions"), solutions)
        else:
            write_atomically(path, (_notebook(title, sheets) if ending == ".ipynb" else page).encode())
    return page


def _checked(exercises: Exercises) -> list[Exercise]:
    found = [exercises] if isinstance(exercises, Exercise) else list(exercises)
    for one in found:
        if not isinstance(one, Exercise):
            raise TypeError(f"exercise_sheet() takes Exercises, got {type(one).__name__}: {one!r:.60}")
    return found


def _notebook(title: str, sheets: Mapping[int, Sequence[Exercise]]) -> str:
    """The sheets as a notebook (format 4), whose cells of code stand for themselves."""
    cells = [_markdown(f"# {title}")]
    for seed, sheet in sheets.items():
        cells += [_markdown(f"## Seed {seed}")] if len(sheets) > 1 else []
        for number, task in enumerate(sheet, start=1):
            answers = _answers(task).replace("<b>", "**").replace("</b>", "**")
            folded = f"<details><summary>Solution</summary>\n\n{task.solution}\n\n{answers}\n\n</details>"
            cells += [_markdown(f"### {number}."), *task.to_cells(), _markdown(folded)]
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": python, "language_info": {"name": "python"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _markdown(source: str) -> dict[str, object]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _on_paper(title: str, sheets: Mapping[int, Sequence[Exercise]], solved: bool) -> str:
    """The sheets as a page without a script, each from the top of a page of paper."""
    what = html.escape(("Solutions: " if solved else "") + title)
    parts = []
    for seed, sheet in sheets.items():
        of = f'<span id="seed">Seed {seed}</span>' if len(sheets) > 1 else ""
        parts.append(f"<article><header><h1>{what}</h1>{of}</header>{_sheet(sheet)}</article>")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{what}</title><style>{_style()}</style>'
        f"<body{' class=solved' if solved else ''}>{''.join(parts)}</body></html>"
    )


def _style() -> str:
    return mathml.STYLE + file_text("sheet.css")


def _data(blank: Blank) -> dict[str, object]:
    hints = list(map(mathml.line, blank.hints_markdown or blank.hints))
    return {"answer": blank.answer, "mistakes": blank.mistakes, "hints": hints}


def _sheet(tasks: Sequence[Exercise]) -> str:
    return "".join(
        f"<section><h2>{number}.</h2>"
        f'<div class="task">{mathml.page(task.markdown)}{"".join(map(_answer, task.blanks))}</div>'
        f'<div class="solution">{mathml.page(task.solution)}<p>{_answers(task)}</p></div></section>'
        for number, task in enumerate(tasks, start=1)
    )


def _answers(task: Exercise) -> str:
    return ", ".join(f"<b>{blank.name}</b> = {plain_number(blank.answer, DIGITS)}" for blank in task.blanks)


def _answer(blank: Blank) -> str:
    name, asked = html.escape(f"{blank.name}: {blank.asks_for} ="), mathml.line(blank.markdown or blank.asks_for)
    return (
        f'<div class="answer"><label><b>{blank.name}</b> <span class="asked">{asked} =</span>'
        f'<input autocomplete="off" spellcheck="false" inputmode="text" aria-label="{name}"></label>'
        '<button class="check">Check</button><button class="hint">Hint</button>'
        '<span class="verdict" role="status"></span><ol></ol></div>'
    )
