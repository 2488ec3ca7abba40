"""Draws: whether a function draws random numbers, which a program would not draw again."""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from autograd.engine import Value
from autograd.primitive import Primitive

__all__ = ["draws"]

GENERATORS = np.random.BitGenerator | np.random.Generator | np.random.RandomState


@contextlib.contextmanager
def draws(f: Callable[..., Any]) -> Iterator[list[Any]]:
    """The random number generators that f uses meanwhile."""
    found: list[Any] = []
    # Calls of NumPy's are not seen by a profiler, but their generators tell by their state.
    of_numpy = [(x, _state_of(x)) for x in _generators_of(f)]

    def watch(frame: Any, event: str, arg: Any) -> None:
        owner = None
        if event == "c_call":
            owner = arg if arg is os.urandom else getattr(arg, "__self__", None)
        elif event == "call" and frame.f_code.co_filename == random.__file__:
            owner = frame.f_locals.get("self")
        if owner is os.urandom or isinstance(owner, random.Random):
            found.append(owner)

    profiler: Any = sys.getprofile()
    watches = profiler is None or callable(profiler)  # one that is written in C could not be put back
    if watches:
        sys.setprofile(watch)
    try:
        yield found
    finally:
        if watches:
            sys.setprofile(profiler)
        found += [x for x, state in of_numpy if _state_of(x) != state]


MANY = 10_000
HOLD_NONE = (Value, float, int, str, bytes, Primitive, np.ndarray, type, ModuleType, type(None))  # of the generators


def _generators_of(f: Callable[..., Any]) -> list[Any]:
    """NumPy's generators that f can reach: the global one, and those in what it names, closes over or belongs to."""
    found: list[Any] = [np.random.mtrand._rand]
    queue: list[Any] = [f]
    seen = {id(f)}
    for x in queue:  # which grows
        if isinstance(x, GENERATORS):
            found.append(x)
        for part in _parts_of(x):
            if not isinstance(part, HOLD_NONE) and id(part) not in seen and len(queue) < MANY:
                seen.add(id(part))
                queue.append(part)
    return found


def _parts_of(x: Any) -> Iterable[Any]:
    """What a function or an object refers to, as far as it may hold a generator."""
    if isinstance(x, list | tuple | set | frozenset):
        return x
    if isinstance(x, dict):
        return x.values()
    parts = [getattr(x, "__self__", None), getattr(x, "__func__", None), *getattr(x, "__dict__", {}).values()]
    if isinstance(x, functools.partial):
        parts += [x.func, *x.args, *x.keywords.values()]
    if isinstance(x, FunctionType):
        parts += [*(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()]
        for cell in x.__closure__ or ():
            with contextlib.suppress(ValueError):  # it is empty
                parts.append(cell.cell_contents)
        codes = [x.__code__]
        for code in codes:  # which grows
            codes += [part for part in code.co_consts if isinstance(part, CodeType)]
            owners = [x.__globals__.get(name) for name in code.co_names]
            parts += owners
            modules = [owner for owner in owners if isinstance(owner, ModuleType)]
            parts += [vars(module).get(name) for module in modules for name in code.co_names]
    else:
        parts.append(vars(type(x)).get("__call__"))
    return parts


def _state_of(generator: Any) -> bytes:
    return pickle.dumps(getattr(generator, "_bit_generator", generator).state)
