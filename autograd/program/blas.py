"""BLAS: products of matrices, held to one thread where more do not pay.

A product that is shared between threads waits for the slowest: when a core is busy with something else, a hundred times
as long as the work takes. NumPy has no switch for that; the library that it comes with does.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from autograd.program.record import Array

__all__ = ["THIN", "Product"]

THIN = 4  # rows or columns of a product, below which BLAS gains nothing
# Products of numbers in a product of matrices: from which on OpenBLAS uses more threads, and from which on they pay.
SHARED, MANY = 1 << 18, 1 << 22
SWITCHES = [
    *((f"{name}_get_num_threads{end}", f"{name}_set_num_threads{end}")
      for name in ("scipy_openblas", "openblas") for end in ("64_", "")),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
]  # fmt: skip


class Product:
    """out = a · b, of matrices or of stacks of them. Calling it runs it.

    is_shared: whether it is left to as many threads as BLAS likes. Exceptions of the processor in other threads are not
    seen.
    """

    def __init__(self, a: Array, b: Array, out: Array) -> None:
        self.a, self.b, self.out = (x[0] if len(out) == 1 else x for x in (a, b, out))
        *_, m, k = a.shape
        self.is_thin = min(m, b.shape[-1]) < THIN
        size = m * k * b.shape[-1]
        self.is_shared = size >= MANY and not self.is_thin
        self._switch = _switch() if SHARED <= size < MANY and not self.is_thin else None

    def __call__(self) -> None:
        """Write the product to `out`."""
        threads = self._switch[0]() if self._switch else 1
        if self.is_thin:
            np.einsum("...ij,...jk->...ik", self.a, self.b, out=self.out)
        elif self._switch is None or threads == 1:
            np.matmul(self.a, self.b, self.out)
        else:
            self._switch[1](1)
            try:
                np.matmul(self.a, self.b, self.out)
            finally:
                self._switch[1](threads)


@cache
def _switch() -> tuple[Callable[[], int], Callable[[int], Any]] | None:
    """The functions of NumPy's BLAS that get and set how many threads it uses; None if they are not to be found."""
    core: Any = getattr(np, "_core", None) or np.core
    try:
        library = ctypes.CDLL(core._multiarray_umath.__file__)  # a name is looked for in what it links to, too
    except OSError:
        return None
    for get, put in SWITCHES:
        if hasattr(library, get) and hasattr(library, put):
            functions = getattr(library, get), getattr(library, put)
            functions[0].restype, functions[1].argtypes = ctypes.c_int, [ctypes.c_int]
            return functions
    return None
