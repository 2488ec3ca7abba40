"""Random programs: a seed gives a function of scalars as Python source, with what it needs to run.

The source is a module of its own, so a failing case can be printed, saved and run by hand. Values stay within a few
units (`bound` follows them) and arguments within domains, so that two ways to compute the same agree to rounding.
"""

from __future__ import annotations

import linecache
import random
import re
from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple

from programs.arguments import Numbers, Spec, draw, example_of, stacked
from programs.statements import Index, Matrix, Scalar, Vector, Writer

__all__ = ["Case", "random_program", "shrunk"]

FORMS = [
    *["{0}"] * 8,
    "({0}, {1}, {2})",
    "({0}, [{1}, {2}, {3}])",
    "[{0}, {1}, {2}]",
    "({0}, {{'a': {1}, 'b': ({2}, {3})}})",
    "({0}, [[{1}, {2}], [{3}]])",
    "({0}, ({1},), {0})",
    "({0}, np.array([{1}, {2}], dtype=object))",
    "[{0}]",
]
MORE_FORMS = ["{{'loss': {0}, 'more': [{1}, {2}]}}", "[[{0}, {1}], [{2}, {3}]]"]  # without a number to differentiate


class Recipe(NamedTuple):
    """A random program before it is made: `before` and `after` f as lines of source, and the lines of its body.

    numbers: the kind that is drawn.
    """

    seed: int
    branches: bool
    numbers: str
    specs: tuple[Spec, ...]
    before: list[str]
    body: list[str]
    after: list[str]
    example: tuple[Any, ...]

    def made(self, body: list[str] | None = None) -> Case:
        """The program, with another body if one is given."""
        names: dict[str, Any] = {}
        arguments = ", ".join(f"a{i}" for i in range(len(self.specs)))
        lines = [*self.before, f"def f({arguments}):", *(body or self.body), *self.after]
        source = "\n".join(lines)
        name = f"<program {self.seed}{' with branches' if self.branches else ''}>"
        linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name  # so tracebacks show it
        exec(compile(source, name, "exec"), names)
        source += (
            f"\nfrom numpy import array\nexample = {self.example!r}\n"
            "program = ag.trace(f, *example, parameters=parameters, max_paths=1000)\n"
        )
        return Case(self, source, *(names[name] for name in ("f", "parameters", "leaves", "frozen", "setup")))


class Case(NamedTuple):
    """A random program. `source` shows it; `setup()` computes again what the module computes from parameters.

    parameters: what to hand to trace, or None. leaves: every parameter once. frozen: leaves that are no parameters.
    """

    recipe: Recipe
    source: str
    f: Callable[..., Any]
    parameters: list[Any] | None
    leaves: list[Any]
    frozen: list[Any]
    setup: Callable[[], None]

    def rows(self, n: int, rng: random.Random) -> list[Any]:
        """n random examples."""
        return [draw(self.recipe.specs, rng, self.recipe.numbers) for _ in range(n)]

    def batch(self, rows: list[Any]) -> tuple[Any, ...]:
        """The arguments for these examples, with a batch axis."""
        return stacked(self.recipe.specs, rows)


def _numbers(kind: str, name: str, n: int, m: int, writer: Writer) -> Spec:
    """A number, n of them in a row, or m rows of n."""
    if kind == "scalar":
        writer.scalars.append(Scalar(name, 1.5, True))
        return Numbers(())
    if kind in ("matrix", "matrix array"):
        writer.matrices.append(Matrix(name, m, n, 1.5))
        writer.vectors.append(Vector(f"{name}[0]", n, 1.5, True))
        return Numbers((m, n), "list" if kind == "matrix" else "array")
    n += kind == "array"
    writer.vectors.append(Vector(name, n, 1.5, True))
    return Numbers((n,), kind if kind != "vector" else "list")


def _nested(kind: str, name: str, n: int, m: int, writer: Writer, rng: random.Random) -> Spec:
    """Numbers in several places, or none that f uses."""
    if kind == "ragged":
        lengths = [rng.randint(1, 4) for _ in range(m)]
        lengths[0] = lengths[-1] + 1
        writer.vectors += [Vector(f"{name}[{k}]", length, 1.5, True) for k, length in enumerate(lengths)]
        return [Numbers((length,)) for length in lengths]
    if kind == "dict":
        writer.scalars.append(Scalar(f"{name}['p']", 1.5, True))
        writer.vectors.append(Vector(f"{name}['q']", n, 1.5, True))
        return {"p": Numbers(()), "q": Numbers((n,))}
    if kind == "pair":
        writer.vectors.append(Vector(f"{name}[0]", n, 1.5, True))
        writer.scalars.append(Scalar(f"{name}[1]", 1.5, True))
        return (Numbers((n,)), Numbers(()))
    return Numbers(rng.choice([(), (2,), (2, 2)]))


def _with_indices(kind: str, name: str, n: int, m: int, writer: Writer) -> Spec:
    """An index, m of them in a row, or one beside n numbers."""
    if kind == "index":
        writer.indices.append(Index(name, m))
        return Numbers((), "list", m)
    if kind == "with index":
        writer.indices.append(Index(f"{name}['i']", m))
        writer.vectors.append(Vector(f"{name}['x']", n, 1.5, True))
        return {"i": Numbers((), "list", m), "x": Numbers((n,))}
    writer.indices += [Index(f"{name}[{k}]", n) for k in range(m)]
    return Numbers((m,), "list" if kind == "indices" else "array", n)


def _arguments(rng: random.Random, writer: Writer, grid: bool) -> tuple[Spec, ...]:
    """What f takes, and the writer told about it."""
    specs: list[Spec] = []
    kinds = ["scalar", "vector", "vector", "vector", "tuple", "array", "matrix", "matrix", "matrix array", "ragged",
             "dict", "pair", "index", "indices", "index array", "unused", "with index"]  # fmt: skip
    for i in range(rng.choice([1, 1, 1, 2, 2, 3, 4])):
        name, kind = f"a{i}", rng.choice(kinds)
        n, m = rng.randint(1, 6), rng.randint(2, 4)
        if kind in ("index", "indices", "index array", "with index"):
            specs.append(_with_indices(kind, name, n, m, writer))
        elif kind in ("ragged", "dict", "pair", "unused"):
            specs.append(_nested(kind, name, n, m, writer, rng))
        else:
            specs.append(_numbers(kind, name, n, m, writer))
    return tuple(specs)


class LeafLines:
    """Lines of source that make Values or constants of random numbers. numbers: those drawn so far."""

    def __init__(self, rng: random.Random, grid: bool) -> None:
        self.rng, self.grid = rng, grid
        self.lines: list[str] = []
        self.numbers: list[float] = []

    def _number(self) -> str:
        x = self.rng.randint(-12, 12) / 8 if self.grid else round(self.rng.uniform(-1.5, 1.5), 4)
        while not self.grid and x in self.numbers:  # told apart by their numbers
            x = round(self.rng.uniform(-1.5, 1.5), 4)
        self.numbers.append(x)
        return str(x)

    def _numbers(self, n: int) -> str:
        return ", ".join(self._number() for _ in range(n))

    def made(self, name: str, shape: tuple[int, ...], wrap: str) -> str:
        """A line, and the expression for all of its Values in order."""
        if not shape:
            self.lines.append(f"{name} = {wrap}({self._number()})")
            return name
        if len(shape) == 1:
            self.lines.append(f"{name} = [{wrap}(x) for x in [{self._numbers(shape[0])}]]")
            return f"*{name}"
        rows = ", ".join(f"[{self._numbers(shape[1])}]" for _ in range(shape[0]))
        self.lines.append(f"{name} = [[{wrap}(x) for x in row] for row in [{rows}]]")
        return f"*[x for row in {name} for x in row]"


def _leaves(rng: random.Random, writer: Writer, grid: bool) -> tuple[list[str], list[str], list[str]]:
    """Lines that make parameters, frozen Values and constants; expressions for all of the former, and of the second."""
    lines = LeafLines(rng, grid)
    parameters: list[str] = []
    for i in range(rng.choice([0, 1, 1, 2])):
        parameters.append(lines.made(f"w{i}", (), "ag.Value"))
        writer.scalars.append(Scalar(f"w{i}", 1.5, True))
    for i in range(rng.choice([0, 1, 1, 2])):
        n = rng.randint(1, 6)
        parameters.append(lines.made(f"b{i}", (n,), "ag.Value"))
        writer.vectors.append(Vector(f"b{i}", n, 1.5, True))
    for i in range(rng.choice([0, 1, 1, 2, 2])):
        n, m = rng.randint(2, 6), rng.randint(2, 6)
        parameters.append(lines.made(f"W{i}", (n, m), "ag.Value"))
        writer.matrices.append(Matrix(f"W{i}", n, m, 1.5))
    writer.n_parameters = len(lines.numbers)
    frozen: list[str] = []
    if rng.random() < 0.2:
        frozen.append(lines.made("z", (3,), "ag.Value"))
        writer.vectors.append(Vector("z", 3, 1.5, True))
    if rng.random() < 0.3:
        lines.made("c", (4,), "float")
        writer.vectors.append(Vector("c", 4, 1.5, True))
    if rng.random() < 0.2:
        lines.made("C", (3, 3), "float")
        writer.matrices.append(Matrix("C", 3, 3, 1.5))
    return lines.lines, parameters, frozen


def recipe_of(seed: int, branches: bool) -> Recipe:
    """What the program of a seed consists of: the same on every machine."""
    rng = random.Random(f"{seed} {branches}")
    grid = rng.random() < 0.3  # numbers that meet ties exactly
    numbers = "eighths" if grid else "plain"
    writer = Writer(rng, branches, grid)
    specs = _arguments(rng, writer, grid)
    lines, parameters, frozen = _leaves(rng, writer, grid)
    if not any(v.leaf for v in writer.vectors):
        lines.append("k = [0.5, -0.75, 1.25]")
        writer.vectors.append(Vector("k", 3, 1.5, True))
    before: list[str] = []
    if parameters and not branches and rng.random() < 0.2:
        before = [f"    pre = [ag.tanh(2.0 * x) + 0.5 for x in [{', '.join(parameters)}]]"]
        writer.vectors.append(Vector("pre", writer.n_parameters, 1.5))
    form = rng.choice(FORMS if rng.random() < 0.95 else MORE_FORMS)
    writer.give_back = lambda: writer.result(form)
    budget = rng.choice([5, 10, 20, 30, 50, 80, 120] if not branches else [10, 20, 30, 50])
    while writer.cost < budget:
        writer.statement()
    writer.write(f"return {writer.give_back()}")
    # Leaves that the trace finds are told apart by their numbers, so these may not be on a grid.
    if not branches and (rng.random() < 0.2 and not grid if parameters else not (grid and frozen)):
        listed, parameters, frozen = "None", parameters + frozen, []
    else:
        order = [*parameters, rng.choice(parameters)] if parameters and rng.random() < 0.1 else list(parameters)
        rng.shuffle(order)
        listed = f"[{', '.join(order)}]"
    return Recipe(
        seed, branches, numbers, specs,
        ["import functools", "import numpy as np", "import autograd as ag", *lines,
         "def setup():", "    global pre", *before, "    pass", "setup()"],
        writer.lines,
        [f"parameters = {listed}",
         f"leaves = list(dict.fromkeys(parameters or [{', '.join(parameters)}]))",
         f"frozen = [{', '.join(frozen)}]"],
        example_of(specs, draw(specs, rng, numbers)),
    )  # fmt: skip


def random_program(seed: int, branches: bool = False) -> Case:
    """The program of a seed, with `if`, `while` and the like if asked for."""
    return recipe_of(seed, branches).made()


def shrunk(case: Case, fails: Callable[[Case], bool]) -> Case:
    """A shorter program that still fails: statements are left out, and the result becomes one number, while it does."""
    recipe, body = case.recipe, case.recipe.body

    def still(lines: list[str]) -> bool:
        try:
            return fails(recipe.made(lines))
        except Exception:
            return False

    *statements, last = blocks(body)
    names = dict.fromkeys(re.findall(r"\b[suvhg]\d+\b", last[0]))
    texts = ["{}", "{}[0]", "ag.sum(list({}))", "{}[0][0]", "ag.sum([x for row in {} for x in row])"]
    shorter = [f"    return {text.format(name)}" for name in names for text in texts]
    parts = re.findall(r"[^(,\[]*\([^()]*\)|[^,()]+", last[0].removeprefix("    return "))
    shorter += [f"    return {part.strip()}" for part in parts]
    for line in shorter:
        if still([*chain(*statements), line]):
            last = [line]
            break
    again = True
    while again:
        again = False
        for i in reversed(range(len(statements))):
            rest = [*statements[:i], *statements[i + 1 :]]
            if still([*chain(*rest), *last]):
                statements, again = rest, True
    return recipe.made([*chain(*statements), *last])


def blocks(body: list[str]) -> list[list[str]]:
    """The statements of a body, each with what is indented below it or continues it."""
    found: list[list[str]] = []
    for line in body:
        if line.startswith(("     ", "    el", "    except", "    finally")):
            found[-1].append(line)
        else:
            found.append([line])
    return found
