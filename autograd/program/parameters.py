"""Parameters: the vector that `program.parameters` is, a snapshot through which the program's own can be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.program.record import Array

if TYPE_CHECKING:
    from autograd.program.run import Program

__all__ = ["Parameters"]


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

    _program: Program | None = None
    _moment = 0

    @staticmethod
    def of(program: Program, theta: Array, moment: int) -> Parameters:
        """The memory of theta, the program's parameters after so many changes, as a snapshot.

        By way of a type of its own: an array that looks into another holds on to the last one of its own type, and
        whoever looks into the snapshot is to hold on to that.
        """
        found = np.ndarray.__new__(Parameters, theta.shape, theta.dtype, theta.view(_Memory))
        found._program, found._moment = program, moment
        found.flags.writeable = False
        return found

    def is_of(self, program: Program) -> bool:
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
