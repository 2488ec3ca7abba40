"""Measure, and print ratios: python -m benchmarks [--quick] [--write]

Every comparison first asserts that both sides compute the same. Peers are installed into `.venv-bench`, an environment
of the benchmarks' own, and HIPS autograd, which shares our import name, into another. What cannot be installed is left
out, and the table says so. Times are medians, and a ratio is always of two measurements from this one run: the machine
is noisy, its state is not. `--write` puts the table into the README.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # also when run as a file

import autograd  # noqa: E402
import nn  # noqa: E402
from autograd import Value  # noqa: E402
from benchmarks import moons  # noqa: E402
from benchmarks import rosenbrock as banana  # noqa: E402

PEERS = {
    ".venv-bench": ["micrograd==0.1.0", "torch==2.13.0", "jax", "casadi", "numpy"],
    ".venv-bench-hips": ["autograd", "numpy"],
}
MARKS = ("<!-- benchmarks: written by make bench -->", "<!-- end of benchmarks -->")


class Row(NamedTuple):
    """One line of the table."""

    workload: str
    against: str
    result: str


def seconds(f: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


def paired(f: Callable[[], object], g: Callable[[], object], repeat: int) -> float:
    """How many times longer f takes than g: the median over pairs of calls, one right after the other."""
    f()
    g()
    return statistics.median(seconds(f) / seconds(g) for _ in range(repeat))


def same(value: float, gradient: list[float], other_value: float, other_gradient: list[float]) -> None:
    """Assert that two libraries found the same, to rounding."""
    assert math.isclose(value, other_value, rel_tol=1e-10), (value, other_value)
    assert len(gradient) == len(other_gradient)
    size = max(map(abs, gradient))
    for a, b in zip(gradient, other_gradient, strict=True):
        assert math.isclose(a, b, rel_tol=1e-10, abs_tol=1e-12 * size), (a, b)


def python_of(environment: str) -> Path | None:
    """The interpreter of an environment of peers, made on first use; None if they cannot be installed."""
    folder = ROOT / environment
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True)
        installed = subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS[environment]], check=False)
        if installed.returncode:
            return None
        (folder / "ready").touch()
    return python


def ask(python: Path | str | None, library: str, workload: str, repeat: int, engine: str = "") -> dict[str, Any] | None:
    """What `peers.py` found, in a process of its own; None if there is no interpreter with that library."""
    if python is None:
        return None
    environment = {**os.environ, **({"GLASSGRAD_ENGINE": engine} if engine else {})}
    command = [str(python), str(ROOT / "benchmarks" / "peers.py"), library, workload, str(repeat)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if answer.returncode:
        print(f"{library} failed on {workload}: {answer.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def moons_rows(repeat: int, points: int, peers: Path | None) -> list[Row]:
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


def rosenbrock_rows(repeat: int, peers: Path | None, hips: Path | None) -> list[Row]:
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


def dot_row(repeat: int) -> Row:
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

    time_each = statistics.median(seconds(run) for _ in range(repeat)) / (n * rounds)
    return Row("dot of 784 terms, forward and backward", "per multiplication", f"{1e9 * time_each:.1f} ns")


def memory() -> int:
    """Bytes of memory in use by this process, as the system counts them."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def size_rows(quick: bool) -> list[Row]:
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
    n = 100_000 if quick else 10_000_000
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


def optimizer_row(repeat: int) -> Row:
    parameters = [Value(0.1) for _ in range(4192)]
    optimizer = nn.Adam(parameters, 1e-6)
    xs, ys, plain = moons.numbers()
    layers = [[([Value(w) for w in ws], Value(b)) for ws, b in layer] for layer in plain]
    loss = moons.total_loss(layers, xs, ys, lambda z: z.relu())
    ratio = paired(optimizer.step, loss.backward, repeat)
    nodes = len(autograd.topological(loss))
    return Row("Adam step, 4,192 parameters", f"backward over {nodes:,} nodes", f"{100 * ratio:.0f} % of the time")


def import_row(repeat: int) -> Row:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def run(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=environment)

    bare, loaded = run("pass"), run("import autograd")
    loaded()
    more = statistics.median(seconds(loaded) - seconds(bare) for _ in range(repeat))
    return Row("import autograd", "python -c pass", f"+{1000 * more:.0f} ms")


def gpt_rows(repeat: int) -> list[Row]:
    found = {engine: ask(sys.executable, "glassgrad", "gpt", repeat, engine) for engine in ("native", "python")}
    name = "examples/gpt.py: one step on a name of 9 letters, Adam included"
    rows = [Row(name, f"{engine} engine", f"{1000 * f['seconds']:.0f} ms") for engine, f in found.items() if f]
    native, python = found["native"], found["python"]
    if native and python:
        assert native["value"] == python["value"]  # to the last bit
        rows.append(Row(name, "native against python", f"{python['seconds'] / native['seconds']:.1f} × faster"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and print ratios.")
    parser.add_argument("--quick", action="store_true", help="small sizes and no peers: does it run and agree?")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    options = parser.parse_args()
    repeat = 3 if options.quick else 21
    peers = None if options.quick else python_of(".venv-bench")
    hips = None if options.quick else python_of(".venv-bench-hips")

    rows = moons_rows(repeat, 10 if options.quick else moons.POINTS, peers)
    rows += rosenbrock_rows(repeat, peers, hips)
    rows += [dot_row(repeat), *size_rows(options.quick), optimizer_row(repeat), import_row(repeat)]
    rows += [] if options.quick else gpt_rows(5)

    machine = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    lines = [f"Measured on {machine}, with the {autograd.engine()} engine unless another is named.", ""]
    lines += ["| workload | against | result |", "| --- | --- | --- |"]
    lines += [f"| {row.workload} | {row.against} | {row.result} |" for row in rows]
    table = "\n".join(lines)
    print(table)
    if options.write:
        page = ROOT / "README.md"
        text = page.read_text(encoding="utf-8")
        before, after = text.split(MARKS[0])[0], text.split(MARKS[1])[1]
        page.write_text(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
