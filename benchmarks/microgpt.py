"""A GPT of scalars in plain Python, after Andrej Karpathy's microgpt.py (2026, gist.github.com/karpathy/
8627fe009c40f57531cb18360106ce95), written anew: the same model, the same sizes, the same sums by generator.

Written once for numbers of any kind: `ScalarValue` below, whose design is that of the original, and our Values.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

EMBEDDING, HEADS, POSITIONS, LETTERS = 16, 4, 16, 27
PER_HEAD = EMBEDDING // HEADS
RATE, BETA1, BETA2, TINY = 0.01, 0.85, 0.99, 1e-8
START = LETTERS - 1  # begins and ends a name
NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "charlotte", "mia", "amelia", "harper", "evelyn"]


class ScalarValue:
    """A number that remembers its arguments and the partial derivative by each, as tuples."""

    __slots__ = ("_children", "_local_grads", "data", "grad")

    def __init__(self, data: float, children: tuple[Any, ...] = (), local_grads: tuple[float, ...] = ()) -> None:
        self.data = data
        self.grad = 0.0
        self._children = children
        self._local_grads = local_grads

    def __add__(self, other: Any) -> ScalarValue:
        other = other if isinstance(other, ScalarValue) else ScalarValue(other)
        return ScalarValue(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other: Any) -> ScalarValue:
        other = other if isinstance(other, ScalarValue) else ScalarValue(other)
        return ScalarValue(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, power: float) -> ScalarValue:
        return ScalarValue(self.data**power, (self,), (power * self.data ** (power - 1),))

    def log(self) -> ScalarValue:
        return ScalarValue(math.log(self.data), (self,), (1 / self.data,))

    def exp(self) -> ScalarValue:
        y = math.exp(self.data)
        return ScalarValue(y, (self,), (y,))

    def relu(self) -> ScalarValue:
        return ScalarValue(max(0, self.data), (self,), (float(self.data > 0),))

    def __neg__(self) -> ScalarValue:
        return self * -1

    def __sub__(self, other: Any) -> ScalarValue:
        return self + (-other)

    def __truediv__(self, other: Any) -> ScalarValue:
        return self * other**-1

    __radd__ = __add__
    __rmul__ = __mul__

    def backward(self) -> None:
        order, seen = [], set()

        def visit(value: ScalarValue) -> None:
            if value not in seen:
                seen.add(value)
                for child in value._children:
                    visit(child)
                order.append(value)

        visit(self)
        self.grad = 1.0
        for value in reversed(order):
            for child, local_grad in zip(value._children, value._local_grads, strict=True):
                child.grad += local_grad * value.grad


def weights(value: Callable[[float], Any]) -> dict[str, list[list[Any]]]:
    """The matrices of the model, rows of numbers."""
    rng = random.Random(42)
    wide = 4 * EMBEDDING
    shapes = {
        "tokens": (LETTERS, EMBEDDING), "positions": (POSITIONS, EMBEDDING), "logits": (LETTERS, EMBEDDING),
        "query": (EMBEDDING, EMBEDDING), "key": (EMBEDDING, EMBEDDING), "value": (EMBEDDING, EMBEDDING),
        "mix": (EMBEDDING, EMBEDDING), "widen": (wide, EMBEDDING), "narrow": (EMBEDDING, wide),
    }  # fmt: skip
    return {
        name: [[value(rng.gauss(0.0, 0.08)) for _ in range(columns)] for _ in range(rows)]
        for name, (rows, columns) in shapes.items()
    }


def linear(x: list[Any], w: list[list[Any]]) -> list[Any]:
    return [sum(wi * xi for wi, xi in zip(row, x, strict=False)) for row in w]


def softmax(logits: list[Any]) -> list[Any]:
    largest = max(logit.data for logit in logits)
    exps = [(logit - largest).exp() for logit in logits]
    total = sum(exps)
    return [e / total for e in exps]


def normalised(x: list[Any]) -> list[Any]:
    """RMSNorm without a gain."""
    scale = (sum(xi * xi for xi in x) / len(x) + 1e-5) ** -0.5
    return [xi * scale for xi in x]


def attention(x: list[Any], w: dict[str, list[list[Any]]], keys: list[list[Any]], values: list[list[Any]]) -> list[Any]:
    """The heads side by side for the latest position. keys, values: those of all positions so far, which x joins."""
    query = linear(x, w["query"])
    keys.append(linear(x, w["key"]))
    values.append(linear(x, w["value"]))
    found = []
    for start in range(0, EMBEDDING, PER_HEAD):
        part = slice(start, start + PER_HEAD)
        q, ks, vs = query[part], [k[part] for k in keys], [v[part] for v in values]
        shares = softmax([sum(q[j] * k[j] for j in range(PER_HEAD)) / PER_HEAD**0.5 for k in ks])
        found += [sum(shares[t] * vs[t][j] for t in range(len(vs))) for j in range(PER_HEAD)]
    return found


def logits_of(token: int, position: int, w: Any, keys: list[list[Any]], values: list[list[Any]]) -> list[Any]:
    """The logits of what follows a token."""
    x = normalised([t + p for t, p in zip(w["tokens"][token], w["positions"][position], strict=True)])
    x = [a + b for a, b in zip(linear(attention(normalised(x), w, keys, values), w["mix"]), x, strict=True)]
    wide = [xi.relu() for xi in linear(normalised(x), w["widen"])]
    x = [a + b for a, b in zip(linear(wide, w["narrow"]), x, strict=True)]
    return linear(x, w["logits"])


def loss_of(w: Any, name: str) -> Any:
    """The mean cross-entropy of each letter after those before it."""
    tokens = [START, *(ord(letter) - ord("a") for letter in name), START]
    keys: list[list[Any]] = []
    values: list[list[Any]] = []
    losses = []
    for position in range(min(POSITIONS, len(tokens) - 1)):
        shares = softmax(logits_of(tokens[position], position, w, keys, values))
        losses.append(-shares[tokens[position + 1]].log())
    return (1 / len(losses)) * sum(losses)


class Training:
    """Adam, one name after the other. value: the class of the numbers."""

    def __init__(self, value: Callable[[float], Any], steps: int = 1000) -> None:
        self.weights = weights(value)
        self.parameters = [p for matrix in self.weights.values() for row in matrix for p in row]
        self.first, self.second = [0.0] * len(self.parameters), [0.0] * len(self.parameters)
        self.done, self.steps = 0, steps

    def step(self, name: str) -> float:
        """The loss of a name before a step on it."""
        loss = loss_of(self.weights, name)
        loss.backward()
        rate = RATE * max(1 - self.done / self.steps, 0.0)
        self.done += 1
        first, second, done = self.first, self.second, self.done
        for i, p in enumerate(self.parameters):
            first[i] = BETA1 * first[i] + (1 - BETA1) * p.grad
            second[i] = BETA2 * second[i] + (1 - BETA2) * p.grad**2
            p.data -= rate * (first[i] / (1 - BETA1**done)) / ((second[i] / (1 - BETA2**done)) ** 0.5 + TINY)
            p.grad = 0.0
        return float(loss.data)
