"""Numbering: the tape of a trace as a Record, in which nodes have numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from autograd.copies import restored
from autograd.engine import Value, read, topological, unwind
from autograd.modes import mode_of_this_thread
from autograd.primitive import Primitive
from autograd.primitives import sum
from autograd.program.record import Array, Guard, Record
from autograd.program.recorder import Recorder

__all__ = ["record_of"]


def record_of(
    tape: Recorder, inputs: Sequence[Value], known: Sequence[Value], results: Sequence[Any]
) -> tuple[Record, list[Value]]:
    """The record of a trace, and the leaves that its parameters are: those that are known, each once, then others.

    inputs: the Values in the arguments. results: Values and numbers that the function returned.
    """
    operands = [x for question in tape.questions for x in question.operands]
    nodes = _Nodes.of(known, inputs, tape, [x if isinstance(x, Value) else float(x) for x in (*operands, *results)])
    constants, numbers = nodes.numbers
    end = int(nodes.start[-2])  # of the arguments that operations have
    asked = numbers[nodes.args[end:]]
    of_guards = iter(asked.tolist())
    of_input = {value: i for i, value in enumerate(inputs)} if tape.bounds else {}
    record = Record(
        constants=constants,
        n_parameters=len(nodes.leaves),
        n_inputs=len(inputs),
        primitives=nodes.primitives,
        op=nodes.op[nodes.is_operation],
        start=np.append(nodes.start[:-1][nodes.is_operation], end),
        args=numbers[nodes.args[:end]],
        outputs=asked[len(operands) :],
        guards=tuple(
            Guard(q.sign, tuple(islice(of_guards, len(q.operands))), q.outcome, q.primitive) for q in tape.questions
        ),
        bounds=tuple((of_input[value], length) for value, length in tape.bounds),
    )
    return record, nodes.leaves


@dataclass(frozen=True, eq=False)
class _Nodes:
    """The Values of a trace, as `unwind` tells what they were made of.

    listed: parameters that are known, `n_known` of them; inputs, `n_inputs`; what was computed before the trace, with
    its leaves; from `tape` on, what the function made; and last a node that is not the function's, whose arguments are
    all that is asked for, so that these are found with the others. others: leaves besides.
    """

    n_known: int
    n_inputs: int
    tape: int
    listed: list[Value]
    found: list[Primitive]
    op: Array
    start: Array
    args: Array
    others: list[Value]
    floats: Array

    @staticmethod
    def of(known: Sequence[Value], inputs: Sequence[Value], tape: Sequence[Value], asked: Sequence[Any]) -> _Nodes:
        """asked: Values and floats."""
        with mode_of_this_thread(None):
            made = [*tape, restored(0.0, "", None, sum, tuple(asked))]
        given = [*known, *inputs]
        found = unwind([*given, *made])
        if any(value.args for value in found[4]):  # computed before the trace: it brings the graph that it came from
            known_ones = {*given, *made}
            before = dict.fromkeys(part for value in found[4] for part in topological(value))
            given += [value for value in before if value not in known_ones]
            found = unwind([*given, *made])
        return _Nodes(len(known), len(inputs), len(given), [*given, *made], *found)

    @property
    def primitives(self) -> tuple[Primitive, ...]:
        """Those that the operations are of; they are numbered as they are met."""
        return tuple(self.found[: self.op[:-1].max(initial=-1) + 1])

    @cached_property
    def is_operation(self) -> Array:
        """Whether each listed Value is one."""
        return np.append(self.op[:-1] >= 0, False)

    @cached_property
    def early(self) -> Array:
        """Leaves that were there before the trace, and lead to what was computed then: places in the list."""
        first = self.n_known + self.n_inputs
        return first + np.flatnonzero(self.op[first : self.tape] < 0)

    @cached_property
    def leaves(self) -> list[Value]:
        """The parameters."""
        return [*self.listed[: self.n_known], *self.others, *(self.listed[i] for i in self.early.tolist())]

    @cached_property
    def numbers(self) -> tuple[Array, Array]:
        """The constants; and the number in the record of each listed Value, each other one, and each float, backwards,
        as the arguments tell them.
        """
        born = self.tape + np.flatnonzero(self.op[self.tape :] < 0)  # leaves that the function made are constants
        values = np.concatenate([self.floats, read([self.listed[i] for i in born.tolist()], "data")])
        bits, at = np.unique(values.view(np.int64), return_inverse=True)  # equal by bits: 0.0 and -0.0 are two
        n_floats, n_listed, n_others = len(self.floats), len(self.listed), len(self.others)
        number = np.empty(n_listed + n_others + n_floats, dtype=np.int64)
        number[n_listed + n_others :] = at[:n_floats][::-1]
        number[born] = at[n_floats:]
        known, inputs = np.split(np.arange(self.n_known + self.n_inputs), [self.n_known])
        others = np.arange(n_listed, n_listed + n_others)
        rest = np.concatenate([known, others, self.early, inputs, np.flatnonzero(self.is_operation)])
        number[rest] = len(bits) + np.arange(len(rest))
        return bits.view(np.float64), number
