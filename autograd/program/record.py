"""The record: a traced function as plain data, one entry per scalar operation; and the obvious way to run it.

Nodes are numbered: constants first, then parameters, then inputs, then operations in the order in which they were made,
so that arguments come before results.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd.engine import Value, gradients
from autograd.engine import record as make
from autograd.modes import mode_of_this_thread
from autograd.primitive import DomainError, Primitive
from autograd.tree import parts_of
from autograd.value import evaluate

__all__ = ["FAILS", "Array", "Guard", "Record", "follows", "narrow", "replay", "same"]

Array = NDArray[Any]
SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}


FAILS = "has no value"


@dataclass(frozen=True)
class Guard:
    """What decided over the path that the function took.

    A comparison: on this path, `args[0] sign args[1]` is `outcome`. Or an operation that has no value here, where the
    function caught the error: `primitive` of `args`, and the sign is FAILS. args: node numbers.
    """

    sign: str
    args: tuple[int, ...]
    outcome: bool
    primitive: Primitive | None = None


@dataclass(frozen=True, eq=False)
class Record:
    """One path through the function.

    constants: their values. n_parameters, n_inputs: how many there are.
    primitives: those that occur. op: per operation, its place in `primitives`. start, args: operation k, the node
    number `first + k`, has the arguments `args[start[k]:start[k + 1]]`, node numbers.
    outputs: node numbers. guards: in the order in which they were asked.
    bounds: pairs of an input that is an index and the length of a table that it is an index into.
    """

    constants: Array
    n_parameters: int
    n_inputs: int
    primitives: tuple[Primitive, ...]
    op: Array
    start: Array
    args: Array
    outputs: Array
    guards: tuple[Guard, ...] = ()
    bounds: tuple[tuple[int, int], ...] = ()

    @property
    def first_input(self) -> int:
        """The number of the first input; parameters stand before it."""
        return len(self.constants) + self.n_parameters

    @property
    def first(self) -> int:
        """The number of the first operation."""
        return self.first_input + self.n_inputs

    def __len__(self) -> int:
        """How many nodes there are, leaves included."""
        return self.first + len(self.op)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and same(vars(self), vars(other))

    __hash__ = None  # type: ignore[assignment]  # it holds arrays


def same(x1: Any, x2: Any) -> bool:
    """Whether two pieces of plain data are equal, arrays to the bit."""
    if isinstance(x1, np.ndarray):
        return (
            isinstance(x2, np.ndarray)
            and x1.dtype == x2.dtype
            and x1.shape == x2.shape
            and x1.tobytes() == x2.tobytes()
        )
    parts = None if isinstance(x1, Guard) else parts_of(x1)
    if parts is None:
        return bool(x1 == x2)
    theirs = parts_of(x2) if type(x1) is type(x2) else None
    if theirs is None or len(parts) != len(theirs):
        return False
    return all(k1 == k2 and same(part1, part2) for (k1, part1), (k2, part2) in zip(parts, theirs, strict=True))


def narrow(x: Any, dtype: Any) -> tuple[Array, Array]:
    """x as numbers of a type, and which of them are infinite now because they are too large for it."""
    with np.errstate(over="ignore"):
        found = np.asarray(x).astype(dtype)
    return found, np.isinf(found) & np.isfinite(x)


def replay(
    record: Record,
    parameters: Array,
    inputs: Array,
    seed: float | None = None,
    place: str = "",
    wanted: tuple[bool, bool] = (True, True),
) -> tuple[list[float], list[float], list[float]]:
    """The record on one example, operation by operation on Values: slow, and right by construction.

    parameters, inputs: vectors of floats. seed: the cotangent of the first output; None: no derivatives are wanted.
    wanted: whether those by parameters, and those by inputs; the others are 0, and need not exist.
    Returns the outputs, and the gradient of the first one by parameters and by inputs, times the seed. Raises
    DomainError where the function itself would; `place` says there which example it was.
    """
    leaves = [Value(x) for x in [*parameters.tolist(), *inputs.tolist()]]
    nodes: list[Any] = [*record.constants.tolist(), *leaves]
    starts, args = record.start.tolist(), record.args.tolist()
    try:
        with mode_of_this_thread(None):
            for k, op in enumerate(record.op.tolist()):
                nodes.append(make(record.primitives[op], [nodes[i] for i in args[starts[k] : starts[k + 1]]]))
            outputs = [nodes[i] for i in record.outputs.tolist()]
            slopes = [0.0] * len(leaves)
            if seed is not None and isinstance(outputs[0], Value):
                by = [i for i in range(len(leaves)) if wanted[i >= record.n_parameters]]
                for i, slope in zip(by, gradients(outputs[0], [leaves[i] for i in by], seed), strict=True):
                    slopes[i] = slope
    except DomainError as error:
        raise type(error)(f"{error}{place}") from None
    numbers = [y.data if isinstance(y, Value) else y for y in outputs]
    return numbers, slopes[: record.n_parameters], slopes[record.n_parameters :]


def follows(record: Record, parameters: Array, inputs: Array, whole: bool = False) -> bool:
    """Whether an example takes this path: the obvious way to ask, guard by guard, as the function did.

    Nodes are in the order in which they were made, so only what the function had computed by then is computed here. An
    operation that has no value is not on the path. whole: whether all operations are asked for one.
    """
    nodes: list[Any] = [*record.constants.tolist(), *parameters.tolist(), *inputs.tolist()]
    starts, args, ops = record.start.tolist(), record.args.tolist(), record.op.tolist()

    def value(primitive: Primitive, operands: list[float]) -> float | None:
        try:
            return evaluate(primitive, operands, operands)
        except DomainError:
            return None

    def has_values(end: int) -> bool:
        for k in range(len(nodes) - record.first, end):
            y = value(record.primitives[ops[k]], [nodes[i] for i in args[starts[k] : starts[k + 1]]])
            if y is None:
                return False
            nodes.append(y)
        return True

    for guard in record.guards:
        if not has_values(max(guard.args) + 1 - record.first):
            return False
        operands = [nodes[i] for i in guard.args]
        if guard.primitive is not None:
            outcome = value(guard.primitive, operands) is None
        else:
            outcome = bool(SIGNS[guard.sign](*operands))
        if outcome != guard.outcome:
            return False
    return not whole or has_values(len(ops))
