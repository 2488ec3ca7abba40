"""Path: one way through the branches of a function, and what runs it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from autograd.program.bind import Bound
from autograd.program.normalise import normalise
from autograd.program.record import SIGNS, Array, Record, follows, replay
from autograd.program.roll import Plan, roll
from autograd.value import Value, read

__all__ = ["Path"]

KEPT = 8  # bound plans, for batch sizes that come again


class Path:
    """A record, the plan it was rolled into, and buffers for the batch sizes that were run.

    frozen: leaves among its parameters that the program does not differentiate by; they follow those that it does.
    """

    def __init__(self, record: Record, frozen: list[Value], dtype: Any) -> None:
        self.record = record
        self.dtype = dtype
        self.plan = roll(normalise(record, record.outputs))
        self.choice: Plan | None = None
        if record.guards:
            sides = np.array([node for guard in record.guards for node in (guard.x1, guard.x2)])
            self.choice = roll(normalise(record, sides))
        self._frozen = frozen
        self._bound: OrderedDict[Any, Bound] = OrderedDict()
        self.load()

    def load(self) -> None:
        """Take what is frozen from its Values again."""
        self.frozen = read(self._frozen, "data").astype(self.dtype)

    def bound(self, plan: Plan, n: int, **gradients: Any) -> Bound:
        """The plan for n examples, made on first use."""
        key = (plan is self.plan, n, *gradients.values())
        if key not in self._bound:
            self._bound[key] = Bound(plan, n, self.dtype, **gradients)
            if len(self._bound) > KEPT:
                self._bound.popitem(last=False)
        self._bound.move_to_end(key)
        return self._bound[key]

    def takes(self, theta: Array, rows: Array) -> Any:
        """Which examples take this path: a bool each, or True for all.

        All guards are computed for all examples. Where an early one fails, later ones may be nonsense, but the example
        is out anyway; where all before hold, they are what the function itself would have computed.
        """
        if self.choice is None:
            return True
        parameters = np.concatenate([theta, self.frozen])
        if not (np.isfinite(parameters).all() and np.isfinite(rows).all()):
            parameters = parameters.astype(float)
            return np.array([follows(self.record, parameters, row.astype(float)) for row in rows])
        sides = self._run(self.choice, parameters, rows, 0.0, strict=False)[0]
        found = np.ones(len(rows), dtype=bool)
        for guard, x1, x2 in zip(self.record.guards, sides[::2], sides[1::2], strict=True):
            found &= SIGNS[guard.sign](x1, x2) == guard.outcome
        return found

    def run(
        self, theta: Array, rows: Array, scale: float | None, by_parameters: bool, by_inputs: bool, each: bool, which: Array
    ) -> tuple[Array, Any, Any]:
        """Outputs (number, example), and gradients of the first one times `scale`. `which`: numbers for errors."""
        parameters = np.concatenate([theta, self.frozen]) if len(self.frozen) else theta
        try:
            return self._run(
                self.plan, parameters, rows, scale or 0.0, by_parameters=by_parameters, by_inputs=by_inputs, each=each,
                n_trainable=len(theta),
            )  # fmt: skip
        except (ArithmeticError, ValueError):
            return self._one_by_one(parameters, len(theta), rows, scale, each, which)

    def _run(
        self, plan: Plan, parameters: Array, rows: Array, scale: float, *, strict: bool = True, **gradients: Any
    ) -> tuple[Array, Any, Any]:
        n = len(rows)
        if not self.record.guards:
            return self.bound(plan, n, **gradients).run(parameters, rows, scale, strict)
        # The examples on a path are now so many, now so many. Their first one, repeated with cotangent 0, fills them up
        # to a power of two, so that there are few batch sizes to bind.
        room = 1 << (n - 1).bit_length()
        seed = np.zeros(room, self.dtype)
        seed[:n] = scale
        filled = np.concatenate([rows, np.broadcast_to(rows[0], (room - n, rows.shape[1]))])
        outputs, gradient, slopes = self.bound(plan, room, **gradients).run(parameters, filled, seed, strict)
        each = gradient is not None and gradients["each"]
        return outputs[:, :n], gradient[:n] if each else gradient, None if slopes is None else slopes[:n]

    def _one_by_one(
        self, parameters: Array, n_trainable: int, rows: Array, scale: float | None, each: bool, which: Array
    ) -> tuple[Array, Any, Any]:
        """The same by the record itself: exact, with every error that the function would raise, and slow."""
        n = len(rows)
        outputs = np.empty((len(self.record.outputs), n), self.dtype)
        gradient, slopes = np.zeros((n, n_trainable), self.dtype), np.zeros(rows.shape, self.dtype)
        for i, row in enumerate(rows):
            place = f" (row {which[i]} of the batch)" if len(which) > 1 or which[i] else ""
            found, by_parameters, by_inputs = replay(self.record, parameters.astype(float), row.astype(float), scale, place)
            outputs[:, i], gradient[i], slopes[i] = found, by_parameters[:n_trainable], by_inputs
        return outputs, gradient if each else gradient.sum(axis=0), slopes

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_frozen": [], "_bound": OrderedDict()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and self.record == other.record

    __hash__ = None  # type: ignore[assignment]  # it holds arrays
