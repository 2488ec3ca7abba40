"""Neurons, layers of neurons, and layers of layers."""

from __future__ import annotations

import math
import numbers
import random
from collections.abc import Callable, Sequence
from typing import Any

from autograd import TABLE, Primitive, Value, dot
from autograd.elsewhere import advised
from nn.module import Module

__all__ = ["INITIALISERS", "MLP", "Activation", "Layer", "Neuron"]

Activation = Callable[[Any], Any] | str | None
"""A primitive such as `autograd.tanh`, any function of one Value, a primitive's name, or None for the identity."""

RECTIFIERS = {"relu", "leaky_relu", "elu", "gelu", "silu", "softplus"}

INITIALISERS: dict[str, Callable[[random.Random, int, int], float]] = {
    # He et al. 2015, equation 10: half of the inputs of a rectifier are 0, so weights are larger by √2.
    "he": lambda rng, n_in, n_out: rng.gauss(0.0, math.sqrt(2.0 / n_in)),
    # Glorot and Bengio 2010, equation 16: keeps the variance of values and of gradients alike through tanh.
    "xavier": lambda rng, n_in, n_out: rng.uniform(-1.0, 1.0) * math.sqrt(6.0 / (n_in + n_out)),
    "uniform": lambda rng, n_in, n_out: rng.uniform(-1.0, 1.0),
    "normal": lambda rng, n_in, n_out: rng.gauss(0.0, 1.0),
}
"""How a weight of a layer with n_in inputs and n_out neurons is drawn, by name."""


class Neuron(Module):
    """activation(w · x + b).

    n_in: number of inputs. activation: see `Activation`. init: a name in INITIALISERS, or None for "he" before a
    rectifier and "xavier" otherwise; the bias starts at 0. seed: a number, or a `random.Random` to draw from; None
    draws anew each time.

    Called with n_in numbers or Values, returns a Value.

    >>> neuron = Neuron(2, "tanh", seed=1)
    >>> neuron
    Neuron(2 → tanh), 3 parameters
    """

    @advised
    def __init__(
        self,
        n_in: int,
        activation: Activation = None,
        *,
        init: str | None = None,
        seed: int | random.Random | None = None,
        n_out: int = 1,
    ) -> None:
        _check_width("Neuron", "n_in", n_in)
        self.activation = _resolve(activation)
        draw = INITIALISERS[_initialiser(init, self.activation)]
        rng = seed if isinstance(seed, random.Random) else random.Random(seed)
        self.weights = [Value(draw(rng, n_in, n_out)) for _ in range(n_in)]
        self.bias = Value(0.0)

    def __call__(self, x: Sequence[Any]) -> Any:
        x = _inputs("Neuron", x, len(self.weights))
        y = dot(self.weights, x) + self.bias
        return y if self.activation is None else self.activation(y)

    def __repr__(self) -> str:
        return f"Neuron({len(self.weights)}{_arrow(self.activation)}), {len(self.parameters())} parameters"


class Layer(Module):
    """n_out neurons that all see the same inputs.

    Called with n_in numbers or Values, returns a list of n_out Values (a list of one if n_out is 1). The other
    arguments are those of `Neuron`.
    """

    @advised
    def __init__(
        self,
        n_in: int,
        n_out: int,
        activation: Activation = None,
        *,
        init: str | None = None,
        seed: int | random.Random | None = None,
    ) -> None:
        _check_width("Layer", "n_in", n_in)
        _check_width("Layer", "n_out", n_out)
        rng = seed if isinstance(seed, random.Random) else random.Random(seed)
        self.neurons = [Neuron(n_in, activation, init=init, seed=rng, n_out=n_out) for _ in range(n_out)]

    @property
    def n_in(self) -> int:
        """The number of inputs."""
        return len(self.neurons[0].weights)

    @property
    def activation(self) -> Callable[[Any], Any] | None:
        """What every neuron applies to its sum; None for the identity."""
        return self.neurons[0].activation

    def __call__(self, x: Sequence[Any]) -> list[Any]:
        x = _inputs("Layer", x, self.n_in)
        return [neuron(x) for neuron in self.neurons]

    def __repr__(self) -> str:
        return f"Layer({self.n_in} → {len(self.neurons)}{_arrow(self.activation)}), {len(self.parameters())} parameters"


class MLP(Module):
    """A multi-layer perceptron: layers one after the other.

    n_in: number of inputs. widths: the number of neurons in each layer, the last being the number of outputs.
    activation: of the hidden layers. output: activation of the last layer; None, the default, suits the losses that
    take logits. init, seed: as in `Neuron`.

    Called with n_in numbers or Values, returns a Value if there is one output, else a list of Values.

    >>> MLP(2, [16, 16, 1], activation="relu", seed=0)
    MLP(2 → 16 relu → 16 relu → 1), 337 parameters
    """

    @advised
    def __init__(
        self,
        n_in: int,
        widths: Sequence[int],
        *,
        activation: Activation = "tanh",
        output: Activation = None,
        init: str | None = None,
        seed: int | random.Random | None = None,
    ) -> None:
        _check_width("MLP", "n_in", n_in)
        if not isinstance(widths, Sequence) or isinstance(widths, str) or not widths:
            raise ValueError(
                f"MLP: widths must be a list such as [16, 16, 1], the last being the outputs; got {widths!r}"
            )
        _resolve(activation)  # also where there is no hidden layer
        rng = seed if isinstance(seed, random.Random) else random.Random(seed)
        sizes = [n_in, *widths]
        last = len(widths) - 1
        self.layers = [
            Layer(sizes[i], sizes[i + 1], output if i == last else activation, init=init, seed=rng)
            for i in range(last + 1)
        ]

    @property
    def n_in(self) -> int:
        """The number of inputs."""
        return self.layers[0].n_in

    @property
    def widths(self) -> list[int]:
        """The number of neurons in each layer."""
        return [len(layer.neurons) for layer in self.layers]

    def __call__(self, x: Sequence[Any]) -> Any:
        x = _inputs("MLP", x, self.n_in)
        for layer in self.layers:
            x = layer(x)
        return x[0] if len(x) == 1 else x

    def __repr__(self) -> str:
        layers = "".join(
            f" → {len(layer.neurons)}{_arrow(layer.activation).replace(' →', '')}" for layer in self.layers
        )
        return f"MLP({self.n_in}{layers}), {len(self.parameters())} parameters"


def activation_name(activation: Callable[[Any], Any] | None) -> str:
    """What to call an activation in text; "" for the identity."""
    if activation is None:
        return ""
    return str(getattr(activation, "__name__", type(activation).__name__))


def _arrow(activation: Callable[[Any], Any] | None) -> str:
    return f" → {activation_name(activation)}" if activation else ""


def _resolve(activation: Activation) -> Callable[[Any], Any] | None:
    if activation is None or activation in ("linear", "none"):
        return None
    if isinstance(activation, str):
        row = TABLE.get(activation)
        if row is None or row.rule is not None or row.arity - len(row.defaults) != 1:
            if activation.lower() in TABLE.keys() - {activation}:
                raise ValueError(f"unknown activation {activation!r}: it is written {activation.lower()!r}")
            names = ", ".join(
                row.name
                for row in TABLE.values()
                if row.public and row.rule is None and row.arity - len(row.defaults) == 1
            )
            raise ValueError(f"unknown activation {activation!r}; choose one of: {names}; or pass a function")
        return row
    if not callable(activation):
        raise TypeError(
            f"activation: expected a primitive such as autograd.tanh, a function, a name or None, got {activation!r}"
        )
    if isinstance(activation, Primitive) and (activation.rule or activation.arity - len(activation.defaults) != 1):
        raise ValueError(f"activation: {activation.name} takes more than one number, so it cannot be an activation")
    return activation


def _initialiser(init: str | None, activation: Callable[[Any], Any] | None) -> str:
    if init is None:
        return "he" if activation_name(activation) in RECTIFIERS else "xavier"
    if init not in INITIALISERS:
        raise ValueError(f"unknown init {init!r}; choose one of: {', '.join(INITIALISERS)}")
    return init


def _check_width(what: str, name: str, n: Any) -> None:
    if isinstance(n, bool) or not isinstance(n, numbers.Integral) or n < 1:
        raise ValueError(f"{what}: {name} must be a whole number of at least 1, got {n!r}")


def _is_batch(x: Any) -> bool:
    return len(x) > 0 and isinstance(x[0], list | tuple)


def _inputs(what: str, x: Any, n_in: int) -> list[Any]:
    """The inputs as a list: plain floats at once, rather than one NumPy scalar after another in every neuron."""
    if isinstance(x, str) or not hasattr(x, "__len__") or len(getattr(x, "shape", "1")) != 1 or _is_batch(x):
        several = hasattr(x, "__len__") and not isinstance(x, str)
        way_out = "; for several examples, write [model(x) for x in xs], or train with nn.fit" if several else ""
        raise TypeError(
            f"{what}: expected a list of {n_in} inputs, the numbers of one example, got {x!r:.200}{way_out}"
        )
    if len(x) != n_in:
        raise ValueError(f"{what}: expected {n_in} inputs, got {len(x)}")
    found: list[Any] = x.tolist() if hasattr(x, "tolist") else list(x)
    return found
