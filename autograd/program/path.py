"""Path: one way through the branches of a function."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.program.record import Array, Record, follows, replay
from autograd.value import Value, read

__all__ = ["Path"]


class Path:
    """A record and what runs it.

    frozen: leaves among its parameters that the program does not differentiate by; they follow those that it does.
    """

    def __init__(self, record: Record, frozen: list[Value], dtype: Any) -> None:
        self.record = record
        self.dtype = dtype
        self._frozen: list[Value] = frozen
        self.load()

    def load(self) -> None:
        """Take what is frozen from its Values again."""
        self.frozen = read(self._frozen, "data").astype(self.dtype)

    def takes(self, theta: Array, rows: Array) -> Any:
        """Which examples take this path: a bool each, or True for all."""
        if not self.record.guards:
            return True
        parameters = np.concatenate([theta, self.frozen]).astype(float)
        return np.array([follows(self.record, parameters, row.astype(float)) for row in rows])

    def run(
        self, theta: Array, rows: Array, scale: float | None, by_parameters: bool, by_inputs: bool, each: bool, which: Array
    ) -> tuple[Array, Any, Any]:
        """Outputs (number, example), and gradients of the first one times `scale`. `which`: numbers for errors."""
        parameters = np.concatenate([theta, self.frozen]).astype(float)
        n = len(rows)
        outputs = np.empty((len(self.record.outputs), n), dtype=self.dtype)
        total = np.zeros((n, len(theta)), dtype=self.dtype)
        slopes = np.zeros(rows.shape, dtype=self.dtype)
        for i, row in enumerate(rows):
            place = f" (row {which[i]} of the batch)" if n > 1 else ""
            found, gradient, slope = replay(self.record, parameters, row.astype(float), scale, place)
            outputs[:, i] = found
            total[i] = gradient[: len(theta)]
            slopes[i] = slope
        return outputs, total if each else total.sum(axis=0), slopes

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_frozen": []}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and self.record == other.record

    __hash__ = None  # type: ignore[assignment]  # it holds arrays
