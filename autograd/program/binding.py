"""Binding: a program with memory for a batch of a certain size, for tight loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.program.arguments import Slot, rebuild
from autograd.program.path import Asked
from autograd.program.record import Array
from autograd.program.scalar import Scalar
from autograd.tree import map_leaves

if TYPE_CHECKING:
    from autograd.program.run import Program

__all__ = ["Binding"]


class Binding:
    """A program bound to a batch of n examples. Fill `inputs`, call it, and read `values` and `gradient`: always the
    same arrays, written in place.

    inputs: what the program takes, arrays with the batch in front; a tuple if it takes several. values: what it
    returns. gradient: as of `value_and_grad`. All of them are float arrays, also of indices. Made by `Program.bind`.
    """

    def __init__(self, program: Program, n: int, asked: Asked, mean: float, out: tuple[Any, Any] | None) -> None:
        wanted, dtype = asked.wanted, program.dtype
        self._program, self._asked, self._mean = program, asked, mean
        self._rows = np.zeros((n, program.width), dtype)
        width = program.parameter_count if wanted.by_parameters else 0
        self._outputs = np.zeros((len(program.paths[0].record.outputs), n), dtype)
        self._total = np.zeros((n if wanted.each else 1, width), dtype)
        self._slopes = np.zeros((n, program.width * wanted.by_inputs), dtype)
        self._found = self._outputs, self._total, self._slopes
        self._usual: Scalar | None = None
        self.inputs: Any = _of_slots(program.description, self._rows, lambda fixed: fixed.what)
        self.values: Any = program.results(self._outputs)
        # Lists of numbers that do not lie side by side among the outputs are arrays of their own.
        self._is_apart = not all(np.shares_memory(part, self._outputs) for part in _arrays_in(self.values))
        self.gradient: Any = None
        by_parameters = self._total if wanted.each else self._total[0]
        if wanted.by_inputs:
            self.gradient = program.by_argument(self._slopes, False)
            if wanted.by_parameters:
                self.gradient = by_parameters, self.gradient
        elif wanted.by_parameters:
            self.gradient = by_parameters
        self._copies = [] if out is None else _pairs((self.values, self.gradient), out)

    def __repr__(self) -> str:
        return f"<{self._program!r:.200}, bound to {len(self._rows)}: fill .inputs, call, read .values and .gradient>"

    def __call__(self) -> None:
        """Compute values and gradient of what is in `inputs`. Raises what the program itself would."""
        self._usual = self._program.run_into(self._rows, self._asked, self._found, self._usual)
        if self._mean != 1.0:
            self._total *= self._mean
        if self._is_apart:
            for to, found in zip(
                _arrays_in(self.values), _arrays_in(self._program.results(self._outputs)), strict=True
            ):
                np.copyto(to, found)
        for to, found in self._copies:
            np.copyto(to, found)


def _of_slots(description: tuple[Any, ...], rows: Array, of_fixed: Any) -> Any:
    def part_of(slot: Slot) -> Array:
        return rows[:, slot.place].reshape(len(rows), *slot.shape)

    found = tuple([rebuild(part, part_of, of_fixed) for part in description])
    return found[0] if len(found) == 1 else found


def _pairs(found: Any, out: Any) -> list[tuple[Array, Array]]:
    """The arrays in `out` with those whose numbers they are to get. ValueError if they do not fit."""
    theirs, mine = _leaves_in(out), _leaves_in(found)
    pairs = [(to, of) for to, of in zip(theirs, mine, strict=False) if of is not None]
    if len(theirs) != len(mine) or not all(_fits(to, of) for to, of in pairs):
        shapes = [part.shape for part in mine if part is not None]
        raise ValueError(
            f"bind: out must be (values, gradient), float arrays of the shapes {shapes}, nested as value_and_grad "
            f"returns them, got {out!r:.200}"
        )
    return pairs


def _leaves_in(tree: Any) -> list[Any]:
    found: list[Any] = []
    map_leaves(found.append, tree, _is_array)
    return found


def _arrays_in(tree: Any) -> list[Array]:
    return [part for part in _leaves_in(tree) if part is not None]


def _is_array(part: Any) -> bool:
    return part is None or isinstance(part, np.ndarray)


def _fits(to: Any, of: Array) -> bool:
    return isinstance(to, np.ndarray) and to.shape == of.shape and to.dtype.kind == "f" and to.flags.writeable
