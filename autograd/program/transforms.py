"""Transforms: the derivatives of a program, each a program as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autograd.program.builder import NoFormula, TooLong
from autograd.transforms import Argnums

if TYPE_CHECKING:
    from autograd.program.run import Program
    from autograd.program.transformed import Derived

__all__ = ["Transforms"]


class Transforms:
    """What a program has derivatives by. Each is made once, and then a program like any other: it takes one example or
    a batch, prints and pickles. Its parameters and its branches are those of the program that it came from.

    wrt: "parameters" or "inputs"; None: by parameters if there are any, else by inputs. By inputs, results have the
    shape of the arguments, with None for indices and what is no number.
    argnums: which arguments to differentiate by, which is by inputs: the place of one, a tuple of places, or None for
    all.
    Raises TypeError for a program of a row whose partial derivatives are not written in autograd's own functions.
    """

    _derive: Callable[..., Derived]  # coloured.py puts it here: it is made of programs itself

    def jacobian(self, wrt: str | None = None, *, argnums: Argnums = None, sparse: bool = False) -> Program:
        """All first derivatives of what the program returns, example by example: takes its arguments, and returns its
        result with the gradient in the place of each number; of an array by an array, an array with the axes of the
        result first. A list of numbers counts as an array.

        sparse: a `Sparse` matrix instead, of all numbers of the result by all that it is differentiated by.
        """
        return self.transformed("jacobian", wrt, argnums, sparse)

    def hessian(self, wrt: str | None = None, *, argnums: Argnums = None, sparse: bool = False) -> Program:
        """All second derivatives of the number that the program returns, example by example: takes its arguments, and
        returns the gradient with a gradient in the place of each number: for n numbers an array of shape (n, n), with
        the batch in front.

        sparse: a `Sparse` matrix instead.
        """
        return self.transformed("hessian", wrt, argnums, sparse)

    def hvp(self, wrt: str | None = None) -> Program:
        """The Hessian times a vector: takes the arguments, then the tangents, of the same structure (by parameters, one
        array of n); returns the structure of what it is differentiated by.
        """
        return self.transformed("hvp", wrt)

    def jvp(self, wrt: str | None = None) -> Program:
        """The Jacobian times a vector: takes the arguments, then tangents as of `hvp`. Returns a pair: what the program
        returns, and how fast it changes.
        """
        return self.transformed("jvp", wrt)

    def vjp(self, wrt: str | None = None) -> Program:
        """A vector times the Jacobian: takes the arguments, then cotangents, of the structure of the result. Returns
        the gradient of the sum of results, each times its cotangent.
        """
        return self.transformed("vjp", wrt)

    def transformed(self, kind: str, wrt: str | None, argnums: Argnums = None, sparse: bool = False) -> Derived:
        """The one of these that is called `kind`."""
        return self._derive(kind, wrt, argnums, sparse)

    def derivative_at(self, kind: str, args: tuple[Any, ...], argnums: Argnums, sparse: bool) -> Program | None:
        """The one by inputs, if it is meant for these arguments; None where it cannot be written down, or is too long
        for that.
        """
        try:
            program = self.transformed(kind, "inputs", argnums, sparse)
        except (NoFormula, TooLong):
            return None
        return program if program.is_meant_for(args) else None
