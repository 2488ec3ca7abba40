"""The derivatives of one random program, as programs, held against sweeps of the eager engine."""

from __future__ import annotations

import random
from typing import Any
from unittest import mock

import numpy as np
from programs.arguments import draw, example_of
from programs.generator import Case, random_program

import autograd
from autograd import Program
from autograd.program import coloured, derivatives
from autograd.program.bind import Wanted
from autograd.program.eagerly import eagerly
from autograd.program.path import Path

__all__ = ["KINDS", "check_derivatives", "check_products"]

KINDS = ("jacobian", "hessian", "hvp", "jvp", "vjp")


def check_derivatives(seed: int, branches: bool, straight: bool) -> None:
    """Raise AssertionError if a derivative of the program of this seed is wrong. straight: whether it runs as
    straight-line code, where there is some.
    """
    case, rng = random_program(seed, branches), random.Random(seed)
    with mock.patch.object(Path, "is_straight", lambda self, n: straight and self.possible):
        program = _traced(case)
        for kind, wrt in _possible(program, KINDS):
            found = program.transformed(kind, wrt, None, kind in KINDS[:2] and rng.random() < 0.3)
            check = _same_matrix_as_eager if isinstance(found, coloured.Coloured) else _same_as_eager
            check(found, _rows(case, program, rng, rng.choice([1, 3, 9])), rng)


def check_products(seed: int, branches: bool) -> None:
    """Raise AssertionError unless matrices are the same as products with vectors, as they are if they are long."""
    case, rng = random_program(seed, branches), random.Random(seed)
    program, other = _traced(case), _traced(case)
    batch = _rows(case, program, rng, 7)
    for kind, wrt in _possible(program, KINDS[:2]):
        with (
            mock.patch.object(derivatives, "SHORT", 0),
            mock.patch.object(derivatives, "TIMES", 0),
            mock.patch.object(coloured, "ROWS", 5),
        ):
            found = _matrix(other.transformed(kind, wrt, None, True), batch)
        wanted = _matrix(program.transformed(kind, wrt, None, True), batch)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * np.abs(wanted).max(initial=1.0))


def _traced(case: Case) -> Program:
    return autograd.trace(case.f, *case.recipe.example, parameters=case.parameters, max_paths=1000)


def _possible(program: Program, kinds: tuple[str, ...]) -> list[tuple[str, str]]:
    """Kinds and by what, as far as this program has them."""
    numbers = any(slot.size and not slot.whole for slot in program.slots)
    one = isinstance(program.tree, int)
    by = ["inputs"] * numbers + ["parameters"] * bool(len(program.parameters))
    return [(kind, wrt) for kind in kinds if one or kind not in ("hessian", "hvp") for wrt in by]


def _rows(case: Case, program: Program, rng: random.Random, n: int) -> Any:
    """Examples, as rows of numbers."""

    def row() -> Any:
        example = [example_of(spec, draw(spec, rng, case.recipe.numbers)) for spec in case.recipe.specs]
        return np.concatenate([np.zeros(0), *(array.ravel() for array in program._given(example)[0])])

    return np.array([row() for _ in range(n)]).reshape(n, program.width)


def _given(program: Program, batch: Any) -> list[Any]:
    return [batch[:, slot.place].reshape(len(batch), *slot.shape) for slot in program.slots]


def _matrix(found: Any, batch: Any) -> Any:
    return found._results(found._run(_given(found, batch), len(batch), Wanted())[0], False).toarray()


def _same_matrix_as_eager(found: Any, rows: Any, rng: random.Random) -> None:
    """The same for a matrix that is too long to be written out."""
    sparse = found.source.transformed(found.transform.kind, found.transform.wrt, None, True)
    for matrix, row in zip(_matrix(sparse, rows), rows, strict=True):
        path = found.source.path_of(row)
        theta = np.concatenate([found.source.parameters, path.frozen])
        wanted = np.zeros_like(matrix)
        for entry, slope in eagerly(path.record, found.transform, theta, row).items():
            wanted[entry] = slope
        np.testing.assert_allclose(matrix, wanted, rtol=1e-9, atol=1e-9 * np.abs(wanted).max(initial=1.0))


def _same_as_eager(found: Any, rows: Any, rng: random.Random) -> None:
    program = found.source
    seeds = [[rng.uniform(-1.0, 1.0) for _ in range(found.width - program.width)] for _ in rows]
    batch = np.array([[*row, *seed] for row, seed in zip(rows, seeds, strict=True)])
    outputs = found._run(_given(found, batch), len(batch), Wanted())[0]
    for k, row in enumerate(batch):
        path = program.path_of(row[: program.width])
        entries = next(own.entries for own in found.paths if own.source is path)
        theta = np.concatenate([program.parameters, path.frozen])
        wanted = eagerly(path.record, found.transform, theta, row)
        numbers = [wanted.pop(entry, 0.0) for entry in entries]
        assert not any(wanted.values()), f"{found!r} lacks {wanted}"
        scale = np.abs(numbers).max(initial=1e-3)
        np.testing.assert_allclose(outputs[: len(entries), k], numbers, rtol=1e-9, atol=1e-10 * scale)
