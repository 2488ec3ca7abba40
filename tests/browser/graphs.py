"""Graphs of many kinds, to be drawn and computed: small named ones, and random ones over the whole table."""

import random

import autograd
import nn
from autograd import TABLE, DomainError, Value
from autograd.engine import leaves

OVERFLOWING = 1e6  # beyond, sums of random graphs would hide everything else


def neuron():
    w, x, b = Value(2.0, "w"), Value(0.5, "x"), Value(-1.5, "b")
    y = autograd.tanh(w * x + b)
    y.label = "y"
    return y


def diamond():
    x = Value(0.7, "x")
    a = x * 2
    b = autograd.sin(x)
    return a * b + a


def chain():
    x = Value(0.5, "x")
    for _ in range(60):
        x = autograd.sin(x * 1.1)
    return x


def choices():
    a, b = Value(1.0, "a"), Value(1.0, "b")
    return autograd.where(a > b, a * 2, autograd.maximum(a, b)) + autograd.relu(a - 1) + abs(b)


def network():
    model = nn.MLP(2, [3, 1], seed=3)
    return nn.binary_cross_entropy(model([Value(0.3, "x1"), Value(-0.8, "x2")]), 1.0)


def lists():
    xs = [Value(0.1 * i, f"x{i}") for i in range(8)]
    return autograd.logsumexp(xs) + autograd.mean(xs) + autograd.dot(xs[:4], xs[4:])


def not_finite():
    return autograd.sqrt(Value(0.0, "z")) + Value(float("nan"), "q") * 2 + Value(float("inf"), "i")


def labels():
    xs = [
        Value(1.0, label) for label in ("a" * 96, "two\nlines", "日本語の名前", "<b>&amp;", "MWMWMWMW", "🎉🎉🎉", "é́́")
    ]
    return autograd.sum(xs) * Value(-123456789.123, "W" * 20)


def mixed():
    x = Value(2.0, "x")
    h = x * x
    h.label = "h"
    a, b = h * 3, h * 5
    a.backward()
    b.backward()
    return a


def foreign():
    y = Value(2.0, "x") * 3
    y.backward()
    return y + Value(1.0, "c")


def kinds():
    """Name to a Value after a backward pass, where that makes sense."""
    few = [Value(float(i), f"x{i}") for i in range(6)]
    many = [Value(0.5 + i, f"x{i}") for i in range(40)]
    w = Value(2.0, "w")
    found = {
        "neuron": neuron(), "diamond": diamond(), "chain": chain(), "choices": choices(), "network": network(),
        "lists": lists(), "not finite": not_finite(), "labels": labels(), "mixed": mixed(), "foreign": foreign(),
        "square": Value(3.0, "x") ** 2, "same twice": (lambda x: x * x)(Value(3.0, "x")),
        "numbers": 1 - 2 / (3 ** Value(0.123456, "p")) + 1e-9, "sum": sum(few), "sum of forty": autograd.sum(many),
        "squares": sum((w * x - 1) ** 2 for x in many), "large": Value(1e300, "x") * 1e-300 * Value(-1.234567e8),
        "second order": autograd.grad(w * w * w, [w], create_graph=True)[0] * few[1], "leaf": Value(1.0, "alone"),
    }  # fmt: skip
    for name, y in found.items():
        if name not in ("mixed", "foreign", "leaf"):
            y.backward()
    return found


def random_graph(seed, steps=14):
    """A graph over rows of the whole table, at points where each has a value and a derivative."""
    rng = random.Random(seed)
    rows = [row for row in TABLE.values() if row.name not in ("identity",)]
    values = [Value(rng.uniform(-2.0, 2.0), f"x{i}") for i in range(3)]
    used = []
    while len(used) < steps:
        row = rng.choice(rows)
        n = row.arity if row.rule is None else row.groups * rng.randint(1, 4)
        samples = [*row.domain.samples, *row.domain.samples * n][:n]
        args = [
            rng.choice(values) if rng.random() < 0.5
            else rng.uniform(*sample) if rng.random() < 0.3
            else Value(rng.uniform(*sample))
            for sample in samples
        ]  # fmt: skip
        if not any(isinstance(arg, Value) for arg in args):
            args[0] = Value(rng.uniform(*samples[0]))
        try:
            size = len(args) // row.groups
            y = row(*args) if row.rule is None else row(*(args[i * size : (i + 1) * size] for i in range(row.groups)))
            y.backward()
        except (DomainError, OverflowError):
            continue
        if not abs(y.data) < OVERFLOWING or not all(abs(x.grad) < OVERFLOWING for x in leaves(y)):
            continue
        values.append(y)
        used.append(y)
    tops = used[-8:]
    y = autograd.dot([rng.uniform(-1.0, 1.0) for _ in tops], tops)
    autograd.zero_grad(leaves(y))
    try:
        y.backward()
    except DomainError:
        return random_graph(seed + 1_000_003, steps)
    return y
