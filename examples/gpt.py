"""A character-level GPT from its definition, in scalars: python examples/gpt.py NAMES [--steps N] [--compiled]

NAMES is a text file with one name per line, such as names.txt of https://github.com/karpathy/makemore. The network
reads the letters of a name so far and learns which comes next; then it makes names up. One layer, 16 dimensions,
4 heads: 4,192 parameters. Nothing here knows of arrays: every number is a Value, every sum a loop.

With --compiled the loss of the longest name is traced once, and the program that comes of it learns from all names.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from autograd import Value, engine, log, mean, no_grad, relu, softmax, take, trace
from nn import Adam, schedules

WIDTH, HEADS, LONGEST = 16, 4, 16
LETTERS = "abcdefghijklmnopqrstuvwxyz"
BOUNDARY = len(LETTERS)  # the token before the first letter and after the last
VOCABULARY = len(LETTERS) + 1

Vector = list[Value]
Matrix = list[Vector]


class GPT:
    """The parameters; rows of a matrix are outputs, columns inputs."""

    def __init__(self, seed: int = 0) -> None:
        rng = random.Random(seed)

        def matrix(rows: int, columns: int, scale: float = 0.08) -> Matrix:
            return [[Value(rng.gauss(0.0, scale)) for _ in range(columns)] for _ in range(rows)]

        self.token = matrix(VOCABULARY, WIDTH)
        self.position = matrix(LONGEST, WIDTH)
        self.query, self.key, self.value = matrix(WIDTH, WIDTH), matrix(WIDTH, WIDTH), matrix(WIDTH, WIDTH)
        self.mixed = matrix(WIDTH, WIDTH, 0.0)  # what a block adds starts at 0: at first it passes everything on
        self.wide, self.narrow = matrix(4 * WIDTH, WIDTH), matrix(WIDTH, 4 * WIDTH, 0.0)
        self.output = matrix(VOCABULARY, WIDTH)

    def parameters(self) -> list[Value]:
        matrices: list[Matrix] = list(vars(self).values())
        return [parameter for matrix in matrices for row in matrix for parameter in row]


def times(matrix: Matrix, x: Vector) -> Vector:
    """The product of a matrix and a vector."""
    return [sum(w * xi for w, xi in zip(row, x, strict=True)) for row in matrix]


def plus(x: Vector, y: Vector) -> Vector:
    return [a + b for a, b in zip(x, y, strict=True)]


def rmsnorm(x: Vector) -> Vector:
    """x over its root mean square (Zhang and Sennrich 2019), without a gain."""
    scale = (sum(xi * xi for xi in x) / len(x) + 1e-5) ** -0.5
    return [xi * scale for xi in x]


def attention(model: GPT, x: Vector, keys: list[Vector], values: list[Vector]) -> Vector:
    """What the letters so far tell this one (Vaswani et al. 2017, section 3.2), in HEADS separate heads."""
    query = times(model.query, x)
    keys.append(times(model.key, x))
    values.append(times(model.value, x))
    size = WIDTH // HEADS
    found: Vector = []
    for head in range(HEADS):
        part = slice(head * size, (head + 1) * size)
        scores = [sum(q * k for q, k in zip(query[part], key[part], strict=True)) / math.sqrt(size) for key in keys]
        weights = softmax(scores)
        for i in range(part.start, part.stop):
            found.append(sum(weight * value[i] for weight, value in zip(weights, values, strict=True)))
    return times(model.mixed, found)


def next_letter(model: GPT, token: Any, position: int, keys: list[Vector], values: list[Vector]) -> Vector:
    """A logit for each letter to follow; `keys` and `values` remember the letters before."""
    x = rmsnorm(plus(take(model.token, token), model.position[position]))
    x = plus(x, attention(model, rmsnorm(x), keys, values))
    hidden = [relu(h) for h in times(model.wide, rmsnorm(x))]
    x = plus(x, times(model.narrow, hidden))
    return times(model.output, x)


def tokens_of(name: str) -> list[int]:
    return [BOUNDARY, *(LETTERS.index(letter) for letter in name[: LONGEST - 1]), BOUNDARY]


def loss_of(model: GPT, tokens: Sequence[Any], weights: Sequence[Any] | None = None) -> Value:
    """The mean over positions of -log(probability of the letter that follows).

    weights: how much each position counts instead, so that a name can be filled up to another's length.
    """
    keys: list[Vector] = []
    values: list[Vector] = []
    losses = []
    for position, (token, following) in enumerate(itertools.pairwise(tokens)):
        probabilities = softmax(next_letter(model, token, position, keys, values))
        losses.append(-log(take(probabilities, following)))
    weights = [1.0 / len(losses)] * len(losses) if weights is None else weights
    return sum(weight * loss for weight, loss in zip(weights, losses, strict=True))


def eagerly(model: GPT, optimizer: Adam) -> Callable[[list[str]], float]:
    """A function that learns from some names, one scalar at a time, and returns their mean loss."""

    def step(names: list[str]) -> float:
        optimizer.zero_grad()
        loss = mean([loss_of(model, tokens_of(name)) for name in names])
        loss.backward()
        optimizer.step()
        return loss.data

    return step


def compiled(model: GPT, optimizer: Adam) -> Callable[[list[str]], float]:
    """The same by a program. It is of the longest name: what comes after the end of a shorter one has weight 0, and no
    letter sees those after it.
    """
    program = trace(
        lambda tokens, weights: loss_of(model, tokens, weights), [BOUNDARY] * (LONGEST + 1), [0.0] * LONGEST,
        parameters=optimizer.parameters,
    )  # fmt: skip

    def step(names: list[str]) -> float:
        tokens = [tokens_of(name) for name in names]
        weights = [[1.0 / (len(t) - 1)] * (len(t) - 1) + [0.0] * (LONGEST + 1 - len(t)) for t in tokens]
        filled = [t + [BOUNDARY] * (LONGEST + 1 - len(t)) for t in tokens]
        losses, gradient = program.value_and_grad(filled, weights)
        program.parameters = optimizer.advance(program.parameters, gradient)
        program.store()
        return float(losses.mean())

    return step


@no_grad()
def sample(model: GPT, rng: random.Random, temperature: float = 0.6) -> str:
    """A name made up letter by letter; a low temperature plays safe."""
    keys: list[Vector] = []
    values: list[Vector] = []
    token, name = BOUNDARY, ""
    for position in range(LONGEST):
        logits = next_letter(model, token, position, keys, values)
        weights = [p.data for p in softmax([logit / temperature for logit in logits])]
        token = rng.choices(range(VOCABULARY), weights)[0]
        if token == BOUNDARY:
            break
        name += LETTERS[token]
    return name


def read_names(path: Path) -> list[str]:
    names = [line.strip().lower() for line in path.read_text(encoding="utf-8").splitlines()]
    return [name for name in names if name and set(name) <= set(LETTERS)]


def whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def main(argv: list[str] | None = None) -> list[float]:
    parser = argparse.ArgumentParser(prog="gpt.py", description="Train a tiny GPT on names, then make names up.")
    parser.add_argument("names", type=Path, help="a text file with one name per line")
    parser.add_argument("--steps", type=whole, default=1000, help="how many steps to learn (default: 1000)")
    parser.add_argument("--batch", type=whole, default=1, help="names to learn from in one step (default: 1)")
    parser.add_argument("--compiled", action="store_true", help="learn by a program of arrays")
    parser.add_argument("--samples", type=whole, default=20, help="names to make up at the end (default: 20)")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args(argv)
    try:
        names = read_names(options.names)
    except OSError as error:
        parser.error(f"cannot read {options.names}: {error.strerror}")
    except UnicodeDecodeError:
        parser.error(f"cannot read {options.names}: it is not text in UTF-8")
    if not names:
        parser.error(f"{options.names} holds no names made of the letters a to z")

    rng = random.Random(options.seed)
    rng.shuffle(names)
    model = GPT(options.seed)
    parameters = model.parameters()
    optimizer = Adam(parameters, schedules.linear(0.01, options.steps), betas=(0.85, 0.99))
    print(f"{len(names)} names, {len(parameters)} parameters, {engine()} engine")
    step = (compiled if options.compiled else eagerly)(model, optimizer)
    endless = itertools.cycle(names)
    losses: list[float] = []
    started = time.perf_counter()
    for n in range(1, options.steps + 1):
        losses.append(step(list(itertools.islice(endless, options.batch))))
        if n % max(options.steps // 10, 1) == 0:
            recent = losses[-max(options.steps // 10, 1) :]
            seconds = time.perf_counter() - started
            print(f"step {n:5}  loss {sum(recent) / len(recent):.3f}  {1000 * seconds / n:.1f} ms a step")
    for _ in range(options.samples):
        print(sample(model, rng))
    return losses


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
