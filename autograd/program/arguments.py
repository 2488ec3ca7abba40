"""Arguments: lists, tuples, dicts, dataclasses and arrays of numbers, nested, as one row of floats for each example."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterator, Mapping, MutableSequence, MutableSet
from dataclasses import dataclass, field
from itertools import islice
from numbers import Integral, Real
from typing import Any

import numpy as np

from autograd.convert import number
from autograd.engine import Value
from autograd.program.record import Array, same
from autograd.program.recorder import Index, TraceError
from autograd.tree import (
    is_number,
    leaves_of,
    like,
    map_leaves,
    parts_of,
    plain_array,
    shape_of,
    written,
)

__all__ = ["Example", "Fixed", "Slot", "collect", "describe", "rebuild", "slots_of"]


@dataclass(frozen=True)
class Slot:
    """An array among the arguments, or a nested list that could be one, or a number.

    name: what to call it in errors. shape: without the batch. whole: whether its numbers are indices. start: where
    its numbers stand in the row of all. template: nested lists and tuples, 0 where a number is; None for an array.
    size: how many numbers there are. place: the part of the row that they are.
    """

    name: str
    shape: tuple[int, ...]
    whole: bool
    start: int
    template: Any = None
    size: int = field(init=False)
    place: slice = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", math.prod(self.shape))
        object.__setattr__(self, "place", slice(self.start, self.start + self.size))


CHANGEABLE = (MutableSet, MutableSequence, np.ndarray)  # of what is no container here, what a function may change


@dataclass(frozen=True)
class Fixed:
    """What is no number among the arguments: the same in every example. name: what to call it in errors."""

    name: str
    what: Any

    def given(self) -> Any:
        """What a function gets: it may change it."""
        return copy.copy(self.what) if isinstance(self.what, CHANGEABLE) else self.what

    def is_again(self, x: Any) -> bool:
        """Whether x is the same. What raises an error when it is compared does not say so."""
        if x is self.what:
            return True
        if isinstance(x, bool | np.bool_) and isinstance(self.what, bool | np.bool_):
            return bool(x == self.what)
        if isinstance(self.what, np.ndarray):
            return same(self.what, x)
        with contextlib.suppress(Exception):
            return type(x) is type(self.what) and bool(x == self.what)
        return False


def describe(example: tuple[Any, ...]) -> tuple[tuple[Any, ...], Array]:
    """The Slots that the arguments of an example consist of, and what is Fixed, nested as they are; and its numbers."""
    row: list[float] = []

    def described(x: Any, name: str, around: tuple[int, ...] = ()) -> Any:
        try:
            flat, shape, template = _numbers_in(x)
            parts = parts_of(x) if flat is None else None
        except TypeError as error:
            raise TraceError(f"trace: {name} cannot be an argument: {error}") from None
        if id(x) in around:
            raise TraceError(f"trace: {name} cannot be an argument: it holds itself, so its numbers have no end")
        if parts is not None:
            around = (*around, id(x))
            return like(x, [described(part, name + written(x, key), around) for key, part in parts])
        if flat is None:
            return Fixed(name, copy.copy(x) if isinstance(x, CHANGEABLE) else x)
        whole = bool(flat) and all(isinstance(part, Integral) for part in flat)
        slot = Slot(name, shape, whole, len(row), template)
        row.extend(x if type(x) is float else x.data if isinstance(x, Value) else number(x, "trace") for x in flat)
        return slot

    found = tuple(described(x, f"argument {i}") for i, x in enumerate(example))
    return found, np.asarray(row, dtype=float)


def _is_scalar(x: Any) -> bool:
    return is_number(x) or (isinstance(x, np.ndarray) and x.shape == () and is_number(x.item()))


def _numbers_in(x: Any) -> tuple[list[Any] | None, tuple[int, ...], Any]:
    """The numbers, the shape and the template of a Slot, if x can be one, else None in their place."""
    if isinstance(x, np.ndarray) and x.ndim:
        flat = plain_array(x).ravel().tolist()
        return (flat, x.shape, None) if x.dtype.kind in "fiu" or all(map(is_number, flat)) else (None, (), None)
    several = type(x) is tuple and len({type(part) for part in x}) > 1  # (2, 0.5): each for itself
    shape = None if several else shape_of(x, _is_scalar)
    if shape is None:
        if hasattr(x, "__array__") and not isinstance(x, np.ndarray | np.generic):
            raise TypeError(f"it is a {type(x).__name__}; give np.asarray of it")
        return None, (), None
    flat = [part.item() if isinstance(part, np.ndarray) else part for part in leaves_of(x, _is_scalar)]
    template = map_leaves(lambda _: 0, x, _is_scalar)
    return flat, shape, template


def _is_leaf(part: Any) -> bool:
    return isinstance(part, Slot | Fixed)


def slots_of(description: Any) -> Iterator[Slot]:
    """Every Slot of a description, in order."""
    return (part for part in leaves_of(description, _is_leaf) if isinstance(part, Slot))


def rebuild(description: Any, of_slot: Callable[[Slot], Any], of_fixed: Callable[[Fixed], Any]) -> Any:
    """The description with `of_slot(slot)` for each Slot, and `of_fixed(fixed)` for what is no number."""
    if isinstance(description, Slot):
        return of_slot(description)
    return map_leaves(lambda part: of_slot(part) if isinstance(part, Slot) else of_fixed(part), description, _is_leaf)


@dataclass(frozen=True, eq=False)
class Example:
    """What a function is traced at: the description of its arguments, and one row of numbers."""

    description: tuple[Any, ...]
    row: Array

    def of_values(self) -> tuple[tuple[Any, ...], list[Value]]:
        """What the function is to be called with: Values and indices for numbers; and these Values, in order."""
        inputs: list[Value] = []

        def made(numbers: list[float], whole: bool) -> list[Any]:
            if whole:
                indices = [Index(int(x)) for x in numbers]
                inputs.extend([index.value for index in indices])
                return indices
            values = [Value(x) for x in numbers]
            inputs.extend(values)
            return values

        return self._with(made), inputs

    def of_numbers(self) -> tuple[Any, ...]:
        """The same with plain numbers."""
        return self._with(lambda numbers, whole: [int(x) if whole else x for x in numbers])

    def _with(self, made: Callable[[list[float], bool], list[Any]]) -> tuple[Any, ...]:
        """made: what stands for some numbers, indices or not."""
        row = self.row.tolist()

        def of_slot(slot: Slot) -> Any:
            found = made(row[slot.place], slot.whole)
            return _array_of(found, slot) if slot.template is None else _filled(slot.template, iter(found))

        return tuple([rebuild(part, of_slot, Fixed.given) for part in self.description])


def _array_of(found: list[Any], slot: Slot) -> Array:
    if not any(isinstance(x, Value | Index) for x in found):
        return np.array(found, dtype=int if slot.whole else float).reshape(slot.shape)
    array = np.empty(slot.size, dtype=object)
    for i, item in enumerate(found):  # one by one: NumPy would ask each of them whether it is an array
        array[i] = item
    return array.reshape(slot.shape)


def _filled(template: Any, items: Iterator[Any]) -> Any:
    if type(template) is int:
        return next(items)
    if template and type(template[0]) is int:
        return like(template, [*islice(items, len(template))])
    return like(template, [_filled(part, items) for part in template])


def collect(description: Any, given: Any, name: Any, found: list[Array]) -> None:
    """Append the array that was given for each Slot, of numbers of the right kind; its shape is not looked at.

    name: of the argument, or its number.
    """
    if isinstance(description, Slot):
        ready = type(given) is np.ndarray and given.dtype.kind == "f" and not description.whole
        found.append(given if ready else _array_for(description, given))
        return
    if isinstance(description, Fixed):
        if not description.is_again(given):
            raise ValueError(
                f"program: {description.name} is no number, and was {description.what!r:.100} when the function was "
                f"traced, so it must be that again, got {given!r:.100}; trace it again for another"
            )
        return
    if isinstance(name, int):
        name = f"argument {name}"
    is_sequence = type(description) in (list, tuple)
    kind: Any = Mapping if isinstance(description, Mapping) else list | tuple if is_sequence else type(description)
    if not is_sequence and isinstance(given, list) and given and all(isinstance(x, kind) for x in given):
        _collect_examples(description, given, name, found)
        return
    if not isinstance(given, kind):
        what = "dict" if kind is Mapping else type(description).__name__
        raise TypeError(f"program: {name} must be a {what} as in the example, got {given!r:.200}")
    parts, theirs = dict(parts_of(description) or ()), dict(parts_of(given) or ())
    if parts.keys() != theirs.keys():
        raise ValueError(f"program: {name} must hold {[*parts]}, as the example did, got {len(theirs)} entries")
    for key, part in parts.items():
        collect(part, theirs[key], name + written(description, key), found)


def _collect_examples(description: Any, given: list[Any], name: str, found: list[Array]) -> None:
    """The same where a list of examples is given for a batch."""
    rows: list[list[Array]] = []
    for i, example in enumerate(given):
        rows.append([])
        collect(description, example, f"{name}[{i}]", rows[-1])
    for slot, arrays in zip(slots_of(description), zip(*rows, strict=True), strict=True):
        for i, array in enumerate(arrays):
            if array.shape != slot.shape:
                raise ValueError(
                    f"program: {slot.name} must have shape {slot.shape} in each of a list of examples, "
                    f"got {array.shape} in example {i}"
                )
        found.append(np.stack(arrays))


def _array_for(slot: Slot, given: Any) -> Array:
    array = given if type(given) is np.ndarray else _as_array(given, slot)
    if array.dtype.kind == "O" and array.size and all(isinstance(x, Real) for x in array.flat):  # fractions, say
        indices = slot.whole and all(isinstance(x, Integral) for x in array.flat)
        try:
            array = array.astype(int if indices else float)
        except OverflowError:
            raise ValueError(f"program: {slot.name} holds a number that is too large, got {given!r:.60}") from None
    kind = array.dtype.kind
    if kind not in "fiu" and not _is_of_values(array):
        raise TypeError(
            f"program: {slot.name} must be an array of numbers of shape {_shapes(slot)}, got {given!r:.200}"
        )
    if slot.whole and kind == "f":
        raise TypeError(
            f"program: {slot.name} is an index (the example that was traced held integers), so it must be "
            f"an array of integers, got {array.dtype}"
        )
    if kind == "O" and any(isinstance(x, Value if slot.whole else Index) for x in array.flat):
        raise TypeError(
            f"program: {slot.name} is {'an index' if slot.whole else 'a number'} (as in the example "
            f"that was traced), but {'a Value is a number' if slot.whole else 'an integer is an index'}"
        )
    return array


def _is_of_values(array: Array) -> bool:
    """Whether these are Values, beside numbers perhaps."""
    return array.size > 0 and all(is_number(x) or isinstance(x, Index) for x in array.flat)


def _as_array(given: Any, slot: Slot) -> Array:
    """The numbers as an array, of objects where there are Values among them."""
    if isinstance(given, np.ndarray):
        try:
            return np.asarray(plain_array(given))
        except TypeError as error:
            raise TypeError(f"program: {slot.name} cannot be {error}") from None
    columns = type(given) is tuple and type(slot.template) is tuple and len(given) == slot.shape[0]
    try:
        if columns and all(isinstance(part, list | np.ndarray) for part in given):
            parts = [np.asarray(part) for part in given]
            if all(part.ndim == len(slot.shape) for part in parts):
                return np.stack(parts, axis=1)  # a batch for each part, as in other structures
        return np.asarray(given)
    except (ValueError, TypeError):
        return np.empty(0, dtype=object)


def _shapes(slot: Slot) -> str:
    return f"{slot.shape}, or {('n', *slot.shape)} for a batch of n".replace("'", "")
