"""What a Value takes for a number, and how it refuses to become one and lose its gradient; NumPy's functions."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeGuard

from autograd.primitive import TABLE

if TYPE_CHECKING:
    from autograd.value import Value

__all__ = [
    "REFUSALS",
    "VALUES",
    "apply_ufunc",
    "check_label",
    "check_values",
    "comparable",
    "is_value",
    "not_values",
    "number",
    "seed_number",
]

VALUES: set[type] = set()
"""The class of Values, once per engine: each adds its own. No code has to know which of them is in use to tell a Value
from anything else.
"""


def is_value(x: object) -> TypeGuard[Value]:
    """Whether x is a Value, of either engine. There are no subclasses."""
    return type(x) in VALUES


def number(x: Any, what: str) -> float:
    """x as a float; a TypeError that says what to do if it is not one real number."""
    if is_value(x):
        raise TypeError(f"{what}: expected a plain number, got {x!r}; use its .data")
    if isinstance(x, numbers.Real) or (getattr(x, "shape", None) == () and x.dtype.kind in "fiub"):
        try:
            return float(x)
        except OverflowError:
            raise ValueError(f"{what}: the number is too large for a float") from None
    if hasattr(x, "__index__") and not hasattr(x, "shape"):
        return float(x)  # an index that is being traced says what to do
    hint = ""
    if isinstance(x, Iterable) and not isinstance(x, str):
        hint = "; for several numbers make a list of Values: [Value(x) for x in ...]"
    elif isinstance(x, str):
        hint = "; convert it with float(...) first"
    elif x is None and what == "grad":
        hint = "; to clear it, write zero_grad([v]), or v.grad = 0.0"
    raise TypeError(f"{what}: expected a real number, got {x!r}{hint}")


def comparable(x: Any) -> float:
    """The number of a Value; anything else as it is."""
    return getattr(x, "_number", x)  # type: ignore[no-any-return]  # of a Value, or of an index that is being traced


def seed_number(seed: Any) -> float:
    """The seed of a sweep as a float."""
    x = number(seed, "seed")
    if x != x:
        raise ValueError("seed: is nan, so every gradient would be; an earlier computation went wrong")
    return x


def check_label(label: Any) -> None:
    """Raise TypeError for what is no label."""
    if not isinstance(label, str):
        hint = ""
        if isinstance(label, list | tuple | set):
            hint = "; what a Value was computed from is recorded by the operation, and stands in its args"
        raise TypeError(f"label: must be a string, a name to show, got {label!r:.200}{hint}")


def check_values(name: str, values: Any, one: bool = False) -> None:
    """Raise TypeError for what is not a list of Values, or not one Value."""
    if one:
        if not is_value(values):
            raise TypeError(f"{name}: takes a Value, got {values!r:.200}")
        return
    if not hasattr(values, "__iter__"):
        raise TypeError(f"{name}: takes a list of Values, got {values!r:.200}")
    for value in values:
        if not is_value(value):
            raise TypeError(f"{name}: takes Values, got {value!r:.200}")


def not_values(given: Any) -> str:
    """The error for what `zero_grad` was given, if these are no Values."""
    hint = "; of a model: model.zero_grad()" if hasattr(given, "parameters") else ""
    return f"zero_grad: takes Values, as in zero_grad([x, y]), got {given!r:.200}{hint}"


REFUSALS = {
    "float": "{!r} cannot become a plain float without losing its gradient: use v.data for the number, "
    "and autograd's own functions on Values (autograd.exp(v), not math.exp(v); autograd.linalg for solve, inv, det)",
    "int": "{!r} cannot become an int without losing its gradient: use int(v.data)",
    "bool": "{!r} is not true or false: compare it, as in v > 0, or use v.data",
    "data": "data: this Value is the result of {}, so its data cannot be set; "
    "set the data of the leaves and compute it again",
}


def apply_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`np.exp(value)` and arrays of Values, through the table."""
    import numpy as np

    if method == "__call__" and not kwargs and not any(isinstance(x, np.ndarray) for x in inputs):
        for row in TABLE.values():
            if row.public and ufunc.__name__ in (row.array, row.name) and row.arity == len(inputs):
                return row(*inputs)
    boxed = [_boxed(x) if is_value(x) else np.asarray(x, dtype=object) for x in inputs]
    try:
        return getattr(ufunc, method)(*boxed, **kwargs)
    except (TypeError, AttributeError) as error:
        if "no callable" not in str(error) and "has no attribute" not in str(error):
            raise
        raise TypeError(
            f"np.{ufunc.__name__} does not work on Values: the table has no primitive for it; "
            "use a function of autograd, or add one with autograd.primitive(...)"
        ) from None


def _boxed(value: Value) -> Any:
    import numpy as np

    box = np.empty((), dtype=object)
    box[()] = value
    return box
