"""Programs, measured: each function asserts that all sides agree to 1e-10, then times them, and returns rows."""

from __future__ import annotations

import contextlib
import statistics
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import autograd
from autograd import Program, Value, trace
from benchmarks import cnn, gpt_program, moons, nielsen, ode, rnn
from benchmarks import rosenbrock as banana
from benchmarks.measure import Options, Row, Timer, agree, faster, in_words, peer, race, seconds
from benchmarks.shapes import arrays, lists
from nn import Adam, schedules

ENVIRONMENT = ".venv-bench"
Rivals = Sequence[tuple[str, Sequence[str]]]
"""Titles, each with the libraries that it stands for: of several ways, the fastest counts."""


def against(
    name: str, workload: str, rivals: Rivals, options: Options, run: Callable[[], object],
    value: Any, gradient: Any, file: str | None = None,
) -> list[Row]:  # fmt: skip
    """What `run` takes, and every rival on the same: `value` and `gradient` are what all should find."""
    ours: list[float] = []
    rows: list[Row] = []
    for title, libraries in [] if options.quick else rivals:
        with contextlib.ExitStack() as stack:
            there = []
            for library in libraries:
                environment = "" if library == "numpy" else ENVIRONMENT
                rival = stack.enter_context(peer(environment, library, workload, *([file] if file else [])))
                if rival is not None:
                    agree(rival.value, value)
                    agree(rival.gradient, gradient)
                    there.append(rival)
            if there:
                fastest = min(there, key=lambda rival: rival()) if len(there) > 1 else there[0]
                mine, ratio = race(Timer(run), fastest, options.repeat)
                ours.append(mine)
                rows.append(Row(name, title, faster(ratio)))
    if not ours:
        timer = Timer(run)
        ours = [timer() for _ in range(options.repeat)]
    return [Row(name, "time", in_words(statistics.median(ours))), *rows]


def building(
    name: str, workload: str, rivals: Rivals, options: Options, build: Callable[[], object], value: Any, gradient: Any
) -> list[Row]:
    """What it takes to trace a program, and run it once, and every rival on the same."""
    ours = [seconds(build) for _ in range(3)]
    rows = []
    for title, (library,) in [] if options.quick else rivals:
        with peer(ENVIRONMENT, library, workload) as rival:
            if rival is not None:
                agree(rival.value, value)
                agree(rival.gradient, gradient)
                mine, ratio = race(lambda: seconds(build), rival.building, 3)
                ours.append(mine)
                rows.append(Row(name, title, faster(ratio)))
    return [Row(name, "traced, and run once", in_words(statistics.median(ours))), *rows]


def values(numbers: Any) -> list[Value]:
    return [Value(x) for x in np.asarray(numbers).tolist()]


def nodes(program: Program) -> int:
    """How many numbers the traced function meets and makes, on all its paths."""
    return sum(len(path.record) for path in program.paths)


def eager(loss: Callable[..., Value], parameters: list[Value], *batch: Any) -> tuple[float, Any]:
    """The mean loss and its gradient, example by example, Value by Value."""
    autograd.zero_grad(parameters)
    examples = list(zip(*(np.asarray(argument).tolist() for argument in batch), strict=True))
    losses = [loss(*example) for example in examples]
    for y in losses:
        y.backward()
    return statistics.fmean(y.data for y in losses), autograd.read(parameters, "grad") / len(examples)


def agree_with_eager(
    program: Program, loss: Callable[..., Value], parameters: list[Value], *batch: Any
) -> tuple[float, Any]:
    """The program's mean value and gradient, which are those of the plain code, too."""
    found, gradient = program.value_and_grad(*batch)
    value, slopes = eager(loss, parameters, *batch)
    agree(found.mean(), value)
    agree(gradient, slopes)
    return float(found.mean()), gradient


# ------------------------------------------------------------ Nielsen's network


def nielsen_program(widths: tuple[int, int, int] = nielsen.WIDTHS) -> Program:
    """Nielsen's network, from its usual start."""
    leaves = values(nielsen.start(widths))
    parameters = lists(leaves, nielsen.shapes(widths))

    def loss(x: Any, y: Any) -> Value:
        return nielsen.loss(parameters, x, y, autograd.sigmoid)

    return trace(loss, [0.0] * widths[0], [0.0] * widths[2], parameters=leaves)


def nielsen_rows(options: Options) -> list[Row]:
    widths, examples = ((49, 8, 10), 200) if options.quick else (nielsen.WIDTHS, nielsen.EXAMPLES)
    images, targets = nielsen.digits(None if options.quick else options.mnist, widths, examples)
    order = nielsen.shuffled(examples)
    program = nielsen_program(widths)
    start = program.parameters.copy()

    def step(batch: Any) -> float:
        losses, gradient = program.value_and_grad(images[batch], targets[batch])
        gradient *= nielsen.RATE
        program.parameters -= gradient
        return float(losses.sum()) / len(losses)

    def epoch() -> None:
        for batch in order:
            step(batch)

    theta = start.copy()
    by_hand = nielsen.ByHand(arrays(theta, nielsen.shapes(widths)))
    value = step(order[0])
    agree(value, by_hand.step(images[order[0]], targets[order[0]]))
    slope = (start - program.parameters) / nielsen.RATE
    agree(slope, (start - theta) / nielsen.RATE)
    for batch in order[1:10]:
        step(batch)
        by_hand.step(images[batch], targets[batch])
    agree(program.parameters, theta)

    name = f"Nielsen's network {'-'.join(map(str, widths))}, an epoch of {examples:,} in batches of {nielsen.BATCH}"
    rivals = [
        ("NumPy by hand", ["numpy"]),
        ("PyTorch 2.13 CPU, one thread or all", ["torch", "torch-threads"]),
        ("JAX, a jitted step", ["jax"]),
        ("JAX, a jitted epoch", ["jax-scan"]),
    ]
    fewer = options._replace(repeat=max(options.repeat // 2, 3))
    return against(name, "nielsen", rivals, fewer, epoch, value, slope, options.mnist)


def agree_by_hand(program: Program, widths: tuple[int, int, int], x: Any, y: Any) -> tuple[float, Any]:
    """The program's mean value and gradient at the start, which are those of NumPy by hand, too."""
    losses, gradient = program.value_and_grad(x, y)
    theta = program.parameters.copy()
    value = nielsen.ByHand(arrays(theta, nielsen.shapes(widths))).step(x, y)
    agree(losses.mean(), value)
    agree(nielsen.RATE * gradient, program.parameters - theta)
    return value, gradient


def tracing_rows(options: Options) -> list[Row]:
    widths = (49, 8, 10) if options.quick else nielsen.WIDTHS
    images, targets = nielsen.digits(None, widths, nielsen.BATCH)
    program = nielsen_program(widths)
    value, gradient = agree_by_hand(program, widths, images, targets)

    def build() -> None:
        nielsen_program(widths).value_and_grad(images, targets)

    name = f"Nielsen's network as a program: {nodes(program):,} scalar nodes"
    return building(name, "nielsen", [], options, build, value, gradient)


# ------------------------------------------------------------ the workloads of the engine, as programs


def moons_rows(options: Options) -> list[Row]:
    points = 10 if options.quick else moons.POINTS
    xs, ys, plain = moons.numbers(points)
    layers = [[([Value(w) for w in ws], Value(b)) for ws, b in layer] for layer in plain]
    parameters = [p for layer in layers for ws, b in layer for p in [*ws, b]]

    def loss(x: Any, y: Any) -> Value:
        return moons.total_loss(layers, [x], [y], autograd.relu)

    x, y = np.array(xs), np.array(ys, dtype=float)
    program = trace(loss, xs[0], float(ys[0]), parameters=parameters)
    value, gradient = agree_with_eager(program, loss, parameters, x, y)
    name = f"moons step, 2-16-16-1, {points} examples, as a program"
    rivals = [("PyTorch 2.13 CPU by hand, one thread", ["torch"])]
    return against(name, "moons", rivals, options, lambda: program.value_and_grad(x, y), value, gradient)


def rosenbrock_program(terms: int) -> Program:
    return trace(lambda x: banana.rosenbrock(x, terms), banana.start(terms))


def rosenbrock_rows(options: Options) -> list[Row]:
    terms = banana.TERMS if options.quick else banana.MANY
    at = np.array(banana.start(terms))
    program = rosenbrock_program(terms)
    value, gradient = program.value_and_grad(at)
    xs = values(at)
    y = banana.rosenbrock(xs, terms)
    y.backward()
    agree(value, y.data)
    agree(gradient, autograd.read(xs, "grad"))
    name = f"gradient of Rosenbrock's function in {terms + 1:,} variables, as a program"
    rivals = [("CasADi SX", ["casadi"])]
    rows = against(name, "rosenbrock", rivals, options, lambda: program.value_and_grad(at), value, gradient)
    rivals = [
        ("CasADi SX, building from the same loop", ["casadi"]),
        ("CasADi SX, building from vectors", ["casadi-vectors"]),
    ]
    build = lambda: rosenbrock_program(terms).value_and_grad(at)  # noqa: E731
    return [*rows, *building(name, "rosenbrock", rivals, options, build, value, gradient)]


def ode_rows(options: Options) -> list[Row]:
    steps, batch = (50, 3) if options.quick else (ode.STEPS, ode.BATCH)

    def f(numbers: Any) -> Any:
        return ode.prey(numbers, steps)

    def traced() -> Program:
        return trace(f, ode.starts(1)[0])

    program, rows = traced(), []
    for count, workload, examples in ((1, "ode", ""), (batch, "ode-batch", f", {batch:,} examples at once")):
        at = ode.starts(count)
        value, gradient = program.value_and_grad(at)
        for i in range(min(count, 3)):
            xs = values(at[i])
            y = f(xs)
            y.backward()
            agree(value[i], y.data)
            agree(gradient[i], autograd.read(xs, "grad"))
        if count == 1:
            at = at[0]
        name = f"gradient of {steps:,} Euler steps, {nodes(program):,} scalar nodes{examples}"
        rivals = [("CasADi SX", ["casadi"])]
        fewer = options if count == 1 else options._replace(repeat=max(options.repeat // 3, 3))
        run = lambda at=at: program.value_and_grad(at)  # noqa: E731
        rows += against(name, workload, rivals, fewer, run, value.mean(), gradient)
        if count == 1:
            rivals = [("CasADi SX, building", ["casadi"])]
            run = lambda at=at: traced().value_and_grad(at)  # noqa: E731
            rows += building(name, workload, rivals, options, run, value, gradient)
    return rows


# ------------------------------------------------------------ networks in loops


def rnn_rows(options: Options) -> list[Row]:
    steps, batch = (4, 2) if options.quick else (rnn.STEPS, rnn.BATCH)
    theta, xs, ys = rnn.numbers(steps, batch)
    leaves = values(theta)
    parameters = lists(leaves, rnn.SHAPES)

    def loss(x: Any, y: Any) -> Value:
        return rnn.loss(parameters, x, y, autograd.tanh)

    program = trace(loss, xs[0], float(ys[0]), parameters=leaves)
    value, gradient = agree_with_eager(program, loss, leaves, xs, ys)
    name = f"recurrent network, {steps} steps, {rnn.HIDDEN} hidden, batch of {batch}: {nodes(program):,} scalar nodes"
    rivals = [("PyTorch 2.13 CPU by hand, one thread", ["torch", "torch-fused"])]
    return against(name, "rnn", rivals, options, lambda: program.value_and_grad(xs, ys), value, gradient)


def cnn_rows(options: Options) -> list[Row]:
    size, batch = (6, 2) if options.quick else (cnn.SIZE, cnn.BATCH)
    theta, images, labels = cnn.numbers(size, batch)
    leaves = values(theta)
    parameters = lists(leaves, cnn.shapes(size))

    def loss(image: Any, label: Any) -> Value:
        return cnn.loss(parameters, image, label, autograd.relu, autograd.logsumexp, autograd.take)

    program = trace(loss, images[0], int(labels[0]), parameters=leaves)
    value, gradient = agree_with_eager(program, loss, leaves, images, labels)
    name = f"convolutional network, {size} × {size} images, batch of {batch}: {nodes(program):,} scalar nodes"
    rivals = [("PyTorch 2.13 CPU by hand, one thread", ["torch"])]
    return against(name, "cnn", rivals, options, lambda: program.value_and_grad(images, labels), value, gradient)


class Gpt:
    """The training of examples/gpt.py, by a program."""

    def __init__(self, steps: int) -> None:
        self.documents = gpt_program.documents(steps)
        self.model = gpt_program.gpt.GPT()
        self.parameters = self.model.parameters()
        self.optimizer = Adam(self.parameters, schedules.linear(0.01, steps), betas=gpt_program.BETAS)

    def trace(self) -> Program:
        example = gpt_program.filled(self.documents[0])
        loss = lambda *document: gpt_program.program_loss(self.model, *document)  # noqa: E731
        return trace(loss, *example, parameters=self.parameters)

    def step(self, program: Program, tokens: list[int]) -> None:
        optimizer = self.optimizer
        _, gradient = program.value_and_grad(*gpt_program.filled(tokens))
        rate = optimizer.learning_rate
        program.parameters, optimizer.memory = optimizer.update(program.parameters, gradient, rate)
        optimizer.steps += 1

    def train(self) -> None:
        """All of it, tracing included."""
        self.optimizer.steps, self.optimizer.memory = 0, {}
        program = self.trace()
        for tokens in self.documents:
            self.step(program, tokens)

    def verify(self, program: Program) -> None:
        """See to it that the program finds what Value by Value is found, for documents of several lengths."""
        gpt, beginning = gpt_program.gpt, autograd.read(self.parameters, "data")
        # Some matrices begin at 0, which would hide what flows through them.
        rng = np.random.default_rng(1)
        autograd.write(self.parameters, "data", beginning + 0.1 * rng.standard_normal(len(beginning)))
        program.load()
        shortest, longest = min(self.documents, key=len), max(self.documents, key=len)
        for tokens in (self.documents[0], shortest, longest, [*range(gpt.LONGEST), gpt.BOUNDARY]):
            value, gradient = program.value_and_grad(*gpt_program.filled(tokens))
            autograd.zero_grad(self.parameters)
            loss = gpt.loss_of(self.model, tokens)
            loss.backward()
            agree(value, loss.data)
            agree(gradient, autograd.read(self.parameters, "grad"))
        autograd.write(self.parameters, "data", beginning)
        program.load()


def gpt_rows(options: Options) -> list[Row]:
    steps = 3 if options.quick else gpt_program.STEPS
    gpt = Gpt(steps)
    program = gpt.trace()
    gpt.verify(program)
    value, gradient = program.value_and_grad(*gpt_program.filled(gpt.documents[0]))

    name = f"examples/gpt.py: {steps:,} steps with Adam, one trace for every length, {nodes(program):,} scalar nodes"
    ours = [seconds(gpt.train)]
    rows = []
    for engine, few in [] if options.quick else [("python", 10), ("native", 50)]:
        with peer("", "glassgrad", "gpt", engine=engine) as rival:
            if rival is not None:
                agree(rival.value, value)
                agree(rival.gradient, gradient)
                mine, ratio = race(
                    lambda: seconds(gpt.train), lambda rival=rival, few=few: steps * rival.seconds(few), 3
                )
                ours.append(mine)
                rows.append(Row(name, f"Value by Value, {engine} engine, reckoned from {3 * few} steps", faster(ratio)))
    return [Row(name, "time, tracing included", in_words(statistics.median(ours))), *rows]


# ------------------------------------------------------------ what grows, and what it needs


def growth_rows(options: Options) -> list[Row]:
    rows = []
    widths = (49, 8, 10) if options.quick else nielsen.WIDTHS
    sizes = (1, 10) if options.quick else (1, 10, 100, 1000, 10_000)
    images, targets = nielsen.digits(None if options.quick else options.mnist, widths, sizes[-1])
    program = nielsen_program(widths)
    for n in sizes:
        x, y = images[:n], targets[:n]
        agree_by_hand(program, widths, x, y)
        timer = Timer(lambda x=x, y=y: program.value_and_grad(x, y))
        each = statistics.median(timer() for _ in range(max(options.repeat // 3, 3))) / n
        rows.append(Row(f"gradient of Nielsen's network, a batch of {n:,}", "per example", in_words(each)))
    for size in (1000, 10_000) if options.quick else (1000, 10_000, 100_000, 1_000_000):
        terms = size // 8
        at = np.array(banana.start(terms))
        program = rosenbrock_program(terms)
        value, gradient = program.value_and_grad(at)
        expected = np.append(-400.0 * at[:-1] * (at[1:] - at[:-1] ** 2) - 2.0 * (1.0 - at[:-1]), 0.0)
        expected[1:] += 200.0 * (at[1:] - at[:-1] ** 2)
        agree(value, banana.rosenbrock(at.tolist(), terms))
        agree(gradient, expected)
        repeat = 3 if size >= 100_000 else 7
        build = statistics.median(
            seconds(lambda at=at: rosenbrock_program(len(at) - 1).value_and_grad(at)) for _ in range(repeat)
        )
        timer = Timer(lambda program=program, at=at: program.value_and_grad(at))
        run = statistics.median(timer() for _ in range(repeat))
        count = nodes(program)
        name = f"gradient of a loop, {count:,} scalar nodes"
        rows.append(
            Row(name, "per node: traced, and run once; run", f"{in_words(build / count)}; {in_words(run / count)}")
        )
    return rows


def peak(f: Callable[[], object]) -> int:
    """How many bytes more are in use at the worst moment of a call, NumPy's among them."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        f()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def memory_rows(options: Options) -> list[Row]:
    widths, batch = ((49, 8, 10), 10) if options.quick else (nielsen.WIDTHS, 1000)
    x, y = nielsen.digits(None if options.quick else options.mnist, widths, batch)
    agree_by_hand(nielsen_program(widths), widths, x, y)
    program = nielsen_program(widths)
    program.value_and_grad(x[:1], y[:1])  # now it is built, but for no such batch
    by_hand = nielsen.ByHand(arrays(nielsen.start(widths), nielsen.shapes(widths)))
    ours, theirs = peak(lambda: program.value_and_grad(x, y)), peak(lambda: by_hand.step(x, y))
    name = f"memory while a gradient is computed: Nielsen's network, a batch of {batch:,}"
    return [
        Row(name, "beside parameters and batch", f"{ours / 1e6:.2f} MB"),
        Row(name, f"NumPy by hand, {theirs / 1e6:.2f} MB", f"{ours / theirs:.3g} × as much"),
    ]


GROUPS: dict[str, Callable[[Options], list[Row]]] = {
    "nielsen": nielsen_rows,
    "tracing": tracing_rows,
    "moons-program": moons_rows,
    "rosenbrock-program": rosenbrock_rows,
    "gpt-program": gpt_rows,
    "ode": ode_rows,
    "rnn": rnn_rows,
    "cnn": cnn_rows,
    "growth": growth_rows,
    "memory": memory_rows,
}
