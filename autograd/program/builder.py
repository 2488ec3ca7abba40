"""Builder: writes operations after those of a record, by running the formulas of the table on its nodes.

A partial derivative is written in the table's own words, so running it on Nodes writes down what it does. What is known
already is not written twice: an operation that there is, a number, a factor of 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from numbers import Real
from types import FunctionType
from typing import Any

import numpy as np

from autograd import primitives as table
from autograd.primitive import TABLE, Primitive
from autograd.program.record import Record

__all__ = ["Builder", "NoFormula", "Node", "TooLong"]

LONGEST = 1 << 21  # operations: more take minutes to write, and to roll


class NoFormula(TypeError):
    """A derivative cannot be written as operations: a rule in it is a function of plain numbers."""


class TooLong(ValueError):
    """A derivative would take too many operations."""


class Node:
    """A node of a record that is being written. Comparisons are numbers, 1 or 0: a record has no others."""

    __slots__ = ("builder", "place")

    def __init__(self, builder: Builder, place: int) -> None:
        self.builder = builder
        self.place = place

    def __repr__(self) -> str:
        return f"Node({self.place})"

    @staticmethod
    def __apply_primitive__(primitive: Primitive, args: Sequence[Any]) -> Any:
        return next(arg for arg in args if isinstance(arg, Node)).builder.made(primitive, args)

    def __add__(self, other: Any) -> Any:
        return self.builder.made(table.add, (self, other))

    def __radd__(self, other: Any) -> Any:
        return self.builder.made(table.add, (other, self))

    def __sub__(self, other: Any) -> Any:
        return self.builder.made(table.sub, (self, other))

    def __rsub__(self, other: Any) -> Any:
        return self.builder.made(table.sub, (other, self))

    def __mul__(self, other: Any) -> Any:
        return self.builder.made(table.mul, (self, other))

    def __rmul__(self, other: Any) -> Any:
        return self.builder.made(table.mul, (other, self))

    def __truediv__(self, other: Any) -> Any:
        return self.builder.made(table.div, (self, other))

    def __rtruediv__(self, other: Any) -> Any:
        return self.builder.made(table.div, (other, self))

    def __neg__(self) -> Any:
        return self.builder.made(table.neg, (self,))

    def __abs__(self) -> Any:
        return self.builder.made(table.abs, (self,))

    def __pow__(self, other: Any) -> Any:
        return self.builder.made(table.pow, (self, other))

    def __rpow__(self, other: Any) -> Any:
        return self.builder.made(table.pow, (other, self))

    def __mod__(self, other: Any) -> Any:
        return self.builder.made(table.mod, (self, other))

    def __floordiv__(self, other: Any) -> Any:
        return self.builder.made(table.floordiv, (self, other))

    # The difference of two floats is 0 only if they are equal.

    def __lt__(self, other: Any) -> Any:
        return table.step(other - self)

    def __gt__(self, other: Any) -> Any:
        return table.step(self - other)

    def __le__(self, other: Any) -> Any:
        return 1.0 - (self > other)

    def __ge__(self, other: Any) -> Any:
        return 1.0 - (self < other)

    def __eq__(self, other: object) -> Any:
        return self.builder.made(table.equal, (self, other))

    def __ne__(self, other: object) -> Any:
        return 1.0 - (self == other)

    __hash__ = object.__hash__

    def __or__(self, other: Any) -> Any:
        return self.builder.made(table.maximum, (self, other))

    def __and__(self, other: Any) -> Any:
        return self.builder.made(table.minimum, (self, other))

    __ror__, __rand__ = __or__, __and__

    def __bool__(self) -> bool:
        raise NoFormula("a partial derivative decides by a number with if, and, or or; write where(condition, a, b)")


class Builder:
    """The operations of a record, and those that are written after them.

    A node is known by its place: leaves from 0, parameters first, then inputs; operations after them; constants are
    negative, from -1 downwards.

    ops: of each operation the row and the places of its arguments. n_inputs: those of the record, and `more`.
    longest: how many operations there may be.
    """

    def __init__(self, record: Record, more: int = 0) -> None:
        self.n_parameters = record.n_parameters
        self.n_inputs = record.n_inputs + more
        self.n_leaves = self.n_parameters + self.n_inputs
        self.constants: list[float] = []
        self.ops: list[tuple[Primitive, tuple[int, ...]]] = []
        self._places: dict[tuple[Primitive, tuple[int, ...]], int] = {}
        self._numbers: dict[float | str, int] = {}
        self._moved = [self.constant(x) for x in record.constants.tolist()]
        self._moved += range(record.first - len(record.constants))
        self._moved += range(self.n_leaves, self.n_leaves + len(record.op))
        starts, args = record.start.tolist(), [self._moved[i] for i in record.args.tolist()]
        for k, op in enumerate(record.op.tolist()):
            operation = record.primitives[op], tuple(args[starts[k] : starts[k + 1]])
            self._places.setdefault(operation, self.n_leaves + k)
            self.ops.append(operation)
        self.outputs = [self._moved[i] for i in record.outputs.tolist()]
        self.guards = tuple(replace(g, args=tuple(self._moved[i] for i in g.args)) for g in record.guards)
        self.bounds = record.bounds
        self.longest = LONGEST

    # ------------------------------------------------------------ writing

    def constant(self, x: float) -> int:
        """The place of a number: equal by bits, since 0.0 and -0.0 are two."""
        key = x if x else str(x)
        place = self._numbers.get(key)
        if place is None:
            place = self._numbers[key] = -1 - len(self.constants)
            self.constants.append(x)
        return place

    def node(self, place: int) -> Any:
        """What a partial derivative is given for a node: a float for a constant."""
        return Node(self, place) if place >= 0 else self.constants[-1 - place]

    def place(self, x: Any) -> int:
        """The place of a Node, or of a number."""
        if type(x) is Node:
            return x.place
        if not isinstance(x, Real):
            raise NoFormula(f"takes numbers, got {x!r:.200}")
        return self.constant(float(x))

    def made(self, primitive: Primitive, args: Sequence[Any]) -> Any:
        """An operation on Nodes and numbers: a Node, or a number if that is known."""
        for x in args:
            if type(x) is Node:
                break
        else:
            return primitive.on_floats([float(x) for x in args])
        known = _known(primitive, args) if primitive in SIMPLER else None
        if known is not None:
            return known
        operation = primitive, tuple([x.place if type(x) is Node else self.place(x) for x in args])
        place = self._places.get(operation)
        if place is None:
            if len(self.ops) >= self.longest:
                raise TooLong(
                    f"program: a derivative, written out, takes more than {self.longest:,} operations; take "
                    "Hessians and Jacobians of so many numbers times a vector: program.hvp(), jvp() or vjp()"
                )
            place = self._places[operation] = self.n_leaves + len(self.ops)
            self.ops.append(operation)
        return Node(self, place)

    def partials(self, place: int, wanted: Iterable[int]) -> dict[int, Any]:
        """The partial derivatives of a node by its arguments at some places, Nodes and numbers: those that let
        something through.
        """
        primitive, args = self.ops[place - self.n_leaves]
        if primitive.flat:
            return {}
        if TABLE.get(primitive.name) is not primitive:
            raise NoFormula(_no_formula(primitive, "it is no row of the table"))
        if primitive.linear:
            return {i: primitive.partials[i] for i in wanted if primitive.partials[i] != 0.0}
        operands: list[Any] = [Node(self, arg) if arg >= 0 else self.constants[-1 - arg] for arg in args]
        if primitive is not table.where:
            for i in primitive.cut:
                operands[i] = table.stop_gradient(operands[i])
        y, found = Node(self, place), {}
        try:
            rule = primitive.rule(list(operands), y) if primitive.rule else None
            for i in wanted:
                partial = rule[i] if rule else primitive.partials[i]
                if type(partial) is FunctionType:
                    partial = partial(*operands, y)
                if type(partial) is not Node:
                    partial = float(partial)
                    if partial == 0.0 and _carries_nothing(primitive, i, operands):
                        continue
                found[i] = partial
        except TooLong:
            raise
        except (TypeError, AttributeError, ArithmeticError, ValueError) as error:
            raise NoFormula(_no_formula(primitive, error)) from error
        return found

    # ------------------------------------------------------------ as a record

    def reached(self, places: Iterable[int]) -> bytearray:
        """For each operation, whether any of some nodes depends on it."""
        n = self.n_leaves
        alive = bytearray(len(self.ops))
        for place in places:
            if place >= n:
                alive[place - n] = 1
        for k in range(len(self.ops) - 1, -1, -1):
            if alive[k]:
                for arg in self.ops[k][1]:
                    if arg >= n:
                        alive[arg - n] = 1
        return alive

    def record(self, outputs: Sequence[int]) -> Record:
        """What leads to some nodes, which are its outputs, and to the guards."""
        asked = [arg for guard in self.guards for arg in guard.args]
        alive = self.reached([*outputs, *asked])
        chosen = [op for op, lives in zip(self.ops, alive, strict=True) if lives]
        rows = {row: i for i, row in enumerate(dict.fromkeys(row for row, _ in chosen))}
        # Numbers of a record, by place: constants stand at the end, where negative places find them.
        first = len(self.constants) + self.n_leaves
        numbers = np.concatenate(
            [
                np.arange(len(self.constants), first),
                first + np.cumsum(np.frombuffer(alive, dtype=np.uint8), dtype=np.int64) - 1,
                np.arange(len(self.constants))[::-1],
            ]
        )
        args = [arg for _, operands in chosen for arg in operands]
        guards = tuple(replace(g, args=tuple(numbers[list(g.args)].tolist())) for g in self.guards)
        return Record(
            constants=np.array(self.constants, dtype=float),
            n_parameters=self.n_parameters,
            n_inputs=self.n_inputs,
            primitives=tuple(rows),
            op=np.array([rows[row] for row, _ in chosen], dtype=np.int64),
            start=np.cumsum([0, *[len(operands) for _, operands in chosen]], dtype=np.int64),
            args=numbers[np.array(args, dtype=np.int64)],
            outputs=numbers[np.array(outputs, dtype=np.int64)],
            guards=guards,
            bounds=self.bounds,
        )


SIMPLER = {table.mul, table.where, table.neg, table.identity}


def _known(primitive: Primitive, args: Sequence[Any]) -> Any:
    """What an operation gives without being done, None if it has to be: exactly what it would give."""
    if primitive is table.mul:
        x1, x2 = args if type(args[1]) is Node else (args[1], args[0])
        if type(x1) is not Node and x1 in (1.0, -1.0):
            return x2 if x1 == 1.0 else -x2
    elif primitive is table.where:
        if type(args[0]) is not Node:
            return args[1] if args[0] else args[2]
        if type(args[1]) is not Node and type(args[2]) is not Node and args[1] == args[2] != 0.0:
            return args[1]
    elif primitive is table.neg:
        builder, place = args[0].builder, args[0].place - args[0].builder.n_leaves
        if place >= 0 and builder.ops[place][0] is table.neg:
            return builder.node(builder.ops[place][1][0])
    elif primitive is table.identity:
        return args[0]
    return None


def _carries_nothing(primitive: Primitive, place: int, operands: Sequence[Any]) -> bool:
    """Whether a partial by an argument, which is 0, is so by construction; as in the sweep."""
    if primitive.chooses or place in primitive.cut:
        return True
    partner = operands[(place + len(operands) // 2) % len(operands)]
    return primitive.multiplies and type(partner) is not Node and partner == 0.0


def _no_formula(primitive: Primitive, why: object) -> str:
    return (
        f"program: the derivative of {primitive.name} is not written in autograd's own functions, so there is no "
        f"program of it ({why}); write its partials with them (autograd.cos, not math.cos), or differentiate the "
        "function that was traced"
    )
