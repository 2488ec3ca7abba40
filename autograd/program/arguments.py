"""Arguments: nested lists, tuples, dicts and arrays of numbers, laid out as one row of floats per example."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd.program.record import Array
from autograd.program.tracing import Index, TraceError, like
from autograd.value import Value

__all__ = ["Slot", "arguments_of", "collect", "describe", "plain_arguments_of", "rebuild", "slots_of"]


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


def describe(example: Any, name: str, start: int) -> Any:
    """The Slots that an example argument consists of, nested as it is. `start`: where its first number goes."""
    if isinstance(example, Value):
        return Slot(name, (), False, start, 0)
    several = isinstance(example, tuple) and len({type(item) for item in example}) > 1  # (2, 0.5): each for itself
    if (
        isinstance(example, list | tuple | numbers.Real | np.ndarray | np.generic)
        and not isinstance(example, bool)
        and not several
    ):
        array = _as_array(example)
        if array.dtype.kind in "fiu":
            template = None if isinstance(example, np.ndarray) and example.shape else _template(example)
            return Slot(name, array.shape, array.dtype.kind in "iu" and array.size > 0, start, template)
    if isinstance(example, list | tuple | dict):
        keys = list(example) if isinstance(example, dict) else range(len(example))
        parts = {}
        for key in keys:
            parts[key] = describe(example[key], f"{name}[{key!r}]", start)
            start += sum(slot.size for slot in slots_of(parts[key]))
        return parts if isinstance(example, dict) else like(example, list(parts.values()))
    raise TraceError(
        f"trace: {name} must be a number, or lists, tuples, dicts and arrays of numbers, got {example!r}; "
        "what is not a number, and does not vary, belongs outside the function (close over it)"
    )


def _plain(example: Any) -> Any:
    """Values as their numbers, so that a list of Values can be an example, too."""
    if isinstance(example, list | tuple):
        return [_plain(item) for item in example]
    return example.data if isinstance(example, Value) else example


def _template(example: Any) -> Any:
    return like(example, [_template(item) for item in example]) if isinstance(example, list | tuple) else 0


def slots_of(description: Any) -> Iterator[Slot]:
    """Every Slot of a description, in order."""
    if isinstance(description, Slot):
        yield description
    else:
        for part in description.values() if isinstance(description, dict) else description:
            yield from slots_of(part)


def rebuild(description: Any, of_slot: Any) -> Any:
    """The description with `of_slot(slot)` for each Slot."""
    if isinstance(description, Slot):
        return of_slot(description)
    if isinstance(description, dict):
        return {key: rebuild(part, of_slot) for key, part in description.items()}
    return like(description, [rebuild(part, of_slot) for part in description])


def arguments_of(description: Any, row: Sequence[float]) -> tuple[Any, list[Value]]:
    """What the function is to be called with for one row of numbers, and the Values in it, in order."""
    inputs: list[Value] = []

    def number(x: float, whole: bool) -> Any:
        item = Index(int(x)) if whole else Value(x)
        inputs.append(item.value if isinstance(item, Index) else item)
        return item

    return _arguments(description, row, number), inputs


def plain_arguments_of(description: Any, row: Sequence[float]) -> Any:
    """The same with plain numbers, as in the example."""
    return _arguments(description, row, lambda x, whole: int(x) if whole else x)


def _arguments(description: Any, row: Sequence[float], number: Callable[[float, bool], Any]) -> Any:
    def made(slot: Slot) -> Any:
        found = [number(x, slot.whole) for x in row[slot.place]]
        if slot.template is None:
            if not any(isinstance(x, Value | Index) for x in found):
                return np.array(found, dtype=int if slot.whole else float).reshape(slot.shape)
            array = np.empty(slot.size, dtype=object)
            array[:] = found
            return array.reshape(slot.shape)
        items = iter(found)
        return _filled(slot.template, items)

    return rebuild(description, made)


def _filled(template: Any, items: Iterator[Any]) -> Any:
    if isinstance(template, list | tuple):
        return like(template, [_filled(part, items) for part in template])
    return next(items)


def collect(description: Any, given: Any, name: Any, found: list[Array]) -> None:
    """Append the array that was given for each Slot, of numbers of the right kind; its shape is not looked at.

    name: of the argument, or its number.
    """
    if isinstance(description, Slot):
        array = given if type(given) is np.ndarray else _as_array(given, plain=False)
        kind = array.dtype.kind
        if kind not in "fiu" and not _is_of_values(array):
            raise TypeError(
                f"program: {description.name} must be an array of numbers of shape {_shapes(description)}, "
                f"got {given!r:.200}"
            )
        if description.whole and kind == "f":
            raise TypeError(
                f"program: {description.name} is an index (the example that was traced held integers), so it must be "
                f"an array of integers, got {array.dtype}"
            )
        if kind == "O" and any(isinstance(x, Value if description.whole else Index) for x in array.flat):
            raise TypeError(
                f"program: {description.name} is {'an index' if description.whole else 'a number'} (as in the example "
                f"that was traced), but {'a Value is a number' if description.whole else 'an integer is an index'}"
            )
        found.append(array)
        return
    if isinstance(name, int):
        name = f"argument {name}"
    if not isinstance(given, dict if isinstance(description, dict) else list | tuple):
        raise TypeError(f"program: {name} must be a {type(description).__name__} as in the example, got {given!r:.200}")
    keys = list(description) if isinstance(description, dict) else list(range(len(description)))
    if len(given) != len(keys) or (isinstance(given, dict) and set(given) != set(keys)):
        raise ValueError(f"program: {name} must hold {keys}, as the example did, got {len(given)} entries")
    for key in keys:
        collect(description[key], given[key], f"{name}[{key!r}]", found)


def _is_of_values(array: Array) -> bool:
    """Whether these are Values, beside numbers perhaps."""
    return array.size > 0 and all(
        isinstance(x, Value | Index | numbers.Real) and not isinstance(x, bool) for x in array.flat
    )


def _as_array(given: Any, plain: bool = True) -> Array:
    """The numbers as an array. plain: those of Values; else an array of these."""
    try:
        array = np.asarray(given)
        return np.asarray(_plain(given)) if array.dtype == object and plain else array
    except (ValueError, TypeError):
        return np.empty(0, dtype=object)


def _shapes(slot: Slot) -> str:
    return f"{slot.shape}, or {('n', *slot.shape)} for a batch of n".replace("'", "")
