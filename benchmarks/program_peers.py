"""One library on one workload, in a process of its own that waits to be asked: program_peers.py LIBRARY WORKLOAD [FILE]

Prints one line of JSON, {"value": ..., "gradient": [...], "first": what building and the first result took}; then, for
each line of input, what it took to do what the line says: `run N`, N times together, `each N`, N times one by one, or
`build`, everything anew up to the first result. All as pairs of seconds, by the clock on the wall and of the processor
(all threads of the process). FILE: MNIST. --quick instead: small sizes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE)  # where this file is; the working directory may hold a folder called autograd

import cnn  # noqa: E402
import eager_jobs  # noqa: E402
import hessian_jobs  # noqa: E402
import moons  # noqa: E402
import nielsen  # noqa: E402
import numpy as np  # noqa: E402
import ode  # noqa: E402
import rnn  # noqa: E402
import rosenbrock as banana  # noqa: E402
import steady_jobs  # noqa: E402
import straight_jobs  # noqa: E402
from jobs import Job, load, one  # noqa: E402
from shapes import arrays  # noqa: E402

MNIST = next((word for word in sys.argv[3:] if word != "--quick"), None)


# ------------------------------------------------------------ Nielsen's network: what an epoch's steps subtract


def training(theta: Any, step: Callable[[Any], Any], epoch: Callable[[], object], now: Callable[[], Any]) -> Job:
    """step: the loss, and the parameters one step on. The gradient is what the step has subtracted."""

    def found() -> tuple[Any, Any]:
        value = step(nielsen.shuffled()[0])
        return float(value), (theta - np.concatenate([np.ravel(array) for array in now()])) / nielsen.RATE

    return Job(found, epoch)


def numpy_nielsen() -> Job:
    images, targets = nielsen.digits(MNIST)
    theta = nielsen.start()
    net = nielsen.ByHand(arrays(theta.copy(), nielsen.shapes()))
    order = nielsen.shuffled()

    def step(batch: Any) -> float:
        return net.step(images[batch], targets[batch])

    def epoch() -> None:
        for batch in order:
            step(batch)

    return training(theta, step, epoch, lambda: net.parameters)


def torch_nielsen(threads: int | None) -> Job:
    import torch
    from torch.nn import functional

    if threads:
        torch.set_num_threads(threads)
    images, targets = map(torch.from_numpy, nielsen.digits(MNIST))
    theta = nielsen.start()
    parameters = [torch.tensor(array, requires_grad=True) for array in arrays(theta, nielsen.shapes())]
    order = torch.from_numpy(nielsen.shuffled())

    def step(batch: Any) -> Any:
        # Of the ways to write it this one is the fastest: torch.optim.SGD takes a third longer.
        weights1, biases1, weights2, biases2 = parameters
        hidden = torch.sigmoid(functional.linear(images[batch], weights1, biases1))
        output = torch.sigmoid(functional.linear(hidden, weights2, biases2))
        loss = functional.mse_loss(output, targets[batch], reduction="sum") * (0.5 / len(batch))
        slopes = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter.sub_(slope, alpha=nielsen.RATE)
        return loss.detach()

    def epoch() -> None:
        for batch in order:
            step(batch)

    return training(theta, step, epoch, lambda: [parameter.detach().numpy() for parameter in parameters])


class JaxNielsen:
    """The network by JAX; every step is compiled."""

    def __init__(self) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        self.jax = jax
        self.images, self.targets = nielsen.digits(MNIST)
        self.order = nielsen.shuffled()
        self.parameters = [jax.numpy.array(array) for array in arrays(nielsen.start(), nielsen.shapes())]
        self._compiled = jax.jit(self.update, donate_argnums=0)

    def loss(self, parameters: Any, x: Any, y: Any) -> Any:
        weights1, biases1, weights2, biases2 = parameters
        hidden = self.jax.nn.sigmoid(x @ weights1.T + biases1)
        output = self.jax.nn.sigmoid(hidden @ weights2.T + biases2)
        return 0.5 * ((output - y) ** 2).sum() / len(x)

    def update(self, parameters: Any, x: Any, y: Any) -> Any:
        value, slopes = self.jax.value_and_grad(self.loss)(parameters, x, y)
        return [p - nielsen.RATE * g for p, g in zip(parameters, slopes, strict=True)], value

    def step(self, batch: Any) -> Any:
        self.parameters, value = self._compiled(self.parameters, self.images[batch], self.targets[batch])
        return value

    def epoch(self) -> None:
        for batch in self.order:
            self.step(batch)
        self.parameters[0].block_until_ready()


class JaxWholeEpochs(JaxNielsen):
    """The same; an epoch is one compiled loop."""

    def __init__(self) -> None:
        super().__init__()
        array = self.jax.numpy.array
        self.xs, self.ys, self.batches = array(self.images), array(self.targets), array(self.order)
        self._steps = self.jax.jit(self.steps)

    def steps(self, parameters: Any, xs: Any, ys: Any, batches: Any) -> Any:
        return self.jax.lax.scan(lambda now, batch: self.update(now, xs[batch], ys[batch]), parameters, batches)

    def step(self, batch: Any) -> Any:
        batches = self.jax.numpy.array(batch[None])
        self.parameters, values = self._steps(self.parameters, self.xs, self.ys, batches)
        return values[0]

    def epoch(self) -> None:
        self.parameters, _ = self._steps(self.parameters, self.xs, self.ys, self.batches)
        self.parameters[0].block_until_ready()


def jax_nielsen(whole: bool) -> Job:
    """whole: the epoch is one compiled loop; otherwise one step is compiled."""
    network = JaxWholeEpochs() if whole else JaxNielsen()
    return training(nielsen.start(), network.step, network.epoch, lambda: network.parameters)


# ------------------------------------------------------------ value and gradient, once


def torch_moons() -> Job:
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    xs, ys, layers = moons.numbers()
    x, y = torch.tensor(xs, dtype=torch.float64), torch.tensor(ys, dtype=torch.float64)
    parts = [np.array(part) for layer in layers for part in ([ws for ws, _ in layer], [b for _, b in layer])]
    # One vector spares the decay of each part being added up.
    theta = torch.tensor(np.concatenate([part.ravel() for part in parts]), requires_grad=True)

    def step() -> tuple[Any, Any]:
        pieces = zip(theta.split([part.size for part in parts]), parts, strict=True)
        w1, b1, w2, b2, w3, b3 = (piece.view(part.shape) for piece, part in pieces)
        hidden = torch.relu(functional.linear(torch.relu(functional.linear(x, w1, b1)), w2, b2))
        score = functional.linear(hidden, w3, b3)[:, 0]
        loss = torch.relu(1.0 - y * score).mean() + moons.DECAY * theta.dot(theta)
        return loss, torch.autograd.grad(loss, theta)

    def found() -> tuple[Any, Any]:
        loss, (slope,) = step()
        w1, b1, w2, b2, w3, b3 = arrays(slope.numpy(), [part.shape for part in parts])
        # Ours has the bias of a neuron behind its weights.
        return loss.item(), np.concatenate([np.column_stack(pair).ravel() for pair in ((w1, b1), (w2, b2), (w3, b3))])

    return Job(found, step)


def torch_rnn(fused: bool) -> Job:
    """fused: the loop over the steps is PyTorch's own."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    theta, xs, ys = rnn.numbers()
    parameters = [torch.tensor(array, requires_grad=True) for array in arrays(theta, rnn.SHAPES)]
    x, y = torch.from_numpy(xs).transpose(0, 1).contiguous(), torch.from_numpy(ys)
    zeros = torch.zeros(rnn.BATCH, rnn.HIDDEN, dtype=torch.float64)
    no_bias = torch.zeros(rnn.HIDDEN, dtype=torch.float64)

    def step() -> tuple[Any, Any]:
        from_input, from_hidden, biases, weights, bias = parameters
        if fused:
            own = [from_input, from_hidden, biases, no_bias]
            h = torch.rnn_tanh(x, zeros[None], own, True, 1, 0.0, True, False, False)[1][0]
        else:
            h = zeros
            for given in functional.linear(x, from_input, biases):
                h = torch.tanh(torch.addmm(given, h, from_hidden.T))
        loss = 0.5 * (h @ weights + bias - y).square().mean()
        return loss, torch.autograd.grad(loss, parameters)

    return Job(lambda: flat(step()), step)


def torch_cnn() -> Job:
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    theta, images, labels = cnn.numbers()
    parameters = [torch.tensor(array, requires_grad=True) for array in arrays(theta, cnn.shapes())]
    x, y = torch.from_numpy(images), torch.from_numpy(labels)

    def step() -> tuple[Any, Any]:
        filters1, biases1, filters2, biases2, dense, biases3 = parameters
        planes = torch.relu(functional.conv2d(torch.relu(functional.conv2d(x, filters1, biases1)), filters2, biases2))
        loss = functional.cross_entropy(functional.linear(planes.flatten(1), dense, biases3), y)
        return loss, torch.autograd.grad(loss, parameters)

    return Job(lambda: flat(step()), step)


def flat(found: tuple[Any, Any]) -> tuple[float, Any]:
    """Of a tensor and a list of tensors."""
    value, slopes = found
    return value.item(), np.concatenate([slope.ravel() for slope in slopes])


def casadi_job(f: Callable[[Any], Any], points: Any, vectors: bool = False) -> Job:
    """The mean value, and the gradient at each of the `points`, (points, variables). vectors: f wants them as one."""
    import casadi

    at = np.array(points)
    x = casadi.SX.sym("x", at.shape[1])
    y = f(x if vectors else casadi.vertsplit(x))
    function = casadi.Function("f", [x], [y, casadi.gradient(y, x)])
    if len(at) > 1:
        function = function.map(len(at))
    # A buffer spares CasADi's own matrices, which can take longer than what is computed.
    buffer, evaluate = function.buffer()
    value, gradient = np.empty(len(at)), np.empty(at.shape)
    buffer.set_arg(0, memoryview(at))
    buffer.set_res(0, memoryview(value))
    buffer.set_res(1, memoryview(gradient))
    alive = (buffer, function, at)  # `evaluate` does not keep them

    def found() -> tuple[Any, Any]:
        assert alive
        evaluate()
        return value.mean(), gradient.ravel()

    return Job(found, evaluate)


def casadi_rosenbrock(vectors: bool) -> Job:
    import casadi

    def in_vectors(x: Any) -> Any:
        a, b = x[1:] - x[:-1] * x[:-1], 1.0 - x[:-1]
        return casadi.sum1(100.0 * (a * a) + b * b)

    def in_a_loop(x: Any) -> Any:
        return banana.rosenbrock(x, banana.MANY)

    return casadi_job(in_vectors if vectors else in_a_loop, [banana.start(banana.MANY)], vectors)


# ------------------------------------------------------------ our own engines, value by value


def ours_gpt() -> Job:
    sys.path.append(str(HERE.parent))
    import gpt_program

    from nn import Adam, schedules

    model = gpt_program.gpt.GPT()
    optimizer = Adam(model.parameters(), schedules.linear(0.01, gpt_program.STEPS), betas=gpt_program.BETAS)
    documents = gpt_program.documents()
    place = 0

    def step() -> tuple[float, list[float]]:
        nonlocal place
        optimizer.zero_grad()
        loss = gpt_program.gpt.loss_of(model, documents[place % len(documents)])
        loss.backward()
        found = loss.data, [p.grad for p in optimizer.parameters]
        optimizer.step()
        place += 1
        return found

    return one(step)


WORKLOADS: dict[tuple[str, str], Callable[[], Job]] = {
    ("numpy", "nielsen"): numpy_nielsen,
    ("torch", "nielsen"): lambda: torch_nielsen(1),
    ("torch-threads", "nielsen"): lambda: torch_nielsen(None),
    ("jax", "nielsen"): lambda: jax_nielsen(whole=False),
    ("jax-scan", "nielsen"): lambda: jax_nielsen(whole=True),
    ("torch", "moons"): torch_moons,
    ("torch", "rnn"): lambda: torch_rnn(fused=False),
    ("torch-fused", "rnn"): lambda: torch_rnn(fused=True),
    ("torch", "cnn"): torch_cnn,
    ("casadi", "rosenbrock"): lambda: casadi_rosenbrock(vectors=False),
    ("casadi-vectors", "rosenbrock"): lambda: casadi_rosenbrock(vectors=True),
    ("casadi", "ode"): lambda: casadi_job(ode.prey, ode.starts(1)),
    ("casadi", "ode-batch"): lambda: casadi_job(ode.prey, ode.starts(ode.BATCH)),
    ("glassgrad", "gpt"): ours_gpt,
    **eager_jobs.WORKLOADS,
    **straight_jobs.WORKLOADS,
    **hessian_jobs.WORKLOADS,
    **steady_jobs.WORKLOADS,
}


class Clock:
    """Seconds on the wall and of the processor since it was made."""

    def __init__(self) -> None:
        self.started = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self.started[0], time.process_time() - self.started[1]


def timed(job: Job, build: Callable[[], Job], line: str) -> list[tuple[float, float]]:
    """Do what a line of input says."""
    words = line.split()
    clock = Clock()
    if words[0] == "build":
        build().found()
    elif words[0] == "each":
        found = []
        for _ in range(int(words[1])):
            clock = Clock()
            job.run()
            found.append(clock.read())
        return found
    else:
        for _ in range(int(words[1])):
            job.run()
    return [clock.read()]


def main() -> None:
    build = WORKLOADS[sys.argv[1], sys.argv[2]]
    load(sys.argv[1])
    clock = Clock()
    job = build()
    value, gradient = job.found()
    first = clock.read()
    numbers = {"value": np.asarray(value, dtype=float).tolist(), "gradient": np.asarray(gradient, dtype=float).tolist()}
    print(json.dumps({**numbers, "first": first}), flush=True)
    for line in sys.stdin:
        print(json.dumps(timed(job, build, line)), flush=True)


if __name__ == "__main__":
    main()
