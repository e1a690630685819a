"""Functions given to cond, while_loop, fori_loop and scan: they are traced once, and may run any number of times.

What such a function changes in place would be changed once. It is refused, or a straight line runs it as often as it
counts. New keys of a dict with plain things are no change: they are kept to be computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_engine.compiler.statements.contents import Contents, content, described
from autograd_engine.compiler.trace.errors import user_line
from autograd_engine.compiler.trace.recorder import Recorder
from autograd_engine.compiler.trace.traced import Traced, refusal
from autograd_engine.structure import leaves_of


class PureRecorder(Recorder):
    """Records the branches and loops of one trace, of functions that change nothing outside of them."""

    def cond(self, pred: Traced, if_true: Any, if_false: Any, operands: tuple[Any, ...]) -> Any:
        """Both branches. Raises TraceError if one changes something."""
        return _recorded("cond", (if_true, if_false), lambda: Recorder.cond(self, pred, if_true, if_false, operands))

    def while_loop(self, cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
        """A loop as long as a condition holds. Raises TraceError if a round changes something."""
        return _recorded("while_loop", (cond, body), lambda: Recorder.while_loop(self, cond, body, init))

    def fori_loop(self, lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any) -> Any:
        """A counted loop. Raises TraceError if a round changes something, and it is not known how many there are."""
        is_known = not isinstance(upper - lower, Traced)
        return _recorded(
            "fori_loop", (body,), lambda: Recorder.fori_loop(self, lower, upper, body, init), unrolls=is_known
        )

    def scan(self, step: Callable[[Any, Any], Any], init: Any, xs: Any, length: int, reverse: bool) -> Any:
        """A loop that reads entries of arrays, unless a round changes something."""
        return _recorded("scan", (step,), lambda: Recorder.scan(self, step, init, xs, length, reverse), unrolls=True)


def _recorded(
    caller: str, functions: Sequence[Callable[..., Any]], record: Callable[[], Any], unrolls: bool = False
) -> Any:
    """What is recorded of some functions; NotImplemented, or an error, if they change something."""
    contents = Contents((), (), functions)
    try:
        result = record()
    finally:
        changes = [x for x, now in contents.taken().values() if not _is_kept(x, now)]
    if changes and not unrolls:
        raise refusal(
            f"{user_line()}: a function that is given to {caller}() changes {described(changes[0])} in place, and runs "
            "only while it is traced; let it return what changes"
        )
    return NotImplemented if changes else result


def _is_kept(container: Any, now: Any) -> bool:
    """Whether what is new in a dict are plain things under new keys. They stay."""
    before = content(container)
    if not isinstance(container, dict) or any(key not in now or now[key] is not before[key] for key in before):
        return False
    new = {key: x for key, x in now.items() if key not in before}
    if any(isinstance(leaf, Traced) for leaf in leaves_of(list(new.values()))):
        return False
    container.update(new)
    return True
