"""Running: a batch, filled into rows of numbers, on the paths that its examples take, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from autograd.primitive import DomainError
from autograd.program.arguments import Slot
from autograd.program.bind import Wanted
from autograd.program.branches import Branches
from autograd.program.path import Asked, Found, Path
from autograd.program.record import Array
from autograd.program.scalar import Scalar

__all__ = ["Running"]


class Running(Branches):
    """A program, as far as it runs batches that are arrays."""

    def run_rows(self, rows: Array, wanted: Wanted, scale: float = 1.0) -> Found:
        """Outputs (number, example), and gradients by parameters and inputs, of examples that are rows of numbers."""
        with self._lock:
            given = [rows[:, slot.place].reshape(len(rows), *slot.shape) for slot in self.slots]
            return self._run(given, len(rows), wanted, scale)

    def _run(self, given: list[Array], n: int, wanted: Wanted, scale: float = 1.0) -> Found:
        """Outputs (number, example); and, times `scale`, the gradients by parameters and by inputs that are wanted."""
        asked = Asked(wanted, scale, self._theta)
        knew = self._catches
        try:
            return self._run_on_paths(given, n, asked)
        except DomainError:
            if knew or self._f is None or not (self._catches or self._is_caught(given, n)):
                raise
        return self._run_on_paths(given, n, asked)

    def _run_on_paths(self, given: list[Array], n: int, asked: Asked) -> Found:
        """The same, on the paths that are known, or found by their comparisons."""
        most = self.paths[0].most(n, asked.wanted)
        if n <= most and self._is_one_way:
            return self._run_along(self.paths[0], given, n, asked)
        found = self._run_on_last(given, n, asked)
        return found or self._put_together(given, n, most, asked)

    def run_into(self, rows: Array, asked: Asked, into: Found, usual: Scalar | None) -> Scalar | None:
        """Write outputs and gradients of examples that are rows of numbers into arrays; what is not wanted is left.

        usual: what this returned for as many examples the last time, None at first.
        """
        with self._lock:
            if usual is None or usual.theta is not self._theta:
                usual = self._scalar_for(len(rows), asked.wanted)
            self._check_bounds(rows, 0)
            if usual is not None and usual.run_into(rows, asked.scale, into):
                return usual
            found = self.run_rows(rows, asked.wanted, asked.scale)
            for to, of, wanted in zip(into, found, (True, *asked.wanted[:2]), strict=True):
                if wanted:
                    np.copyto(to, of)
            return None

    def _scalar_for(self, n: int, wanted: Wanted) -> Scalar | None:
        """The scalar machine for n examples that take the usual path, if it is to run them and sees who does not."""
        path = self._last or self.paths[0]
        if not (path.record.guards or self._is_one_way) or not path.runs_straight(n):
            return None
        bound = path.bound(n, wanted, self._theta)
        return bound if isinstance(bound, Scalar) else None

    def _run_on_last(self, given: list[Array], n: int, asked: Asked) -> Found | None:
        """The same where all examples take the path that all took the last time; None where that is not so, or not
        known. The scalar machine asks the guards on its way, so this costs no more than a path without any.
        """
        bound = self._scalar_for(n, asked.wanted) if self._last is not None else None
        if bound is None:
            return None
        self._fill(bound.rows, given)
        self._check_bounds(bound.rows, 0)
        try:
            found = bound.run(asked.scale)
        except (ArithmeticError, ValueError):
            return None
        return found if bound.all_take_it() else None

    def _put_together(self, given: list[Array], n: int, most: int, asked: Asked) -> Found:
        """The same from shares of the batch."""
        wanted, width = asked.wanted, len(self._theta)
        outputs = np.empty((len(self.paths[0].record.outputs), n), self.dtype)
        total = np.zeros((n, width) if wanted.each else width, self.dtype) if wanted.by_parameters else None
        slopes = np.empty((n, self.width), self.dtype) if wanted.by_inputs else None
        for chosen, (found, gradient, slope) in self._pieces(given, n, most, asked):
            outputs[:, chosen] = found
            if total is not None and wanted.each:
                total[chosen] = gradient
            elif total is not None:
                total += gradient
            if slopes is not None:
                slopes[chosen] = slope
        return outputs, total, slopes

    def _run_along(self, path: Path, given: list[Array], n: int, asked: Asked) -> Found:
        """The same for examples that all take one path."""
        bound = path.bound(n, asked.wanted, asked.theta)
        self._fill(bound.rows, given)
        self._check_bounds(bound.rows, asked.first)
        return path.run(bound, bound.rows, asked)

    def _pieces(self, given: list[Array], n: int, most: int, asked: Asked) -> Iterator[tuple[Any, Found]]:
        """The same by pieces of a batch, with the numbers of the examples in each: of one path, and not too many."""
        for first in range(0, n, most):
            size = min(most, n - first)
            part = [array[first : first + size] for array in given] if size < n else given
            asked = replace(asked, first=first, lend=True)
            if self._is_one_way:
                yield slice(first, first + size), self._run_along(self.paths[0], part, size, asked)
                continue
            rows = np.empty((size, self.width), self.dtype)
            self._fill(rows, part)
            self._check_bounds(rows, first)
            shares = self._shares(rows, first)
            for path, chosen in shares:
                yield first + chosen, path.run_share(rows, chosen, asked)
            if len(shares) > 1:
                self._last = None

    def _fill(self, rows: Array, given: list[Array]) -> None:
        """Put the arguments together, one row per example."""
        for slot, array in zip(self.slots, given, strict=True):
            if slot.whole:
                self._check_whole(slot, array)
            shape = len(rows), slot.size
            given_as = array if array.shape == shape else array.reshape(shape)
            if array.itemsize > rows.itemsize:
                self._narrow(rows, slot, given_as)
            else:
                rows[:, slot.place] = given_as

    def _check_whole(self, slot: Slot, array: Array) -> None:
        bits = np.finfo(self.dtype).nmant + 1  # up to 2**bits, all whole numbers are floats
        if array.size and (array.max() > 2**bits or array.min() < -(2**bits)):
            raise ValueError(
                f"program: {slot.name} holds an index beyond 2**{bits}, too large for {self.dtype}"
                + "; use float64" * (self.dtype == np.float32)
            )

    def _narrow(self, rows: Array, slot: Slot, array: Array) -> None:
        try:
            with np.errstate(over="raise"):
                rows[:, slot.place] = array
        except FloatingPointError:
            raise ValueError(f"program: {slot.name} holds a number that is too large for {self.dtype}") from None
