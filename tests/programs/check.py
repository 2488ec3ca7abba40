"""One random program, run as a program and by the eager engine, for many batches; whatever differs is told."""

from __future__ import annotations

import copy
import itertools
import random
from contextlib import nullcontext
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from programs.arguments import Numbers, example_of, mapped, parts_of
from programs.generator import Case, random_program

import autograd
from autograd import Program, Value
from autograd.program import spec
from autograd.program.scalar import follows, replay

__all__ = ["FLOAT32", "NAN", "ROLLED", "STRAIGHT", "THOROUGH", "Kind", "Mismatch", "check", "failure", "quick"]

spec.thorough = True

ASKED = [(wrt, reduce) for reduce in ("mean", "sum", None) for wrt in ("parameters", "inputs", "both")]


class Mismatch(AssertionError):
    """A program and the eager engine do not agree. Shows seed and source."""


class Kind(NamedTuple):
    """What a check asks for. sizes: of batches, None for one example without the axis. ways: to ask for gradients.

    node: what the program believes an operation of straight-line code to cost, which decides whether it runs rolled
    into array operations (ROLLED) or as straight-line code (STRAIGHT).
    """

    node: float
    dtype: Any = np.float64
    tolerance: float = 1e-9
    sizes: tuple[int | None, ...] = (3, None, 1, 32, 3)
    ways: int = 3
    nan: bool = False


ROLLED, STRAIGHT = 1e9, -1e9
THOROUGH = (Kind(ROLLED), Kind(STRAIGHT))
FLOAT32 = Kind(ROLLED, np.float32, 1e-3, (3, None, 32), 2)
NAN = (Kind(ROLLED, sizes=(5,), ways=2, nan=True), Kind(STRAIGHT, sizes=(5,), ways=2, nan=True))


def quick(seed: int) -> Kind:
    """Two batches of one size, asked in one way: each seed looks at a part of it all."""
    size = (3, 1, 5, None, 32)[seed % 5]
    return Kind(STRAIGHT if seed % 4 == 1 else ROLLED, sizes=(size, size), ways=1)


def check(seed: int, branches: bool, kind: Kind) -> None:
    """Raise Mismatch if the program of this seed is wrong anywhere.

    With one of NAN, one example of the batch holds a nan: that alone comes out as nan, where the eager engine has it.
    """
    case = random_program(seed, branches)
    error = failure(case, kind)
    if error is not None:
        head = f"{type(error).__name__}: {error}\n\nprogram {seed}, branches={branches}, {kind}"
        raise Mismatch(f"{head}:\n\n{case.source}") from error


def failure(case: Case, kind: Kind) -> Exception | None:
    """What is wrong with a program, if anything."""
    try:
        with mock.patch("autograd.program.path.NODE", kind.node):
            Checker(case, kind).run()
    except Exception as error:
        return error
    return None


class Eager:
    """Outputs and gradients of one example, as the eager engine finds them."""

    def __init__(self, case: Case, leaves: list[Value], row: Any) -> None:
        inputs: list[Value] = []

        def wrap(x: float) -> Value:
            inputs.append(Value(x))
            return inputs[-1]

        result = case.f(*example_of(case.recipe.specs, row, wrap))
        self.outputs = plain(result)
        self.by_parameters = np.zeros(len(leaves))
        first = result[0] if isinstance(result, tuple) else result
        self.differentiable = not isinstance(
            first, list | tuple | dict | np.ndarray
        )  # a list is a result, no loss with others
        autograd.zero_grad([*leaves, *inputs])
        if isinstance(first, Value):
            first.backward()
            self.by_parameters = np.array([leaf.grad for leaf in leaves])
        slopes = iter([x.grad for x in inputs])

        def gradient(numbers: Numbers, array: Any) -> Any:
            return None if numbers.top else np.array([next(slopes) for _ in array.flat]).reshape(numbers.shape)

        gradients = mapped(gradient, case.recipe.specs, row)
        self.by_inputs = gradients[0] if len(gradients) == 1 else gradients


def plain(result: Any) -> Any:
    """What f returned, with floats in place of Values."""
    if isinstance(result, dict):
        return {key: plain(part) for key, part in result.items()}
    if isinstance(result, np.ndarray):
        return np.array([plain(part) for part in result.flat]).reshape(result.shape)
    if isinstance(result, list | tuple):
        return type(result)(plain(part) for part in result)
    return result.data if isinstance(result, Value) else float(result)


def together(trees: list[Any], lists_are_arrays: bool) -> Any:
    """Trees of numbers, one per example, as one tree of arrays."""
    first = trees[0]
    if first is None:
        return None
    if isinstance(first, dict):
        return {key: together([tree[key] for tree in trees], lists_are_arrays) for key in first}
    if isinstance(first, list) and lists_are_arrays and all(isinstance(part, float) for part in first):
        return np.array(trees)
    if isinstance(first, list | tuple):
        return type(first)(together(list(parts), lists_are_arrays) for parts in zip(*trees, strict=True))
    return np.array(trees)


def floats_if_single(tree: Any) -> Any:
    """Arrays without axes as floats, as for one example."""
    if isinstance(tree, dict):
        return {key: floats_if_single(part) for key, part in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(floats_if_single(part) for part in tree)
    return float(tree) if isinstance(tree, np.ndarray) and not tree.shape else tree


class Checker:
    """A program beside the function it was made of."""

    def __init__(self, case: Case, kind: Kind) -> None:
        self.case = case
        self.kind = kind
        self.dtype = np.dtype(kind.dtype)
        self.rng = random.Random(case.recipe.seed)
        self.program = autograd.trace(
            case.f, *case.recipe.example, parameters=case.parameters, dtype=kind.dtype, max_paths=1000
        )
        self.leaves = self._in_order()
        self.at_first = np.array([leaf.data for leaf in self.leaves])
        self.ways = itertools.islice(itertools.cycle(ASKED), case.recipe.seed % len(ASKED), None)

    def _in_order(self) -> list[Value]:
        """The Values that the parameters of the program are: told apart by their numbers if the trace found them."""
        given = self.case.parameters
        if given is not None:
            leaves = list(dict.fromkeys(given))
            self._same("parameters", self.program.parameters, np.array([leaf.data for leaf in leaves]))
            return leaves
        by_number = {float(self.dtype.type(leaf.data)): leaf for leaf in self.case.leaves}
        found = [by_number[x] for x in self.program.parameters.tolist()]
        assert len(set(found)) == len(found), "a parameter is there twice"
        return found

    # ------------------------------------------------------------ the whole of it

    def run(self) -> None:
        source = self.case.source
        nan = self.kind.nan and "np.array([ag" not in source  # NumPy warns of a nan among objects
        # An infinite slope where nothing flows, and nan, may be left to the slow way.
        may = nan or "ag.sqrt(ag.relu(" in source
        slow = nullcontext() if may else mock.patch("autograd.program.path.replay", refuse)
        kept: list[tuple[Any, Any]] = []
        for k, n in enumerate(self.kind.sizes):
            rows, order = self._rows(n, nan)
            if k % 2:
                theta = self.program.parameters
                theta[:] = [self.rng.choice([x, self.rng.uniform(-1.5, 1.5), -x]) for x in self.at_first]
                self.program.parameters = theta.copy()
            eager = self._eager(rows)
            picked = [eager[i] for i in order]
            arguments = self._arguments([rows[i] for i in order], n is None)
            with slow:
                kept += self._compared(arguments, picked, n, ASKED if k == 0 and self.kind.ways > 1 else None)
            for result, copied in kept:
                assert identical(result, copied), f"a later call changed a result: {copied} became {result}"
            if self.rng.random() < 0.2:
                self._replayed([rows[i] for i in order][:5], picked[:5])
        self._stored()

    def _compared(self, arguments: Any, picked: list[Eager], n: int | None, ways: Any) -> list[tuple[Any, Any]]:
        """Results and gradients, beside copies of them."""
        kept: list[tuple[Any, Any]] = []
        before = copy.deepcopy(arguments)
        if self.kind.ways > 1 or self.rng.random() < 0.3 or not picked[0].differentiable:
            wanted = picked[0].outputs if n is None else together([e.outputs for e in picked], True)
            found = self.program(*arguments)
            self._same(f"outputs of {n}", found, wanted)
            kept.append((found, copy.deepcopy(found)))
        for wrt, reduce in ways or list(itertools.islice(self.ways, self.kind.ways)):
            found = self._compare(arguments, picked, n is None, wrt, reduce)
            kept.append((found, copy.deepcopy(found)))
            if len(kept) <= 2 and found is not None:
                again = self.program.value_and_grad(*arguments, wrt=wrt, reduce=reduce)
                assert identical(again, found), f"a second run gives other bits: {found} and {again}"
        assert identical(arguments, before), "the arguments were changed"
        return kept

    def _rows(self, n: int | None, poison: bool) -> tuple[list[Any], list[int]]:
        """A few different examples, and which of them the batch holds: the eager engine is slow."""
        size = n or 1
        rows = self.case.rows(min(size, 5), self.rng)
        order = [self.rng.randrange(len(rows)) if i >= len(rows) else i for i in range(size)]
        self.rng.shuffle(order)
        if self.dtype == np.float32:
            rows = [self._rounded(row) for row in rows]
        if poison:
            arrays = [array for numbers, array in parts_of(self.case.recipe.specs, rows[-1]) if not numbers.top]
            if arrays:
                array = self.rng.choice(arrays)
                array.reshape(-1)[self.rng.randrange(array.size)] = np.nan
        return rows, order

    def _rounded(self, row: Any) -> Any:
        def rounded(numbers: Numbers, array: Any) -> Any:
            return array if numbers.top else array.astype(np.float32).astype(float)

        return mapped(rounded, self.case.recipe.specs, row)

    def _arguments(self, rows: list[Any], single: bool) -> tuple[Any, ...]:
        as_lists = self.rng.random() < 0.3
        if not single:
            batch = self.case.batch(rows)
            return mapped(lambda numbers, array: array.tolist(), self.case.recipe.specs, batch) if as_lists else batch
        return example_of(self.case.recipe.specs, rows[0]) if as_lists else rows[0]

    def _eager(self, rows: list[Any]) -> list[Eager]:
        """Each example on Values, at the parameters of the program."""
        autograd.write(self.leaves, "data", self.program.parameters.astype(float))
        frozen = [leaf.data for leaf in self.case.frozen]
        autograd.write(self.case.frozen, "data", np.array(frozen).astype(self.dtype).astype(float))
        self.case.setup()
        try:
            return [Eager(self.case, self.leaves, row) for row in rows]
        finally:
            autograd.write(self.leaves, "data", self.at_first)
            autograd.write(self.case.frozen, "data", frozen)
            self.case.setup()

    def _compare(self, arguments: Any, picked: list[Eager], single: bool, wrt: str, reduce: str | None) -> Any:
        what = f"batch {None if single else len(picked)}, wrt={wrt!r}, reduce={reduce!r}"
        wanted = picked[0].outputs if single else together([e.outputs for e in picked], True)
        if not picked[0].differentiable:
            try:
                self.program.value_and_grad(*arguments)
            except TypeError:
                return None
            raise AssertionError("value_and_grad must not accept this form of result")
        found, slopes = both = self.program.value_and_grad(*arguments, wrt=wrt, reduce=reduce)
        self._same(f"outputs beside a gradient, {what}", found, wanted)
        by_parameters = np.stack([e.by_parameters for e in picked])
        if reduce is not None:
            by_parameters = by_parameters.sum(axis=0) / (len(picked) if reduce == "mean" else 1)
        elif single:
            by_parameters = by_parameters[0]
        by_inputs = picked[0].by_inputs if single else together([e.by_inputs for e in picked], False)
        if single:
            by_inputs = floats_if_single(by_inputs)
        expected = {"parameters": by_parameters, "inputs": by_inputs, "both": (by_parameters, by_inputs)}[wrt]
        self._same(f"gradient, {what}", slopes, expected)
        return both

    def _replayed(self, rows: list[Any], picked: list[Eager]) -> None:
        """The record as plain data says the same, and exactly one path takes each example."""
        program: Program = self.program
        for row, eager in zip(rows, picked, strict=True):
            flat = [array.ravel() for _, array in parts_of(self.case.recipe.specs, row)]
            inputs = np.concatenate([*flat, np.zeros(0)]).astype(float)
            taken = [path for path in program.paths if follows(path.record, self._theta(path), inputs)]
            assert len(taken) == 1, f"{len(taken)} paths take the example {row}"
            path, theta = taken[0], self._theta(taken[0])
            seed = 1.0 if eager.differentiable else None
            outputs, by_parameters, _ = replay(path.record, theta, inputs, seed)
            wanted = list(numbers_in(eager.outputs))
            self._same("outputs by replay", np.array(outputs), np.array(wanted), kind=False)
            if seed:
                found = np.array(by_parameters[: len(self.leaves)])
                self._same("gradient by replay", found, eager.by_parameters, kind=False)

    def _theta(self, path: Any) -> Any:
        return np.concatenate([self.program.parameters, path.frozen]).astype(float)

    def _stored(self) -> None:
        self.program.store()
        assert [leaf.data for leaf in self.leaves] == self.program.parameters.tolist(), "store() writes something else"
        autograd.write(self.leaves, "data", self.at_first)
        self.program.load()
        assert identical(self.program.parameters, self.at_first.astype(self.dtype)), "load() reads something else"

    def _same(self, what: str, found: Any, wanted: Any, kind: bool = True) -> None:
        """Equal to rounding, relative to the largest number, with the same nesting, types and shapes."""
        if isinstance(wanted, dict | list | tuple) or wanted is None:
            assert type(found) is type(wanted), f"{what}: {found!r} instead of {wanted!r}"
            if isinstance(wanted, dict):
                assert list(found) == list(wanted), f"{what}: keys {list(found)} instead of {list(wanted)}"
                found, wanted = list(found.values()), list(wanted.values())
            if wanted is not None:
                assert len(found) == len(wanted), f"{what}: {found!r} instead of {wanted!r}"
                for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
                    self._same(f"{what}[{i}]", a, b)
            return
        if isinstance(wanted, float):
            assert type(found) is float, f"{what}: {found!r} must be a float"
        else:
            assert isinstance(found, np.ndarray), f"{what}: {found!r} must be an array"
            assert not kind or found.dtype == self.dtype, f"{what}: dtype {found.dtype}"
            assert found.shape == wanted.shape, f"{what}: shape {found.shape} instead of {wanted.shape}"
        a, b = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
        size = np.nanmax(np.abs(b), initial=1.0)
        good = (np.abs(a - b) <= self.kind.tolerance * size) | (np.isnan(a) & np.isnan(b)) | (a == b)
        assert good.all(), f"{what}:\nprogram\n{found!r}\neager\n{wanted!r}\ndifference\n{a - b!r}"


def refuse(*args: Any) -> Any:
    raise AssertionError("the program fell back to the slow way")


def numbers_in(tree: Any) -> Any:
    """Every number of a tree, in order."""
    if isinstance(tree, float):
        yield tree
    else:
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from numbers_in(part)


def identical(x1: Any, x2: Any) -> bool:
    """Equal to the bit, nan included."""
    if isinstance(x1, dict):
        return all(identical(x1[key], x2[key]) for key in x1)
    if isinstance(x1, list | tuple):
        return all(identical(a, b) for a, b in zip(x1, x2, strict=True))
    if x1 is None:
        return x2 is None
    return np.asarray(x1).tobytes() == np.asarray(x2).tobytes()
