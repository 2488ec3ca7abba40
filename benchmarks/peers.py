"""One library on one workload, in an environment of its own: peers.py LIBRARY WORKLOAD REPEAT prints JSON.

Each entry of WORKLOADS returns a function that computes value and gradient once.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE)  # where this file is; the working directory may hold a folder called autograd

import moons  # noqa: E402
import rosenbrock as banana  # noqa: E402

Step = Callable[[], tuple[float, list[float]]]


def ours_moons() -> Step:
    sys.path.append(str(HERE.parent))
    from autograd import Value

    return moons.on_values(Value)


def ours_gpt() -> Step:
    sys.path += [str(HERE.parent), str(HERE.parent / "examples")]
    import gpt

    from nn import Adam

    model = gpt.GPT()
    optimizer = Adam(model.parameters(), 0.01)
    tokens = gpt.tokens_of("christina")

    def step() -> tuple[float, list[float]]:
        optimizer.zero_grad()
        loss = gpt.loss_of(model, tokens)
        loss.backward()
        optimizer.step()
        return loss.data, []

    return step


def micrograd_moons() -> Step:
    from micrograd.engine import Value

    sys.setrecursionlimit(1_000_000)  # its backward is recursive
    return moons.on_values(Value)


def torch_rosenbrock() -> Step:
    import torch

    torch.set_num_threads(1)

    def step() -> tuple[float, list[float]]:
        x = torch.tensor(banana.start(), dtype=torch.float64, requires_grad=True)
        y = banana.rosenbrock(x)
        y.backward()
        return y.item(), x.grad.tolist()

    return step


def torch_scalars_rosenbrock() -> Step:
    import torch

    torch.set_num_threads(1)

    def step() -> tuple[float, list[float]]:
        x = [torch.tensor(xi, dtype=torch.float64, requires_grad=True) for xi in banana.start()]
        y = banana.rosenbrock(x)
        y.backward()
        return y.item(), [xi.grad.item() for xi in x]

    return step


def hips_rosenbrock() -> Step:
    import numpy as np

    import autograd

    f = autograd.value_and_grad(banana.rosenbrock)

    def step() -> tuple[float, list[float]]:
        value, gradient = f(np.array(banana.start()))
        return float(value), gradient.tolist()

    return step


def jax_rosenbrock() -> Step:
    import jax

    jax.config.update("jax_enable_x64", True)
    f = jax.value_and_grad(banana.rosenbrock)

    def step() -> tuple[float, list[float]]:
        value, gradient = f(jax.numpy.array(banana.start()))
        return float(value), gradient.tolist()

    return step


def casadi_rosenbrock() -> Step:
    import casadi

    def step() -> tuple[float, list[float]]:
        x = casadi.SX.sym("x", banana.TERMS + 1)
        y = banana.rosenbrock([x[i] for i in range(banana.TERMS + 1)])
        f = casadi.Function("f", [x], [y, casadi.gradient(y, x)])
        value, gradient = f(banana.start())
        return float(value), [float(g) for g in gradient.full().ravel()]

    return step


WORKLOADS: dict[tuple[str, str], Callable[[], Step]] = {
    ("glassgrad", "moons"): ours_moons,
    ("glassgrad", "gpt"): ours_gpt,
    ("micrograd", "moons"): micrograd_moons,
    ("torch", "rosenbrock"): torch_rosenbrock,
    ("torch-scalars", "rosenbrock"): torch_scalars_rosenbrock,
    ("hips", "rosenbrock"): hips_rosenbrock,
    ("jax", "rosenbrock"): jax_rosenbrock,
    ("casadi", "rosenbrock"): casadi_rosenbrock,
}


def main() -> None:
    library, workload, repeat = sys.argv[1], sys.argv[2], int(sys.argv[3])
    step = WORKLOADS[library, workload]()
    value, gradient = step()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    answer: dict[str, Any] = {"value": value, "gradient": gradient, "seconds": statistics.median(times)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
