"""Trace: run a function once, on Values that watch, and write down what it did.

The function runs as it always does; this thread's tape keeps every Value it makes, in order. What the numbers decide
(`if x > 0`) becomes a guard; what would take a number out of the record (`x.data`) is refused, because a program could
not follow it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from autograd.engine import Value
from autograd.modes import mode_of_this_thread, no_grad
from autograd.program.arguments import Example
from autograd.program.draws import draws
from autograd.program.kept import nothing_kept
from autograd.program.numbering import record_of
from autograd.program.record import Record, same
from autograd.program.recorder import Index, Recorder, TraceError
from autograd.program.spec import check
from autograd.tree import is_array, is_number, map_leaves, plain_array

__all__ = ["Run", "trace_once", "trace_path"]


class Run(NamedTuple):
    """What one run of a function left: the record; the leaves that its parameters are, in order; what it returned, with
    a place among the outputs of the record where a number was; and these numbers.
    """

    record: Record
    leaves: list[Value]
    tree: Any
    numbers: list[float]


def trace_path(f: Callable[..., Any], example: Example, known: Sequence[Value]) -> Run:
    """Run `f`, twice, and once on plain numbers, and record the path it takes. Raises TraceError if it is not the same
    each time.

    known: Values that are parameters whether or not f uses them, each once; leaves that f uses besides follow.
    """
    first, nodes = _traced(f, example, known)
    check(first.record)
    nothing_kept(f, example, nodes)
    del nodes
    again = trace_once(f, example, known)
    found = _without_draws(f, example, known)
    same_leaves = len(first.leaves) == len(again.leaves) and all(map(operator.is_, first.leaves, again.leaves))
    if first.record != again.record or not same(first.tree, again.tree) or not same_leaves:
        raise TraceError(
            "the traced function does not compute the same thing twice: is there randomness, a clock or a counter in "
            "it? Take such numbers outside, and pass them as arguments"
        )
    if found is not None:
        _compare(first, found)
    return first


def trace_once(f: Callable[..., Any], example: Example, known: Sequence[Value]) -> Run:
    """The same of one run of `f`."""
    return _traced(f, example, known)[0]


def _traced(f: Callable[..., Any], example: Example, known: Sequence[Value]) -> tuple[Run, list[Value]]:
    """The same, and the Values of the run, which nobody else should hold now."""
    tape = Recorder()
    arguments, inputs = example.of_values()
    with mode_of_this_thread(tape):
        result = f(*arguments)
    returned = _Returned.of(result)
    record, leaves = record_of(tape, inputs, known, returned.numbers)
    del result, arguments
    nodes = [*inputs, *tape]
    return Run(record, leaves, returned.tree, returned.plain()), nodes


def _without_draws(f: Callable[..., Any], example: Example, known: Sequence[Value]) -> _Returned | None:
    """What f returns for plain numbers; None if it does not work on them. Raises TraceError if it draws at random."""
    with draws(f) as drawn:
        found = _on_plain(f, example)
        if found is None:  # it needs Values, for their methods
            trace_once(f, example, known)
    if drawn:
        with draws(f) as once_more:
            trace_once(f, example, known)
        # One of its own, made anew in each call, always draws the same.
        if any(x is y for x in drawn for y in once_more):
            raise TraceError(
                "the traced function draws random numbers, which a program would not draw again: "
                "draw them outside, and pass them as arguments"
            )
    return found


def _on_plain(f: Callable[..., Any], example: Example) -> _Returned | None:
    try:
        with mode_of_this_thread(None), no_grad():
            return _Returned.of(f(*example.of_numbers()))
    except Exception:
        return None


def _compare(run: Run, found: _Returned) -> None:
    """Raise TraceError if the function found something else on plain numbers than on Values."""
    numbers = found.plain()
    if not same(found.tree, run.tree) or not np.allclose(numbers, run.numbers, rtol=1e-6, atol=1e-12, equal_nan=True):
        one = len(numbers) == 1
        raise TraceError(
            f"the traced function finds {numbers[0] if one else numbers} on plain numbers, but "
            f"{run.numbers[0] if one else run.numbers} on Values: does it tell them apart, "
            "by their type, by `is` or by a set or dict of them?"[:600]
        )


@dataclass(frozen=True)
class _Returned:
    """What a function returned: its numbers, Values or floats, and the same tree with their places instead."""

    numbers: list[Any]
    tree: Any

    @staticmethod
    def of(result: Any) -> _Returned:
        numbers: list[Any] = []
        tree = map_leaves(lambda part: _placed(part, numbers), result, lambda part: is_number(part) or is_array(part))
        return _Returned(numbers, tree)

    def plain(self) -> list[float]:
        """The numbers as floats."""
        return [getattr(x, "_number", x) for x in self.numbers]


def _placed(part: Any, numbers: list[Any]) -> Any:
    """The place of a number, which is appended to `numbers`; of an array, all places."""
    if is_array(part):
        places = [_placed(x, numbers) for x in plain_array(part).ravel().tolist()]
        return np.array(places, dtype=int).reshape(part.shape) if part.shape else places[0]
    if isinstance(part, Index):
        part = part.value
    if not isinstance(part, Value | Real):
        raise TraceError(
            f"trace: the function must return numbers, or lists, tuples and dicts of them, dataclasses or arrays, "
            f"got {part!r:.200}"
        )
    numbers.append(part if isinstance(part, Value) else float(part))
    return len(numbers) - 1
