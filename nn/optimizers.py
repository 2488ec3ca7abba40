"""Optimisers: how parameters follow their gradients downhill.

The arithmetic is written once, on flat NumPy vectors with one entry per parameter: θ the parameters, g their gradient,
η the learning rate. `step` reads both from the Values and writes the parameters back in one go; a program that keeps
its parameters as a vector calls `advance`.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import autograd
from autograd import Value
from autograd.elsewhere import advised
from nn.module import remember
from nn.schedules import Schedule, as_schedule

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "clip_gradients"]


class Optimizer:
    """What all optimisers share. Subclasses define `update`.

    parameters: the Values to change, each once. learning_rate: a number, or a schedule from `nn.schedules`.
    weight_decay: λ; adds λθ to the gradient, the derivative of λ/2 · |θ|² (AdamW differs, see there).
    """

    @advised
    def __init__(
        self, parameters: Iterable[Value], learning_rate: float | Schedule, *, weight_decay: float = 0.0
    ) -> None:
        name = type(self).__name__
        if isinstance(parameters, Value) or not isinstance(parameters, Iterable):
            raise TypeError(f"{name}: takes a list of Values, as model.parameters() returns; got {parameters!r}")
        given = list(parameters)
        for parameter in given:
            if not isinstance(parameter, Value) or not parameter.is_leaf:
                raise TypeError(f"{name}: parameters must be Values that were not computed, got {parameter!r}")
        if not given:
            raise ValueError(f"{name}: there are no parameters to optimise; pass model.parameters()")
        self.parameters = list(dict.fromkeys(given))
        self.schedule = as_schedule(learning_rate)
        self.weight_decay = _at_least_0(name, "weight_decay", weight_decay)
        self.steps = 0
        remember(self)
        self.memory: dict[str, Any] = {}  # what `update` wants to know at the next step: vectors like θ

    decoupled = False
    """Whether `update` itself sees to the weight decay."""

    @property
    def learning_rate(self) -> float:
        """η of the next step."""
        return self.schedule(self.steps)

    def zero_grad(self) -> None:
        """Clear the gradient of every parameter."""
        autograd.zero_grad(self.parameters)

    def step(self) -> None:
        """Change every parameter once, by its gradient. A parameter that no backward() has reached counts as gradient
        0.

        Raises FloatingPointError if a gradient is nan or infinite; nothing has changed then.
        """
        theta = self.advance(autograd.read(self.parameters, "data"), autograd.read(self.parameters, "grad"))
        autograd.write(self.parameters, "data", theta)

    def advance(self, theta: Any, g: Any) -> Any:
        """The new θ after one more step from the old one by g, weight decay included; `step` on vectors.

        Raises FloatingPointError as `step` does; nothing has changed then.
        """
        import numpy as np

        if not _all_finite(g):
            bad = next(i for i, slope in enumerate(g.tolist()) if not math.isfinite(slope))
            raise FloatingPointError(
                f"{type(self).__name__}: the gradient of parameter {bad} is {g[bad]}; "
                "lower the learning rate, clip the gradient, or look for an infinite slope such as sqrt at 0"
            )
        if self.weight_decay and not self.decoupled:
            g = g + self.weight_decay * theta
        with np.errstate(all="ignore"):  # what overflows is found below
            new, memory = self.update(theta, g, self.learning_rate)
        if not all(_all_finite(x) for x in (new, *memory.values())):
            raise FloatingPointError(
                f"{type(self).__name__}: the step is too large for floats (the steepest slope is {abs(g).max():g}); "
                "lower the learning rate, or clip the gradient"
            )
        self.memory = memory
        self.steps += 1
        return new

    def update(self, theta: Any, g: Any, rate: float) -> tuple[Any, dict[str, Any]]:
        """The new θ from the old one, g and η, all vectors of n floats; and the new `memory`."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.parameters)} parameters, learning rate {self.learning_rate:g})"


class SGD(Optimizer):
    """Stochastic gradient descent: θ ← θ - η v, with v ← μ v + g (v = g at the first step).

    momentum: μ (Polyak 1964; in the form of Sutskever et al. 2013 with η outside, as PyTorch has it).
    nesterov: step by g + μ v instead (Nesterov 1983; Sutskever et al. 2013, equations 3 and 4 rearranged).

    >>> w = Value(1.0)
    >>> (w * w).backward()
    >>> SGD([w], 0.1).step()  # 1 - 0.1 · 2
    >>> w.data
    0.8
    """

    @advised
    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay=weight_decay)
        self.momentum = _fraction("SGD", "momentum", momentum)
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov needs a momentum, such as 0.9")
        self.nesterov = nesterov

    def update(self, theta: Any, g: Any, rate: float) -> tuple[Any, dict[str, Any]]:
        if not self.momentum:
            return theta - rate * g, {}
        v = self.momentum * self.memory.get("velocity", 0.0) + g
        return theta - rate * (g + self.momentum * v if self.nesterov else v), {"velocity": v}


class RMSprop(Optimizer):
    """θ ← θ - η g / (√s + ε), with s ← α s + (1 - α) g².

    Tieleman and Hinton 2012, Coursera lecture 6.5; ε outside the root, as PyTorch has it.

    >>> w = Value(1.0)
    >>> (w * w).backward()
    >>> RMSprop([w], 0.01).step()
    >>> round(w.data, 6)  # η / √(1 - α) = 0.1, however steep it is
    0.9
    """

    @advised
    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule = 0.01,
        *,
        alpha: float = 0.99,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay=weight_decay)
        self.alpha = _fraction("RMSprop", "alpha", alpha)
        self.epsilon = _at_least_0("RMSprop", "epsilon", epsilon)

    def update(self, theta: Any, g: Any, rate: float) -> tuple[Any, dict[str, Any]]:
        import numpy as np

        s = self.alpha * self.memory.get("square", 0.0) + (1.0 - self.alpha) * (g * g)
        return theta - rate * g / (np.sqrt(s) + self.epsilon), {"square": s}


class Adam(Optimizer):
    """θ ← θ - η m̂ / (√v̂ + ε): the mean of past gradients over the root of their mean square, both corrected for their
    start.

    Kingma and Ba 2015, algorithm 1: m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 -
    β₂ᵗ).

    >>> w = Value(1.0)
    >>> (w * w).backward()
    >>> Adam([w], 0.01).step()
    >>> round(w.data, 6)  # the first step is η, however steep it is
    0.99
    """

    @advised
    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        name = type(self).__name__
        super().__init__(parameters, learning_rate, weight_decay=weight_decay)
        if not isinstance(betas, Sequence) or len(betas) != 2:
            raise ValueError(f"{name}: betas must be two numbers such as (0.9, 0.999), got {betas!r}")
        self.beta1, self.beta2 = (_fraction(name, f"betas[{i}]", beta) for i, beta in enumerate(betas))
        self.epsilon = _at_least_0(name, "epsilon", epsilon)

    def update(self, theta: Any, g: Any, rate: float) -> tuple[Any, dict[str, Any]]:
        import numpy as np

        t = self.steps + 1
        m = self.beta1 * self.memory.get("mean", 0.0) + (1.0 - self.beta1) * g
        v = self.beta2 * self.memory.get("square", 0.0) + (1.0 - self.beta2) * (g * g)
        # The corrections for the start are numbers, not vectors: m̂ / (√v̂ + ε) = c · m / (√v + ε √(1 - β₂ᵗ)).
        late = math.sqrt(1.0 - self.beta2**t)
        step = (rate * late / (1.0 - self.beta1**t)) * m / (np.sqrt(v) + self.epsilon * late)
        kept = theta * (1.0 - rate * self.weight_decay) if self.decoupled else theta
        return kept - step, {"mean": m, "square": v}


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters themselves: θ ← θ - η λ θ first, and the gradient is left alone.

    Loshchilov and Hutter 2019, algorithm 2, with η as the paper's schedule multiplier times α, as PyTorch has it.

    >>> w = Value(1.0)
    >>> (w * w).backward()
    >>> AdamW([w], 0.01, weight_decay=0.5).step()
    >>> round(w.data, 6)  # 1 - η λ - η
    0.985
    """

    decoupled = True

    @advised
    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, learning_rate, betas=betas, epsilon=epsilon, weight_decay=weight_decay)


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}


def clip_gradients(parameters: Iterable[Value], max_norm: float) -> float:
    """Shrink the gradient, as one vector, to length `max_norm` if it is longer; its direction stays.

    Returns the length before. Pascanu, Mikolov and Bengio 2013, algorithm 1.
    """
    reached = [parameter for parameter in parameters if parameter.has_grad]
    g = autograd.read(reached, "grad")
    norm = length(g)
    autograd.write(reached, "grad", clipped(g, norm, max_norm))
    return norm


def clipped(g: Any, norm: float, max_norm: float) -> Any:
    """A vector of length `norm`, shortened to `max_norm` if it is longer and its length is finite."""
    if not max_norm > 0.0:
        raise ValueError(f"clip_gradients: max_norm must be > 0, got {max_norm!r}")
    return g * (max_norm / norm) if max_norm < norm < math.inf else g


def length(g: Any) -> float:
    """The length of a vector: √(Σ g²)."""
    import numpy as np

    with np.errstate(all="ignore"):
        square = float((g * g).sum())  # not g @ g: for a few thousand numbers, threads cost more than they save
        if 1e-290 < square < math.inf:
            return math.sqrt(square)
        largest = float(abs(g).max(initial=0.0))  # the squares overflow, or vanish
        return largest * math.sqrt(float(((g / largest) ** 2).sum())) if 0.0 < largest < math.inf else largest


def _all_finite(x: Any) -> bool:
    """Whether no entry of a vector is nan or infinite."""
    import numpy as np

    with np.errstate(all="ignore"):
        # One pass, and no array of bools: only a sum that is not finite asks for a closer look.
        return math.isfinite(x.sum()) or bool(np.isfinite(x).all())


def _at_least_0(optimizer: str, name: str, x: float) -> float:
    if not isinstance(x, numbers.Real) or not 0.0 <= float(x) < math.inf:
        raise ValueError(f"{optimizer}: {name} must be a number >= 0, got {x!r}")
    return x


def _fraction(optimizer: str, name: str, x: float) -> float:
    if not isinstance(x, numbers.Real) or not 0.0 <= float(x) < 1.0:
        raise ValueError(f"{optimizer}: {name} must lie in [0, 1), got {x!r}")
    return x
