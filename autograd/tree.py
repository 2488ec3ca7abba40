"""Trees: lists, tuples, named tuples, dicts, dataclasses and arrays of numbers, nested, as arguments and results are.

A number is a real number that is no bool, or a Value. What is neither a container nor a number is passed through.
"""

from __future__ import annotations

import copy
import dataclasses
import numbers
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

__all__ = [
    "copied", "in_order_of", "is_array", "is_number", "leaves_of", "like", "map_leaves", "map_numbers", "named_leaves",
    "named_numbers", "parts_of", "plain_array", "shape_of", "written",
]  # fmt: skip


def is_number(x: Any) -> bool:
    """Whether x is one number: a real one, or a Value."""
    kind = type(x)
    if kind is float or kind is int or hasattr(kind, "__apply_primitive__"):
        return True
    return isinstance(x, numbers.Real) and kind is not bool


def is_array(x: Any) -> bool:
    """Whether x is an array of NumPy, without importing it."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, numpy.ndarray)


def _fields(x: Any) -> tuple[str, ...] | None:
    """The names of the attributes that hold the parts of x, if it is a named tuple or a dataclass."""
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return tuple(x._fields)
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return tuple(field.name for field in dataclasses.fields(x) if hasattr(x, field.name))
    return None


def parts_of(x: Any) -> list[tuple[Any, Any]] | None:
    """What a container holds, each with its key, index or name; None if x is no container.

    Raises TypeError for a matrix of NumPy, and an array with a mask, of which something would be lost.
    """
    kind = type(x)
    if kind is list or kind is tuple:
        return list(enumerate(x))
    if isinstance(x, Mapping):
        return list(x.items())
    names = _fields(x)
    if names is not None:
        return [(name, getattr(x, name)) for name in names]
    if isinstance(x, list | tuple):
        return list(enumerate(x))
    if is_array(x) and x.dtype.kind in "fiuO":
        import numpy as np

        plain_array(x)
        return list(np.ndenumerate(x))
    return None


def written(x: Any, key: Any) -> str:
    """What to write behind a container to get the part with that key."""
    if is_array(x):
        return "".join(f"[{i}]" for i in key)
    return f"[{key!r}]" if _fields(x) is None else f".{key}"


def plain_array(x: Any) -> Any:
    """x, an array; TypeError if it is one that computes in its own way."""
    import numpy as np

    if isinstance(x, np.matrix | np.ma.MaskedArray):
        way_out = "np.asarray(x)" if isinstance(x, np.matrix) else "x.filled(...), or x.compressed()"
        raise TypeError(f"a {type(x).__name__} of NumPy computes in its own way, which would be lost; give {way_out}")
    return x


def like(x: Any, parts: list[Any]) -> Any:
    """A container as x is, of other parts."""
    kind = type(x)
    if kind is list or kind is tuple:
        return kind(parts)
    if isinstance(x, Mapping):
        filled = dict(zip(x, parts, strict=True))
        if type(x) is dict or not hasattr(x, "update"):
            return filled
        again = copy.copy(x)
        again.update(filled)
        return again
    names = _fields(x)
    if isinstance(x, list | tuple):
        return type(x)(parts) if names is None else type(x)(*parts)
    if names is None:
        return _array_like(x, parts)
    again = copy.copy(x)
    for name, part in zip(names, parts, strict=True):
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


def map_leaves(f: Callable[[Any], Any], x: Any, is_leaf: Callable[[Any], bool], around: tuple[int, ...] = ()) -> Any:
    """x with f(leaf) for each leaf in it and for all that is no container, in fresh containers of the same types.

    Arrays are arrays of objects then, or of floats where f returns nothing but floats. Raises ValueError for a
    container that holds itself. around: the containers that x is in.

    >>> map_leaves(len, {"a": ["bc", ("d", "")]}, lambda x: False)
    {'a': [2, (1, 0)]}
    """
    if is_leaf(x):
        return f(x)
    if id(x) in around:
        raise ValueError("a container holds itself, so its numbers have no end")
    parts = parts_of(x)
    if parts is None:
        return f(x)
    around = (*around, id(x))
    return like(x, [map_leaves(f, part, is_leaf, around) for _, part in parts])


def map_numbers(f: Callable[[Any], Any], x: Any, other: Callable[[Any], Any] = lambda x: x) -> Any:
    """x with f(number) for each number in it, and other(part) for what is none, as `map_leaves` does.

    >>> map_numbers(lambda x: 2.0 * x, {"a": [1.0, (2.0, "b")]})
    {'a': [2.0, (4.0, 'b')]}
    """
    return map_leaves(lambda part: f(part) if is_number(part) else other(part), x, is_number)


def leaves_of(x: Any, is_leaf: Callable[[Any], bool], around: tuple[int, ...] = ()) -> Iterator[Any]:
    """Each leaf in x, and all else that is no container, in order; what holds itself is looked into once."""
    parts = None if is_leaf(x) else parts_of(x)
    if parts is None:
        yield x
    elif id(x) not in around:
        for _, part in parts:
            yield from leaves_of(part, is_leaf, (*around, id(x)))


def copied(x: Any) -> Any:
    """x in fresh containers; the numbers and the types of arrays stay."""

    def is_leaf(part: Any) -> bool:
        return is_number(part) or (is_array(part) and plain_array(part).dtype != object)

    return map_leaves(lambda part: part.copy() if is_array(part) else part, x, is_leaf)


def named_leaves(
    x: Any, name: str, is_leaf: Callable[[Any], bool], around: tuple[int, ...] = ()
) -> Iterator[tuple[str, Any]]:
    """Each leaf in x, and all else that is no container, with its name: what to write to get it from `name`."""
    parts = None if is_leaf(x) else parts_of(x)
    if parts is None:
        yield name, x
        return
    if id(x) in around:
        raise ValueError("a container holds itself, so its numbers have no end")
    for key, part in parts:
        yield from named_leaves(part, name + written(x, key), is_leaf, (*around, id(x)))


def named_numbers(x: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each number in x with its name: what to write to get it from `name`.

    >>> list(named_numbers({"a": [1.0, (2.0, "b")]}, "x"))
    [("x['a'][0]", 1.0), ("x['a'][1][0]", 2.0)]
    """
    return (pair for pair in named_leaves(x, name, is_number) if is_number(pair[1]))


def in_order_of(given: Iterable[tuple[str, Any]], names: Iterable[str], what: str) -> list[Any]:
    """The numbers of named ones, in the order of `names` if those are their names, and else as they come. TypeError, of
    `what`, if they have keys of their own.

    >>> in_order_of(named_numbers({"b": 2.0, "a": 1.0}, "x"), ["x['a']", "x['b']"], "gradient")
    [1.0, 2.0]
    """
    known, order = dict(given), list(names)
    if known.keys() == set(order):
        return [known[name] for name in order]
    strange = [name for name in known if "['" in name and name not in order]
    if strange:
        raise TypeError(f"{what} has {strange[0]}, and the arguments have {', '.join(order[:6])}")
    return list(known.values())


def shape_of(x: Any, is_leaf: Callable[[Any], bool], around: tuple[int, ...] = ()) -> tuple[int, ...] | None:
    """The shape of lists and tuples that could be an array of leaves: () for a leaf, None if they could not.

    >>> shape_of([[1.0, 2.0, 3.0], (4.0, 5.0, 6.0)], is_number), shape_of([1.0, [2.0]], is_number)
    ((2, 3), None)
    """
    if is_leaf(x):
        return ()
    if not isinstance(x, list | tuple) or _fields(x) is not None or id(x) in around:
        return None
    shapes = {shape_of(part, is_leaf, (*around, id(x))) for part in x}
    inner = shapes.pop() if shapes else ()
    return None if shapes or inner is None else (len(x), *inner)
