"""Measure, and print ratios: python -m benchmarks [--quick] [--only GROUP] [--mnist FILE] [--write]

Every comparison first asserts that both sides compute the same. Peers are installed into `.venv-bench`, an environment
of the benchmarks' own, and HIPS autograd, which shares our import name, into another. What cannot be installed is left
out, and the table says so. Times are medians, and a ratio is always of two measurements from this one run: the machine
is noisy, its state is not. `--write` puts the table into the README.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import math
import os
import platform
import random
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # also when run as a file
# Before NumPy is loaded: matrix products, ours and those written by hand, on one thread.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402

import autograd  # noqa: E402
import nn  # noqa: E402
import visualize  # noqa: E402
from autograd import Value  # noqa: E402
from benchmarks import branches, contests, moons, programs  # noqa: E402
from benchmarks import rosenbrock as banana  # noqa: E402
from benchmarks.measure import PEERS, Options, Row, ask, paired, python_of, seconds  # noqa: E402

# What the README shows of them, wins and losses: how workload and rival begin.
IN_README = [
    ("moons step, 2-16-16-1, 100 examples", "its value alone"),
    ("moons step, 2-16-16-1, 100 examples", "micrograd 0.1.0, native"),
    ("moons step, 2-16-16-1, 100 examples", "micrograd 0.1.0, python"),
    ("gradient of Rosenbrock's function, a loop", "PyTorch 2.13 CPU, a list"),
    ("gradient of Rosenbrock's function, a loop", "CasADi SX, building included"),
    ("a binary node", "memory"),
    ("Nielsen's network 784-30-10", "NumPy by hand"),
    ("Nielsen's network 784-30-10", "PyTorch 2.13 CPU"),
    ("Nielsen's network 784-30-10", "JAX, a jitted epoch"),
    ("gradient of Rosenbrock's function in 30,000", "CasADi SX"),
    ("gradient of 1,000 Euler steps", "CasADi SX"),
    ("examples/gpt.py: 1,000 steps", "Value by Value, native"),
    ("recurrent network", "PyTorch"),
    ("convolutional network", "PyTorch"),
    ("memory while a gradient", "NumPy by hand"),
    ("Black-Scholes and 5 Greeks", "ddx-ad"),
    ("Black-Scholes and 5 Greeks", "JAX jit"),
    ("gradient of 1,000 Euler steps × 1,000", "ddx-ad"),
    ("gradient of 1,000 Euler steps, one point", "ddx-ad"),
]

MARKS = ("<!-- benchmarks: written by make bench -->", "<!-- end of benchmarks -->")


def same(value: float, gradient: list[float], other_value: float, other_gradient: list[float]) -> None:
    """Assert that two libraries found the same, to rounding."""
    assert math.isclose(value, other_value, rel_tol=1e-10), (value, other_value)
    assert len(gradient) == len(other_gradient)
    size = max(map(abs, gradient))
    for a, b in zip(gradient, other_gradient, strict=True):
        assert math.isclose(a, b, rel_tol=1e-10, abs_tol=1e-12 * size), (a, b)


def peers_of(options: Options, environment: str = ".venv-bench") -> Path | None:
    return None if options.quick else python_of(environment)


def moons_rows(options: Options) -> list[Row]:
    repeat, points, peers = options.repeat, 10 if options.quick else moons.POINTS, peers_of(options)
    floats, step = moons.on_floats(points), moons.on_values(Value, points)
    value, gradient = step()
    assert math.isclose(value, floats(), rel_tol=1e-12)
    name = f"moons step, 2-16-16-1, {points} examples"
    rows = [Row(name, "its value alone, on plain floats", f"{paired(step, floats, repeat):.2f} × the time")]
    micrograd = ask(peers, "micrograd", "moons", max(repeat // 4, 3))
    if micrograd is None:
        return rows
    same(value, gradient, micrograd["value"], micrograd["gradient"])
    for engine in ("native", "python"):
        ours = ask(sys.executable, "glassgrad", "moons", repeat, engine)
        if ours is not None:
            assert [ours["value"], ours["gradient"]] == [value, gradient]  # to the last bit
            rows.append(
                Row(name, f"micrograd 0.1.0, {engine} engine", f"{micrograd['seconds'] / ours['seconds']:.1f} × faster")
            )
    return rows


def rosenbrock_rows(options: Options) -> list[Row]:
    repeat, peers, hips = options.repeat, peers_of(options), peers_of(options, ".venv-bench-hips")
    start = banana.start()

    def step() -> tuple[float, list[float]]:
        xs = [Value(x) for x in start]
        y = banana.rosenbrock(xs)
        y.backward()
        return y.data, [x.grad for x in xs]

    value, gradient = step()
    assert math.isclose(value, banana.rosenbrock(start), rel_tol=1e-12)
    name = f"gradient of Rosenbrock's function, a loop of {banana.TERMS} terms"
    ratio = paired(step, lambda: banana.rosenbrock(start), 10 * repeat)
    rows = [Row(name, "its value alone, on plain floats", f"{ratio:.2f} × the time")]
    libraries = [
        ("torch", "PyTorch 2.13 CPU, a tensor", peers), ("torch-scalars", "PyTorch 2.13 CPU, a list of scalars", peers),
        ("hips", "HIPS autograd", hips), ("jax", "JAX without jit", peers),
        ("casadi", "CasADi SX, building included", peers),
    ]  # fmt: skip
    for library, title, python in libraries:
        found = ask(python, library, "rosenbrock", 3)
        if found is not None:
            same(value, gradient, found["value"], found["gradient"])
            ours = statistics.median(seconds(step) for _ in range(10 * repeat))
            rows.append(Row(name, title, f"{found['seconds'] / ours:.0f} × faster"))
    return rows


def derivative_rows(options: Options) -> list[Row]:
    """What derivatives cost, beside the function itself."""
    n = 10 if options.quick else 100
    x = [0.3 + 0.01 * i for i in range(n)]

    def f(v: list[Value]) -> Value:
        return autograd.sum([100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in itertools.pairwise(v)])

    def on_floats() -> float:
        return f(x)  # type: ignore[arg-type, return-value]  # the table's rows take floats as well

    gradient, dense = autograd.value_and_grad(f), autograd.hessian(f)
    sparse, along = autograd.hessian(f, sparse=True), [1.0] * n
    assert math.isclose(gradient(x)[0], on_floats(), rel_tol=1e-12)
    rows = dense(x)
    assert all(
        math.isclose(sum(row), product, rel_tol=1e-9, abs_tol=1e-9)
        for row, product in zip(rows, autograd.hvp(f, (x,), (along,)), strict=True)
    )
    assert abs(sparse(x).toarray() - rows).max() < 1e-9
    name, repeat = f"derivatives of Rosenbrock's function in {n} variables", max(options.repeat // 3, 3)
    against = "its value alone, on plain floats"
    found = [
        ("gradient", lambda: gradient(x)), ("Hessian times a vector", lambda: autograd.hvp(f, (x,), (along,))),
        ("sparse Hessian", lambda: sparse(x)), ("Hessian", lambda: dense(x)),
        ("gradient by jvp, one direction", lambda: autograd.jvp(f, (x,), (along,))),
    ]  # fmt: skip
    result = [
        Row(f"{name}: {what}", against, f"{paired(run, on_floats, repeat):.1f} × the time") for what, run in found
    ]
    few = x[:5]
    checked = paired(lambda: autograd.check_gradients(f, few), lambda: gradient(few), repeat)
    return [*result, Row("check_gradients of 5 variables", "one gradient", f"{checked:.0f} × the time")]


def dot_rows(options: Options) -> list[Row]:
    rng = random.Random(1)
    n, rounds = 784, 200
    ws = [Value(rng.uniform(-1.0, 1.0)) for _ in range(n)]
    xs = [rng.uniform(-1.0, 1.0) for _ in range(n)]
    y = autograd.dot(ws, xs)
    y.backward()
    assert [w.grad for w in ws] == xs

    def run() -> None:
        for _ in range(rounds):
            autograd.dot(ws, xs).backward()

    time_each = statistics.median(seconds(run) for _ in range(options.repeat)) / (n * rounds)
    return [Row("dot of 784 terms, forward and backward", "per multiplication", f"{1e9 * time_each:.1f} ns")]


def memory() -> int:
    """Bytes of memory in use by this process, as the system counts them."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def size_rows(options: Options) -> list[Row]:
    def chain(n: int) -> Value:
        y = x = Value(1.0)
        for _ in range(n):
            y = y + x
        return y

    def run(n: int) -> float:
        """Seconds per node to build, sweep and free a chain of n."""
        start = time.perf_counter()
        y = chain(n)
        y.backward()
        del y
        return (time.perf_counter() - start) / n

    rows = []
    n = 100_000 if options.quick else 10_000_000
    if sys.platform == "linux":
        before = memory()
        y = chain(n)
        rows.append(Row("a binary node", "memory", f"{(memory() - before) / n:.0f} bytes"))
        del y
    small = statistics.median(statistics.median(run(10_000) for _ in range(20)) for _ in range(3))
    rows.append(
        Row(f"a chain of {n:,} nodes: built, swept, freed", "time per node at 10,000", f"{run(n) / small:.2f} ×")
    )
    return rows


def optimizer_rows(options: Options) -> list[Row]:
    parameters = [Value(0.1) for _ in range(4192)]
    optimizer = nn.Adam(parameters, 1e-6)
    xs, ys, plain = moons.numbers()
    layers = [[([Value(w) for w in ws], Value(b)) for ws, b in layer] for layer in plain]
    loss = moons.total_loss(layers, xs, ys, lambda z: z.relu())
    ratio = paired(optimizer.step, loss.backward, options.repeat)
    nodes = len(autograd.topological(loss))
    return [Row("Adam step, 4,192 parameters", f"backward over {nodes:,} nodes", f"{100 * ratio:.0f} % of the time")]


def import_rows(options: Options) -> list[Row]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def run(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=environment)

    bare, loaded = run("pass"), run("import autograd")
    loaded()
    more = statistics.median(seconds(loaded) - seconds(bare) for _ in range(options.repeat))
    return [Row("import autograd", "python -c pass", f"+{1000 * more:.0f} ms")]


def gpt_rows(options: Options) -> list[Row]:
    if options.quick:
        return []
    found = {engine: ask(sys.executable, "glassgrad", "gpt", 5, engine) for engine in ("native", "python")}
    name = "examples/gpt.py: one step on a name of 9 letters, Adam included"
    rows = [Row(name, f"{engine} engine", f"{1000 * f['seconds']:.0f} ms") for engine, f in found.items() if f]
    native, python = found["native"], found["python"]
    if native and python:
        assert native["value"] == python["value"]  # to the last bit
        rows.append(Row(name, "native against python", f"{python['seconds'] / native['seconds']:.1f} × faster"))
    return rows


def picture_rows(options: Options) -> list[Row]:
    """A large graph as a few boxes, beside the step that it is the graph of."""
    xs, ys, plain = moons.numbers(10 if options.quick else moons.POINTS)
    layers = [[([Value(w) for w in ws], Value(b)) for ws, b in layer] for layer in plain]

    def step() -> Value:
        loss: Value = moons.total_loss(layers, xs, ys, autograd.relu)
        loss.backward()
        return loss

    loss = step()
    description = visualize.roll_up(loss)
    assert description.total == sum(node.group.whole for node in description.nodes if node.group)
    name = f"a picture of one moons step, {description.total:,} nodes, in {len(description.nodes)} boxes"
    rows = [
        Row(name, "time, layout included", f"{measured(lambda: visualize.draw(loss).pipe('svg'), 5):.2g} s"),
        Row(name, "the step itself", f"{paired(lambda: visualize.roll_up(loss), step, 5):.1f} × the time"),
    ]
    return rows if options.quick else [*rows, _largest_picture()]


def _largest_picture() -> Row:
    w = [Value(0.1 * k) for k in range(8)]
    terms: list[Value] = []
    for i in range(500_000):
        z = sum(p * (0.001 * (i + k) % 1.0) for k, p in enumerate(w))
        terms.append((autograd.relu(z) * autograd.tanh(z) - 1.0) ** 2)
    y = autograd.mean(terms)
    taken = seconds(lambda: visualize.roll_up(y))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    name = f"a picture of {len(autograd.topological(y)):,} nodes"
    return Row(name, "time; memory, that of the graph included", f"{taken:.0f} s; {memory:.1f} GB")


def measured(call: Callable[[], object], repeat: int) -> float:
    """The median time of a call, in seconds."""
    return statistics.median(seconds(call) for _ in range(repeat))


GROUPS: dict[str, Callable[[Options], list[Row]]] = {
    "moons": moons_rows,
    "rosenbrock": rosenbrock_rows,
    "derivatives": derivative_rows,
    "dot": dot_rows,
    "size": size_rows,
    "optimizer": optimizer_rows,
    "import": import_rows,
    "gpt": gpt_rows,
    "pictures": picture_rows,
    "calls": branches.call_rows,
    "branches": branches.branch_rows,
    **programs.GROUPS,
    **contests.GROUPS,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and print ratios.")
    parser.add_argument("--quick", action="store_true", help="small sizes and no peers: does it run and agree?")
    parser.add_argument("--only", metavar="GROUP", choices=GROUPS, help=f"one of {', '.join(GROUPS)}")
    parser.add_argument("--mnist", metavar="FILE", help="an .npz with x_train and y_train (default: random data)")
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/benchmarks.md, a few rows into README.md"
    )
    arguments = parser.parse_args()
    if arguments.write and (arguments.only or arguments.quick):
        parser.error("--write wants the whole table")
    options = Options(arguments.quick, 3 if arguments.quick else 21, arguments.mnist)

    chosen = [GROUPS[arguments.only]] if arguments.only else GROUPS.values()
    rows = [row for measure in chosen for row in measure(options)]

    print(table_of(rows))
    if arguments.write:
        put(ROOT / "docs" / "benchmarks.md", table_of(rows))
        put(ROOT / "README.md", table_of(chosen_for_readme(rows)))


def table_of(rows: list[Row]) -> str:
    """The rows as a table, below what they were measured on."""
    machine = f"{processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    lines = [
        f"Measured on {machine}{load()}, with the {autograd.engine()} engine unless another is named; BLAS on one "
        "thread, PyTorch and JAX on as many as the row says, else on all. Rows with a bar compare seconds of the "
        f"processor, both sides on one thread. {', '.join(versions())}.",
        "",
    ]
    lines += ["| workload | against | result |", "| --- | --- | --- |"]
    lines += [f"| {row.workload} | {row.against} | {row.result} |" for row in rows]
    return "\n".join(lines)


def processor() -> str:
    """Its name, as far as the system tells."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return ", ".join([*names[:1], platform.machine()])


def load() -> str:
    """What else the machine did of late, where the system tells."""
    return f", {os.getloadavg()[1]:.1f} processes at work" if hasattr(os, "getloadavg") else ""


def versions() -> list[str]:
    """Of this NumPy, and of what is installed in the environments of peers."""
    found = [f"NumPy {np.__version__}"]
    for environment, wanted in PEERS.items():
        folders = (ROOT / environment).glob("lib/python*/site-packages")
        installed = {d.name.lower(): d.version for d in importlib.metadata.distributions(path=[*map(str, folders)])}
        names = [re.split("[=>]", requirement)[0] for requirement in wanted]
        found += [f"{name} {installed[name]}" for name in names if name in installed and name != "numpy"]
    return found


def chosen_for_readme(rows: list[Row]) -> list[Row]:
    """The first row for each pair of IN_README."""
    found = []
    for workload, against in IN_README:
        found += [row for row in rows if row.workload.startswith(workload) and row.against.startswith(against)][:1]
    return found


def put(page: Path, table: str) -> None:
    """The table between the marks of a page."""
    text = page.read_text(encoding="utf-8")
    before, after = text.split(MARKS[0])[0], text.split(MARKS[1])[1]
    page.write_text(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
