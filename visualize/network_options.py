"""The arguments of `draw_network`, read and checked before anything is drawn."""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Sequence
from typing import Any, Literal

from autograd import Value
from visualize.style import check_precision, shown_label

__all__ = ["WHATS", "Show", "check_loss", "check_options", "example", "image_shape_of", "names_of"]

Show = Literal["weights", "gradients", "products"]

WHATS: dict[Show, str] = {"weights": "weight", "gradients": "gradient", "products": "weight × input"}
"""What a line can show, and what its number is in a word."""

LEAST_IMAGE = 64
"""A square number of inputs from this on is taken for an image."""


def check_options(show: Show, precision: int, most: int, title: str) -> None:
    """Raise ValueError or TypeError for an option that is none."""
    if not isinstance(show, str) or show not in WHATS:
        raise ValueError(f"draw_network: show must be 'weights', 'gradients' or 'products', got {show!r:.200}")
    check_precision("draw_network", precision)
    if not _is_whole(most) or most < 3:
        raise ValueError(f"draw_network: most must be a whole number of neurons, at least 3; got {most!r:.200}")
    if not isinstance(title, str):
        raise TypeError(f"draw_network: title must be a string, got {title!r:.200}")


def _is_whole(n: Any) -> bool:
    return isinstance(n, numbers.Integral) and not isinstance(n, bool)


def _listed(found: Any, needed: str) -> list[Any]:
    """An argument that must be a list or an array of one axis: a dict, a set or a text has other things in it than one
    for each place.
    """
    if hasattr(found, "tolist") and len(getattr(found, "shape", "1")) == 1:
        return list(found.tolist())
    if not isinstance(found, Sequence) or isinstance(found, str | bytes | bytearray):
        raise TypeError(f"draw_network: {needed}; got {found!r:.200}")
    return list(found)


def example(x: Any, n_in: int) -> list[float]:
    """The numbers of an example, checked."""
    found = _listed(x, f"x must be a list of {n_in} numbers, one example")
    if len(found) != n_in:
        raise ValueError(f"draw_network: x must have {n_in} numbers, one for each input of the model, got {len(found)}")
    return [_input(v.data if isinstance(v, Value) else v, i, n_in) for i, v in enumerate(found)]


def _input(a: Any, i: int, n_in: int) -> float:
    if not isinstance(a, numbers.Real):
        raise TypeError(f"draw_network: x must be a list of {n_in} numbers; x[{i}] is {a!r:.200}")
    try:
        found = float(a)
    except OverflowError:
        raise ValueError(f"draw_network: x must be finite numbers; x[{i}] is too large for a float") from None
    if not math.isfinite(found):
        raise ValueError(f"draw_network: x must be finite numbers; x[{i}] is {found!r}")
    return found


def names_of(what: str, names: Sequence[str], width: int) -> list[str]:
    """Names as they can be shown, one for each input or output; none if there are none."""
    needed = f"{what} must be a list of {width} names, one for each, or () for none"
    found = _listed(names, needed)
    if found and len(found) != width:
        raise ValueError(f"draw_network: {needed}; got {len(found)}: {found!r:.200}")
    return [" ".join(shown_label(str(name))) for name in found]


def image_shape_of(shape: Any, n_in: int, named: bool) -> tuple[int, int] | None:
    """Rows and columns of the image that the inputs are; None if they are none."""
    if shape is None:
        side = math.isqrt(n_in)
        return (side, side) if side * side == n_in >= LEAST_IMAGE and not named else None
    needed = (
        f"image_shape must be (rows, columns) with rows × columns = {n_in}, the number of inputs, or () for no image"
    )
    sides = _listed(shape, needed)
    if not sides:
        return None
    if not all(map(_is_whole, sides)) or len(sides) != 2 or sides[0] * sides[1] != n_in or min(sides) < 1:
        raise ValueError(f"draw_network: {needed}; got {shape!r:.200}")
    if named:
        raise ValueError("draw_network: inputs are either pixels of an image or have names; give image_shape or inputs")
    return int(sides[0]), int(sides[1])


def check_loss(loss: Any) -> None:
    """Raise TypeError for what cannot be called with what a model returns, and nothing else."""
    if not callable(loss):
        raise TypeError(
            "draw_network: loss must be a function of what the model returns, such as "
            f"lambda y: nn.cross_entropy(y, 3); got {loss!r:.200}"
        )
    try:
        parameters = inspect.signature(loss).parameters.values()
    except (TypeError, ValueError):  # some that are written in C do not tell
        return
    needed = [p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, _USUAL)]
    if len(needed) > 1:
        name = str(getattr(loss, "__name__", getattr(loss, "name", "")))
        name = name if name.isidentifier() else "loss"
        name = f"nn.{name}" if str(getattr(loss, "__module__", "")).startswith("nn.") else name
        raise TypeError(
            f"draw_network: loss is called with what the model returns and nothing else, but needs "
            f"{', '.join(needed[1:])}, too: write loss=lambda y: {name}({', '.join(['y', *needed[1:]])})"
        )


_USUAL = inspect.Parameter.POSITIONAL_OR_KEYWORD
