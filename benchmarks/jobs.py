"""What a side of a comparison runs, and how it gets its library; see program_peers.py."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
QUICK = "--quick" in sys.argv
"""Small sizes: does it run and agree?"""


class Job(NamedTuple):
    """found: value and gradient, once. run: what is timed."""

    found: Callable[[], tuple[Any, Any]]
    run: Callable[[], object]


def one(step: Callable[[], tuple[Any, Any]]) -> Job:
    """Value and gradient are what is timed."""
    return Job(step, step)


PEERS = ("casadi", "ddx", "fastdual", "jax", "numpy", "torch")
"""First words of sides that are libraries of others; all others are sides of our own."""


def load(side: str) -> None:
    """Import what a side needs, before any clock runs."""
    library = side.split("-")[0]
    if side == "jax-thread":
        _load_jax_on_one_thread()
    elif library in PEERS:
        importlib.import_module(library)
    else:
        sys.path.insert(1, str(ROOT))  # before a glassgrad that may be installed
        importlib.import_module("autograd.program")


def _load_jax_on_one_thread() -> None:
    # JAX has no setting for it: it starts as many threads as it sees processors when it first looks for devices.
    free = os.sched_getaffinity(0) if sys.platform == "linux" else None
    if free:
        os.sched_setaffinity(0, {min(free)})
    import jax

    jax.config.update("jax_enable_x64", True)
    jax.devices()
    if free:
        os.sched_setaffinity(0, free)


def eager_gradient(f: Callable[..., Any], numbers: list[float]) -> tuple[float, list[float]]:
    """Value and gradient of f at a point, Value by Value."""
    from autograd import Value

    xs = [Value(x) for x in numbers]
    y = f(*xs)
    y.backward()
    return y.data, [x.grad for x in xs]


def ddx_job(f: Callable[..., Any], at: Any, compiled: bool = True) -> Job:
    """f of as many arguments as `at` has rows, (inputs, examples), or (inputs,) for one point; compiled, by buffers.

    Results as ours: values, and gradients in the shape (examples, inputs).
    """
    import ddx

    at = np.array(at, order="C")
    model = ddx.equation(lambda: f(*[ddx.var(f"x{i}") for i in range(len(at))]))
    if compiled:
        # Of the vector libraries that it may call AUTO finds the fastest, which is not its default.
        model.compile(points=at.shape[1] if at.ndim == 2 else 1, veclib=ddx.VecLib.AUTO, cache_dir="")
        assert model.uses_kernel
    call = model.buffer(at)

    def found() -> tuple[Any, Any]:
        call()
        return np.array(call.value), np.array(call.jacobian).T

    return Job(found, call)


def jax_job(f: Callable[..., Any], at: Any) -> Job:
    """As `ddx_job`, of elementwise operations on rows; one reverse sweep for all examples."""
    import jax

    rows = [jax.numpy.array(row) for row in np.asarray(at)]

    @jax.jit
    def value_and_gradient(*rows: Any) -> Any:
        values, pull = jax.vjp(f, *rows)
        return values, pull(jax.numpy.ones_like(values))

    def found() -> tuple[Any, Any]:
        values, gradients = value_and_gradient(*rows)
        return np.array(values), np.array(gradients).T

    return Job(found, lambda: jax.block_until_ready(value_and_gradient(*rows)))
