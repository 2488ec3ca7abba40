"""Coloured: matrices of derivatives that are too long to be written out, as products with few vectors.

Columns that have no row in common share a vector, or rows that have no column in common (Curtis, Powell and Reid 1974);
all vectors of all examples of a batch run as one batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd.jacobians import coloured
from autograd.program.bind import Wanted
from autograd.program.builder import TooLong
from autograd.program.derivatives import pattern_of
from autograd.program.record import Array
from autograd.program.run import Program
from autograd.program.transformed import Derived
from autograd.program.transforms import Transforms
from autograd.transforms import Argnums, check_argnums

__all__ = ["Coloured", "transformed"]

ROWS = 4096  # examples times vectors that run at once


def transformed(program: Program, kind: str, wrt: str | None, argnums: Argnums = None, sparse: bool = False) -> Derived:
    """A derivative of a program, made once. wrt: as of `Program.value_and_grad`, and by inputs if there are argnums."""
    if wrt is None:
        wrt = "parameters" if len(program.parameters) and argnums is None else "inputs"
    if wrt not in ("parameters", "inputs"):
        raise ValueError(f"{kind}: wrt must be 'parameters' or 'inputs', got {wrt!r}")
    check_argnums(argnums, kind)
    if wrt == "parameters" and argnums is not None:
        raise TypeError(f"{kind}: argnums are places of arguments, so it is by inputs; by parameters, there are none")
    chosen = argnums if argnums is None or isinstance(argnums, int) else tuple(argnums)
    known = vars(program).setdefault("_transforms", {})
    key = kind, wrt, chosen, sparse
    with program.alone():
        if key not in known:
            try:
                known[key] = Derived(program, kind, wrt, chosen, sparse)
            except TooLong:
                if kind not in ("jacobian", "hessian"):
                    raise
                known[key] = Coloured(program, kind, wrt, chosen, sparse)
    return known[key]  # type: ignore[no-any-return]


class Coloured(Derived):
    """A Jacobian or Hessian of a program, by products with vectors: `inner` gives one for each example."""

    def _follow_source(self) -> None:
        sources = self.source.paths
        if len(sources) == len(self._made) and all(a is b for a, (b, _) in zip(sources, self._made, strict=True)):
            return
        patterns = [pattern_of(path.record, self.transform) for path in sources]
        pattern = [sorted(set().union(*rows)) for rows in zip(*patterns, strict=True)]
        by_column = coloured(pattern, self.by.n)
        rows_of: list[list[int]] = [[] for _ in range(self.by.n)]
        for i, columns in enumerate(pattern):
            for j in columns:
                rows_of[j].append(i)
        by_row = coloured(rows_of, len(pattern)) if self.transform.kind == "jacobian" else []
        backwards = bool(by_row) and max(by_row) < max(by_column, default=0)
        kind = "hvp" if self.transform.kind == "hessian" else "vjp" if backwards else "jvp"
        argnums = self.by.argnums
        if not (argnums is None or isinstance(argnums, int)):  # each once
            argnums = tuple(dict.fromkeys(i % len(self.source.description) for i in argnums))
        self.inner = transformed(self.source, kind, self.transform.wrt, argnums)
        self._aim(pattern, by_row if backwards else by_column, backwards)
        self._arrange([(i, j) for i, columns in enumerate(pattern) for j in columns])
        self.paths = self.inner.paths
        self._made = [(path, None) for path in sources]

    def _aim(self, pattern: list[list[int]], colours: list[int], backwards: bool) -> None:
        """Say which vectors to take, and which number of which product is one of the matrix."""
        self.vectors = np.zeros((max(colours, default=0) + 1, len(colours)))
        self.vectors[colours, np.arange(len(colours))] = 1.0
        rows = np.array([i for i, columns in enumerate(pattern) for _ in columns], dtype=np.intp)
        columns = np.array([j for columns in pattern for j in columns], dtype=np.intp)
        own, other = (columns, rows) if backwards else (rows, columns)
        first = len(pattern) if self.inner.transform.kind == "jvp" else 0  # after the results themselves
        self._numbers, self._colours = first + own, np.array(colours, dtype=np.intp)[other]

    def _run(self, given: list[Array], n: int, wanted: Wanted, scale: float = 1.0) -> tuple[Array, Any, Any]:
        if not self._is_one_way:
            self._discover(given, n)
        flat = [array.reshape(n, slot.size) for slot, array in zip(self.slots, given, strict=True)]
        outputs = np.zeros((len(self._numbers) + 1, n), self.dtype)  # the last is 0
        for part, found in self._products(flat, n):
            outputs[:-1, part] = found[self._numbers, :, self._colours]
        if len(self.source.paths) == len(self._made):
            return outputs, None, None
        self._follow_source()  # an error turned out to be caught: that path has a pattern of its own
        return self._run(given, n, wanted, scale)

    def _products(self, flat: list[Array], n: int) -> Iterator[tuple[slice, Array]]:
        """Parts of a batch, with the products: (number, example, vector)."""
        count = len(self.vectors)
        step = max(1, ROWS // count)
        inner = self.inner.slots[len(self.slots) :]
        for first in range(0, n, step):
            part = slice(first, min(first + step, n))
            size = part.stop - first
            given = [np.repeat(array[part], count, axis=0) for array in flat]
            start = self.source.width
            seeds = [self.vectors[:, slot.start - start : slot.start - start + slot.size] for slot in inner]
            given += [np.tile(seed, (size, 1)) for seed in seeds]
            shaped = [x.reshape(len(x), *slot.shape) for x, slot in zip(given, self.inner.slots, strict=True)]
            outputs = self.inner._run(shaped, size * count, Wanted())[0]
            yield part, outputs.reshape(len(outputs), size, count)

    def is_meant_for(self, args: tuple[Any, ...]) -> bool:
        """Whether these are plain numbers."""
        return not self._given(args)[2]

    def __call__(self, *batch: Any) -> Any:
        """As of the program, for plain numbers only."""
        self._given(batch, self.transform.kind)  # which refuses Values
        return super().__call__(*batch)

    def profile(self, *batch: Any, repeat: int = 20) -> str:
        """Refused: TypeError."""
        raise TypeError(f"{self._title()}: is not written out; profile program.{self.inner.transform.kind}()")

    def value_and_grad(self, *batch: Any, **how: Any) -> Any:
        """Refused: TypeError."""
        raise TypeError(f"{self._title()}: is not written out, so it has no gradient; take program.hvp() or jvp()")

    def _title(self) -> str:
        return f"{self.transform.kind}, {len(self.vectors)} vectors for each example, by {self.inner._title()}"


Transforms._derive = transformed
