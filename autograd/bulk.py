"""Many Values at once: their numbers as arrays, and a graph as plain data."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from autograd.convert import check_values, is_value, not_values, number
from autograd.modes import modes, watch
from autograd.moments import change, diverged
from autograd.primitive import Primitive

if TYPE_CHECKING:
    from autograd.value import Value

__all__ = ["as_floats", "held_elsewhere", "read", "unwind", "write", "write_with", "zero_grad"]


def read(values: Sequence[Value], field: str, out: Any = None) -> Any:
    """The `"data"` or the `"grad"` of n Values as a NumPy array of n floats, written into `out` if that is given."""
    import numpy as np

    check_values("read", values)
    out = np.empty(len(values)) if out is None else out
    if not isinstance(out, np.ndarray) or out.shape != (len(values),):
        raise ValueError(f"read: out must be an array of {len(values)} numbers, one per Value, got {out!r:.200}")
    if field == "data":
        if modes:
            watch("data")
        out[:] = [value._number for value in values]
    elif field == "grad":
        out[:] = [value.grad for value in values]
    else:
        raise ValueError(f"read: the field must be 'data' or 'grad', got {field!r}")
    return out


def as_floats(given: Any, what: str) -> Any:
    """Numbers as an array of floats. Raises TypeError or ValueError where NumPy would take None for nan, and text."""
    import numpy as np

    array = np.asarray(given)
    if array.dtype == object:
        array = np.array([number(x, what) for x in array.ravel().tolist()]).reshape(array.shape)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{what}: expected numbers, got {array.dtype} data: {given!r:.100}")
    return array.astype(float)


def write(values: Sequence[Value], field: str, numbers: Any) -> None:
    """Set the `"data"` or the `"grad"` of n Values to n numbers, all of them or, on an error, none."""
    write_with(change, values, field, numbers)


def write_with(change: Callable[[Value, float], None], values: Sequence[Value], field: str, numbers: Any) -> None:
    """`write` for either engine. change: how it gives a leaf another number."""
    check_values("write", values)
    array = as_floats(numbers, "write")
    if array.shape != (len(values),):
        raise ValueError(f"write: expected {len(values)} numbers, one per Value, got an array of shape {array.shape}")
    if field == "data":
        if modes:
            watch("set", None)
        for value, x in zip(values, array.tolist(), strict=True):
            if value._primitive is not None:
                value.data = 0.0  # raises the error that says why not
            if x != x and value._number == value._number:
                diverged(value, value._number, value._grad)
        for value, x in zip(values, array.tolist(), strict=True):
            change(value, x)
    elif field == "grad":
        for value, x in zip(values, array.tolist(), strict=True):
            value.grad = x
    else:
        raise ValueError(f"write: the field must be 'data' or 'grad', got {field!r}")


def zero_grad(values: Iterable[Value]) -> None:
    """Clear the gradients of `values`, as before a new backward(): `grad` is 0.0 and `has_grad` False again."""
    one = is_value(values)
    if not one and not hasattr(values, "__iter__"):
        raise TypeError(not_values(values))
    for value in [values] if one else values:
        if not is_value(value):
            raise TypeError(f"zero_grad: takes Values, as in zero_grad([x, y]), got {value!r}")
        value._grad = None


def unwind(nodes: Sequence[Value]) -> tuple[list[Primitive], Any, Any, Any, list[Value], Any]:
    """n Values as plain data: what each was made of.

    Returns the primitives that occur; per Value its place among them, or -1 for a leaf; where its arguments start, and
    where the last end, n + 1 numbers; all arguments; the Values besides `nodes` that are among them; and the constants.
    An argument i < n is `nodes[i]`, one from n on is in the list of others, and a negative one is the constant `~i`.
    NumPy arrays of int64 and float64.
    """
    import numpy as np

    check_values("unwind", nodes)
    place = {value: i for i, value in enumerate(nodes)}
    primitives: dict[Primitive, int] = {}
    constants: list[float] = []
    op, start, args = [], [0], []
    for value in nodes:
        primitive = value._primitive
        op.append(-1 if primitive is None else primitives.setdefault(primitive, len(primitives)))
        for arg in value._args:
            if type(arg) is float:
                constants.append(arg)
                args.append(-len(constants))
            else:
                args.append(place.setdefault(arg, len(place)))
        start.append(len(args))
    others = list(place)[len(nodes) :]
    whole = [np.asarray(numbers, dtype=np.int64) for numbers in (op, start, args)]
    return list(primitives), *whole, others, np.asarray(constants, dtype=float)  # type: ignore[return-value]


def held_elsewhere(nodes: list[Value], uses: Any) -> int:
    """The first place in `nodes` of a Value that somebody else holds a reference to, -1 if there is none.

    uses: how many arguments of other nodes each one is, an array of n int64.
    """
    # The list and getrefcount's own argument hold one each.
    check_values("held_elsewhere", nodes)
    counts = uses.tolist()
    if len(counts) != len(nodes):
        raise ValueError(f"held_elsewhere: expected {len(nodes)} counts, one per Value, got {len(counts)}")
    return next((i for i in range(len(nodes)) if sys.getrefcount(nodes[i]) > 2 + counts[i]), -1)
