"""Node: a program as a primitive. Given Values it returns a Value, whose partial derivatives the program computes.

Where the program's own nodes are asked for, by a trace around it, by a derivative that is to be differentiated again or
by a program of several results, the record is run on the Values instead, operation by operation.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.engine import Value, gradients
from autograd.engine import record as make
from autograd.modes import mode_of_this_thread, modes
from autograd.primitive import DomainError, Primitive
from autograd.primitives import identity
from autograd.program.bind import Wanted
from autograd.program.path import Path
from autograd.program.record import SIGNS, Array, Guard
from autograd.program.recorder import Index, Recorder
from autograd.program.scalar import walk

if TYPE_CHECKING:
    from autograd.program.run import Program

__all__ = ["ProgramRow", "on_values"]


class ProgramRow(Primitive):
    """The row of a program that returns one number: of its inputs, then its parameters, as one list."""

    def __init__(self, program: Program) -> None:
        self.program = program
        super().__init__(
            "program", self._value, self._values, (), rule=self._slopes, public=False,
            formula=("a traced function", "its derivative"),
        )  # fmt: skip

    def _value(self, xs: Sequence[float]) -> float:
        outputs, _, _ = self._run(xs, Wanted())
        return float(outputs[self.program.tree, 0])

    def _run(self, xs: Sequence[float], wanted: Wanted) -> tuple[Array, Any, Any]:
        program, width = self.program, self.program.width
        row = np.asarray(xs[:width], dtype=float)
        with mode_of_this_thread(None), program.holding(xs[width:]):
            return program.run_rows(row[None], wanted)

    def _slopes(self, xs: Sequence[Any], y: Any) -> list[Any]:
        if any(isinstance(x, np.ndarray) for x in xs):
            columns = [x.ravel().tolist() for x in np.broadcast_arrays(*xs)]
            found = [self._slopes(row, None) for row in zip(*columns, strict=True)]
            return [np.reshape(column, np.shape(y)) for column in zip(*found, strict=True)]
        if any(isinstance(x, Value) for x in xs):
            return self._recorded_slopes(xs)
        try:
            _, by_parameters, by_inputs = self._run(xs, Wanted(True, True))
        except DomainError:
            return self._recorded_slopes(xs)  # one by one: perhaps those that are needed exist
        return [*by_inputs[0].tolist(), *by_parameters.tolist()]

    def _recorded_slopes(self, xs: Sequence[Any]) -> list[Any]:
        """The partials by running the record: Values where `xs` are, nan where there is none."""
        recorded = any(isinstance(x, Value) for x in xs)
        variables = [make(identity, (x,)) if recorded == isinstance(x, Value) else x for x in xs]
        width = self.program.width
        with self.program.holding([_number(x) for x in xs[width:]]):
            path = self.program.path_of([_number(x) for x in xs[:width]])
        y = _replayed(path, variables[:width], variables[width:], guarded=False)[0]
        found = [math.nan] * len(xs)
        for i, x in enumerate(variables):
            if not isinstance(x, Value) or not isinstance(y, Value):
                found[i] = 0.0
                continue
            with suppress(DomainError):
                found[i] = gradients(y, [x], recorded=recorded)[0]
        return found

    def _values(self, xs: Sequence[Array]) -> Array:
        columns = [x.ravel().tolist() for x in np.broadcast_arrays(*xs)]
        found = [self._value(row) for row in zip(*columns, strict=True)]
        return np.reshape(found, np.broadcast_shapes(*map(np.shape, xs)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _row_of, (self.program,)

    def __deepcopy__(self, memo: Any) -> ProgramRow:
        return self


def _row_of(program: Program) -> ProgramRow:
    return program.row


def _number(x: Any) -> float:
    return float(getattr(x, "_number", x))


def on_values(program: Program, rows: Sequence[Sequence[Any]]) -> Array:
    """What the program returns for each row of inputs, Values and numbers: an array of objects (result, row)."""
    parameters = program.parameter_values()
    outputs = [_one(program, row, parameters) for row in rows]
    found = np.empty((len(outputs[0]), len(outputs)), dtype=object)
    for i, column in enumerate(outputs):
        found[:, i] = column
    return found


def _one(program: Program, row: Sequence[Any], parameters: list[Any]) -> list[Any]:
    inputs = [x.value if isinstance(x, Index) else x for x in row]
    tape = modes.get(threading.get_ident())
    if isinstance(program.tree, int) and not isinstance(tape, Recorder):
        return [make(program.row, [*inputs, *parameters])]
    with mode_of_this_thread(None):
        path = program.path_of([_number(x) for x in inputs])
    if isinstance(tape, Recorder):
        for place, length in path.record.bounds:
            if isinstance(row[place], Index):
                tape.bounds[inputs[place], length] = None
    return _replayed(path, inputs, parameters, guarded=isinstance(tape, Recorder))


def _replayed(path: Path, inputs: Sequence[Any], parameters: Sequence[Any], guarded: bool) -> list[Any]:
    """The outputs of the path's record at Values and numbers. guarded: ask, too, what the function asked on its way."""
    nodes = walk(path.record, [*parameters, *map(float, path.frozen), *inputs], make, _ask if guarded else None)
    return [nodes[i] for i in path.record.outputs.tolist()]


def _ask(number: int, guard: Guard, operands: list[Any]) -> None:
    """Compare, or compute what has no value, as the function did: a trace takes it down as a guard of its own."""
    if guard.primitive is None:
        SIGNS[guard.sign](*operands)
    else:
        with suppress(DomainError):
            make(guard.primitive, operands)
