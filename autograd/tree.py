"""Trees: lists, tuples, named tuples, dicts, dataclasses and arrays of numbers, nested, as arguments and results are.

A number is a real number that is no bool, or a Value. What is neither a container nor a number is passed through.
"""

from __future__ import annotations

import copy
import dataclasses
import numbers
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["copied", "is_array", "is_number", "map_numbers", "named_numbers"]


def is_number(x: Any) -> bool:
    """Whether x is one number: a real one, or a Value."""
    return (isinstance(x, numbers.Real) and not isinstance(x, bool)) or hasattr(type(x), "__apply_primitive__")


def is_array(x: Any) -> bool:
    """Whether x is an array of NumPy, without importing it."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, numpy.ndarray)


def _parts(x: Any) -> list[tuple[str, Any]] | None:
    """What a container holds, each with the end of its name; None if x is no container."""
    if isinstance(x, Mapping):
        return [(f"[{key!r}]", part) for key, part in x.items()]
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return [(f".{name}", part) for name, part in zip(x._fields, x, strict=True)]
    if isinstance(x, list | tuple):
        return [(f"[{i}]", part) for i, part in enumerate(x)]
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        there = [field.name for field in dataclasses.fields(x) if hasattr(x, field.name)]
        return [(f".{name}", getattr(x, name)) for name in there]
    if is_array(x) and x.dtype.kind in "fiuO":
        import numpy as np

        return [("".join(f"[{i}]" for i in place), part) for place, part in np.ndenumerate(x)]
    return None


def _like(x: Any, parts: list[Any]) -> Any:
    """A container as x is, of other parts."""
    if isinstance(x, Mapping):
        filled = dict(zip(x, parts, strict=True))
        if type(x) is dict or not hasattr(x, "update"):
            return filled
        again = copy.copy(x)
        again.update(filled)
        return again
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*parts)
    if isinstance(x, list | tuple):
        return type(x)(parts)
    if is_array(x):
        return _array_like(x, parts)
    again = copy.copy(x)
    there = [field.name for field in dataclasses.fields(x) if hasattr(x, field.name)]
    for name, part in zip(there, parts, strict=True):
        object.__setattr__(again, name, part)  # a frozen one, too
    return again


def _array_like(x: Any, parts: list[Any]) -> Any:
    """An array of the shape of x: of floats where all parts are such, else of objects."""
    import numpy as np

    plain = all(type(part) is float for part in parts)
    found = np.empty(x.size, dtype=float if plain else object)
    for i, part in enumerate(parts):
        found[i] = part
    return found.reshape(x.shape)


def _mapped(f: Callable[[Any], Any], x: Any, other: Callable[[Any], Any], around: tuple[int, ...]) -> Any:
    if is_number(x):
        return f(x)
    if id(x) in around:
        raise ValueError("a container holds itself, so its numbers have no end")
    parts = _parts(x)
    if parts is None:
        return other(x)
    around = (*around, id(x))
    return _like(x, [_mapped(f, part, other, around) for _, part in parts])


def map_numbers(f: Callable[[Any], Any], x: Any, other: Callable[[Any], Any] = lambda x: x) -> Any:
    """x with f(number) for each number in it, in fresh containers of the same types, and other(part) for what is none.

    Arrays are arrays of objects then, or of floats where f returns nothing but floats. Raises ValueError for a
    container that holds itself.

    >>> map_numbers(lambda x: 2.0 * x, {"a": [1.0, (2.0, "b")]})
    {'a': [2.0, (4.0, 'b')]}
    """
    return _mapped(f, x, other, ())


def copied(x: Any) -> Any:
    """x in fresh containers; the numbers and the types of arrays stay."""
    if is_array(x) and x.dtype != object:
        return x.copy()
    parts = _parts(x)
    return x if parts is None or is_number(x) else _like(x, [copied(part) for _, part in parts])


def named_numbers(x: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each number in x with its name: what to write to get it from `name`.

    >>> list(named_numbers({"a": [1.0, (2.0, "b")]}, "x"))
    [("x['a'][0]", 1.0), ("x['a'][1][0]", 2.0)]
    """
    if is_number(x):
        yield name, x
        return
    for end, part in _parts(x) or ():
        yield from named_numbers(part, name + end)
