"""10,000 random programs over the table: values, gradients and second derivatives as PyTorch and JAX find them.

Where a point lies at a kink, or where the peer's own formula loses digits that ours keeps, the two need not agree: those
rows are listed, with the reason.
"""

import math
import random

import jax
import jax.numpy as jnp
import pytest
import torch

import autograd
from autograd import TABLE, DomainError, Value
from autograd.engine import leaves

jax.config.update("jax_enable_x64", True)

T, F = torch, torch.nn.functional
IN_TORCH = {
    **{name: getattr(T, name) for name in (
        "add", "sub", "mul", "div", "pow", "neg", "abs", "exp", "log", "log1p", "log2", "log10", "expm1", "sqrt", "sin", "cos",
        "tan", "asin", "acos", "atan", "atan2", "hypot", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid",
        "logaddexp", "minimum", "maximum", "erf", "erfc", "sign", "floor", "ceil", "trunc", "round", "xlogy", "sinc", "relu",
    )},
    "softplus": lambda x: T.logaddexp(x, T.zeros_like(x)), "logsigmoid": F.logsigmoid, "gelu": F.gelu, "silu": F.silu,
    "cbrt": lambda x: T.sign(x) * T.abs(x) ** (1.0 / 3.0), "mod": T.remainder,
    "leaky_relu": lambda x, s: T.where(x > 0, x, s * x),
    "elu": lambda x, a: T.where(x > 0, x, a * T.expm1(T.minimum(x, T.zeros_like(x)))),
    "clip": lambda x, a, b: T.minimum(T.maximum(x, a), b), "where": lambda c, a, b: T.where(c != 0, a, b),
    "sum": lambda *xs: sum(xs), "mean": lambda *xs: sum(xs) / len(xs), "logsumexp": lambda *xs: T.logsumexp(T.stack(xs), 0),
    "dot": lambda *xs: sum(a * b for a, b in zip(xs[: len(xs) // 2], xs[len(xs) // 2 :], strict=True)),
}  # fmt: skip  # a table
IN_JAX = {
    **{name: getattr(jnp, name) for name in (
        "add", "exp", "log", "log1p", "log2", "log10", "expm1", "sqrt", "cbrt", "sin", "cos", "tan", "hypot", "sinh", "cosh",
        "tanh", "logaddexp", "minimum", "maximum", "sign", "floor", "ceil", "trunc", "round", "sinc",
    )},
    "sub": jnp.subtract, "mul": jnp.multiply, "div": jnp.divide, "pow": jnp.power, "neg": jnp.negative, "abs": jnp.abs,
    "asin": jnp.arcsin, "acos": jnp.arccos, "atan": jnp.arctan, "atan2": jnp.arctan2, "asinh": jnp.arcsinh,
    "acosh": jnp.arccosh, "atanh": jnp.arctanh, "sigmoid": jax.nn.sigmoid, "softplus": jax.nn.softplus,
    "logsigmoid": jax.nn.log_sigmoid, "relu": jax.nn.relu, "silu": jax.nn.silu, "erf": jax.scipy.special.erf,
    "erfc": jax.scipy.special.erfc, "xlogy": jax.scipy.special.xlogy, "mod": jnp.mod,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False), "leaky_relu": lambda x, s: jnp.where(x > 0, x, s * x),
    "elu": lambda x, a: jnp.where(x > 0, x, a * jnp.expm1(jnp.minimum(x, 0.0))),
    "clip": lambda x, a, b: jnp.minimum(jnp.maximum(x, a), b), "where": lambda c, a, b: jnp.where(c != 0, a, b),
    "sum": lambda *xs: sum(xs), "mean": lambda *xs: sum(xs) / len(xs),
    "logsumexp": lambda *xs: jax.scipy.special.logsumexp(jnp.stack(xs)),
    "dot": lambda *xs: sum(a * b for a, b in zip(xs[: len(xs) // 2], xs[len(xs) // 2 :], strict=True)),
}  # fmt: skip
SECOND_DIFFERS = {
    "sinc": "PyTorch and JAX take the second derivative from a difference that cancels near 0",
    "hypot": "as x / y, which cancels",
}
BOUND = 1e4  # beyond, a program is ill-conditioned, and the last digits are nobody's


class Program:
    """A straight program over rows that both sides know: rows, and for each the places of its arguments."""

    def __init__(self, seed, peer):
        rng = random.Random(seed)
        rows = [TABLE[name] for name in sorted(peer)]
        self.numbers = [rng.uniform(0.1, 2.0) * rng.choice([-1.0, 1.0]) for _ in range(3)]
        self.steps = []
        values = [Value(x) for x in self.numbers]
        while len(self.steps) < 6:
            row = rng.choice(rows)
            n = row.arity if row.rule is None else row.groups * rng.randint(1, 3)
            places = [rng.randrange(len(values)) for _ in range(n)]
            try:
                y = apply(row, [values[i] for i in places])
                y.backward()
            except (DomainError, OverflowError):
                continue
            near = row.kink is not None and abs(row.kink.distance(*(values[i].data for i in places))) < 1e-3
            small = abs(y.data) < 1e-3 and not row.flat
            if near or small or abs(y.data) > 30.0 or any(abs(v.grad) > BOUND for v in leaves(y)):
                continue
            values.append(y)
            self.steps.append((row, places))
        self.weights = [rng.uniform(-1.0, 1.0) for _ in self.steps]

    def run(self, xs, functions, total):
        values = list(xs)
        for row, places in self.steps:
            values.append(functions(row, [values[i] for i in places]))
        return total([w * v for w, v in zip(self.weights, values[len(xs) :], strict=True)])


def apply(row, args):
    size = len(args) // row.groups
    return row(*args) if row.rule is None else row(*(args[i * size : (i + 1) * size] for i in range(row.groups)))


def ours(program):
    """Value, gradient, and the gradient of the gradient along (1, 1, 1)."""
    xs = [Value(x) for x in program.numbers]
    y = program.run(xs, apply, autograd.sum)
    once = autograd.grad(y, xs, create_graph=True)
    return y.data, [g.data for g in once], autograd.grad(autograd.sum(once), xs)


def by_torch(program):
    xs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in program.numbers]
    y = program.run(xs, lambda row, args: IN_TORCH[row.name](*args), sum)
    once = torch.autograd.grad(y, xs, create_graph=True, allow_unused=True)
    once = [torch.zeros_like(x) if g is None else g for x, g in zip(xs, once, strict=True)]
    total = sum(once)
    twice = torch.autograd.grad(total, xs, allow_unused=True) if total.requires_grad else [None] * 3
    return y.item(), [g.item() for g in once], [0.0 if g is None else g.item() for g in twice]


def by_jax(program):
    f = lambda *xs: program.run(xs, lambda row, args: IN_JAX[row.name](*args), sum)  # noqa: E731  # used twice
    gradient = jax.grad(f, (0, 1, 2))
    second = jax.grad(lambda *xs: sum(gradient(*xs)), (0, 1, 2))
    return (
        float(f(*program.numbers)),
        list(map(float, gradient(*program.numbers))),
        list(map(float, second(*program.numbers))),
    )


def agree(program, found, expected):
    value, first, second = found
    scale = 1.0 + max(map(abs, first)) + max(map(abs, second))
    assert value == pytest.approx(expected[0], rel=1e-10, abs=1e-10)
    assert first == pytest.approx(expected[1], rel=1e-10, abs=1e-10 * scale), program.steps
    if not any(row.name in SECOND_DIFFERS for row, _ in program.steps) and max(map(abs, second)) < BOUND:
        assert second == pytest.approx(expected[2], rel=1e-9, abs=1e-10 * scale * scale), program.steps


@pytest.mark.parametrize("block", range(20))
def test_pytorch(block):
    for seed in range(450 * block, 450 * block + 450):
        program = Program(seed, IN_TORCH)
        expected = by_torch(program)
        if all(map(math.isfinite, [expected[0], *expected[1], *expected[2]])):
            agree(program, ours(program), expected)


@pytest.mark.parametrize("block", range(10))
def test_jax(block):
    for seed in range(100_000 + 100 * block, 100_000 + 100 * block + 100):
        program = Program(seed, IN_JAX)
        expected = by_jax(program)
        if all(map(math.isfinite, [expected[0], *expected[1], *expected[2]])):
            agree(program, ours(program), expected)
