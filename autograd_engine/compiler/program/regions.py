"""A program divided into straight lines."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


PART = 400
"""Instructions in a part, at most."""


def cut(line: list[T]) -> list[list[T]]:
    """A line of instructions, or of what else becomes one line of code each, in parts of about equal length."""
    count = -(-len(line) // PART)
    return [line[len(line) * k // count : len(line) * (k + 1) // count] for k in range(count)]
