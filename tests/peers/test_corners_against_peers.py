"""Are the conventions in `autograd.CORNERS` those of PyTorch and JAX? Run by `make peers`, which installs both."""

import math

import jax
import pytest
import torch

from autograd import CORNERS, Corner

jax.config.update("jax_enable_x64", True)

IN_TORCH = {
    "abs": torch.abs,
    "relu": torch.relu,
    "leaky_relu": lambda x, slope: torch.nn.functional.leaky_relu(x, slope.item()),
    "elu": lambda x, alpha: torch.nn.functional.elu(x, alpha.item()),
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "sign": torch.sign,
    "sqrt": torch.sqrt,
    "asin": torch.asin,
    "acos": torch.acos,
    "pow": torch.pow,
    "sigmoid": torch.sigmoid,
    "softplus": torch.nn.functional.softplus,
    "tanh": torch.tanh,
    "gelu": torch.nn.functional.gelu,
    "exp": torch.exp,
}
IN_JAX = {
    "abs": jax.numpy.abs,
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "elu": jax.nn.elu,
    "maximum": jax.numpy.maximum,
    "minimum": jax.numpy.minimum,
    "sign": jax.numpy.sign,
    "sqrt": jax.numpy.sqrt,
    "asin": jax.numpy.arcsin,
    "acos": jax.numpy.arccos,
    "pow": jax.numpy.power,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "tanh": jax.numpy.tanh,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "exp": jax.numpy.exp,
}
# Where a peer differs, its own answer, so that this page stays true when the peer changes its mind.
DIFFERENT_IN_TORCH = {("gelu", (-10.0,)): "1 + erf cancels"}
DIFFERENT_IN_JAX = {
    ("abs", (0.0,)): "takes 1",
    ("leaky_relu", (0.0, 0.01)): "takes 1",
    ("pow", (0.0, 0.0)): "another slope in the exponent",
}
VALUED = [corner for corner in CORNERS if corner.value is not None]


def close(found: list[float], expected: tuple[float | None, ...]) -> bool:
    pairs = [(f, e) for f, e in zip(found, expected, strict=False) if e is not None]
    return all(f == e or math.isclose(f, e, rel_tol=1e-12, abs_tol=1e-300) for f, e in pairs)


@pytest.mark.parametrize(
    "corner", [c for c in VALUED if c.primitive.name in IN_TORCH], ids=lambda c: f"{c.primitive.name}{c.point}"
)
def test_as_pytorch(corner: Corner) -> None:
    xs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in corner.point]
    y = IN_TORCH[corner.primitive.name](*xs)
    y.backward()
    found = [x.grad.item() for x in xs if x.grad is not None]
    same = close([y.item()], (corner.value,)) and close(found, corner.partials)
    assert same != ((corner.primitive.name, corner.point) in DIFFERENT_IN_TORCH), (y.item(), found)


@pytest.mark.parametrize(
    "corner", [c for c in VALUED if c.primitive.name in IN_JAX], ids=lambda c: f"{c.primitive.name}{c.point}"
)
def test_as_jax(corner: Corner) -> None:
    f = IN_JAX[corner.primitive.name]
    places = tuple(i for i, partial in enumerate(corner.partials) if partial is not None)
    found = [float(jax.grad(f, argnums=i)(*corner.point)) for i in places]
    expected = tuple(corner.partials[i] for i in places)
    same = close([float(f(*corner.point))], (corner.value,)) and close(found, expected)
    assert same != ((corner.primitive.name, corner.point) in DIFFERENT_IN_JAX), found
