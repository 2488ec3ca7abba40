"""What the numbers of a large graph do not say by themselves: leaves changed since, gradients of other sweeps, nan."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autograd import Value
from autograd.engine import gradients
from autograd.program.record import Array
from visualize.description import CHANGED

__all__ = ["called", "doubts"]


def doubts(order: list[Value], data: Array, held: Array, known: Array, stale: bool) -> Iterator[str]:
    """Sentences on a graph, in the words of `describe`, for pictures that do not show every node.

    order: all nodes, arguments first. data, held: their numbers and gradients; known: which gradients there are. stale:
    a leaf was changed after something was computed from it.
    """
    if stale:
        yield CHANGED
    yield from _not_finite(order, data, "data")
    yield from _not_finite(order[::-1], np.where(known, held, 0.0)[::-1], "gradient")
    if not known.any():
        return
    if not known[-1]:
        root = called(order[-1])
        yield f"No backward() has started from {root} yet: the gradients shown are those of another result."
    elif not stale:
        yield from _mixed(order, held, known)


def _not_finite(order: list[Value], numbers: Array, what: str) -> Iterator[str]:
    for is_so, name in ((np.isnan, "nan"), (np.isinf, "infinite")):
        places = np.flatnonzero(is_so(numbers))
        if len(places):
            yield f"The {what} of {_listed(order, places)} is {name}."


def _mixed(order: list[Value], held: Array, known: Array) -> Iterator[str]:
    """Notes on gradients that are not those of one sweep from the result."""
    missing = np.flatnonzero(~known)
    if len(missing):
        yield f"The gradient of {_listed(order, missing)} was cleared after backward(), or never computed."
    try:
        here = np.array(gradients(order[-1], order, float(held[-1])))
    except (ArithmeticError, ValueError, RuntimeError):
        return  # a sweep that has no value: the error of backward() says it
    with np.errstate(invalid="ignore"):
        differs = known & np.isfinite(held) & np.isfinite(here)
        differs &= np.abs(held - here) > 1e-12 * np.maximum(np.abs(held), np.abs(here))
    leaf = np.fromiter((v.primitive is None for v in order), bool, len(order))
    inner, leaves = np.flatnonzero(differs & ~leaf), np.flatnonzero(differs & leaf)
    if len(inner):
        i = int(inner[-1])
        yield (
            f"{called(order[i])} has gradient {held[i]:.4g}, but what leads from it to the result adds up to "
            f"{here[i]:.4g}: backward() of another result came in between{_more(inner)}."
        )
    elif len(leaves):
        i = int(leaves[0])
        yield (
            f"{called(order[i])}: {held[i]:.4g} = {here[i]:.4g} here + {held[i] - here[i]:.4g} from an earlier "
            f"backward(), or from outside of this graph{_more(leaves)}."
        )


def _more(places: Array) -> str:
    return f"; and so for {len(places) - 1:,} more" if len(places) > 1 else ""


def called(v: Value) -> str:
    """A node in a sentence."""
    return repr(v.label) if v.label else f"the node {v.primitive.symbol}" if v.primitive else f"a leaf ({v.data:.4g})"


def _listed(order: list[Value], places: Array) -> str:
    first = called(order[int(places[0])])
    return first if len(places) == 1 else f"{first} and {len(places) - 1:,} more"
