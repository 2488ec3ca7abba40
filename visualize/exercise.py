"""A computation as an exercise in the chain rule: quantities with names, and the steps in which they are computed.

Everything here can be computed again from other numbers than the right ones: so a grader can follow a pupil's own.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, count
from typing import NamedTuple

import autograd
from autograd import Primitive, Value, topological
from autograd import sum as sum_row
from autograd.paths import exact_sum
from visualize.description import contribution_of, operation_of
from visualize.spelling import factor, partial, shown, slope_of, summand, value_of

__all__ = ["Exercise", "Quantity", "Step", "Use", "exercise_of", "given"]

MOST = 60
"""Steps of the chain rule: more are no exercise."""

SUMS = {"add", "sum"}

NUMBER = re.compile(r"−?[\d.]+( / \d+)?")
"""A slope that does not depend on where one is."""


class Quantity(NamedTuple):
    """A leaf, or the result of an operation on others, which are given by their places, and on plain numbers."""

    name: str
    value: float
    primitive: Primitive | None
    args: tuple[int | float, ...]


class Use(NamedTuple):
    """Where a quantity is used: as argument number `position` of the one at `reader`."""

    reader: int
    position: int


class Step(NamedTuple):
    """A line of the sheet: what is asked for is what `keys` name, contributions first, the whole last.

    of: the quantity. backward: whether it is its gradient.
    """

    of: int
    backward: bool
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Exercise:
    """Quantities, arguments before results, the result last; first the first argument and all that it needs."""

    quantities: tuple[Quantity, ...]

    @property
    def root(self) -> int:
        return len(self.quantities) - 1

    @property
    def leaves(self) -> tuple[Quantity, ...]:
        return tuple(q for q in self.quantities if q.primitive is None)

    @cached_property
    def uses(self) -> tuple[tuple[Use, ...], ...]:
        """For each quantity where it is used."""
        found: list[list[Use]] = [[] for _ in self.quantities]
        for reader, q in enumerate(self.quantities):
            for position, arg in enumerate(q.args):
                if type(arg) is int:
                    found[arg].append(Use(reader, position))
        return tuple(map(tuple, found))

    # ------------------------------------------------------------ numbers

    def operands(self, i: int, values: Sequence[float]) -> list[float]:
        return [values[arg] if type(arg) is int else arg for arg in self.quantities[i].args]

    def value(self, i: int, values: Sequence[float]) -> float:
        """Quantity i from what its arguments are; nan where it has no value."""
        row = self.quantities[i].primitive
        assert row is not None
        try:
            return row.on_floats(self.operands(i, values))
        except (ArithmeticError, ValueError):
            return math.nan

    def slope(self, use: Use, values: Sequence[float]) -> float:
        """The derivative of the reader by the argument; nan where there is none."""
        row = self.quantities[use.reader].primitive
        assert row is not None
        y = values[use.reader]
        if row is autograd.tanh:  # as it is printed, of the result: so a pupil's own result leads on
            return 1.0 - y * y
        if row is autograd.sigmoid:
            return y * (1.0 - y)
        try:
            found = row.local_derivatives(self.operands(use.reader, values), values[use.reader])[use.position]
        except (ArithmeticError, ValueError):
            found = None
        return math.nan if found is None else float(found)

    def contribution(self, use: Use, values: Sequence[float], gradients: Mapping[int, float]) -> float:
        """slope · gradient of the reader."""
        found = contribution_of(self.slope(use, values), gradients[use.reader])
        return math.nan if found is None else found

    @cached_property
    def answers(self) -> dict[str, float]:
        """What each blank is, by its key."""
        found: dict[str, float] = {}
        values = [q.value for q in self.quantities]
        gradients = {self.root: 1.0}
        for step in self.steps:
            if not step.backward:
                found[step.keys[0]] = values[step.of]
                continue
            parts = [self.contribution(use, values, gradients) for use in self.uses[step.of]]
            gradients[step.of] = exact_sum(parts) if all(map(math.isfinite, parts)) else math.nan
            found |= zip(step.keys, [*parts, gradients[step.of]][-len(step.keys) :], strict=True)
        return found

    def not_finite(self) -> str:
        """The first value or gradient that is nan or infinite, as a sign; "" if there is none."""
        return next((self.sign(s) for s in self.steps if not all(math.isfinite(self.answers[k]) for k in s.keys)), "")

    # ------------------------------------------------------------ steps

    @cached_property
    def variables(self) -> dict[str, str]:
        """What each leaf can be called in Python, by its name."""
        return self._called[0]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Forward, then backward: results before their arguments."""
        return self._called[1]

    @cached_property
    def _called(self) -> tuple[dict[str, str], tuple[Step, ...]]:
        taken: set[str] = set()
        leaves = {q.name: _variable(q.name, taken) for q in self.leaves}
        steps = [Step(i, False, (_variable(q.name, taken),)) for i, q in enumerate(self.quantities) if q.primitive]
        for i in reversed(range(self.root)):
            whole, uses = _variable(f"d{self.quantities[i].name}", taken), len(self.uses[i])
            parts = [_variable(f"{whole}_{k + 1}", taken) for k in range(uses)] if uses > 1 else []
            steps.append(Step(i, True, (*parts, whole)))
        return leaves, tuple(steps)

    # ------------------------------------------------------------ words

    def sign(self, step: Step) -> str:
        """What a step computes, as a sign: v1, or ∂y/∂v1."""
        name = self.quantities[step.of].name
        return partial(self.quantities[-1].name, name) if step.backward else name

    def formula(self, step: Step) -> str:
        """What a step computes, from the names of what it needs."""
        gradients = {i: partial(self.quantities[-1].name, q.name) for i, q in enumerate(self.quantities)}
        return self._written(step, [q.name for q in self.quantities], gradients)

    def computation(self, step: Step, precision: int) -> str:
        """The formula with the numbers."""
        values = [given(q.value) if q.primitive is None else shown(q.value, precision) for q in self.quantities]
        gradients = {s.of: shown(self.answers[s.keys[-1]], precision) for s in self.steps if s.backward}
        gradients[self.root] = "1"
        return self._written(step, values, gradients)

    def _written(self, step: Step, values: Sequence[str], gradients: Mapping[int, str]) -> str:
        if not step.backward:
            row = self.quantities[step.of].primitive
            assert row is not None
            return value_of(row, self._args(step.of, values))
        terms = list(self._terms(step, values, gradients))
        return " + ".join([terms[0], *map(summand, terms[1:])]) if len(terms) > 1 else terms[0]

    def _args(self, i: int, values: Sequence[str]) -> list[str]:
        return [values[arg] if type(arg) is int else given(arg) for arg in self.quantities[i].args]

    def _terms(self, step: Step, values: Sequence[str], gradients: Mapping[int, str]) -> Iterator[str]:
        """What each use of a quantity brings to its gradient."""
        names = [q.name for q in self.quantities]
        for use in self.uses[step.of]:
            slope = self._slope(use, values)
            if use.reader == self.root and not NUMBER.fullmatch(self._slope(use, names)):  # times 1 goes without saying
                yield slope if len(self.uses[step.of]) == 1 else summand(slope)
            else:
                yield f"{gradients[use.reader]} · {factor(slope)}"

    def _slope(self, use: Use, values: Sequence[str]) -> str:
        q = self.quantities[use.reader]
        assert q.primitive is not None
        fixed = {k: arg for k, arg in enumerate(q.args) if type(arg) is float}
        written = slope_of(q.primitive, use.position, self._args(use.reader, values), values[use.reader], fixed)
        # Of a primitive of a user's own, the number: no formula is known.
        return written or shown(self.slope(use, [q.value for q in self.quantities]), 6)


def _variable(name: str, taken: set[str]) -> str:
    """A name that Python takes for a variable, and that is not taken yet."""
    plain = re.sub(r"\W", "_", unicodedata.normalize("NFKC", name))
    plain = plain if plain.isidentifier() else f"_{plain}"
    while plain in taken or keyword.iskeyword(plain):
        plain += "_"
    taken.add(plain)
    return plain


def given(x: float) -> str:
    """A number that is given, in full if it is short."""
    whole = repr(x).removesuffix(".0").replace("-", "−")
    return whole if len(whole) <= 8 else shown(x, 6)


# ---------------------------------------------------------------- from a graph


def exercise_of(value: Value) -> Exercise:
    """The computation of `value`. What has no name is called v1, v2, …, the result y."""
    if value.primitive is None:
        raise ValueError("there is nothing to compute: give the result of an operation, such as w * x")
    order = _in_order(value)
    used = sum(isinstance(arg, Value) for _, args in order.values() for arg in args)
    if used > MOST:
        raise ValueError(
            f"the computation has {used} steps of the chain rule, too many for a sheet (the most is {MOST}): take a "
            "part of it, or fewer inputs"
        )
    names, places = _names(list(order)), {v: i for i, v in enumerate(order)}
    return Exercise(
        tuple(
            Quantity(names[v], v.data, row, tuple(places[a] if isinstance(a, Value) else float(a) for a in args))
            for v, (row, args) in order.items()
        )
    )


Operation = tuple[Primitive | None, list[Value | float]]


def _in_order(root: Value) -> dict[Value, Operation]:
    """Each Value that is computed or given, with its operation; the first argument with all that it needs first."""
    readers = Counter(arg for v in topological(root) for arg in v.args if isinstance(arg, Value))
    order: dict[Value, Operation] = {}
    stack: list[tuple[Value, Operation | None]] = [(root, None)]
    while stack:
        v, operation = stack.pop()
        if operation is not None:
            order.setdefault(v, operation)
        elif v not in order:
            operation = _operation(v, readers)
            stack.append((v, operation))
            row, args = operation
            if operation_of(row) == "dot":  # pair by pair
                args = [
                    arg for pair in zip(args[: len(args) // 2], args[len(args) // 2 :], strict=True) for arg in pair
                ]
            stack += [(arg, None) for arg in reversed(args) if isinstance(arg, Value)]
    return order


def _operation(v: Value, readers: Mapping[Value, int]) -> Operation:
    """The operation of a Value: of a chain of additions, the sum of all its terms, as in a drawing."""
    args = [_passed(arg) for arg in v.args]
    if operation_of(v.primitive) not in SUMS:
        return v.primitive, args
    terms: list[Value | float] = []
    stack = args[::-1]
    while stack:
        arg = stack.pop()
        inside = isinstance(arg, Value) and operation_of(arg.primitive) in SUMS and not arg.label
        if inside and isinstance(arg, Value) and readers[arg] == 1:
            stack += [_passed(inner) for inner in reversed(arg.args)]
        else:
            terms.append(arg)
    return (v.primitive if terms == args and len(terms) == 2 else sum_row), terms


def _passed(arg: Value | float) -> Value | float:
    """What transforms mark with an identity, without it."""
    while isinstance(arg, Value) and operation_of(arg.primitive) == "identity" and not arg.label:
        arg = arg.args[0]
    return arg


def _names(order: Sequence[Value]) -> dict[Value, str]:
    names = {v: v.label for v in order if v.label}
    for label, times in Counter(names.values()).items():
        if times > 1:
            raise ValueError(f"{times} numbers are called {label!r}: give each a label of its own")
    taken = set(names.values())
    result = (name for name in chain("yLfz", map("y{}".format, count(1))) if name not in taken)
    names.setdefault(order[-1], next(result))
    fresh = (name for name in map("v{}".format, count(1)) if name not in {*taken, names[order[-1]]})
    return {v: names.get(v) or next(fresh) for v in order}
