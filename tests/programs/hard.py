"""The check of programs that plain floats can run: floats, Values one by one, and the program on a batch agree."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
from programs.arguments import example_of, parts_of
from programs.exact import exact_program, on_floats
from programs.generator import Case

import autograd
from autograd import DomainError, Value
from autograd.program import path as paths

__all__ = ["check_exact"]

BOTH_WAYS = (1e9, -1e9)  # what an argument of straight-line code is said to cost: never, always


def check_exact(seed: int) -> None:
    """Raise AssertionError, with the source, if the program of a seed is not the same function everywhere."""
    case = exact_program(seed)
    try:
        _check(case, random.Random(seed))
    except Exception as error:
        raise AssertionError(f"exact program {seed}: {type(error).__name__}: {error}\n\n{case.source}") from error


def _outcome(f: Any, *args: Any) -> Any:
    """What f returns, or the kinds of error it raises that a function may catch."""
    try:
        return f(*args)
    except (ArithmeticError, ValueError, IndexError) as error:
        return [type(error).__name__]


def _number(y: Any) -> float:
    return float(y.data if isinstance(y, Value) else y)


def _bits(numbers: list[float]) -> list[str]:
    return [
        (x + 0.0).hex() for x in numbers
    ]  # the 0 that sum() starts from makes 0.0 of -0.0, and on Values adds nothing


def _check(case: Case, rng: random.Random) -> None:
    plain, _ = on_floats(case)
    specs = case.recipe.specs
    rows = case.rows(7, rng)
    good, expected = [], []
    for row in rows:
        on_numbers = _outcome(plain, *example_of(specs, row))
        inputs: list[Value] = []
        arguments = example_of(specs, row, lambda x, inputs=inputs: inputs.append(Value(x)) or inputs[-1])
        on_values = _outcome(case.f, *arguments)
        if not isinstance(on_values[0], Value | float | int):
            # Where floats make a nan of infinities without a word, Values raise an error.
            failed = isinstance(on_numbers[0], str) or any(y != y for y in on_numbers)
            assert failed, f"{on_numbers} on floats, {on_values} on Values"
            continue
        assert not isinstance(on_numbers[0], str), f"{on_numbers} on floats, {on_values} on Values"
        found = [_number(y) for y in on_values]
        assert _bits(found) == _bits([float(y) for y in on_numbers]), f"{on_numbers} on floats, {found} on Values"
        good.append(row)
        expected.append((found, _slopes(on_values[0], case.leaves, inputs)))
    if good:
        for node in BOTH_WAYS:
            _check_program(case, good, expected, node)


def _slopes(y: Any, leaves: list[Value], inputs: list[Value]) -> list[float] | None:
    """The gradient by parameters and inputs; None if there is none."""
    if not isinstance(y, Value):
        return [0.0] * (len(leaves) + len(inputs))
    try:
        return list(autograd.grad(y, [*leaves, *inputs]))
    except DomainError:
        return None


def _check_program(case: Case, rows: list[Any], expected: list[Any], node: float) -> None:
    before, paths.NODE = paths.NODE, node
    try:
        program = autograd.trace(
            case.f, *example_of(case.recipe.specs, rows[0]), parameters=case.parameters, max_paths=1000
        )
        values = np.array(program(*case.batch(rows)), dtype=float).reshape(3, len(rows)).T
        with_slopes = [i for i, (_, slopes) in enumerate(expected) if slopes is not None]
        sums = any(i.kind in ("dot", "matmul") for path in program.paths for i in path.plan.instructions)
        for i, (found, _) in enumerate(expected):
            assert values[i, 1] == found[1], f"row {i} takes another way: {values[i]} instead of {found}"
            if sums:  # of many products, which may be added in any order
                continue
            if not _is_rounded(case):
                assert _bits(values[i].tolist()) == _bits(found), f"row {i}: {values[i]} instead of {found}"
            else:
                assert _near(values[i].tolist(), found), f"row {i}: {values[i]} instead of {found}"
        # Contributions of very different sizes, which cancel, may be added in another order.
        ordinary = case.recipe.numbers == "plain" and not sums
        if with_slopes and ordinary:
            _, (by_leaves, by_inputs) = program.value_and_grad(
                *case.batch([rows[i] for i in with_slopes]), wrt="both", reduce=None
            )
            for k, i in enumerate(with_slopes):
                given = _of_row(case, by_inputs, k)
                mine = [*np.asarray(by_leaves)[k].tolist(), *given]
                assert _near(mine, expected[i][1]), f"row {i}: slopes {mine} instead of {expected[i][1]}"
        if len(with_slopes) < len(rows) and ordinary:
            missing = next(i for i, (_, slopes) in enumerate(expected) if slopes is None)
            try:
                program.value_and_grad(*case.batch([rows[missing]]), wrt="both")
            except DomainError:
                pass
            else:
                raise AssertionError(f"row {missing}: a gradient, where there is none on Values")
    finally:
        paths.NODE = before


def _is_rounded(case: Case) -> bool:
    """Whether there are functions that NumPy and the C library may round otherwise."""
    words = (
        "sin",
        "cos",
        "tanh",
        "sigmoid",
        "atan",
        "softplus",
        "exp",
        "log",
        "erf",
        "gelu",
        "dot",
        "asin",
        "acos",
        "**",
    )
    return any(word in "\n".join(case.recipe.body) for word in words)


def _of_row(case: Case, by_inputs: Any, k: int) -> list[float]:
    specs = case.recipe.specs
    trees = by_inputs if len(specs) > 1 else (by_inputs,)
    found: list[float] = []
    for _, array in parts_of(tuple(specs), tuple(trees)):
        found += np.ravel(array[k]).tolist()
    return found


def _near(found: list[float], wanted: list[float]) -> bool:
    size = max([abs(x) for x in wanted if math.isfinite(x)], default=0.0)
    return all(
        a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b)) + 1e-11 * max(size, 1.0)
        for a, b in zip(found, wanted, strict=True)
    )
