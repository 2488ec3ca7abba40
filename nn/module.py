"""What every network is: a tree of parts whose leaves are parameters."""

from __future__ import annotations

import contextlib
import itertools
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any

import autograd
from autograd import Value, tree
from autograd.display import html_table
from autograd.elsewhere import MODULE, advice
from autograd.tree import leaves_of, parts_of, shape_of

__all__ = ["Module"]

# What holds parameters, Modules and optimisers, in the order of their making; so pictures find the names of leaves.
_holders: dict[int, weakref.ref[Any]] = {}
_count = itertools.count()


def remember(holder: Any) -> None:
    """Note a Module or an optimiser as one that holds parameters, as long as it lives."""
    place = next(_count)
    _holders[place] = weakref.ref(holder, lambda _: _holders.pop(place, None))


def known_parameters(leaves: Iterable[Value]) -> dict[Value, str]:
    """Those of some leaves that a Module or an optimiser holds: with the name in the largest Module, or with none."""
    return {parameter: name for parameter, (_, name) in holders_of(leaves).items()}


def holders_of(leaves: Iterable[Value]) -> dict[Value, tuple[Any, str]]:
    """Those of some leaves that are held: each with the largest Module that holds it and its name there; with an
    optimiser and no name, if no Module does.
    """
    wanted = set(leaves)
    found: dict[Value, tuple[Any, str]] = {}
    holdings: list[tuple[tuple[int, int, int], Any, list[tuple[str, Value]]]] = []
    for made in list(_holders):  # of its keys: pairs would be made, and the collector may take a holder away meanwhile
        reference = _holders.get(made)
        holder: Any = None if reference is None else reference()
        with contextlib.suppress(AttributeError, TypeError):  # not yet complete, or with parameters that have no name
            named = isinstance(holder, Module)
            held = list(holder.named_parameters()) if named else [("", p) for p in holder.parameters]
            depth = held[0][0].count(".") if held else 0  # where one has all that another has, it is around that
            holdings.append(((-len(held) if named else 1, -depth, made), holder, held))
    for _, holder, held in sorted(holdings, key=lambda holding: holding[0]):
        for name, parameter in held:
            if parameter in wanted:
                found.setdefault(parameter, (holder, name))
    return found


SHOWN = 20  # lines of a table in a notebook


class Module:
    """A part of a network: anything with parameters.

    Attributes that are Values, Modules, or (nested) lists, dicts, dataclasses and arrays of these are found by name, in
    the order in which they were set. Subclasses define `__call__`.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Value(1.0), Value(0.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.offset
    >>> list(dict(Line().named_parameters()))
    ['slope', 'offset']
    """

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Name and Value of every parameter, as `layers.0.neurons.3.weights.12`; a shared one once, by its first
        name.
        """
        seen: set[Value] = set()
        for name, part in _walk(self, _is_parameter):
            if part not in seen:
                seen.add(part)
                yield name, part

    def parameters(self) -> list[Value]:
        """Every parameter, each once, in the order of `named_parameters`."""
        return [parameter for _, parameter in self.named_parameters()]

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{advice(name, MODULE)}")

    def __setattr__(self, name: str, part: Any) -> None:
        if not vars(self):
            remember(self)
        before = vars(self).get(name)
        if (
            before is not None
            and any(map(_is_parameter, _values_in(before)))
            and any(map(_is_computed, _values_in(part)))
        ):
            raise TypeError(
                f"{type(self).__name__}.{name} would lose its parameters: what is to take their place was computed, so "
                "it is a result and no parameter. Change their numbers instead: p.data -= 0.1 * p.grad for each p, "
                "or let an optimiser do it"
            )
        object.__setattr__(self, name, part)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        remember(self)

    def _repr_html_(self) -> str:
        rows = [(name, " × ".join(map(str, part.shape)) or "1") for name, part in self.state_dict().items()]
        few = rows if len(rows) <= SHOWN else [*rows[:SHOWN], ("...", f"{len(rows) - SHOWN} more")]
        return html_table(("parameters", "how many"), few, repr(self))

    def zero_grad(self) -> None:
        """Clear the gradient of every parameter."""
        autograd.zero_grad(self.parameters())

    def state_dict(self) -> dict[str, Any]:
        """The numbers in all parameters: name to NumPy array, a list of n Values being one array of shape (n,)."""
        found: dict[str, Any] = {}
        for name, part in _walk(self, _is_array):
            found[name] = autograd.read([*leaves_of(part, _is_parameter)], "data").reshape(_shape(part))
        return found

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set all parameters from what `state_dict` returned.

        Names and shapes are checked before anything changes: ValueError lists what is missing, unknown or of another
        shape.
        """
        import numpy as np

        own = dict(_walk(self, _is_array))
        problems = [f"missing: {name}" for name in own if name not in state]
        problems += [f"unknown: {name}" for name in state if name not in own]
        arrays: dict[str, Any] = {}
        for name in own:
            if name in state:
                array = np.array(state[name], dtype=object)
                with contextlib.suppress(TypeError, ValueError):
                    array = np.asarray(state[name])
                if array.dtype.kind not in "fiu":
                    problems.append(f"not numbers: {name}")
                    continue
                arrays[name] = array.astype(float)
                expected = _shape(own[name])
                if arrays[name].shape != expected:
                    problems.append(f"shape of {name}: the model has {expected}, the state {arrays[name].shape}")
        if problems:
            shown = "\n  ".join(problems[:10]) + ("\n  ..." if len(problems) > 10 else "")
            raise ValueError(f"load_state_dict: the state does not fit this model; nothing was changed.\n  {shown}")
        for name, part in own.items():
            autograd.write([*leaves_of(part, _is_parameter)], "data", arrays[name].ravel())


def _walk(
    part: Any, whole: Callable[[Any], bool], name: str = "", path: tuple[int, ...] = ()
) -> Iterator[tuple[str, Any]]:
    """The parts of `part` that are to stay `whole`, with their dotted names. `path`: what it stands in, for loops."""
    if whole(part):
        yield name, part
        return
    if id(part) in path:
        return
    parts = None if _is_of_numbers(part) else list(vars(part).items()) if isinstance(part, Module) else parts_of(part)
    if parts is None:
        _look_for_parameters(part, name)
        return
    for key, child in parts:
        end = ".".join(map(str, key)) if isinstance(key, tuple) else str(key)
        yield from _walk(child, whole, f"{name}.{end}" if name else end, (*path, id(part)))


def _look_for_parameters(part: Any, name: str) -> None:
    """Raise TypeError if there are parameters in a collection of a kind in which they have no name."""
    if isinstance(part, Set | deque) and any(isinstance(x, Value | Module) for x in part):
        raise TypeError(
            f"Module: {name} is a {type(part).__name__} of Values or Modules, in which they have no names; "
            "keep them in a list or a dict"
        )


def _values_in(part: Any) -> Iterator[Value]:
    """The Values in an attribute, but for those in other Modules and in what is no container."""
    return (leaf for leaf in leaves_of(part, _is_whole) if isinstance(leaf, Value))


def _is_whole(part: Any) -> bool:
    """Whether there is nothing to look for inside: in a Value, another Module, an array of numbers."""
    return isinstance(part, Value | Module | float | int | str) or _is_of_numbers(part)


def _is_of_numbers(part: Any) -> bool:
    return tree.is_array(part) and part.dtype != object


def _is_computed(part: Value) -> bool:
    return not part.is_leaf


def _is_parameter(part: Any) -> bool:
    return isinstance(part, Value) and part.is_leaf  # a computed Value that a Module keeps is none


def _shape(part: Any) -> tuple[int, ...] | None:
    """The shape of an array, or of lists that could be one, of nothing but Values; None if they are not that."""
    if tree.is_array(part):
        return part.shape if not _is_of_numbers(part) and all(map(_is_parameter, part.ravel().tolist())) else None
    return shape_of(part, _is_parameter)


def _is_array(part: Any) -> bool:
    shape = _shape(part)
    return shape is not None and 0 not in shape
