"""What every network is: a tree of parts whose leaves are parameters."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import autograd
from autograd import Value

__all__ = ["Module"]


class Module:
    """A part of a network: anything with parameters.

    Attributes that are Values, Modules, or (nested) lists and dicts of these are found by name, in the order in which
    they were set. Subclasses define `__call__`.

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

    def zero_grad(self) -> None:
        """Clear the gradient of every parameter."""
        autograd.zero_grad(self.parameters())

    def state_dict(self) -> dict[str, Any]:
        """The numbers in all parameters: name to NumPy array, a list of n Values being one array of shape (n,)."""
        import numpy as np

        return {name: np.array(_map_values(lambda v: v.data, part)) for name, part in _walk(self, _is_array)}

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
            values: list[Value] = []
            _map_values(values.append, part)
            autograd.write(values, "data", arrays[name].ravel())


def _walk(
    part: Any, whole: Callable[[Any], bool], name: str = "", path: tuple[int, ...] = ()
) -> Iterator[tuple[str, Any]]:
    """The parts of `part` that are to stay `whole`, with their dotted names. `path`: what it stands in, for loops."""
    if whole(part):
        yield name, part
        return
    children: Iterable[tuple[Any, Any]] = ()
    if isinstance(part, Module):
        children = vars(part).items()
    elif isinstance(part, dict):
        children = part.items()
    elif isinstance(part, list | tuple):
        children = enumerate(part)
    if id(part) in path:
        return
    for key, child in children:
        yield from _walk(child, whole, f"{name}.{key}" if name else str(key), (*path, id(part)))


def _is_parameter(part: Any) -> bool:
    return isinstance(part, Value) and part.is_leaf  # a computed Value that a Module keeps is none


def _is_array(part: Any) -> bool:
    """Whether `part` is a Value, or lists of lists ... of nothing but Values, all of one length."""
    if not isinstance(part, list | tuple):
        return _is_parameter(part)
    return bool(part) and all(_is_array(x) for x in part) and len({_shape(x) for x in part}) == 1


def _shape(part: Any) -> tuple[int, ...]:
    return (len(part), *_shape(part[0])) if isinstance(part, list | tuple) else ()


def _map_values(f: Callable[[Value], Any], part: Any) -> Any:
    return [_map_values(f, x) for x in part] if isinstance(part, list | tuple) else f(part)
