"""The data of a training: inputs with their targets, checked."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

from autograd import Value
from nn.stepping import Examples

__all__ = ["examples_of", "held_out"]


def examples_of(name: str, inputs: Any, targets: Any, model: Any) -> Examples:
    """Inputs, as plain lists or as an array of shape (n, width), and targets as plain ones, checked."""
    for what, given in (("inputs", inputs), ("targets", targets)):
        if not isinstance(given, Iterable) or isinstance(given, str):
            raise ValueError(f"{name}: {what} must be a list or an array with one entry per example, got {given!r}")
    good = {"input": _is_good(inputs), "target": _is_good(targets)}  # there is no need to look at each number then
    keep = good["input"] and inputs.ndim == 2
    xs = inputs if keep else inputs.tolist() if hasattr(inputs, "tolist") else list(inputs)
    ts = targets.tolist() if hasattr(targets, "tolist") else list(targets)
    if not len(xs):
        raise ValueError(f"{name}: there are no examples")
    if len(xs) != len(ts):
        raise ValueError(f"{name}: {len(xs)} inputs, but {len(ts)} targets; there must be one target per input")
    width = getattr(model, "n_in", None) or _length(xs[0])
    for i, (x, t) in enumerate(zip(xs, ts, strict=True)):
        if _length(x) != width or not hasattr(x, "__len__"):
            shape = f"{len(x)} numbers" if hasattr(x, "__len__") else f"{x!r}, which is not a list"
            raise ValueError(f"{name}: each input must be a list of {width} numbers, but input {i} is {shape}")
        for what, part in (("input", x), ("target", t)):
            if good[what] and (keep or what == "target"):
                continue
            for number in part if hasattr(part, "__len__") and not isinstance(part, str) else [part]:
                if isinstance(number, Value):
                    continue
                if what == "input" and not isinstance(number, numbers.Real):
                    raise ValueError(f"{name}: input {i} holds {number!r}, which is not a number")
                if isinstance(number, numbers.Real) and not _is_finite(number):
                    raise ValueError(
                        f"{name}: {what} {i} holds {number}; remove the example, or fill the gap before training"
                    )
    return Examples(xs, ts)


def held_out(name: str, validation: Any, model: Any) -> Examples | None:
    """Validation data, a pair of inputs and targets, checked; None if there is none."""
    if validation is None:
        return None
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise ValueError(f"{name}: validation must be a pair of inputs and targets: (data.inputs, data.targets)")
    inputs, targets = validation
    return examples_of(f"{name}: validation", inputs, targets, model)


def _length(x: Any) -> int:
    return len(x) if hasattr(x, "__len__") else 1


def _is_good(given: Any) -> bool:
    """Whether it is an array of finite numbers."""
    import numpy as np

    return isinstance(given, np.ndarray) and given.dtype.kind in "fiub" and bool(np.isfinite(given).all())


def _is_finite(x: numbers.Real) -> bool:
    try:
        return math.isfinite(x)
    except OverflowError:  # an int too large for a float
        return False
