"""Arguments: nested lists, tuples, dicts and arrays of numbers, laid out as one row of floats per example."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.program.record import Array
from autograd.program.tracing import Index, TraceError
from autograd.value import Value

__all__ = ["Slot", "arguments_of", "collect", "describe", "rebuild", "slots_of"]


@dataclass(frozen=True)
class Slot:
    """An array among the arguments, or a nested list that could be one, or a number.

    name: what to call it in errors. shape: without the batch. whole: whether its numbers are indices. start: where its
    numbers stand in the row of all. template: nested lists and tuples with None where a number is; None for an array.
    """

    name: str
    shape: tuple[int, ...]
    whole: bool
    start: int
    template: Any = None

    @property
    def size(self) -> int:
        """How many numbers."""
        return math.prod(self.shape)


def describe(example: Any, name: str, start: int) -> Any:
    """The Slots that an example argument consists of, nested as they are in it. `start`: where its first number goes."""
    if isinstance(example, Value):
        return Slot(name, (), False, start, 0)
    if isinstance(example, list | tuple | numbers.Real | np.ndarray | np.generic) and not isinstance(example, bool):
        try:
            array = np.asarray(_plain(example))
        except (ValueError, TypeError):
            array = np.empty(0, dtype=object)
        if array.dtype.kind in "fiu":
            template = None if isinstance(example, np.ndarray) and example.shape else _template(example)
            return Slot(name, array.shape, array.dtype.kind in "iu" and array.size > 0, start, template)
    if isinstance(example, list | tuple | dict):
        keys = list(example) if isinstance(example, dict) else range(len(example))
        parts = {}
        for key in keys:
            parts[key] = describe(example[key], f"{name}[{key!r}]", start)
            start += sum(slot.size for slot in slots_of(parts[key]))
        return parts if isinstance(example, dict) else type(example)(parts.values())
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
    return type(example)(_template(item) for item in example) if isinstance(example, list | tuple) else 0


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
    return type(description)(rebuild(part, of_slot) for part in description)


def arguments_of(description: Any, row: Sequence[float]) -> tuple[Any, list[Value]]:
    """What the function is to be called with for one row of numbers, and the Values in it, in order."""
    inputs: list[Value] = []

    def made(slot: Slot) -> Any:
        found: list[Any] = []
        for x in row[slot.start : slot.start + slot.size]:
            item = Index(int(x)) if slot.whole else Value(x)
            inputs.append(item.value if isinstance(item, Index) else item)
            found.append(item)
        if slot.template is None:
            array = np.empty(slot.size, dtype=object)
            array[:] = found
            return array.reshape(slot.shape)
        items = iter(found)
        return _filled(slot.template, items)

    return rebuild(description, made), inputs


def _filled(template: Any, items: Iterator[Any]) -> Any:
    if isinstance(template, list | tuple):
        return type(template)(_filled(part, items) for part in template)
    return next(items)


def collect(description: Any, given: Any, name: str) -> list[tuple[Slot, Array]]:
    """The array that was given for each Slot; its shape is checked against the others' in `batch_size`."""
    if isinstance(description, Slot):
        try:
            array = np.asarray(_plain(given))
        except (ValueError, TypeError):
            array = np.empty(0, dtype=object)
        if array.dtype.kind not in "fiu":
            raise TypeError(
                f"program: {name} must be an array of numbers of shape {_shapes(description)}, got {given!r:.200}"
            )
        if description.whole and array.dtype.kind == "f":
            raise TypeError(
                f"program: {name} is an index (the example that was traced held integers), so it must be an array of "
                f"integers, got {array.dtype}"
            )
        return [(description, array)]
    keys = list(description) if isinstance(description, dict) else list(range(len(description)))
    if type(given) is not type(description) and not (isinstance(given, list | tuple) and not isinstance(description, dict)):
        raise TypeError(f"program: {name} must be a {type(description).__name__} as in the example, got {given!r:.200}")
    if len(given) != len(keys) or (isinstance(given, dict) and set(given) != set(keys)):
        raise ValueError(f"program: {name} must hold {keys}, as the example did, got {len(given)} entries")
    return [pair for key in keys for pair in collect(description[key], given[key], f"{name}[{key!r}]")]


def _shapes(slot: Slot) -> str:
    return f"{slot.shape}, or {('n', *slot.shape)} for a batch of n".replace("'", "")
