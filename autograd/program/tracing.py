"""Trace: run a function once, on Values that watch, and write down what it did.

The function runs as it always does; this thread's tape keeps every Value it makes, in order. What the numbers decide
(`if x > 0`) becomes a guard; what would take a number out of the record (`x.data`) is refused, because a program could
not follow it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from autograd.engine import Value
from autograd.modes import mode_of_this_thread, no_grad
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


def trace_path(
    f: Callable[..., Any],
    make: Callable[[], tuple[Any, list[Value]]],
    plain: Callable[[], Any],
    known: Sequence[Value],
) -> Run:
    """Run `f`, twice, and once on plain numbers, and record the path it takes. Raises TraceError if it is not the same
    each time.

    make: returns what f is called with, and the Values in it, in order. plain: returns the same with plain numbers.
    known: Values that are parameters whether or not f uses them, each once; leaves that f uses besides follow.
    """
    first, nodes = _traced(f, make, known)
    check(first.record)
    nothing_kept(f, make, nodes)
    del nodes
    again = trace_once(f, make, known)
    with draws(f) as drawn:
        found = _on_plain(f, plain)
        if found is None:  # it needs Values, for their methods
            trace_once(f, make, known)
    if drawn:
        with draws(f) as once_more:
            trace_once(f, make, known)
        # One of its own, made anew in each call, always draws the same.
        if any(x is y for x in drawn for y in once_more):
            raise TraceError(
                "the traced function draws random numbers, which a program would not draw again: "
                "draw them outside, and pass them as arguments"
            )
    same_leaves = len(first.leaves) == len(again.leaves) and all(map(operator.is_, first.leaves, again.leaves))
    if first.record != again.record or not same(first.tree, again.tree) or not same_leaves:
        raise TraceError(
            "the traced function does not compute the same thing twice: is there randomness, a clock or a counter in "
            "it? Take such numbers outside, and pass them as arguments"
        )
    if found is not None:
        _compare(first, *found)
    return first


def trace_once(f: Callable[..., Any], make: Callable[[], tuple[Any, list[Value]]], known: Sequence[Value]) -> Run:
    """The same of one run of `f`."""
    return _traced(f, make, known)[0]


def _traced(
    f: Callable[..., Any], make: Callable[[], tuple[Any, list[Value]]], known: Sequence[Value]
) -> tuple[Run, list[Value]]:
    """The same, and the Values of the run, which nobody else should hold now."""
    tape = Recorder()
    arguments, inputs = make()
    with mode_of_this_thread(tape):
        result = f(*arguments)
    flat: list[Any] = []
    tree = _flatten(result, flat)
    record, leaves = record_of(tape, inputs, known, flat)
    numbers = [getattr(x, "_number", x) for x in flat]
    del result, arguments
    flat.clear()
    tape.questions.clear()
    tape.bounds.clear()
    nodes = [*inputs, *tape]
    inputs.clear()
    tape.clear()
    return Run(record, leaves, tree, numbers), nodes


def _on_plain(f: Callable[..., Any], plain: Callable[[], Any]) -> tuple[Any, list[float]] | None:
    """What f returns for plain numbers, with places where numbers are, and these; None if it does not work on them."""
    flat: list[Any] = []
    try:
        with mode_of_this_thread(None), no_grad():
            tree = _flatten(f(*plain()), flat)
    except Exception:
        return None
    return tree, [getattr(x, "_number", x) for x in flat]


def _compare(run: Run, tree: Any, numbers: list[float]) -> None:
    """Raise TraceError if the function found something else on plain numbers than on Values."""
    if not same(tree, run.tree) or not np.allclose(numbers, run.numbers, rtol=1e-6, atol=1e-12, equal_nan=True):
        one = len(numbers) == 1
        raise TraceError(
            f"the traced function finds {numbers[0] if one else numbers} on plain numbers, but "
            f"{run.numbers[0] if one else run.numbers} on Values: does it tell them apart, "
            "by their type, by `is` or by a set or dict of them?"[:600]
        )


def _flatten(result: Any, flat: list[Any]) -> Any:
    """The numbers in `result` appended to `flat`, and the same tree with their places instead."""

    def placed(part: Any) -> Any:
        if is_array(part):
            places = [placed(x) for x in plain_array(part).ravel().tolist()]
            return np.array(places, dtype=int).reshape(part.shape) if part.shape else places[0]
        if isinstance(part, Index):
            part = part.value
        if not isinstance(part, Value | Real):
            raise TraceError(
                f"trace: the function must return numbers, or lists, tuples and dicts of them, dataclasses or arrays, "
                f"got {part!r:.200}"
            )
        flat.append(part if isinstance(part, Value) else float(part))
        return len(flat) - 1

    return map_leaves(placed, result, lambda part: is_number(part) or is_array(part))
