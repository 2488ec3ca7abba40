"""Scalar automatic differentiation whose graph you can see: Values, primitives, gradients and checks.

>>> import autograd
>>> x = autograd.Value(0.5, label="x")
>>> y = autograd.tanh(2.0 * x - 1.0)
>>> y.backward()
>>> x.grad
2.0
"""

import os as _os
import typing as _typing

if _os.path.exists(_os.path.join(_os.path.dirname(__file__), "tracer.py")):
    raise ImportError(
        f"the folder {_os.path.dirname(__file__)} holds files of two packages: glassgrad and the other package called "
        "autograd (HIPS autograd). Run 'pip uninstall autograd glassgrad', then install the one you want; "
        "for both, use two virtual environments."
    )

from autograd import elsewhere as _elsewhere
from autograd import linalg as linalg
from autograd.check import GradientMismatch, GradientReport, GradientUndecided, check_gradients
from autograd.corners import CORNERS, Corner
from autograd.custom import checkpoint, custom_gradient, implicit
from autograd.debugging import annotate, debug, site_of
from autograd.enclose import Enclosure, Interval, enclose
from autograd.engine import Value, engine, read, topological, write, zero_grad
from autograd.explain import Explanation, explain
from autograd.forward import jvp
from autograd.jacobians import hessian, hvp, jacobian, vjp
from autograd.kinks import kinks, subgradient
from autograd.modes import no_grad
from autograd.primitive import TABLE, Domain, DomainError, Kink, Primitive, primitive
from autograd.primitives import *  # noqa: F403  # a new row is named there, once
from autograd.primitives import __all__ as _rows
from autograd.primitives import abs as abs
from autograd.primitives import pow as pow
from autograd.primitives import round as round
from autograd.primitives import sum as sum
from autograd.series import taylor
from autograd.transforms import derivative, grad, value_and_grad
from autograd.value import Number

if _typing.TYPE_CHECKING:
    from autograd.program import Index, Program, TraceError, one_hot, take, trace


def __getattr__(name: str) -> object:
    # Programs are arrays, and `import autograd` shall not wait for NumPy.
    if name in ("Index", "Program", "TraceError", "one_hot", "take", "trace"):
        from autograd import program

        return getattr(program, name)
    raise AttributeError(f"module 'autograd' has no attribute {name!r}{_elsewhere.here(name)}")


# `from autograd import *` leaves the built-in abs, pow, round and sum alone.
__all__ = [
    "CORNERS", "Corner", "Domain", "DomainError", "Enclosure", "Explanation", "GradientMismatch", "GradientReport",
    "GradientUndecided", "Index", "Interval", "Kink", "Number", "Primitive", "Program", "TABLE", "TraceError",
    "Value", "annotate", "check_gradients", "checkpoint", "custom_gradient", "debug", "derivative", "enclose",
    "engine", "explain", "grad", "hessian", "hvp", "implicit", "jacobian", "jvp", "kinks", "linalg", "no_grad",
    "one_hot", "primitive", "read", "site_of", "subgradient", "take", "taylor", "topological", "trace",
    "value_and_grad", "vjp", "write", "zero_grad",
]  # fmt: skip
__all__ += _rows
