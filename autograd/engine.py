"""Which engine is in use. Everybody takes from here what there are two of: in plain Python, to be read, and in C, where
that could be built, as `heapq` and `_heapq` are the same heap.

The environment variable GLASSGRAD_ENGINE=python keeps the reference engine, GLASSGRAD_ENGINE=native insists on the
other.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

from autograd.copies import in_use

__all__ = [
    "Value",
    "at_floats",
    "change",
    "clock",
    "engine",
    "gradients",
    "held_elsewhere",
    "leaves",
    "put_back",
    "read",
    "record",
    "topological",
    "unwind",
    "write",
    "zero_grad",
]


def native_is_wanted() -> bool:
    """Whether to use the native engine: unless the environment says otherwise, if it is there."""
    wanted = os.environ.get("GLASSGRAD_ENGINE", "")
    if wanted not in ("", "python", "native"):
        raise ImportError(f"GLASSGRAD_ENGINE must be 'python' or 'native', got {wanted!r}")
    if wanted == "python":
        return False
    try:
        import autograd._native  # type: ignore[import-not-found, unused-ignore]  # noqa: F401  # whether it can be
    except ImportError as error:
        if wanted == "native":
            raise
        if "another version" in str(error):
            warnings.warn(f"{error}; the plain Python engine is in use. Build it again: pip install -e .", stacklevel=3)
        return False
    return True


# The same names twice: type checkers and editors see the reference engine.
if TYPE_CHECKING or not native_is_wanted():
    from autograd.bulk import held_elsewhere, read, unwind, write, zero_grad
    from autograd.moments import change, clock, put_back
    from autograd.sweep import at_floats, gradients, leaves, topological
    from autograd.value import Value, record
else:
    from autograd._native import (
        Value,
        at_floats,
        change,
        clock,
        gradients,
        held_elsewhere,
        leaves,
        put_back,
        read,
        record,
        topological,
        unwind,
        write,
        zero_grad,
    )

in_use.value = Value


def engine() -> str:
    """Which engine is in use: "native" or "python". Results are the same to the last bit."""
    return "python" if Value.__module__ == "autograd.value" else "native"
