"""Sparse: a matrix of derivatives by its pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.program.record import Array

__all__ = ["Sparse"]


@dataclass(frozen=True, eq=False)
class Sparse:
    """A matrix of which most numbers are 0, or one for each example of a batch.

    shape: of the matrix. rows, columns: where the numbers stand that may differ from 0, k places by rows, then by
    columns; not to be changed. values: these numbers, an array of shape (k,), or (n, k) for a batch of n.
    """

    shape: tuple[int, int]
    rows: Array
    columns: Array
    values: Array

    def toarray(self) -> Array:
        """All numbers: an array of the shape of the matrix, with the batch in front."""
        found = np.zeros((*self.values.shape[:-1], *self.shape), self.values.dtype)
        found[..., self.rows, self.columns] = self.values
        return found

    def tocsr(self) -> Any:
        """As a `scipy.sparse.csr_array`; of one example. Raises ImportError if there is no SciPy."""
        if self.values.ndim > 1:
            raise ValueError(f"tocsr: takes the matrix of one example, but here are {len(self.values)} of them")
        try:
            from scipy.sparse import csr_array
        except ImportError:
            raise ImportError("tocsr: needs SciPy; run 'pip install scipy'") from None
        ends = np.searchsorted(self.rows, np.arange(self.shape[0] + 1))
        return csr_array((self.values, self.columns, ends), shape=self.shape)
