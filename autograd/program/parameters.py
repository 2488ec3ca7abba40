"""Parameters: the vector that `program.parameters` is, a snapshot through which the program's own can be changed."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from autograd.bulk import as_floats
from autograd.engine import Value, read, write
from autograd.modes import mode_of_this_thread
from autograd.program.bind import Results
from autograd.program.loops import aligned
from autograd.program.path import Path, fitting
from autograd.program.record import Array
from autograd.program.scalar import Gate

__all__ = ["HasParameters", "Parameters", "nothing"]


def _in_place(name: str) -> Any:
    change = getattr(np.ndarray, name)

    def changed(self: Parameters, x: Any) -> Any:
        if self._program is None and not self.flags.writeable:  # a part: what comes of it is set in the whole
            return change(np.array(self), x)
        return self._write(lambda: change(self, x))

    return changed


class _Memory(np.ndarray):
    """What a snapshot looks into."""


class Parameters(np.ndarray):
    """What a program's parameters were when it was asked. It stays so when the program is given others.

    `theta[i] = x` and `theta -= step` change it and the program's own, as long as the two are the same; afterwards they
    raise RuntimeError. Other ways of writing into it are refused; a copy is an ordinary array.
    """

    _program: HasParameters | None = None
    _moment = 0

    @staticmethod
    def of(program: HasParameters, theta: Array, moment: int) -> Parameters:
        """The memory of theta, the program's parameters after so many changes, as a snapshot.

        By way of a type of its own: an array that looks into another holds on to the last one of its own type, and
        whoever looks into the snapshot is to hold on to that.
        """
        found = np.ndarray.__new__(Parameters, theta.shape, theta.dtype, theta.view(_Memory))
        found._program, found._moment = program, moment
        found.flags.writeable = False
        return found

    def is_of(self, program: HasParameters) -> bool:
        """Whether this is what the program's parameters are now."""
        return self._program is program and self._moment == program.moment

    def _write(self, change: Any) -> Any:
        program = self._program
        if program is None:
            return change()
        if not self.is_of(program):
            raise RuntimeError(
                "program: the parameters have changed since these were taken, so it is not clear what shall become of "
                "a part of them; take program.parameters again, or change a copy of these"
            )
        with program.alone():
            self.flags.writeable = True
            try:
                return change()
            finally:
                self.flags.writeable = False
                self._moment = program.changed(self)

    def __setitem__(self, key: Any, x: Any) -> None:
        self._write(lambda: super(Parameters, self).__setitem__(key, x))

    __iadd__, __isub__, __imul__ = _in_place("__iadd__"), _in_place("__isub__"), _in_place("__imul__")
    __itruediv__, __ipow__ = _in_place("__itruediv__"), _in_place("__ipow__")

    # What comes of it is an ordinary array.

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        if array is self:
            return self
        return array[()] if return_scalar or not array.ndim else np.asarray(array)  # NumPy 1 does not tell

    def copy(self, order: Any = "C") -> Any:
        return np.array(self, order=order)

    def __copy__(self) -> Any:
        return np.array(self)

    def __deepcopy__(self, memo: Any) -> Any:
        return np.array(self)

    def __reduce__(self) -> Any:
        return np.array(self).__reduce__()

    def __repr__(self) -> str:
        return repr(np.asarray(self))


def nothing() -> None:
    """What is lent to nobody."""


class HasParameters:
    """The numbers that a program takes its parameters for, and the Values that they come from.

    `parameters` lends the memory of them, `_theta`, to one at a time. Who keeps it beyond a change may have it: the
    program moves, and gives copies from then on.
    """

    dtype: Any
    moment: int  # how many times the parameters have changed
    paths: list[Path]
    _lock: Any
    _theta: Array
    _leaves: list[Value] | None
    _lends: bool
    _lent: Callable[[], Parameters | None]
    _snapshots: Results | None  # memory for copies
    _gate = Gate()
    _points: Any = MappingProxyType({})  # what runs one example by the shortest way, as far as it is made

    @property
    def parameters(self) -> Array:
        """The parameters, a vector of n floats: a snapshot. It can be set, whole or in part."""
        if self._lends and self._lent() is None:
            found = Parameters.of(self, self._theta, self.moment)
            self._lent = weakref.ref(found)
            return found
        if self._snapshots is None:
            self._snapshots = Results(self._theta.shape, self.dtype)
        return Parameters.of(self, self._snapshots.copy(self._theta), self.moment)

    @parameters.setter
    def parameters(self, theta: Any) -> None:
        if isinstance(theta, Parameters) and theta.is_of(self):  # changed in place, and taken then
            return
        array = as_floats(theta, "program: a parameter")
        if array.shape != self._theta.shape:
            raise ValueError(f"program: there are {len(self._theta)} parameters, got an array of shape {array.shape}")
        self.take(array)

    def take(self, theta: Any) -> int:
        """Make theta, n floats, the parameters. Returns how many times they have changed so far."""
        kind = getattr(theta, "dtype", None)
        array = theta if kind == self.dtype else fitting(theta, self.dtype, "parameter {}")
        with self._lock:
            if self._lent() is not None:
                self._lends, self._lent = False, nothing
                self._theta = aligned(len(self._theta), self.dtype)
                self._points.clear()
            self._gate.closed += 1
            try:
                self._theta[:] = array
            finally:
                self._gate.closed -= 1
            self.moment += 1
        return self.moment

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """A context in which no other thread runs the program, or changes it."""
        with self._lock:
            self._gate.closed += 1
            try:
                yield
            finally:
                self._gate.closed -= 1

    def changed(self, parameters: Parameters) -> int:
        """To be told that a current snapshot was written to. Returns how many times the parameters have changed."""
        if self._lent() is not parameters:
            return self.take(parameters)
        self.moment += 1
        return self.moment

    def load(self) -> None:
        """Take the parameters, and what is frozen, from the Values that the function uses."""
        self.take(read(self._values(), "data"))
        for path in self.paths:
            path.load()

    def store(self) -> None:
        """Write the parameters back into the Values that the function uses."""
        write(self._values(), "data", self._theta)

    def _values(self) -> list[Value]:
        if self._leaves is None:
            raise RuntimeError(
                "program: was unpickled, so there are no Values to load from or to store to; use .parameters"
            )
        return self._leaves

    def parameter_values(self) -> list[Any]:
        """The Values that the parameters are, or numbers if there are none. ValueError if their numbers are others."""
        if self._leaves is None:
            return [*self._theta.tolist()]
        with mode_of_this_thread(None):
            differs = np.flatnonzero(read(self._leaves, "data").astype(self.dtype) != self._theta)
        if len(differs):
            i = int(differs[0])
            raise ValueError(
                f"program: parameter {i} is {self._theta[i]:.6g} here, but {self._leaves[i]._number:.6g} in its Value, "
                "so it is not clear which of them a gradient is for; call program.store() or program.load() first"
            )
        return [*self._leaves]

    @contextlib.contextmanager
    def holding(self, theta: Sequence[float]) -> Iterator[None]:
        """Let the parameters be others for a while."""
        with self.alone():
            before = self._theta.copy()
            try:
                self._theta[:] = theta
                yield
            finally:
                self._theta[:] = before
