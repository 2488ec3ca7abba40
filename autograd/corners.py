"""What happens at boundaries, as facts: kinks, edges of a domain, infinities, and products with 0.

A corner marked as a convention has no derivative in the mathematical sense: a value was chosen, and `why` says which
and after whom. The others are limits that any calculus book gives. Tests hold every entry against the engine.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from autograd import primitives as table
from autograd.primitive import Primitive

__all__ = ["CORNERS", "Corner"]


class Corner(NamedTuple):
    """The value and the partial derivatives of a primitive at a boundary point. None: a DomainError."""

    primitive: Primitive
    point: tuple[float, ...]
    value: float | None
    partials: tuple[float | None, ...]
    why: str
    convention: bool = False


inf = math.inf

CORNERS: tuple[Corner, ...] = (
    # Kinks and jumps
    Corner(table.abs, (0.0,), 0.0, (0.0,), "the middle of the slopes -1 and 1: as PyTorch; JAX takes 1", True),
    Corner(table.relu, (0.0,), 0.0, (0.0,), "the slope of the flat side: as PyTorch and JAX", True),
    Corner(
        table.leaky_relu, (0.0, 0.01), 0.0, (0.01, 0.0), "the slope of the left side: as PyTorch; JAX takes 1", True
    ),
    Corner(table.elu, (0.0, 1.0), 0.0, (1.0, 0.0), "smooth when alpha is 1"),
    Corner(table.elu, (0.0, 0.5), 0.0, (0.5, 0.0), "the slope of the left side, alpha: as PyTorch", True),
    Corner(table.maximum, (2.0, 2.0), 2.0, (0.5, 0.5), "a tie shares the gradient: as PyTorch and JAX", True),
    Corner(table.minimum, (2.0, 2.0), 2.0, (0.5, 0.5), "a tie shares the gradient: as PyTorch and JAX", True),
    Corner(table.sign, (0.0,), 0.0, (0.0,), "a jump; 0 as everywhere else: as PyTorch and JAX", True),
    Corner(table.step, (0.0,), 0.0, (0.0,), "a jump; 0 as everywhere else; step(0) is 0 so that relu' = step", True),
    Corner(table.equal, (2.0, 2.0), 1.0, (0.0, 0.0), "a jump; 0 as everywhere else: as PyTorch and JAX", True),
    Corner(table.floor, (2.0,), 2.0, (0.0,), "a jump; 0 as everywhere else: as PyTorch and JAX", True),
    Corner(table.ceil, (2.0,), 2.0, (0.0,), "a jump; 0 as everywhere else: as PyTorch and JAX", True),
    Corner(table.trunc, (2.0,), 2.0, (0.0,), "a jump; 0 as everywhere else: as PyTorch", True),
    Corner(table.round, (2.5,), 2.0, (0.0,), "a tie goes to the even number; 0 as everywhere else", True),
    Corner(table.floordiv, (3.0, 1.5), 2.0, (0.0, 0.0), "a jump; 0 as everywhere else", True),
    Corner(table.mod, (3.0, 1.5), 0.0, (1.0, -2.0), "the slope to the right of the jump: as PyTorch", True),
    Corner(table.mod, (-5.0, 3.0), 1.0, (1.0, 2.0), "the sign is that of the divisor, as in Python"),
    Corner(table.clip, (2.0, 0.0, 2.0), 2.0, (1.0, 0.0, 0.0), "at a bound, x has the slope: as PyTorch", True),
    Corner(table.where, (1.0, 3.0, 5.0), 3.0, (0.0, 1.0, 0.0), "the branch not taken gets exactly 0"),
    # Infinite slopes at the edge of a domain
    Corner(table.sqrt, (0.0,), 0.0, (inf,), "the tangent is vertical: as PyTorch and JAX"),
    Corner(table.asin, (1.0,), math.pi / 2, (inf,), "the tangent is vertical: as PyTorch and JAX"),
    Corner(table.asin, (-1.0,), -math.pi / 2, (inf,), "the tangent is vertical: as PyTorch and JAX"),
    Corner(table.acos, (1.0,), 0.0, (-inf,), "the tangent is vertical: as PyTorch and JAX"),
    Corner(table.acos, (-1.0,), math.pi, (-inf,), "the tangent is vertical: as PyTorch and JAX"),
    Corner(table.acosh, (1.0,), 0.0, (inf,), "the tangent is vertical: as PyTorch and JAX"),
    Corner(table.cbrt, (0.0,), 0.0, (inf,), "the tangent is vertical"),
    # Powers: a base of 0, and exponents at which the formula p · x**(p - 1) says 0 · inf
    Corner(table.pow, (0.0, 2.0), 0.0, (0.0, 0.0), "x**p is flat at 0 for p > 1, and 0**p stays 0 as p moves"),
    Corner(table.pow, (0.0, 1.0), 0.0, (1.0, 0.0), "x**1 is x, and 0**p stays 0 as p moves"),
    Corner(table.pow, (0.0, 0.5), 0.0, (inf, 0.0), "the tangent of the root is vertical, and 0**p stays 0 as p moves"),
    Corner(table.pow, (0.0, 0.0), 1.0, (0.0, 0.0), "0**0 is 1 as in C; x**0 is constant; 0**p jumps: as PyTorch", True),
    Corner(table.pow, (2.0, 0.0), 1.0, (0.0, math.log(2.0)), "x**0 is constant in x"),
    Corner(table.pow, (-2.0, 3.0), -8.0, (12.0, None), "a negative base has real powers at whole exponents only"),
    Corner(table.pow, (0.0, -1.0), None, (None, None), "1 / 0"),
    Corner(table.pow, (-8.0, 1.0 / 3.0), None, (None, None), "the real part of the complex plane ends here"),
    # No value
    Corner(table.xlogy, (1.0, 0.0), None, (None, None), "log falls without bound"),
    Corner(table.atanh, (1.0,), None, (None,), "rises without bound"),
    Corner(table.acosh, (0.5,), None, (None,), "no number has this cosh"),
    Corner(table.mod, (1.0, 0.0), None, (None, None), "a float raises, too"),
    Corner(table.clip, (1.0, 2.0, 0.0), None, (None, None, None), "nothing lies between these bounds"),
    Corner(table.log, (0.0,), None, (None,), "log falls without bound"),
    Corner(table.log, (-1.0,), None, (None,), "would be complex"),
    Corner(table.log1p, (-1.0,), None, (None,), "log falls without bound"),
    Corner(table.sqrt, (-1.0,), None, (None,), "would be complex"),
    Corner(table.div, (1.0, 0.0), None, (None, None), "a float division by 0 raises, too"),
    Corner(table.asin, (1.5,), None, (None,), "no angle has this sine"),
    Corner(table.exp, (1000.0,), None, (None,), "the result is too large for a float"),
    Corner(table.sin, (inf,), None, (None,), "has no limit"),
    # A value without a derivative
    Corner(table.atan2, (0.0, 0.0), 0.0, (None, None), "the origin has no angle; its value is 0 as in C"),
    Corner(table.hypot, (0.0, 0.0), 0.0, (None, None), "the tip of a cone; PyTorch and JAX say nan"),
    # Products with 0
    Corner(table.xlogy, (0.0, 0.0), 0.0, (None, None), "0 by the limit x log x; its slope falls without bound"),
    Corner(table.xlogy, (0.0, 2.0), 0.0, (math.log(2.0), 0.0), "x1 = 0 counts nothing"),
    Corner(table.sinc, (0.0,), 1.0, (0.0,), "the limit of sin(x) / x"),
    # Far out, where naive formulas overflow or cancel
    Corner(table.sigmoid, (-1000.0,), 0.0, (0.0,), "underflows to 0; exp(1000) is never formed"),
    Corner(table.sigmoid, (1000.0,), 1.0, (0.0,), "rounds to 1"),
    Corner(table.softplus, (1000.0,), 1000.0, (1.0,), "x to the last bit"),
    Corner(table.softplus, (-1000.0,), 0.0, (0.0,), "underflows to 0"),
    Corner(table.tanh, (1000.0,), 1.0, (0.0,), "rounds to 1"),
    Corner(table.gelu, (-10.0,), -7.619853024160527e-23, (-7.618400096464814e-22,), "x Φ(x) without cancellation"),
    Corner(table.exp, (-1000.0,), 0.0, (0.0,), "underflows to 0"),
)
