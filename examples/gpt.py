"""A character-level GPT from its definition, in scalars: python examples/gpt.py NAMES [--steps N]

NAMES is a text file with one name per line, such as names.txt of https://github.com/karpathy/makemore. The network
reads the letters of a name so far and learns which comes next; then it makes names up. One layer, 16 dimensions,
4 heads: 4,192 parameters. Nothing here knows of arrays: every number is a Value, every sum a loop.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import sys
import time
from pathlib import Path

from autograd import Value, engine, exp, log, no_grad, relu
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


def softmax(xs: Vector) -> Vector:
    largest = max(xs).data
    weights = [exp(x - largest) for x in xs]
    total = sum(weights)
    return [weight / total for weight in weights]


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


def next_letter(model: GPT, token: int, position: int, keys: list[Vector], values: list[Vector]) -> Vector:
    """A logit for each letter to follow; `keys` and `values` remember the letters before."""
    x = rmsnorm(plus(model.token[token], model.position[position]))
    x = plus(x, attention(model, rmsnorm(x), keys, values))
    hidden = [relu(h) for h in times(model.wide, rmsnorm(x))]
    x = plus(x, times(model.narrow, hidden))
    return times(model.output, x)


def tokens_of(name: str) -> list[int]:
    return [BOUNDARY, *(LETTERS.index(letter) for letter in name[: LONGEST - 1]), BOUNDARY]


def loss_of(model: GPT, tokens: list[int]) -> Value:
    """The mean over positions of -log(probability of the letter that follows)."""
    keys: list[Vector] = []
    values: list[Vector] = []
    losses = []
    for position, (token, following) in enumerate(itertools.pairwise(tokens)):
        probabilities = softmax(next_letter(model, token, position, keys, values))
        losses.append(-log(probabilities[following]))
    return sum(losses) / len(losses)


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


def main(argv: list[str] | None = None) -> list[float]:
    parser = argparse.ArgumentParser(prog="gpt.py", description="Train a tiny GPT on names, then make names up.")
    parser.add_argument("names", type=Path, help="a text file with one name per line")
    parser.add_argument("--steps", type=int, default=1000, help="names to learn from, one per step (default: 1000)")
    parser.add_argument("--samples", type=int, default=20, help="names to make up at the end (default: 20)")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args(argv)
    try:
        names = read_names(options.names)
    except OSError as error:
        parser.error(f"cannot read {options.names}: {error.strerror}")
    if not names:
        parser.error(f"{options.names} holds no names made of the letters a to z")

    rng = random.Random(options.seed)
    rng.shuffle(names)
    model = GPT(options.seed)
    parameters = model.parameters()
    optimizer = Adam(parameters, schedules.linear(0.01, options.steps), betas=(0.85, 0.99))
    print(f"{len(names)} names, {len(parameters)} parameters, {engine()} engine")
    losses = []
    started = time.perf_counter()
    for step in range(options.steps):
        optimizer.zero_grad()
        loss = loss_of(model, tokens_of(names[step % len(names)]))
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
        if (step + 1) % max(options.steps // 10, 1) == 0:
            recent = losses[-max(options.steps // 10, 1) :]
            seconds = time.perf_counter() - started
            print(
                f"step {step + 1:5}  loss {sum(recent) / len(recent):.3f}  {1000 * seconds / (step + 1):.1f} ms a step"
            )
    for _ in range(options.samples):
        print(sample(model, rng))
    return losses


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
